//! How a token's written form stands for bytes: GPT-2's printable byte alphabet, SentencePiece's `▁` and `<0xNN>`, or plainly.

use std::sync::LazyLock;

use super::vocabulary::Vocabulary;

/// The space of SentencePiece's written forms, U+2581.
pub(super) const SPACE_MARK: char = '▁';

/// How written forms turn into bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Every character is a byte, in the alphabet of GPT-2's `bytes_to_unicode`; a form with any other character is itself.
    ByteLevel,
    /// The replacements are made in turn; with `byte_tokens`, `<0x0A>` is the byte 10.
    Replaced {
        /// What is replaced by what (`▁` by a space).
        replacements: Vec<(String, String)>,
        /// Whether `<0xNN>` is a byte.
        byte_tokens: bool,
    },
}

impl Spelling {
    /// SentencePiece's: `▁` is a space, `<0xNN>` a byte.
    pub(super) fn sentencepiece() -> Spelling {
        Spelling::Replaced { replacements: vec![(SPACE_MARK.into(), " ".into())], byte_tokens: true }
    }

    /// Appends the bytes that `token` stands for.
    pub(super) fn append_bytes(&self, token: &str, bytes: &mut Vec<u8>) {
        match self {
            Spelling::ByteLevel => {
                let start = bytes.len();
                for character in token.chars() {
                    match byte_of(character) {
                        Some(byte) => bytes.push(byte),
                        None => {
                            bytes.truncate(start);
                            bytes.extend_from_slice(token.as_bytes());
                            return;
                        }
                    }
                }
            }
            Spelling::Replaced { replacements, byte_tokens } => match byte_token(token) {
                Some(byte) if *byte_tokens => bytes.push(byte),
                _ if replacements.iter().any(|(from, _)| token.contains(from.as_str())) => {
                    let replaced =
                        replacements.iter().fold(token.to_owned(), |text, (from, to)| text.replace(from.as_str(), to));
                    bytes.extend_from_slice(replaced.as_bytes());
                }
                _ => bytes.extend_from_slice(token.as_bytes()),
            },
        }
    }
}

/// The byte that `<0xNN>` names.
pub(super) fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// The token of each byte, where there is one.
pub(super) fn byte_ids(vocabulary: &Vocabulary) -> [Option<u32>; 256] {
    let mut ids = [None; 256];
    for id in 0..vocabulary.len() as u32 {
        if let Some(byte) = vocabulary.token(id).and_then(byte_token) {
            ids[byte as usize] = Some(id);
        }
    }
    ids
}

/// Whether no token has a `▁` after another character.
pub(super) fn words_are_apart(vocabulary: &Vocabulary) -> bool {
    let crosses = |token: &str| token.trim_start_matches(SPACE_MARK).contains(SPACE_MARK);
    !(0..vocabulary.len() as u32).filter_map(|id| vocabulary.token(id)).any(crosses)
}

/// `text`, cut before each run of `▁` if its words are `apart`: many short words are joined in less time than one long one.
pub(super) fn words(text: &str, apart: bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let marks = rest.len() - rest.trim_start_matches(SPACE_MARK).len();
        let end = rest[marks..].find(SPACE_MARK).filter(|_| apart).map_or(rest.len(), |end| marks + end);
        let (word, others) = rest.split_at(end);
        rest = others;
        Some(word)
    })
}

/// GPT-2's alphabet: printable Latin-1 characters are themselves, the other bytes are U+0100 and up, in order.
/// Source: `bytes_to_unicode` of <https://github.com/openai/gpt-2/blob/master/src/encoder.py>.
static ALPHABET: LazyLock<[char; 256]> = LazyLock::new(|| {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut others = '\u{100}'..='\u{143}';
    std::array::from_fn(|index| match u8::try_from(index) {
        Ok(byte) if printable(byte) => char::from(byte),
        _ => others.next().unwrap_or(char::REPLACEMENT_CHARACTER),
    })
});

fn byte_of(character: char) -> Option<u8> {
    // The inverse of the alphabet, over the 324 code points it uses.
    static BYTES: LazyLock<[Option<u8>; 0x144]> = LazyLock::new(|| {
        let mut bytes = [None; 0x144];
        for (byte, &character) in (0u8..=255).zip(ALPHABET.iter()) {
            bytes[character as usize] = Some(byte);
        }
        bytes
    });
    BYTES.get(character as usize).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(spelling: &Spelling, token: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        spelling.append_bytes(token, &mut bytes);
        bytes
    }

    #[test]
    fn the_byte_alphabet_has_a_character_for_every_byte() {
        for byte in 0..=255u8 {
            assert_eq!(byte_of(ALPHABET[byte as usize]), Some(byte));
        }
        assert_eq!(bytes(&Spelling::ByteLevel, "Ġthe"), b" the");
        assert_eq!(bytes(&Spelling::ByteLevel, "Ċ"), b"\n");
        assert_eq!(bytes(&Spelling::ByteLevel, "Ã©"), "é".as_bytes());
        assert_eq!(bytes(&Spelling::ByteLevel, "ł"), [0xA0]);
    }

    #[test]
    fn a_form_outside_the_byte_alphabet_is_itself() {
        assert_eq!(bytes(&Spelling::ByteLevel, "<｜User｜>"), "<｜User｜>".as_bytes());
        assert_eq!(bytes(&Spelling::ByteLevel, "    "), b"    ");
    }

    #[test]
    fn words_begin_with_their_spaces() {
        let cut = |text, apart| words(text, apart).collect::<Vec<_>>();
        assert_eq!(cut("▁a▁▁bc▁", true), ["▁a", "▁▁bc", "▁"]);
        assert_eq!(cut("ab▁c", true), ["ab", "▁c"]);
        assert_eq!(cut("ab▁c", false), ["ab▁c"]);
        assert_eq!(cut("▁▁", true), ["▁▁"]);
        assert!(cut("", true).is_empty());

        let apart = |tokens: &[&str]| {
            let tokens: Vec<String> = tokens.iter().map(|&token| token.to_owned()).collect();
            words_are_apart(&Vocabulary::from_tokens(&tokens).unwrap())
        };
        assert!(apart(&["▁a", "▁▁", "b"]));
        assert!(!apart(&["▁a", "a▁"]));
    }

    #[test]
    fn sentencepiece_forms_are_spaces_and_bytes() {
        let spelling = Spelling::sentencepiece();
        assert_eq!(bytes(&spelling, "▁the▁"), b" the ");
        assert_eq!(bytes(&spelling, "<0xF0>"), [0xF0]);
        assert_eq!(bytes(&spelling, "<0xG0>"), b"<0xG0>");
        assert_eq!(bytes(&spelling, "<0x+1>"), b"<0x+1>");
    }
}
