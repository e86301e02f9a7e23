//! The vocabulary embedded in a GGUF file: keys `tokenizer.ggml.*`.
//! Source: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, and for what holds where keys are absent
//! <https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp>.

use std::path::Path;

use tokenizers::AddedToken;

use super::bpe::{self, Bpe};
use super::encoder::{Encoder, Model, TextRules};
use super::pretokenizer::PreTokenizer;
use super::sentencepiece::SentencePiece;
use super::spelling::{self, Spelling};
use super::vocabulary::Vocabulary;
use super::{TokenBytes, Tokenizer, ends};
use crate::error::shorten;
use crate::gguf::{Array, Metadata, Value};
use crate::{Checkpoint, ModelError};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";

/// What a token is for (`enum llama_token_type`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// Reads the vocabulary in `metadata`; `path` is for messages.
pub(super) fn read(path: &Path, metadata: &Metadata) -> Result<Tokenizer, ModelError> {
    let keys = Keys { path, metadata };
    let model = match keys.string(MODEL)? {
        Some(model) => model,
        None => {
            return Err(ModelError::missing(
                path,
                format!("key {MODEL}"),
                "convert the model again, with its tokenizer",
            ));
        }
    };
    match model {
        "llama" => read_sentencepiece(keys),
        "gpt2" => read_bpe(keys),
        other => Err(ModelError::unsupported(
            path,
            format!("key {MODEL}"),
            format!("a vocabulary of kind {}, and whit reads llama (SentencePiece) and gpt2 (BPE)", shorten(other)),
        )),
    }
}

/// Checks that the embedding table has a row for each token.
pub(super) fn check_embedding(checkpoint: &Checkpoint, tokenizer: &Tokenizer) -> Result<(), ModelError> {
    const EMBEDDING: &str = "token_embd.weight";
    if !checkpoint.has(EMBEDDING) {
        return Ok(());
    }
    let rows = checkpoint.tensor(EMBEDDING)?.shape.first().copied().unwrap_or(0);
    if rows == tokenizer.vocab_size() {
        return Ok(());
    }
    Err(ModelError::malformed(
        &checkpoint.path,
        format!("key {TOKENS}"),
        format!(
            "names {} tokens, but {EMBEDDING} has {rows} rows; the tokenizer is not this model's: convert the model again",
            tokenizer.vocab_size()
        ),
    ))
}

fn read_sentencepiece(keys: Keys<'_>) -> Result<Tokenizer, ModelError> {
    let parts = Parts::read(keys, [Some(1), Some(2), Some(0)])?;
    let add_bos = keys.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(true);
    let add_space_prefix = keys.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let scores = keys.scores(parts.vocabulary.len())?;
    let model = SentencePiece::new(&parts.vocabulary, scores, parts.unknown, add_space_prefix);
    parts.finish(
        keys,
        Rules {
            text: TextRules::default(),
            model: Model::SentencePiece(model),
            spelling: Spelling::sentencepiece(),
            add_bos,
            strips_first_space: add_space_prefix,
            kind: "SentencePiece".to_owned(),
        },
    )
}

fn read_bpe(keys: Keys<'_>) -> Result<Tokenizer, ModelError> {
    let parts = Parts::read(keys, [None; 3])?;
    let name = keys.string(PRE)?.unwrap_or("default");
    let pre = PreTokenizer::by_name(name).ok_or_else(|| {
        ModelError::unsupported(
            keys.path,
            format!("key {PRE}"),
            format!(
                "pre-tokenizer {}, which whit does not know; update whit, or use the model's Hugging Face folder",
                shorten(name)
            ),
        )
    })?;
    let add_bos = keys.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(pre.add_bos);
    let add_space_prefix = keys.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(false);

    let merges = match keys.array(MERGES)? {
        Some(Array::String(merges)) => merges,
        Some(_) => return Err(keys.malformed(MERGES, "is not a list of strings; convert the model again")),
        None => {
            return Err(ModelError::missing(
                keys.path,
                format!("key {MERGES}"),
                "convert the model again, with its merges",
            ));
        }
    };
    let merges = merges.iter().filter_map(|merge| bpe::split_merge(merge));
    let options = bpe::Options { ignore_merges: pre.ignore_merges, ..Default::default() };
    let model = Bpe::new(&parts.vocabulary, merges, options).map_err(|problem| keys.malformed(MERGES, problem))?;
    let pre_tokenizer = pre.build().map_err(|problem| keys.malformed(PRE, problem))?;
    parts.finish(
        keys,
        Rules {
            text: TextRules { normalizer: None, pre_tokenizer: Some(pre_tokenizer) },
            model: Model::Bpe(model),
            spelling: Spelling::ByteLevel,
            add_bos,
            strips_first_space: add_space_prefix,
            kind: format!("BPE ({name})"),
        },
    )
}

