//! Byte-pair encoding: in each word, of all neighbours that a merge names, the pair of the first merge is joined first.
//!
//! The same as the `tokenizers` crate's model of that name, over ids from the start: as pairs of strings, the 280,000 merges
//! of Llama 3 took more than half of a second to load.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;

use super::spelling;
use super::vocabulary::Vocabulary;

/// A BPE model; its words are in the spelling of its vocabulary.
pub(super) struct Bpe {
    /// What a pair of neighbours becomes, and how early.
    merges: HashMap<(u32, u32), Merge, ahash::RandomState>,
    options: Options,
    /// The token of each byte, if characters that are no token are spelt out in them.
    bytes: Option<Box<[u32; 256]>>,
    /// No token reaches from a word of SentencePiece's spelling into the next, so that each can be encoded for itself.
    words_are_apart: bool,
}

/// What a tokenizer.json says of its model besides vocabulary and merges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// A word that is a token is that token, whatever the merges say.
    pub ignore_merges: bool,
    /// Characters that are no token are spelt as `<0xNN>`.
    pub byte_fallback: bool,
    /// Stands for a character that is nothing else; without it, such characters are left out.
    pub unknown: Option<u32>,
    /// Neighbouring unknown characters are one.
    pub fuse_unknown: bool,
}

#[derive(Clone, Copy)]
struct Merge {
    rank: u32,
    id: u32,
}

/// A token between two others; `gone` once it was joined to its left.
#[derive(Clone, Copy)]
struct Symbol {
    id: u32,
    previous: u32,
    next: u32,
    gone: bool,
}

/// Instead of a neighbour's index at either end of a word.
const NONE: u32 = u32::MAX;

impl Bpe {
    /// A model of `vocabulary` and those of `merges` (in order of rank) whose parts and whole are tokens: a hole in either
    /// costs the merges through it, not the model.
    ///
    /// # Errors
    /// If there are many merges and none names tokens: the two do not belong together.
    pub(super) fn new<'a>(
        vocabulary: &Vocabulary,
        merges: impl Iterator<Item = (&'a str, &'a str)>,
        options: Options,
    ) -> Result<Bpe, String> {
        let (mut count, mut whole) = (0, String::new());
        let mut by_pair = HashMap::with_capacity_and_hasher(merges.size_hint().1.unwrap_or(0), Default::default());
        for (left, right) in merges {
            let rank = count;
            count += 1;
            whole.clear();
            whole.push_str(left);
            whole.push_str(right);
            if let (Some(left), Some(right), Some(id)) =
                (vocabulary.id(left), vocabulary.id(right), vocabulary.id(&whole))
            {
                by_pair.entry((left, right)).or_insert(Merge { rank, id });
            }
        }
        // A model made for measuring may carry a merge or two for form's sake.
        if by_pair.is_empty() && count > 16 {
            return Err(format!(
                "none of the {count} merges names tokens of the vocabulary, so the two do not belong together; download both again"
            ));
        }
        let bytes = if options.byte_fallback { spelling::byte_ids(vocabulary) } else { [None; 256] };
        let bytes: Option<Vec<u32>> = bytes.into_iter().collect();
        let bytes = bytes.and_then(|bytes| bytes.into_boxed_slice().try_into().ok());
        // Unknown characters are no words, so where they are fused they may reach over a space that is none of the tokens.
        let space_is_known = vocabulary.id("▁").is_some() || bytes.is_some();
        let words_are_apart = space_is_known && spelling::words_are_apart(vocabulary);
        Ok(Bpe { merges: by_pair, options, bytes, words_are_apart })
    }

    /// Appends the ids of a word.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, word: &str, ids: &mut Vec<u32>) {
        if self.options.ignore_merges
            && let Some(id) = vocabulary.id(word)
        {
            ids.push(id);
            return;
        }
        // Where nothing cuts text into words, a word here is a text.
        for word in spelling::words(word, self.words_are_apart) {
            let mut symbols = self.characters(vocabulary, word);
            self.join(&mut symbols);
            ids.extend(symbols.iter().filter(|symbol| !symbol.gone).map(|symbol| symbol.id));
        }
    }

    /// The tokens of a word's characters.
    fn characters(&self, vocabulary: &Vocabulary, word: &str) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(word.len());
        let mut push = |id| {
            let index = symbols.len() as u32;
            let previous = index.checked_sub(1).unwrap_or(NONE);
            symbols.push(Symbol { id, previous, next: index + 1, gone: false });
        };
        let mut after_unknown = false;
        for (start, character) in word.char_indices() {
            let character = &word[start..start + character.len_utf8()];
            if let Some(id) = vocabulary.id(character) {
                push(id);
            } else if let Some(bytes) = &self.bytes {
                character.bytes().for_each(|byte| push(bytes[byte as usize]));
            } else if let Some(unknown) = self.options.unknown {
                if !(after_unknown && self.options.fuse_unknown) {
                    push(unknown);
                }
                after_unknown = true;
                continue;
            }
            after_unknown = false;
        }
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        symbols
    }

    /// Joins neighbours until no merge names two of them.
    fn join(&self, symbols: &mut [Symbol]) {
        let merge = |left: Symbol, right: Symbol| self.merges.get(&(left.id, right.id)).copied();
        // The first of the queue is the merge of the lowest rank, and of equal ones the leftmost.
        let mut queue: BinaryHeap<Reverse<(u32, u32, u32)>> = symbols
            .windows(2)
            .zip(0u32..)
            .filter_map(|(pair, left)| merge(pair[0], pair[1]).map(|merge| Reverse((merge.rank, left, merge.id))))
            .collect();
        while let Some(Reverse((rank, index, id))) = queue.pop() {
            let left = symbols[index as usize];
            if left.gone || left.next == NONE {
                continue;
            }
            let right = symbols[left.next as usize];
            // Either may have been joined to another since.
            if merge(left, right).is_none_or(|merge| merge.rank != rank) {
                continue;
            }
            symbols[left.next as usize].gone = true;
            let joined = Symbol { id, next: right.next, ..left };
            symbols[index as usize] = joined;
            if let Some(next) = symbols.get_mut(right.next as usize) {
                next.previous = index;
                if let Some(merge) = merge(joined, *next) {
                    queue.push(Reverse((merge.rank, index, merge.id)));
                }
            }
            if let Some(&previous) = symbols.get(joined.previous as usize)
                && let Some(merge) = merge(previous, joined)
            {
                queue.push(Reverse((merge.rank, joined.previous, merge.id)));
            }
        }
    }
}

