//! SentencePiece's BPE as llama.cpp runs it on a GGUF's vocabulary: there is no list of merges; of all neighbours that
//! together are a token, the pair whose token has the best score is joined first, the leftmost of equal ones.
//!
//! The `tokenizers` crate has no such model: its Unigram maximises the sum of scores, and its BPE wants merges, which can
//! be derived from scores but not where scores tie or where a character is no token of its own.
//! Source: `llm_tokenizer_spm` of <https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp>.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::spelling::{self, SPACE_MARK};
use super::vocabulary::Vocabulary;

/// The scores and special ids of a SentencePiece vocabulary.
pub(super) struct SentencePiece {
    /// Score of each id, none of them NaN.
    scores: Vec<f32>,
    /// The token of each byte.
    bytes: Box<[Option<u32>; 256]>,
    /// Stands for characters that are no token where there are no byte tokens.
    unknown: Option<u32>,
    /// Whether text at the start, and after a special token, gets a leading space.
    add_space_prefix: bool,
    /// No token reaches from one word into the next, so that each can be encoded for itself.
    words_are_apart: bool,
}

/// A piece of text between two others still to be joined; `length` 0 is one that was joined to its left.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    length: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Two neighbours that together are a token.
struct Bigram {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl SentencePiece {
    /// The model of `vocabulary`; `scores` must hold one number, not NaN, for each id.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        scores: Vec<f32>,
        unknown: Option<u32>,
        add_space_prefix: bool,
    ) -> SentencePiece {
        SentencePiece {
            scores,
            bytes: Box::new(spelling::byte_ids(vocabulary)),
            unknown,
            add_space_prefix,
            words_are_apart: spelling::words_are_apart(vocabulary),
        }
    }

    /// Appends the ids of `text`, a stretch between special tokens.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>) {
        let mut escaped = String::with_capacity(text.len() + 8);
        if self.add_space_prefix {
            escaped.push(SPACE_MARK);
        }
        escaped.extend(text.chars().map(|c| if c == ' ' { SPACE_MARK } else { c }));

        let mut joiner = Joiner { model: self, vocabulary, symbols: Vec::new(), queue: BinaryHeap::new() };
        let mut after_unknown = false;
        for word in spelling::words(&escaped, self.words_are_apart) {
            joiner.join(word);
            for symbol in joiner.symbols.iter().filter(|symbol| symbol.length > 0) {
                let piece = &word[symbol.start..symbol.start + symbol.length];
                self.push(vocabulary, piece, &mut after_unknown, ids);
            }
        }
    }

    /// Appends the id of a piece that nothing was joined to any more.
    fn push(&self, vocabulary: &Vocabulary, piece: &str, after_unknown: &mut bool, ids: &mut Vec<u32>) {
        // Only a single character can be no token: whatever was joined is one.
        if let Some(id) = vocabulary.id(piece) {
            ids.push(id);
            *after_unknown = false;
        } else if let Some(bytes) = piece.bytes().map(|byte| self.bytes[byte as usize]).collect::<Option<Vec<u32>>>() {
            ids.extend(bytes);
            *after_unknown = false;
        } else if let Some(unknown) = self.unknown.filter(|_| !*after_unknown) {
            ids.push(unknown);
            *after_unknown = true;
        }
    }
}

struct Joiner<'a> {
    model: &'a SentencePiece,
    vocabulary: &'a Vocabulary,
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Bigram>,
}

impl Joiner<'_> {
    /// Joins neighbours in `word` until no two of them are a token.
    fn join(&mut self, word: &str) {
        self.symbols.clear();
        for (index, (start, character)) in word.char_indices().enumerate() {
            self.symbols.push(Symbol {
                start,
                length: character.len_utf8(),
                previous: index.checked_sub(1),
                next: Some(index + 1),
            });
        }
        if let Some(last) = self.symbols.last_mut() {
            last.next = None;
        }
        for right in 1..self.symbols.len() {
            self.offer(word, Some(right - 1), Some(right));
        }
        while let Some(bigram) = self.queue.pop() {
            let (left, right) = (self.symbols[bigram.left], self.symbols[bigram.right]);
            // One of them was joined to another since.
            if left.length == 0 || right.length == 0 || left.length + right.length != bigram.length {
                continue;
            }
            self.symbols[bigram.left] = Symbol { length: bigram.length, next: right.next, ..left };
            self.symbols[bigram.right].length = 0;
            if let Some(next) = right.next {
                self.symbols[next].previous = Some(bigram.left);
            }
            self.offer(word, left.previous, Some(bigram.left));
            self.offer(word, Some(bigram.left), right.next);
        }
    }

    /// Queues two neighbours if together they are a token.
    fn offer(&mut self, word: &str, left: Option<usize>, right: Option<usize>) {
        let (Some(left), Some(right)) = (left, right) else { return };
        let start = self.symbols[left].start;
        let length = self.symbols[left].length + self.symbols[right].length;
        if length > self.vocabulary.longest() {
            return;
        }
        if let Some(id) = self.vocabulary.id(&word[start..start + length]) {
            let score = self.model.scores.get(id as usize).copied().unwrap_or_default();
            self.queue.push(Bigram { score, left, right, length });
        }
    }
}

impl Ord for Bigram {
    /// The greatest is joined first: the best score, and of equal scores the leftmost.
    fn cmp(&self, other: &Bigram) -> Ordering {
        // `+ 0.0` makes -0.0 and 0.0 one score.
        (self.score + 0.0).total_cmp(&(other.score + 0.0)).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Bigram {
    fn partial_cmp(&self, other: &Bigram) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Bigram {
    fn eq(&self, other: &Bigram) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Bigram {}
