//! Text of a growing list of ids.

use std::ops::Deref;

use super::Tokenizer;

/// Turns a growing list of ids into text, a piece at a time; see [`Tokenizer::decoder`].
///
/// Each id costs what its own bytes cost, however long the text has grown. `T` is a reference to the tokenizer, or a share in it.
pub struct StreamDecoder<T: Deref<Target = Tokenizer>> {
    tokenizer: T,
    skip_special: bool,
    /// Control tokens that are shown nevertheless.
    shown: Vec<u32>,
    /// Nothing has been shown yet, so a leading space may still be the one the tokenizer put there.
    at_start: bool,
    utf8: Utf8,
}

impl<T: Deref<Target = Tokenizer>> StreamDecoder<T> {
    /// A decoder for what follows `context`.
    pub(super) fn new(tokenizer: T, context: &[u32], skip_special: bool) -> StreamDecoder<T> {
        let mut decoder = StreamDecoder { tokenizer, skip_special, shown: vec![], at_start: true, utf8: Utf8::new() };
        let mut unseen = String::new();
        for &id in context {
            decoder.push_to(id, &mut unseen);
            unseen.clear();
        }
        decoder
    }

    /// Lets it show these control tokens from now on, also where it leaves out the others.
    #[must_use]
    pub fn showing(mut self, ids: Vec<u32>) -> StreamDecoder<T> {
        self.shown = ids;
        self
    }

    /// Takes the next id; the text that is now certain, possibly empty.
    pub fn push(&mut self, id: u32) -> String {
        let mut text = String::new();
        self.push_to(id, &mut text);
        text
    }

    /// As [`StreamDecoder::push`], appended to `text`.
    pub fn push_to(&mut self, id: u32, text: &mut String) {
        let tokenizer = &*self.tokenizer;
        if tokenizer.is_special(id) {
            if !self.skip_special || self.shown.contains(&id) {
                self.utf8.append(tokenizer.bytes.of(id), text);
                self.at_start = false;
            }
            return;
        }
        let mut bytes = tokenizer.bytes.of(id);
        if self.at_start && !bytes.is_empty() {
            self.at_start = false;
            if tokenizer.strips_first_space {
                bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            }
        }
        self.utf8.append(bytes, text);
    }

    /// What is left when no more ids come (an unfinished character becomes U+FFFD).
    pub fn finish(self) -> String {
        let mut text = String::new();
        self.finish_to(&mut text);
        text
    }

    /// As [`StreamDecoder::finish`], appended to `text`.
    pub fn finish_to(self, text: &mut String) {
        self.utf8.finish(text);
    }
}

/// Bytes to text as `String::from_utf8_lossy` does it, over any number of pieces.
struct Utf8 {
    /// The start of a character: at most three bytes between one call and the next.
    unfinished: Vec<u8>,
}

impl Utf8 {
    fn new() -> Utf8 {
        // Room for the longest token there is likely to be, so that it need not grow half-way.
        Utf8 { unfinished: Vec::with_capacity(1024) }
    }

    fn append(&mut self, bytes: &[u8], text: &mut String) {
        self.unfinished.extend_from_slice(bytes);
        let mut bytes = self.unfinished.as_slice();
        while !bytes.is_empty() {
            let Err(error) = std::str::from_utf8(bytes).map(|whole| text.push_str(whole)) else {
                bytes = &[];
                break;
            };
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(valid));
            bytes = rest;
            let Some(length) = error.error_len() else { break };
            text.push(char::REPLACEMENT_CHARACTER);
            bytes = &rest[length..];
        }
        // In place: a step that decodes allocates nothing.
        let done = self.unfinished.len() - bytes.len();
        self.unfinished.drain(..done);
    }

    fn finish(self, text: &mut String) {
        if !self.unfinished.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    #[test]
    fn any_cut_of_any_bytes_gives_what_the_whole_gives() {
        let texts: [&[u8]; 6] = [
            "a 🦙 é\u{301} 한".as_bytes(),
            b"\xF0\x9F\xA6",
            b"\xF0\x9F\xA6 \xA6",
            b"\x80\x80a\xC3",
            b"\xE0\x80\x80\xED\xA0\x80",
            b"\xFF\xF8\x88\x80\x80\x80",
        ];
        for bytes in texts {
            for size in 1..=bytes.len() {
                let (mut utf8, mut text) = (Utf8::new(), String::new());
                for piece in bytes.chunks(size) {
                    utf8.append(piece, &mut text);
                    assert!(utf8.unfinished.len() < 4);
                }
                utf8.finish(&mut text);
                assert_eq!(text, String::from_utf8_lossy(bytes), "{bytes:x?} in pieces of {size}");
            }
        }
    }
}
