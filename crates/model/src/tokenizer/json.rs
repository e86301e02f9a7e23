//! tokenizer.json, the `tokenizers` crate's own format.
//!
//! The file is taken apart here and its parts are given to the crate, but for BPE models: the crate refuses merges that name
//! no token, numbers added tokens itself where the file's ids have gaps, and is slow with long lists of merges.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use tokenizers::models::ModelWrapper;
use tokenizers::{AddedToken, DecoderWrapper, Encoding, Model as _, PostProcessor as _, PostProcessorWrapper, Token};

use super::bpe::{self, Bpe};
use super::encoder::{Model, TextRules};
use super::spelling::{SPACE_MARK, Spelling};
use super::vocabulary::Vocabulary;

/// The parts of a tokenizer.json that are used.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(borrow, default)]
    normalizer: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pre_tokenizer: Option<&'a RawValue>,
    #[serde(borrow, default)]
    post_processor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    decoder: Option<&'a RawValue>,
    #[serde(borrow)]
    model: &'a RawValue,
}

/// An added token; what a file leaves out is false.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Added {
    pub id: u32,
    #[serde(flatten)]
    pub token: AddedFlags,
}

/// An added token without its id, as tokenizer_config.json writes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AddedFlags {
    pub content: String,
    #[serde(default)]
    pub single_word: bool,
    #[serde(default)]
    pub lstrip: bool,
    #[serde(default)]
    pub rstrip: bool,
    #[serde(default)]
    pub normalized: bool,
    #[serde(default)]
    pub special: bool,
}

impl AddedFlags {
    /// As the crate has it.
    pub(super) fn to_added_token(&self) -> AddedToken {
        AddedToken::from(self.content.as_str(), self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized)
    }
}

/// A tokenizer.json, ready to be put together.
pub(super) struct Parsed {
    pub text: TextRules,
    pub model: Model,
    pub vocabulary: Vocabulary,
    /// Added tokens, all of them in the vocabulary, with its ids.
    pub added: Vec<Added>,
    pub spelling: Spelling,
    pub strips_first_space: bool,
    /// What the post-processor puts before and after a text.
    pub prefix: Vec<u32>,
    pub suffix: Vec<u32>,
    /// `BPE`, `Unigram`, ...
    pub kind: &'static str,
}

/// Reads a tokenizer.json. `more_added` are added tokens of tokenizer_config.json; those that the file lacks join its own.
pub(super) fn parse(bytes: &[u8], more_added: Vec<Added>) -> Result<Parsed, String> {
    let document: Document<'_> = serde_json::from_slice(bytes)
        .map_err(|e| format!("is not a tokenizer.json of the tokenizers library ({e}); download it again"))?;
    let mut added = document.added_tokens;
    for token in more_added {
        if !added.iter().any(|own| own.id == token.id || own.token.content == token.token.content) {
            added.push(token);
        }
    }
    let text = TextRules {
        normalizer: part(document.normalizer, "normalizer")?,
        pre_tokenizer: part(document.pre_tokenizer, "pre_tokenizer")?,
    };
    let (model, vocabulary, kind) = parse_model(document.model, &mut added)?;
    // Through the crate first: it fills in what older files leave out.
    let (spelling, strips_first_space) = match part::<DecoderWrapper>(document.decoder, "decoder")? {
        Some(decoder) => spelling(&serde_json::to_value(&decoder).map_err(|e| e.to_string())?)?,
        None => (undecoded(document.pre_tokenizer), false),
    };
    let (prefix, suffix) = match part::<PostProcessorWrapper>(document.post_processor, "post_processor")? {
        Some(processor) => surroundings(&processor)?,
        None => Default::default(),
    };
    Ok(Parsed { text, model, vocabulary, added, spelling, strips_first_space, prefix, suffix, kind })
}

/// A part of the file, as the crate reads it.
fn part<T: DeserializeOwned>(json: Option<&RawValue>, name: &str) -> Result<Option<T>, String> {
    json.map_or(Ok(None), |json| serde_json::from_str(json.get()))
        .map_err(|e| format!("its {name} cannot be read: {e}; download the file again"))
}