/// Splits `left right`. A token can begin with a space, so the first character is never the separator.
pub(super) fn split_merge(line: &str) -> Option<(&str, &str)> {
    let first = line.chars().next()?.len_utf8();
    let space = first + line[first..].find(' ')?;
    Some((&line[..space], &line[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(tokens: &[&str], merges: &[&str], options: Options, word: &str) -> Vec<String> {
        let tokens: Vec<String> = tokens.iter().map(|&token| token.to_owned()).collect();
        let vocabulary = Vocabulary::from_tokens(&tokens).unwrap();
        let merges = merges.iter().filter_map(|line| split_merge(line));
        let bpe = Bpe::new(&vocabulary, merges, options).unwrap();
        let mut ids = Vec::new();
        bpe.encode(&vocabulary, word, &mut ids);
        ids.into_iter().map(|id| tokens[id as usize].clone()).collect()
    }

    #[test]
    fn a_merge_is_split_at_its_first_space_but_not_before_its_first_character() {
        assert_eq!(split_merge("Ġ t"), Some(("Ġ", "t")));
        assert_eq!(split_merge("# #"), Some(("#", "#")));
        assert_eq!(split_merge("  a"), Some((" ", "a")));
        assert_eq!(split_merge("é ab"), Some(("é", "ab")));
        assert_eq!(split_merge("alone"), None);
        assert_eq!(split_merge(""), None);
    }

    #[test]
    fn the_first_merge_comes_first_and_the_leftmost_of_equal_ones() {
        let tokens = ["a", "b", "c", "ab", "bc", "abc", "aa", "aaa"];
        assert_eq!(encode(&tokens, &["b c", "a b", "a bc"], Options::default(), "abc"), ["abc"]);
        assert_eq!(encode(&tokens, &["a b", "b c"], Options::default(), "abc"), ["ab", "c"]);
        assert_eq!(encode(&tokens, &["a a"], Options::default(), "aaaaa"), ["aa", "aa", "a"]);
        assert_eq!(encode(&tokens, &["a a", "aa a"], Options::default(), "aaaaa"), ["aa", "aaa"]);
    }

    #[test]
    fn a_hole_costs_the_merges_through_it() {
        let tokens = ["a", "b", "c", "bc"];
        assert_eq!(encode(&tokens, &["a b", "b c", "x y"], Options::default(), "abc"), ["a", "bc"]);
    }

    #[test]
    fn merges_that_name_no_token_do_not_belong_to_the_vocabulary() {
        let vocabulary = Vocabulary::from_tokens(&["a".to_owned()]).unwrap();
        let foreign = |n| Bpe::new(&vocabulary, std::iter::repeat_n(("x", "y"), n), Options::default());
        assert!(foreign(17).is_err());
        assert!(foreign(1).is_ok());
        assert!(Bpe::new(&vocabulary, std::iter::empty(), Options::default()).is_ok());
    }

    #[test]
    fn a_character_that_is_no_token_is_bytes_or_unknown_or_nothing() {
        let tokens = ["a", "<unk>"];
        let unknown = Options { unknown: Some(1), ..Options::default() };
        assert_eq!(encode(&tokens, &[], unknown, "aééa"), ["a", "<unk>", "<unk>", "a"]);
        assert_eq!(encode(&tokens, &[], Options { fuse_unknown: true, ..unknown }, "aééa"), ["a", "<unk>", "a"]);
        assert_eq!(encode(&tokens, &[], Options::default(), "aéa"), ["a", "a"]);

        let bytes: Vec<String> = (0..=255u8).map(|byte| format!("<0x{byte:02X}>")).collect();
        let tokens: Vec<&str> = ["a", "<unk>"].into_iter().chain(bytes.iter().map(String::as_str)).collect();
        let fallback = Options { byte_fallback: true, ..unknown };
        assert_eq!(encode(&tokens, &[], fallback, "aé"), ["a", "<0xC3>", "<0xA9>"]);
    }

    #[test]
    fn a_word_that_is_a_token_needs_no_merges_where_they_are_ignored() {
        let tokens = ["a", "b", "ab"];
        let options = Options { ignore_merges: true, ..Options::default() };
        assert_eq!(encode(&tokens, &[], options, "ab"), ["ab"]);
        assert_eq!(encode(&tokens, &[], Options::default(), "ab"), ["a", "b"]);
    }
}
