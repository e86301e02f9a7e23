//! The facts as a table for people.

use std::fmt::Write;

use anstyle::Style;

use super::facts::{Decoder, Facts, Memory, RotaryFacts};
use crate::format::{bytes, count, grouped};

/// Label, value, one a line; `bytes` and counts in units a person reads.
pub fn table(facts: &Facts) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let container = if facts.container == "gguf" { "GGUF" } else { "Hugging Face folder" };
    rows.push(("model", facts.name.clone().unwrap_or_else(|| facts.path.clone())));
    rows.push(("file", format!("{} ({container})", facts.path)));
    rows.push(("architecture", facts.architecture.clone().unwrap_or_else(|| "not said".into())));
    if facts.parameters > 0 {
        rows.push(("parameters", format!("{} ({})", count(facts.parameters), grouped(facts.parameters))));
        let formats: Vec<String> =
            facts.bytes_by_format.iter().map(|(format, size)| format!("{} {format}", bytes(*size))).collect();
        rows.push(("weights", format!("{}: {}", bytes(facts.tensor_bytes), formats.join(", "))));
    }
    if let Some(decoder) = &facts.decoder {
        decoder_rows(decoder, &mut rows);
    }
    if let Some(tokenizer) = &facts.tokenizer {
        rows.push(("tokenizer", tokenizer.description.clone()));
        let bos = tokenizer.bos.clone().unwrap_or_else(|| "nothing".into());
        rows.push((
            "",
            format!("text begins with {bos}, an answer ends with {}", or_nothing(tokenizer.end.join(" or "))),
        ));
    }
    let template = match &facts.chat_template {
        None => "none: run it with --raw".into(),
        Some(template) => match &template.example {
            Some(example) => format!("\"Hello\" becomes {}", shortened(&example.escape_debug().to_string(), 160)),
            None => "there is one, but it refuses a single message of a user".into(),
        },
    };
    rows.push(("chat template", template));
    if let Some(memory) = &facts.memory {
        memory_rows(memory, &mut rows);
    }
    rows.extend(facts.notes.iter().map(|note| ("note", note.clone())));

    labelled(&rows)
}

/// Label and value, a line each; a row without a label goes on from the one before it.
pub fn labelled(rows: &[(&str, String)]) -> String {
    let bold = Style::new().bold();
    rows.iter().fold(String::new(), |mut text, (label, value)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{bold}{label:<14}{bold:#}{value}");
        text
    })
}

fn decoder_rows(decoder: &Decoder, rows: &mut Vec<(&'static str, String)>) {
    let convolutions = match decoder.convolution_layers {
        0 => String::new(),
        n => format!(" ({n} of them short convolutions)"),
    };
    rows.push((
        "layers",
        format!(
            "{}{convolutions}, width {}, feed-forward {}",
            decoder.layers, decoder.hidden_size, decoder.intermediate_size
        ),
    ));
    rows.push((
        "attention",
        format!("{} heads of {} on {} key-value heads", decoder.heads, decoder.head_dim, decoder.kv_heads),
    ));
    if decoder.experts > 0 {
        rows.push(("experts", format!("{}, {} per token", decoder.experts, decoder.experts_per_token)));
    }
    let tied = if decoder.tied_embedding { "head tied to the embedding" } else { "separate head" };
    rows.push(("vocabulary", format!("{} rows, {tied}", grouped(decoder.vocabulary_size as u64))));
    rows.push(("context", format!("{} tokens", grouped(decoder.context_length as u64))));
    if let Some(window) = decoder.sliding_window {
        rows.push((
            "",
            format!(
                "sliding window of {} in {} of {} layers",
                grouped(window as u64),
                decoder.sliding_window_layers,
                decoder.layers
            ),
        ));
    }
    for (i, rotary) in decoder.rotaries.iter().enumerate() {
        rows.push((if i == 0 { "rotary" } else { "" }, rotary_row(rotary)));
    }
}

fn rotary_row(rotary: &RotaryFacts) -> String {
    let scaling = match (rotary.scaling, rotary.factor) {
        ("none", _) => String::new(),
        (scaling, Some(factor)) => format!(", {scaling} scaling by {factor}"),
        (scaling, None) => format!(", {scaling} scaling"),
    };
    format!("base {} over {} values per head ({}){scaling}", rotary.theta, rotary.dim, rotary.pairing)
}

fn memory_rows(memory: &Memory, rows: &mut Vec<(&'static str, String)>) {
    rows.push(("KV cache", format!("{} per token", bytes(memory.kv_bytes_per_token))));
    rows.push((
        "memory",
        format!(
            "{} for a context of {} tokens: {} weights, {} KV cache, {} work space",
            bytes(memory.total_bytes),
            grouped(memory.context as u64),
            bytes(memory.weights_bytes),
            bytes(memory.kv_cache_bytes),
            bytes(memory.workspace_bytes),
        ),
    ));
    if let Some(wanted) = memory.context_wanted {
        rows.push(("", format!("({} tokens do not fit)", grouped(wanted as u64))));
    }
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { "nothing".into() } else { text }
}

/// At most `most` characters, with an ellipsis if there were more.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut() {
        assert_eq!((shortened("äöü", 2), shortened("äöü", 3)), ("äö...".into(), "äöü".into()));
    }
}
