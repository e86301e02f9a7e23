//! Text to token ids and back.
//!
//! tokenizer.json and vocab.json + merges.txt are read for the `tokenizers` crate, and so are byte-level BPE vocabularies of
//! GGUF files; SentencePiece vocabularies of GGUF files have a small model of their own. Decoding is always ours: each
//! id's bytes are worked out once, at loading, so that streaming costs the same for the last token as for the first.

mod bpe;
mod encoder;
mod ends;
mod folder;
mod gguf;
mod json;
mod pretokenizer;
mod sentencepiece;
mod spelling;
mod stream;
mod vocabulary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use stream::StreamDecoder;

use self::encoder::Encoder;
use self::vocabulary::Vocabulary;
use crate::files::Folder;
use crate::{Checkpoint, Config, ModelError};

/// A model's tokenizer. Cheap to share: wrap it in an `Arc`.
pub struct Tokenizer {
    /// What was read, for messages.
    path: PathBuf,
    vocabulary: Vocabulary,
    bytes: TokenBytes,
    /// Control tokens, by id.
    special: Vec<bool>,
    encoder: Encoder,
    /// What goes before and after a text that is encoded with `add_special`.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    bos: Option<u32>,
    ends: Vec<u32>,
    /// Encoding puts a space before the first word, so decoding takes it away.
    strips_first_space: bool,
    /// `BPE (llama-bpe)`.
    kind: String,
}

impl Tokenizer {
    /// The tokenizer of a checkpoint: a GGUF's embedded vocabulary, or a folder's tokenizer.json or vocab.json + merges.txt.
    ///
    /// # Errors
    /// [`ModelError`] if there is none or it is damaged.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Tokenizer, ModelError> {
        match &checkpoint.config {
            Config::Gguf(metadata) => {
                let tokenizer = gguf::read(&checkpoint.path, metadata)?;
                gguf::check_embedding(checkpoint, &tokenizer)?;
                Ok(tokenizer)
            }
            Config::HuggingFace(_) => folder::read(&checkpoint.folder),
        }
    }

    /// The tokenizer in a folder: tokenizer.json, or vocab.json + merges.txt, with tokenizer_config.json's word on special tokens.
    ///
    /// # Errors
    /// [`ModelError`] if there is none or it is damaged.
    pub fn from_folder(folder: &Path) -> Result<Tokenizer, ModelError> {
        folder::read(&Folder::Disk(folder.to_owned()))
    }

    /// The vocabulary embedded in a GGUF header; `path` is for messages.
    ///
    /// # Errors
    /// [`ModelError`] if there is none, it contradicts itself, or it is of a kind whit does not know.
    pub fn from_metadata(path: &Path, metadata: &crate::gguf::Metadata) -> Result<Tokenizer, ModelError> {
        gguf::read(path, metadata)
    }

    /// Token ids of `text`. With `add_special`, BOS and EOS are added as the model wants them; with `parse_special`,
    /// the written form of a control token (`<|im_start|>`) becomes that token, otherwise it is ordinary text.
    ///
    /// A chat template writes BOS itself: what it gives is encoded without `add_special`.
    ///
    /// # Errors
    /// [`ModelError`] if the tokenizer of the model cannot do it (a word of a tokenizer.json without an unknown token).
    pub fn encode(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<u32>, ModelError> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 2);
        if add_special {
            ids.extend_from_slice(&self.prefix);
        }
        self.encoder
            .encode(&self.vocabulary, text, parse_special, &mut ids)
            .map_err(|problem| ModelError::malformed(&self.path, "tokenizer", problem))?;
        if add_special {
            ids.extend_from_slice(&self.suffix);
        }
        Ok(ids)
    }

    /// Token ids of a whole prompt: BOS first if the model wants it, written control tokens taken for what they are.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = self.encode(text, false, true)?;
        // A chat template may have written BOS itself; a second one would only confuse the model.
        if let Some(bos) = self.wanted_bos()
            && ids.first() != Some(&bos)
        {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// The token every text begins with, if the model was trained with one.
    pub fn wanted_bos(&self) -> Option<u32> {
        self.bos.filter(|bos| self.prefix.first() == Some(bos))
    }

    /// Text of `ids`; control tokens are left out if `skip_special`. Ids that the vocabulary does not have are left out, and
    /// bytes that are not UTF-8 are U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let mut decoder = self.decoder(skip_special);
        let mut text = String::new();
        for &id in ids {
            decoder.push_to(id, &mut text);
        }
        text + &decoder.finish()
    }

    /// A decoder that is fed one id at a time and gives back text as soon as it is certain: never half a UTF-8 character,
    /// never a lost leading space; the pieces put together are what [`Tokenizer::decode`] gives.
    pub fn decoder(&self, skip_special: bool) -> StreamDecoder<&Tokenizer> {
        StreamDecoder::new(self, &[], skip_special)
    }

    /// A decoder for what follows `context` (a prompt), of which it shows nothing, with a share in the tokenizer. Its pieces are what
    /// `context` and what follows have for text beyond that of `context` alone: the space before an answer's first word stays.
    pub fn shared_decoder_after(
        self: &Arc<Self>,
        context: &[u32],
        skip_special: bool,
    ) -> StreamDecoder<Arc<Tokenizer>> {
        StreamDecoder::new(self.clone(), context, skip_special)
    }

    /// Number of ids, added tokens included.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// The token's own written form (`Ġthe`, `▁the`, `<0x0A>`), or `None` if there is no such id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.vocabulary.token(id).map(str::to_owned)
    }

    /// The id of a token's own written form.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.vocabulary.id(token)
    }

    /// The bytes this token stands for in running text (a constraint engine and a byte-exact stop string need them).
    /// A control token stands for none; so does an id that the vocabulary does not have.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        if self.is_special(id) { Vec::new() } else { self.bytes.of(id).to_vec() }
    }

    /// Whether this is a control token: one that `skip_special` leaves out, and whose written form is only parsed on demand.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.get(id as usize).copied().unwrap_or(false)
    }

    /// The beginning-of-sequence token, if the model has one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The tokens that end an answer: EOS, end of turn, and what generation_config.json adds.
    pub fn end_tokens(&self) -> &[u32] {
        &self.ends
    }

    /// One line for a person: `BPE (llama-bpe), 128256 tokens`.
    pub fn describe(&self) -> String {
        format!("{}, {} tokens", self.kind, self.vocab_size())
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("path", &self.path)
            .field("kind", &self.kind)
            .field("vocab_size", &self.vocab_size())
            .finish_non_exhaustive()
    }
}

/// What each id stands for in running text, in one piece of memory.
#[derive(Default)]
struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each id's bytes end.
    ends: Vec<usize>,
}

impl TokenBytes {
    /// `append` adds an id's bytes to those it is given.
    fn new(vocabulary: &Vocabulary, mut append: impl FnMut(u32, &str, &mut Vec<u8>)) -> TokenBytes {
        let mut table = TokenBytes::default();
        table.ends.reserve(vocabulary.len());
        for id in 0..vocabulary.len() as u32 {
            if let Some(token) = vocabulary.token(id) {
                append(id, token, &mut table.bytes);
            }
            table.ends.push(table.bytes.len());
        }
        table
    }

    fn of(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { Some(0) } else { self.ends.get(id - 1).copied() };
        match (start, self.ends.get(id)) {
            (Some(start), Some(&end)) => &self.bytes[start..end],
            _ => &[],
        }
    }
}
