//! Text to token ids and back.

use std::path::Path;

use crate::{Checkpoint, ModelError};

/// A model's tokenizer. Cheap to share: wrap it in an `Arc`.
pub struct Tokenizer {}

/// Turns a growing list of ids into text, a piece at a time; see [`Tokenizer::decoder`].
pub struct StreamDecoder<'a> {
    _tokenizer: &'a Tokenizer,
}

impl Tokenizer {
    /// The tokenizer of a checkpoint: a GGUF's embedded vocabulary, or a folder's tokenizer.json or vocab.json + merges.txt.
    ///
    /// # Errors
    /// [`ModelError`] if there is none or it is damaged.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Tokenizer, ModelError> {
        todo!("{:?}", checkpoint.path)
    }

    /// The tokenizer in a folder: tokenizer.json, or vocab.json + merges.txt, with tokenizer_config.json's word on special tokens.
    ///
    /// # Errors
    /// [`ModelError`] if there is none or it is damaged.
    pub fn from_folder(folder: &Path) -> Result<Tokenizer, ModelError> {
        todo!("{folder:?}")
    }

    /// Token ids of `text`. With `add_special`, BOS and EOS are added as the model wants them; with `parse_special`,
    /// the written form of a control token (`<|im_start|>`) becomes that token, otherwise it is ordinary text.
    pub fn encode(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<u32>, ModelError> {
        todo!("{text} {add_special} {parse_special}")
    }

    /// Text of `ids`; control tokens are left out if `skip_special`.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        todo!("{ids:?} {skip_special}")
    }

    /// A decoder that is fed one id at a time and gives back text as soon as it is certain: never half a UTF-8 character,
    /// never a lost leading space; the pieces put together are what [`Tokenizer::decode`] gives.
    pub fn decoder(&self, skip_special: bool) -> StreamDecoder<'_> {
        todo!("{skip_special}")
    }

    /// Number of ids, added tokens included.
    pub fn vocab_size(&self) -> usize {
        todo!()
    }

    /// The token's own written form (`Ġthe`, `▁the`, `<0x0A>`), or `None` if there is no such id.
    pub fn token(&self, id: u32) -> Option<String> {
        todo!("{id}")
    }

    /// The id of a token's own written form.
    pub fn id(&self, token: &str) -> Option<u32> {
        todo!("{token}")
    }

    /// The bytes this token stands for in running text (a constraint engine and a byte-exact stop string need them).
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        todo!("{id}")
    }

    /// The beginning-of-sequence token, if the model has one.
    pub fn bos(&self) -> Option<u32> {
        todo!()
    }

    /// The tokens that end an answer: EOS, end of turn, and what generation_config.json adds.
    pub fn end_tokens(&self) -> &[u32] {
        todo!()
    }

    /// One line for a person: `BPE (llama-bpe), 128256 tokens`.
    pub fn describe(&self) -> String {
        todo!()
    }
}

impl StreamDecoder<'_> {
    /// Takes the next id; the text that is now certain, possibly empty.
    pub fn push(&mut self, id: u32) -> String {
        todo!("{id}")
    }

    /// What is left when no more ids come (an unfinished character becomes U+FFFD).
    pub fn finish(self) -> String {
        todo!()
    }
}