/// The model, all its tokens with the added ones, and the model's name.
fn parse_model(model: &RawValue, added: &mut Vec<Added>) -> Result<(Model, Vocabulary, &'static str), String> {
    #[derive(Deserialize)]
    struct Type<'a> {
        #[serde(rename = "type", borrow, default)]
        name: Option<Cow<'a, str>>,
        #[serde(default)]
        merges: Option<IgnoredAny>,
    }
    let invalid = |e: serde_json::Error| format!("its model cannot be read: {e}; download the file again");
    let found: Type<'_> = serde_json::from_str(model.get()).map_err(invalid)?;
    if found.name.as_deref().map_or(found.merges.is_some(), |name| name == "BPE") {
        let model: BpeDocument<'_> = serde_json::from_str(model.get()).map_err(invalid)?;
        let pairs = &model.vocab.0;
        let mut vocabulary = Vocabulary::from_pairs(pairs.iter().map(|(token, id)| (&**token, *id)))?;
        join_added(&mut vocabulary, added)?;
        return Ok((Model::Bpe(model.build(&vocabulary)?), vocabulary, "BPE"));
    }
    let model: ModelWrapper = serde_json::from_str(model.get()).map_err(invalid)?;
    let kind = match model {
        ModelWrapper::BPE(_) => "BPE",
        ModelWrapper::Unigram(_) => "Unigram",
        ModelWrapper::WordLevel(_) => "WordLevel",
        ModelWrapper::WordPiece(_) => "WordPiece",
    };
    let tokens = model.get_vocab();
    let mut vocabulary = Vocabulary::from_pairs(tokens.iter().map(|(token, &id)| (token.as_str(), id)))?;
    join_added(&mut vocabulary, added)?;
    Ok((Model::Library(Box::new(model)), vocabulary, kind))
}

/// Gives the added tokens their place in the vocabulary. Where it has one of them already, under another id, that id stays.
pub(super) fn join_added(vocabulary: &mut Vocabulary, added: &mut Vec<Added>) -> Result<(), String> {
    added.retain(|added| !added.token.content.is_empty());
    for added in added {
        match vocabulary.id(&added.token.content) {
            Some(id) => added.id = id,
            None => vocabulary.insert(added.id, &added.token.content)?,
        }
    }
    Ok(())
}

/// A BPE model as tokenizer.json writes it. Dropout is for training.
#[derive(Deserialize)]
struct BpeDocument<'a> {
    #[serde(borrow)]
    vocab: Pairs<'a>,
    #[serde(borrow, default)]
    merges: Merges<'a>,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
}

impl BpeDocument<'_> {
    fn build(&self, vocabulary: &Vocabulary) -> Result<Bpe, String> {
        let marks = [&self.continuing_subword_prefix, &self.end_of_word_suffix];
        if marks.into_iter().flatten().any(|mark| !mark.is_empty()) {
            return Err("its model marks the inside or the end of words, which no model that whit runs does".to_owned());
        }
        let options = bpe::Options {
            ignore_merges: self.ignore_merges.unwrap_or(false),
            byte_fallback: self.byte_fallback.unwrap_or(false),
            unknown: self.unk_token.as_deref().and_then(|token| vocabulary.id(token)),
            fuse_unknown: self.fuse_unk.unwrap_or(false),
        };
        Bpe::new(vocabulary, self.merges.0.iter().filter_map(Merge::parts), options)
    }
}

/// `{"Ġt": 259, ...}`, in the file's order.
pub(super) struct Pairs<'a>(pub Vec<(Cow<'a, str>, u32)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Several<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Several<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tokens and ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'a>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(token), id)) = map.next_entry()? {
                    pairs.push((token, id));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Several(PhantomData))
    }
}

/// `["Ġ t", ...]`, `[["Ġ", "t"], ...]`, or `{}` for none.
#[derive(Default)]
struct Merges<'a>(Vec<Merge<'a>>);

enum Merge<'a> {
    Line(Cow<'a, str>),
    Pair(Cow<'a, str>, Cow<'a, str>),
}

