//! The tokens that end an answer.

use super::vocabulary::Vocabulary;

/// Written forms that end an answer or a turn in every model that has them.
/// Source: the end-of-generation list of <https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp>.
const NAMES: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<end_of_utterance>",
    "<turn|>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// `</s>` and `<eos>` are ordinary text to some vocabularies, and end an answer where they are control tokens.
const NAMES_IF_SPECIAL: &[&str] = &["</s>", "<eos>"];

/// `named` (EOS, end of turn, what generation_config.json adds) and the usual names that `vocabulary` has, each once.
pub(super) fn collect(
    named: impl IntoIterator<Item = u32>,
    vocabulary: &Vocabulary,
    is_special: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let usual = NAMES.iter().filter_map(|name| vocabulary.id(name));
    let usual_if_special = NAMES_IF_SPECIAL.iter().filter_map(|name| vocabulary.id(name)).filter(|&id| is_special(id));
    let mut ends: Vec<u32> = Vec::new();
    for id in named.into_iter().chain(usual).chain(usual_if_special) {
        if !ends.contains(&id) {
            ends.push(id);
        }
    }
    // Where one token ends a message and others the turn (gpt-oss: `<|end|>` within it, `<|return|>` and `<|call|>` after it),
    // the first is passed over.
    let ends_with = |name| vocabulary.id(name).is_some_and(|id| ends.contains(&id));
    let calls = ends_with("<|call|>") || ends_with("<|calls|>");
    if calls && (ends_with("<|return|>") || ends_with("<|flush|>")) {
        let within = vocabulary.id("<|end|>");
        ends.retain(|&id| Some(id) != within);
    }
    ends
}

/// Whether a token so written is a control token even if its source does not say so.
pub(super) fn is_usual_name(token: &str) -> bool {
    NAMES.contains(&token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(tokens: &[&str]) -> Vocabulary {
        let tokens: Vec<String> = tokens.iter().map(|&token| token.to_owned()).collect();
        Vocabulary::from_tokens(&tokens).unwrap()
    }

    #[test]
    fn usual_names_join_what_the_model_names() {
        let vocabulary = vocabulary(&["a", "</s>", "<|im_end|>", "<|endoftext|>", "<eos>"]);
        assert_eq!(collect([0, 0], &vocabulary, |_| false), [0, 2, 3]);
        assert_eq!(collect([3], &vocabulary, |id| id == 1), [3, 2, 1]);
    }

    #[test]
    fn the_end_of_a_message_is_not_the_end_of_a_turn_that_calls_tools() {
        let harmony = vocabulary(&["<|end|>", "<|return|>", "<|call|>"]);
        assert_eq!(collect([1], &harmony, |_| true), [1, 2]);
        assert_eq!(collect([], &vocabulary(&["<|end|>"]), |_| true), [0]);
    }
}
