//! The tokenizer of a Hugging Face folder.

use std::borrow::Cow;

use serde_json::{Map, Value};
use tokenizers::NormalizerWrapper;
use tokenizers::normalizers::unicode::NFC;

use super::bpe::{self, Bpe};
use super::encoder::{Encoder, Model, TextRules};
use super::json::{self, Added, AddedFlags, Parsed};
use super::pretokenizer::{self, PreTokenizer};
use super::spelling::Spelling;
use super::vocabulary::Vocabulary;
use super::{TokenBytes, Tokenizer, ends};
use crate::ModelError;
use crate::files::Folder;

const JSON: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";
const CONFIG: &str = "tokenizer_config.json";
const ADDED: &str = "added_tokens.json";
const SPECIAL: &str = "special_tokens_map.json";

/// Reads the tokenizer in `folder`.
pub(super) fn read(folder: &Folder) -> Result<Tokenizer, ModelError> {
    let settings = Settings::read(folder)?;
    let has = |name: &str| folder.has(name);
    let parsed = if has(JSON) {
        let bytes = folder.open(JSON)?;
        json::parse(bytes.as_ref(), settings.added.clone())
            .map_err(|problem| ModelError::malformed(&folder.file(JSON), "tokenizer", problem))?
    } else if has(VOCAB) && has(MERGES) {
        parse_vocab_and_merges(folder, &settings)?
    } else {
        let mend = if has("tokenizer.model") {
            "whit does not read tokenizer.model; convert it with transformers (AutoTokenizer.from_pretrained(...).save_pretrained(...)), or use the model's GGUF file"
        } else {
            "download it, or vocab.json and merges.txt, from where the model came from"
        };
        return Err(ModelError::missing(&folder.path(), JSON, mend));
    };
    settings.finish(folder, parsed).map_err(|problem| ModelError::malformed(&folder.path(), "tokenizer", problem))
}

/// The older pair of files. Which words text is cut into is written in neither.
fn parse_vocab_and_merges(folder: &Folder, settings: &Settings) -> Result<Parsed, ModelError> {
    let (vocab_path, merges_path) = (folder.file(VOCAB), folder.file(MERGES));
    let vocab = folder.open(VOCAB)?;
    let json::Pairs(pairs) = serde_json::from_slice(vocab.as_ref()).map_err(|e| {
        ModelError::malformed(
            &vocab_path,
            "vocabulary",
            format!("is not a list of tokens and ids ({e}); download it again"),
        )
    })?;
    let merges = folder.open(MERGES)?;
    let merges = std::str::from_utf8(merges.as_ref())
        .map_err(|e| ModelError::malformed(&merges_path, "merges", format!("is not text ({e}); download it again")))?;

    let (name, pre) = settings.pre_tokenizer(&pairs);
    let vocabulary = |problem| ModelError::malformed(&vocab_path, "vocabulary", problem);
    let mut tokens = Vocabulary::from_pairs(pairs.iter().map(|(token, id)| (&**token, *id))).map_err(vocabulary)?;
    let mut added = settings.added.clone();
    json::join_added(&mut tokens, &mut added).map_err(vocabulary)?;
    // Only the first line can be a comment: a merge may begin with '#'.
    let lines = merges.lines().enumerate().filter(|(index, line)| *index > 0 || !line.starts_with("#version"));
    let lines = lines.filter_map(|(_, line)| bpe::split_merge(line));
    let options = bpe::Options { ignore_merges: pre.ignore_merges, ..Default::default() };
    let model =
        Bpe::new(&tokens, lines, options).map_err(|problem| ModelError::malformed(&merges_path, "merges", problem))?;
    Ok(Parsed {
        text: TextRules {
            normalizer: (name == "qwen2").then_some(NormalizerWrapper::NFC(NFC)),
            pre_tokenizer: Some(pre.build().map_err(vocabulary)?),
        },
        model: Model::Bpe(model),
        vocabulary: tokens,
        added,
        spelling: Spelling::ByteLevel,
        strips_first_space: false,
        prefix: Vec::new(),
        suffix: Vec::new(),
        kind: "BPE",
    })
}

