//! Where a checkpoint keeps its chat templates.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::files::Folder;
use crate::gguf::{self, Metadata};
use crate::{Checkpoint, Config, ModelError};

/// The templates of a checkpoint, and what they call by name.
pub(super) struct Sources {
    /// Where the default one was found, for messages.
    pub path: PathBuf,
    pub default: String,
    /// The one for conversations with tools, if it is another.
    pub tool_use: Option<String>,
    /// `bos_token`, `eos_token` and the like.
    pub tokens: Map<String, Value>,
}

/// Finds the templates of `checkpoint`.
pub(super) fn find(checkpoint: &Checkpoint) -> Result<Option<Sources>, ModelError> {
    match &checkpoint.config {
        Config::Gguf(metadata) => Ok(in_metadata(&checkpoint.path, metadata)),
        Config::HuggingFace(_) => in_folder(&checkpoint.folder),
    }
}

fn in_metadata(path: &Path, metadata: &Metadata) -> Option<Sources> {
    let text = |key: &str| metadata.get(key).and_then(gguf::Value::as_str).map(str::to_owned);
    let tool_use = text("tokenizer.chat_template.tool_use");
    let default = text("tokenizer.chat_template").or_else(|| tool_use.clone())?;
    let written = match metadata.get("tokenizer.ggml.tokens").and_then(gguf::Value::as_array) {
        Some(gguf::Array::String(tokens)) => tokens.as_slice(),
        _ => &[],
    };
    // What llama.cpp takes where a SentencePiece vocabulary does not say.
    let is_sentencepiece = text("tokenizer.ggml.model").as_deref() == Some("llama");
    let mut tokens = Map::new();
    for (name, key, usual) in [("bos_token", "bos_token_id", 1), ("eos_token", "eos_token_id", 2)] {
        let id = metadata.get(&format!("tokenizer.ggml.{key}")).and_then(gguf::Value::as_u64);
        let id = id.or(is_sentencepiece.then_some(usual));
        if let Some(token) = id.and_then(|id| written.get(usize::try_from(id).ok()?)) {
            tokens.insert(name.to_owned(), token.as_str().into());
        }
    }
    Some(Sources { path: path.to_owned(), default, tool_use, tokens })
}

/// In a folder: chat_template.jinja and additional_chat_templates/tool_use.jinja, chat_template.json, or
/// `chat_template` of tokenizer_config.json, which is one template or several with names.
fn in_folder(folder: &Folder) -> Result<Option<Sources>, ModelError> {
    const CONFIG: &str = "tokenizer_config.json";
    let config = read_object(folder, CONFIG)?;
    let mut sources =
        Sources { path: folder.file(CONFIG), default: String::new(), tool_use: None, tokens: tokens(&config) };
    let mut named = vec![];
    match config.get("chat_template") {
        Some(Value::String(template)) => named.push(("default", template.clone())),
        Some(Value::Array(several)) => {
            for entry in several {
                if let (Some(name), Some(template)) = (entry["name"].as_str(), entry["template"].as_str()) {
                    named.push((name, template.to_owned()));
                }
            }
        }
        _ => {}
    }
    if let Some(Value::String(template)) = read_object(folder, "chat_template.json")?.get("chat_template") {
        sources.path = folder.file("chat_template.json");
        named.insert(0, ("default", template.clone()));
    }
    // Files beside the configuration are the newer way, and win.
    for (name, file) in [("tool_use", "additional_chat_templates/tool_use.jinja"), ("default", "chat_template.jinja")] {
        if folder.has(file) {
            let (path, bytes) = (folder.file(file), folder.open(file)?);
            let template = std::str::from_utf8(bytes.as_ref()).map_err(|e| {
                ModelError::malformed(&path, "chat template", format!("is not text ({e}); download it again"))
            })?;
            named.insert(0, (name, template.to_owned()));
            sources.path = path;
        }
    }
    let find = |wanted: &str| named.iter().find(|(name, _)| *name == wanted).map(|(_, template)| template.clone());
    sources.tool_use = find("tool_use");
    let first = || named.first().map(|(_, template)| template.clone());
    Ok(find("default").or_else(first).map(|default| Sources { default, ..sources }))
}

/// The special tokens of tokenizer_config.json: strings, or objects with `content`.
fn tokens(config: &Map<String, Value>) -> Map<String, Value> {
    config
        .iter()
        .filter(|(name, _)| name.ends_with("_token") && !name.starts_with("add_"))
        .filter_map(|(name, token)| {
            let written = token.as_str().or_else(|| token.get("content")?.as_str())?;
            Some((name.clone(), written.into()))
        })
        .collect()
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