/// What is particular to a kind of vocabulary.
struct Rules {
    text: TextRules,
    model: Model,
    spelling: Spelling,
    add_bos: bool,
    strips_first_space: bool,
    kind: String,
}

/// What both kinds of vocabulary have.
struct Parts {
    vocabulary: Vocabulary,
    kinds: Vec<Kind>,
    bos: Option<u32>,
    eos: Option<u32>,
    unknown: Option<u32>,
}

impl Parts {
    /// `defaults` are the ids of BOS, EOS and the unknown token where no key names them.
    fn read(keys: Keys<'_>, defaults: [Option<u32>; 3]) -> Result<Parts, ModelError> {
        let tokens = match keys.array(TOKENS)? {
            Some(Array::String(tokens)) if !tokens.is_empty() => tokens,
            Some(_) => return Err(keys.malformed(TOKENS, "is not a list of tokens; convert the model again")),
            None => {
                return Err(ModelError::missing(
                    keys.path,
                    format!("key {TOKENS}"),
                    "convert the model again, with its tokenizer",
                ));
            }
        };
        let vocabulary = Vocabulary::from_tokens(tokens).map_err(|problem| keys.malformed(TOKENS, problem))?;
        let size = vocabulary.len();
        let default = |id: Option<u32>| id.filter(|&id| (id as usize) < size);
        let bos = keys.id("tokenizer.ggml.bos_token_id", size)?.or(default(defaults[0]));
        let eos = keys.id("tokenizer.ggml.eos_token_id", size)?.or(default(defaults[1]));
        let unknown = keys.id("tokenizer.ggml.unknown_token_id", size)?.or(default(defaults[2]));

        let mut kinds = match keys.kinds(size)? {
            Some(kinds) => kinds,
            // Files without types come from converters of small models; what they must be shows in their written forms.
            None => tokens
                .iter()
                .zip(0u32..)
                .map(|(token, id)| match Some(id) {
                    id if id == unknown => Kind::Unknown,
                    id if id == bos || id == eos => Kind::Control,
                    _ if spelling::byte_token(token).is_some() => Kind::Byte,
                    _ => Kind::Normal,
                })
                .collect(),
        };
        // Converters have marked end-of-turn tokens as ordinary ones, or as added ones.
        for (kind, token) in kinds.iter_mut().zip(tokens) {
            if ends::is_usual_name(token) {
                *kind = Kind::Control;
            }
        }
        Ok(Parts { vocabulary, kinds, bos, eos, unknown })
    }

    fn finish(self, keys: Keys<'_>, rules: Rules) -> Result<Tokenizer, ModelError> {
        let Rules { text, model, spelling, add_bos, strips_first_space, kind } = rules;
        let Parts { vocabulary, kinds, bos, eos, .. } = self;
        let size = vocabulary.len();
        let special: Vec<bool> = kinds.iter().map(|kind| matches!(kind, Kind::Control | Kind::Unknown)).collect();
        let stripping = Stripping::of(keys)?;
        let added = kinds.iter().zip(0u32..).filter_map(|(&kind, id)| {
            let is_special = matches!(kind, Kind::Control | Kind::Unknown);
            let token = vocabulary.token(id).filter(|token| !token.is_empty())?;
            (is_special || kind == Kind::UserDefined).then(|| {
                AddedToken::from(token, is_special)
                    .normalized(false)
                    .lstrip(stripping.before(token))
                    .rstrip(stripping.after(token, is_special || kind == Kind::UserDefined))
            })
        });
        let encoder =
            Encoder::new(text, model, &vocabulary, added).map_err(|problem| keys.malformed(TOKENS, problem))?;
        let bytes = TokenBytes::new(&vocabulary, |id, token, bytes| match kinds[id as usize] {
            Kind::Normal | Kind::Unused | Kind::Byte => spelling.append_bytes(token, bytes),
            Kind::UserDefined if spelling != Spelling::ByteLevel => spelling.append_bytes(token, bytes),
            Kind::Unknown | Kind::Control | Kind::UserDefined => bytes.extend_from_slice(token.as_bytes()),
        });
        let named = [eos, keys.id("tokenizer.ggml.eot_token_id", size)?, keys.id("tokenizer.ggml.eom_token_id", size)?];
        let ends = ends::collect(named.into_iter().flatten(), &vocabulary, |id| special[id as usize]);
        let add_eos = keys.flag("tokenizer.ggml.add_eos_token")?.unwrap_or(false);
        Ok(Tokenizer {
            path: keys.path.to_owned(),
            encoder,
            bytes,
            special,
            prefix: bos.filter(|_| add_bos).into_iter().collect(),
            suffix: eos.filter(|_| add_eos).into_iter().collect(),
            bos,
            ends,
            strips_first_space,
            kind,
            vocabulary,
        })
    }
}