impl Merge<'_> {
    fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Merge::Line(line) => bpe::split_merge(line),
            Merge::Pair(left, right) => Some((left, right)),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Merges<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Several<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Several<'a> {
            type Value = Merges<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of merges")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merges<'a>, A::Error> {
                let mut merges = Vec::new();
                while let Some(merge) = list.next_element()? {
                    merges.push(merge);
                }
                Ok(Merges(merges))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Merges<'a>, A::Error> {
                match map.next_key::<IgnoredAny>()? {
                    None => Ok(Merges::default()),
                    Some(_) => Err(A::Error::custom("merges are an object, not a list")),
                }
            }
        }
        deserializer.deserialize_any(Several(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Merge<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for One<'a> {
            type Value = Merge<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge: \"left right\" or [\"left\", \"right\"]")
            }

            fn visit_borrowed_str<E>(self, line: &'de str) -> Result<Merge<'a>, E> {
                Ok(Merge::Line(line.into()))
            }

            fn visit_str<E>(self, line: &str) -> Result<Merge<'a>, E> {
                Ok(Merge::Line(line.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Merge<'a>, A::Error> {
                let mut part = |index| {
                    pair.next_element::<Text<'a>>()?.ok_or_else(|| A::Error::invalid_length(index, &"two tokens"))
                };
                let merge = Merge::Pair(part(0)?.0, part(1)?.0);
                match pair.next_element::<IgnoredAny>()? {
                    None => Ok(merge),
                    Some(_) => Err(A::Error::custom("a merge of more than two tokens")),
                }
            }
        }
        deserializer.deserialize_any(One(PhantomData))
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// How written forms turn into bytes, and whether a leading space is dropped, by the decoder's own JSON.
fn spelling(decoder: &Value) -> Result<(Spelling, bool), String> {
    let mut steps = Vec::new();
    flatten(decoder, &mut steps);
    let (mut replacements, mut byte_tokens, mut strips) = (Vec::new(), false, false);
    for step in steps {
        let text = |key: &str| step.get(key).and_then(Value::as_str).map(str::to_owned);
        match step.get("type").and_then(Value::as_str).unwrap_or_default() {
            "ByteLevel" => return Ok((Spelling::ByteLevel, false)),
            "ByteFallback" => byte_tokens = true,
            "Fuse" => {}
            "Metaspace" => {
                replacements.push((text("replacement").unwrap_or_else(|| SPACE_MARK.into()), " ".to_owned()));
                strips = text("prepend_scheme").is_none_or(|scheme| scheme != "never");
            }
            "Replace" => match step.pointer("/pattern/String").and_then(Value::as_str) {
                Some(pattern) => replacements.push((pattern.to_owned(), text("content").unwrap_or_default())),
                None => return Err("its decoder replaces by a regular expression, which whit does not do".to_owned()),
            },
            "Strip" => {
                let number = |key: &str| step.get(key).and_then(Value::as_u64).unwrap_or(0);
                match (text("content").as_deref(), number("start"), number("stop")) {
                    (_, 0, 0) => {}
                    (Some(" "), 1, 0) => strips = true,
                    _ => return Err("its decoder strips more than a leading space, which whit does not do".to_owned()),
                }
            }
            other => {
                return Err(format!(
                    "its decoder is {}, and whit knows those of byte-level and SentencePiece vocabularies",
                    crate::error::shorten(other)
                ));
            }
        }
    }
    Ok((Spelling::Replaced { replacements, byte_tokens }, strips))
}

/// A sequence of decoders, and sequences in it, as one list.
fn flatten<'a>(decoder: &'a Value, steps: &mut Vec<&'a Value>) {
    match decoder.get("decoders").and_then(Value::as_array) {
        Some(decoders) => decoders.iter().for_each(|decoder| flatten(decoder, steps)),
        None => steps.push(decoder),
    }
}

/// Without a decoder, byte-level words are still bytes, and other tokens are themselves.
fn undecoded(pre_tokenizer: Option<&RawValue>) -> Spelling {
    match pre_tokenizer {
        Some(json) if json.get().contains("\"ByteLevel\"") => Spelling::ByteLevel,
        _ => Spelling::Replaced { replacements: Vec::new(), byte_tokens: false },
    }
}

/// What a post-processor puts before and after a text, found by processing a text of one token.
fn surroundings(processor: &PostProcessorWrapper) -> Result<(Vec<u32>, Vec<u32>), String> {
    // No vocabulary has this id, so the text is found again among what was added.
    const TEXT: u32 = u32::MAX;
    let text = Encoding::from_tokens(vec![Token::new(TEXT, String::new(), (0, 0))], 0);
    let processed = processor
        .process(text, None, true)
        .map_err(|e| format!("its post_processor does not work: {e}; download the file again"))?;
    let mut parts = processed.get_ids().split(|&id| id == TEXT);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(prefix), Some(suffix), None) => Ok((prefix.to_vec(), suffix.to_vec())),
        _ => Err("its post_processor does not keep the text; download the file again".to_owned()),
    }
}