/// What the small files beside the vocabulary say.
struct Settings {
    /// `tokenizer_class` of tokenizer_config.json.
    class: String,
    added: Vec<Added>,
    bos: Option<String>,
    eos: Option<String>,
    add_bos: Option<bool>,
    add_eos: Option<bool>,
    /// `eos_token_id` of generation_config.json and config.json.
    end_ids: Vec<u32>,
    /// `vocab_size` of config.json: the rows of the embedding table.
    embeddings: Option<u64>,
}

impl Settings {
    fn read(folder: &Folder) -> Result<Settings, ModelError> {
        let config = read_object(folder, CONFIG)?;
        let special_map = read_object(folder, SPECIAL)?;
        let token = |key: &str| content(config.get(key)).or_else(|| content(special_map.get(key)));
        let mut end_ids = ids(read_object(folder, "generation_config.json")?.get("eos_token_id"));
        let model = read_object(folder, "config.json")?;
        let of_text = |key: &str| model.get("text_config").and_then(|text| text.get(key));
        end_ids.extend(ids(model.get("eos_token_id")));
        end_ids.extend(ids(of_text("eos_token_id")));
        Ok(Settings {
            class: config.get("tokenizer_class").and_then(Value::as_str).unwrap_or_default().to_owned(),
            added: added(folder, &config, &special_map)?,
            bos: token("bos_token"),
            eos: token("eos_token"),
            add_bos: config.get("add_bos_token").and_then(Value::as_bool),
            add_eos: config.get("add_eos_token").and_then(Value::as_bool),
            end_ids,
            embeddings: model.get("vocab_size").or(of_text("vocab_size")).and_then(Value::as_u64),
        })
    }