/// Which special tokens swallow the white space beside them: GGUF has no key for it, so it goes by the model's name.
struct Stripping {
    phi3: bool,
    jina_mask: bool,
}

impl Stripping {
    fn of(keys: Keys<'_>) -> Result<Stripping, ModelError> {
        let name = keys.string("general.name")?.unwrap_or_default().to_lowercase();
        let pre = keys.string(PRE)?.unwrap_or_default();
        let jina_mask = ["jina-v2-de", "jina-v2-es", "jina-v2-code"].iter().any(|jina| pre.contains(jina));
        Ok(Stripping { phi3: !jina_mask && (name.contains("phi-3") || name.contains("phi3")), jina_mask })
    }

    fn before(&self, token: &str) -> bool {
        self.jina_mask && token == "<mask>"
    }

    fn after(&self, token: &str, added: bool) -> bool {
        self.phi3 && added && !matches!(token, "<unk>" | "<s>" | "<|endoftext|>")
    }
}

/// Typed access to the header, with messages that name the key.
#[derive(Clone, Copy)]
struct Keys<'a> {
    path: &'a Path,
    metadata: &'a Metadata,
}

impl<'a> Keys<'a> {
    fn malformed(self, key: &str, problem: impl Into<String>) -> ModelError {
        ModelError::malformed(self.path, format!("key {key}"), problem)
    }

    fn string(self, key: &str) -> Result<Option<&'a str>, ModelError> {
        self.typed(key, "a string", Value::as_str)
    }

    fn flag(self, key: &str) -> Result<Option<bool>, ModelError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    fn array(self, key: &str) -> Result<Option<&'a Array>, ModelError> {
        self.typed(key, "a list", Value::as_array)
    }

    fn typed<T>(self, key: &str, what: &str, get: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, ModelError> {
        let Some(value) = self.metadata.get(key) else { return Ok(None) };
        match get(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.malformed(key, format!("is not {what}; convert the model again"))),
        }
    }

    /// A token id below `size`.
    fn id(self, key: &str, size: usize) -> Result<Option<u32>, ModelError> {
        let Some(id) = self.typed(key, "a token id", Value::as_u64)? else { return Ok(None) };
        // Converters write -1 as an unsigned number where there is no such token.
        if id == u64::from(u32::MAX) {
            return Ok(None);
        }
        match u32::try_from(id) {
            Ok(id) if (id as usize) < size => Ok(Some(id)),
            _ => Err(self.malformed(
                key,
                format!("is {id}, but there are only {size} tokens; the tokenizer is not this model's: convert the model again"),
            )),
        }
    }

    /// One score for each of `size` tokens; all alike if the file has none.
    fn scores(self, size: usize) -> Result<Vec<f32>, ModelError> {
        let scores: Vec<f32> = match self.array(SCORES)? {
            None => return Ok(vec![0.0; size]),
            Some(Array::F32(scores)) => scores.clone(),
            Some(Array::I32(scores)) => scores.iter().map(|&score| score as f32).collect(),
            Some(_) => return Err(self.malformed(SCORES, "is not a list of numbers; convert the model again")),
        };
        self.check_length(SCORES, scores.len(), size)?;
        match scores.iter().position(|score| score.is_nan()) {
            Some(id) => {
                Err(self.malformed(SCORES, format!("the score of token {id} is not a number; convert the model again")))
            }
            None => Ok(scores),
        }
    }

    /// What each of `size` tokens is for, if the file says.
    fn kinds(self, size: usize) -> Result<Option<Vec<Kind>>, ModelError> {
        let kind = |number: u64| match number {
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => Kind::Normal,
        };
        let kinds: Vec<Kind> = match self.array(TYPES)? {
            None => return Ok(None),
            Some(Array::I32(types)) => types.iter().map(|&number| kind(u64::try_from(number).unwrap_or(0))).collect(),
            Some(Array::U32(types)) => types.iter().map(|&number| kind(number.into())).collect(),
            Some(_) => return Err(self.malformed(TYPES, "is not a list of whole numbers; convert the model again")),
        };
        self.check_length(TYPES, kinds.len(), size)?;
        Ok(Some(kinds))
    }

    fn check_length(self, key: &str, length: usize, size: usize) -> Result<(), ModelError> {
        if length == size {
            return Ok(());
        }
        Err(self.malformed(key, format!("has {length} entries, but {TOKENS} has {size}; convert the model again")))
    }
}
