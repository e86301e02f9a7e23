//! Text to ids: special tokens are found first, then the text between them is normalized and cut into words, and
//! each word goes to the model.

use tokenizers::models::ModelWrapper;
use tokenizers::{
    AddedToken, AddedVocabulary, Model as _, NormalizerWrapper, OffsetReferential, OffsetType, PreTokenizer as _,
    PreTokenizerWrapper,
};

use super::bpe::Bpe;
use super::sentencepiece::SentencePiece;
use super::vocabulary::Vocabulary;

/// What turns text into ids.
pub(super) struct Encoder {
    text: TextRules,
    model: Model,
    /// Finds all added tokens in text.
    all: AddedVocabulary,
    /// Finds only those that are not special, as the written form of a special one is then ordinary text.
    ordinary: AddedVocabulary,
}

/// What is done to text before the model sees it.
#[derive(Default)]
pub(super) struct TextRules {
    pub normalizer: Option<NormalizerWrapper>,
    pub pre_tokenizer: Option<PreTokenizerWrapper>,
}

/// What turns a word into ids.
pub(super) enum Model {
    Bpe(Bpe),
    SentencePiece(SentencePiece),
    /// One of the `tokenizers` crate's.
    Library(Box<ModelWrapper>),
}

impl Encoder {
    /// An encoder that finds `added` tokens. Each must be in `vocabulary`.
    pub(super) fn new(
        text: TextRules,
        model: Model,
        vocabulary: &Vocabulary,
        added: impl IntoIterator<Item = AddedToken>,
    ) -> Result<Encoder, String> {
        let added: Vec<AddedToken> = added.into_iter().collect();
        let ids = ids_of(&added, vocabulary)?;
        let mut all = AddedVocabulary::new();
        all.add_tokens(added, &ids, text.normalizer.as_ref())
            .map_err(|e| format!("the added tokens cannot be searched for: {e}"))?;
        let mut ordinary = all.clone();
        ordinary.set_encode_special_tokens(true);
        Ok(Encoder { text, model, all, ordinary })
    }

    /// Appends the ids of `text`.
    pub(super) fn encode(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        parse_special: bool,
        ids: &mut Vec<u32>,
    ) -> Result<(), String> {
        let added = if parse_special { &self.all } else { &self.ordinary };
        let mut words = added.extract_and_normalize(self.text.normalizer.as_ref(), text);
        if let Some(pre_tokenizer) = &self.text.pre_tokenizer {
            pre_tokenizer.pre_tokenize(&mut words).map_err(|e| e.to_string())?;
        }
        for (word, _, added) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            match (added, &self.model) {
                (Some(added), _) => ids.extend(added.iter().map(|token| token.id)),
                (None, Model::Bpe(model)) => model.encode(vocabulary, word, ids),
                (None, Model::SentencePiece(model)) => model.encode(vocabulary, word, ids),
                (None, Model::Library(model)) => {
                    ids.extend(model.tokenize(word).map_err(|e| e.to_string())?.iter().map(|token| token.id));
                }
            }
        }
        Ok(())
    }
}

/// The added tokens as a model of their own: the crate asks a model for the ids of the tokens it is to find.
fn ids_of(added: &[AddedToken], vocabulary: &Vocabulary) -> Result<ModelWrapper, String> {
    let mut ids = ahash::AHashMap::new();
    for token in added {
        let id = vocabulary
            .id(&token.content)
            .ok_or_else(|| format!("token {} is in no vocabulary", crate::error::shorten(&token.content)))?;
        ids.insert(token.content.clone(), id);
    }
    let model = tokenizers::models::wordlevel::WordLevel::builder().vocab(ids).build().map_err(|e| e.to_string())?;
    Ok(ModelWrapper::WordLevel(model))
}