    /// The pre-tokenizer of a byte-level vocabulary, and llama.cpp's name for it: by the tokenizer's class, or else by how many
    /// digits the vocabulary's longest number has, which is how each of these patterns cuts them.
    fn pre_tokenizer(&self, tokens: &[(Cow<'_, str>, u32)]) -> (&'static str, PreTokenizer) {
        const QWEN2: (&str, PreTokenizer) = ("qwen2", pretokenizer::QWEN2);
        const LLAMA3: (&str, PreTokenizer) = ("llama-bpe", pretokenizer::LLAMA3);
        const GPT2: (&str, PreTokenizer) = ("gpt-2", pretokenizer::GPT2);
        match self.class.trim_end_matches("Fast") {
            "Qwen2Tokenizer" => QWEN2,
            "GPT2Tokenizer" | "CodeGenTokenizer" | "GPTNeoXTokenizer" | "RobertaTokenizer" => GPT2,
            _ => {
                let digits = |token: &str| token.bytes().all(|b| b.is_ascii_digit()).then_some(token.len());
                match tokens.iter().filter_map(|(token, _)| digits(token)).max() {
                    Some(1) => QWEN2,
                    Some(3) => LLAMA3,
                    _ => GPT2,
                }
            }
        }
    }

    fn finish(self, folder: &Folder, parsed: Parsed) -> Result<Tokenizer, String> {
        let vocabulary = parsed.vocabulary;
        let mut special = vec![false; vocabulary.len()];
        for added in parsed.added.iter().filter(|added| added.token.special) {
            special[added.id as usize] = true;
        }
        let size = vocabulary.len();
        let is_added = |id: u32| parsed.added.iter().any(|added| added.id == id);
        // Added tokens may lie beyond the table: some finetunes name a few that the model never sees.
        let last = (0..size as u32).rev().find(|&id| vocabulary.token(id).is_some() && !is_added(id));
        if let (Some(last), Some(embeddings)) = (last, self.embeddings)
            && u64::from(last) >= embeddings
        {
            return Err(format!(
                "has ids up to {last}, but vocab_size of config.json is {embeddings}; the tokenizer is not this model's: download both again"
            ));
        }
        let id = |token: &Option<String>| token.as_deref().and_then(|token| vocabulary.id(token));
        let (bos, eos) = (id(&self.bos), id(&self.eos));
        let edge = |asked: Option<bool>, token: Option<u32>, given: Vec<u32>| match (asked, token) {
            (Some(true), Some(token)) if !given.contains(&token) => vec![token],
            (Some(false), Some(token)) => given.into_iter().filter(|&id| id != token).collect(),
            _ => given,
        };
        let prefix = edge(self.add_bos, bos, parsed.prefix);
        let suffix = edge(self.add_eos, eos, parsed.suffix);
        if let Some(id) = prefix.iter().chain(&suffix).find(|&&id| id as usize >= size) {
            return Err(format!(
                "its post_processor adds token {id}, but there are only {size} tokens; download the file again"
            ));
        }
        // Before config.json's, which older files leave at the base model's.
        let named = eos.into_iter().chain(self.end_ids.into_iter().filter(|&id| (id as usize) < size));
        let mut ends =
            ends::collect(named.clone(), &vocabulary, |id| special.get(id as usize).copied().unwrap_or(false));
        // A usual name that is no added token is text that happens to look like one.
        let named: Vec<u32> = named.collect();
        ends.retain(|id| named.contains(id) || is_added(*id));

        let bytes = TokenBytes::new(&vocabulary, |_, token, bytes| parsed.spelling.append_bytes(token, bytes));
        let added = parsed.added.iter().map(|added| added.token.to_added_token());
        let encoder = Encoder::new(parsed.text, parsed.model, &vocabulary, added)?;
        Ok(Tokenizer {
            path: folder.path(),
            bos: bos.or_else(|| prefix.first().copied()),
            prefix,
            suffix,
            ends,
            strips_first_space: parsed.strips_first_space,
            kind: if self.class.is_empty() {
                parsed.kind.to_owned()
            } else {
                format!("{} ({})", parsed.kind, crate::error::shorten(&self.class))
            },
            special,
            bytes,
            encoder,
            vocabulary,
        })
    }
}

/// Added tokens outside tokenizer.json: tokenizer_config.json's `added_tokens_decoder`, else added_tokens.json.
fn added(
    folder: &Folder,
    config: &Map<String, Value>,
    special_map: &Map<String, Value>,
) -> Result<Vec<Added>, ModelError> {
    let mut added = Vec::new();
    if let Some(Value::Object(decoder)) = config.get("added_tokens_decoder") {
        for (id, token) in decoder {
            let malformed = |problem: String| {
                ModelError::malformed(
                    &folder.file(CONFIG),
                    format!("added_tokens_decoder {}", crate::error::shorten(id)),
                    problem,
                )
            };
            let id = id.parse().map_err(|_| malformed("is not a token id; download it again".into()))?;
            let token = serde_json::from_value(token.clone())
                .map_err(|e| malformed(format!("is not a token ({e}); download it again")))?;
            added.push(Added { id, token });
        }
    }
    let special: Vec<&str> = special_map
        .values()
        .flat_map(|value| match value {
            Value::Array(several) => several.iter().collect(),
            one => vec![one],
        })
        .filter_map(content_str)
        .collect();
    for (content, id) in read_object(folder, ADDED)? {
        let Some(id) = id.as_u64().and_then(|id| u32::try_from(id).ok()) else {
            let item = crate::error::shorten(&content);
            return Err(ModelError::malformed(&folder.file(ADDED), item, "is not a token id; download it again"));
        };
        if !added.iter().any(|known: &Added| known.id == id || known.token.content == content) {
            let special = special.contains(&content.as_str());
            let flags =
                AddedFlags { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
            added.push(Added { id, token: flags });
        }
    }
    Ok(added)
}

/// A JSON object, empty if there is no such file.
fn read_object(folder: &Folder, name: &str) -> Result<Map<String, Value>, ModelError> {
    if !folder.has(name) {
        return Ok(Map::new());
    }
    let bytes = folder.open(name)?;
    serde_json::from_slice(bytes.as_ref()).map_err(|e| {
        ModelError::malformed(
            &folder.file(name),
            "configuration",
            format!("is not a JSON object ({e}); download it again"),
        )
    })
}

/// A token's written form: a string, or an object with `content`.
fn content(value: Option<&Value>) -> Option<String> {
    value.and_then(content_str).map(str::to_owned)
}

fn content_str(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// One id, or a list of them.
fn ids(value: Option<&Value>) -> Vec<u32> {
    let several: &[Value] = match value {
        None => &[],
        Some(Value::Array(several)) => several,
        Some(one) => std::slice::from_ref(one),
    };
    several.iter().filter_map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect()
}
