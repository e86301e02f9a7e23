//! Tells what a model thinks from what it says: `<think>...</think>` before the answer.

use crate::tools;

/// What begins the thinking.
pub const OPENS: &str = "<think>";
/// What ends it.
pub const CLOSES: &str = "</think>";

/// Takes an answer's text apart, piece by piece.
#[derive(Clone, Debug)]
pub struct Thinking {
    state: State,
    /// Text that may be the beginning of a mark, or white space that may be dropped.
    held: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been said yet that shows whether the model thinks first.
    Undecided,
    Thinks,
    /// The thinking is over, and nothing has been said yet.
    Thought,
    Says,
}

/// What a piece of text holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Of the thinking.
    pub reasoning: String,
    /// Of the answer.
    pub content: String,
}

impl Thinking {
    /// For an answer after `prompt`, by a model that `may_think`. Some prompts open the thinking themselves.
    pub fn after(prompt: &str, may_think: bool) -> Thinking {
        let state = match may_think {
            true if prompt.trim_end().ends_with(OPENS) => State::Thinks,
            // It was told not to.
            true if prompt.trim_end().ends_with(CLOSES) => State::Says,
            true => State::Undecided,
            false => State::Says,
        };
        Thinking { state, held: String::new() }
    }

    /// Whether there may be thinking in what comes next.
    pub fn may_think(&self) -> bool {
        self.state != State::Says
    }

    /// Whether what comes next belongs to the thinking.
    pub fn is_thinking(&self) -> bool {
        self.state == State::Thinks
    }

    /// The grammar, in Lark with the rule `start` first, of an answer that fits `grammar` once the thinking is over. `token` has the
    /// control token of a name, if there is one.
    pub fn before(&self, grammar: String, token: &dyn Fn(&str) -> Option<u32>) -> String {
        match self.may_think() {
            true => tools::Thinking { open: OPENS, close: CLOSES, begun: self.is_thinking() }.before(&grammar, token),
            false => grammar,
        }
    }

    /// Takes the next piece of text.
    pub fn push(&mut self, text: &str) -> Parts {
        let mut parts = Parts::default();
        if self.state == State::Says {
            // By far the most frequent case.
            parts.content.push_str(text);
            return parts;
        }
        self.held.push_str(text);
        while self.advance(&mut parts) {}
        parts
    }

    /// What is left when no more text comes.
    pub fn finish(&mut self) -> Parts {
        let rest = std::mem::take(&mut self.held);
        match self.state {
            State::Thinks => Parts { reasoning: rest, ..Parts::default() },
            State::Undecided | State::Says => Parts { content: rest, ..Parts::default() },
            State::Thought => Parts::default(),
        }
    }

    /// Moves what is certain of the held text to `parts`; whether there may be more.
    fn advance(&mut self, parts: &mut Parts) -> bool {
        match self.state {
            State::Undecided => {
                let begun = self.held.trim_start();
                if let Some(rest) = begun.strip_prefix(OPENS) {
                    self.held = rest.to_owned();
                    self.state = State::Thinks;
                    return true;
                }
                if !OPENS.starts_with(begun) {
                    self.state = State::Says;
                    return true;
                }
                false
            }
            State::Thinks => {
                if let Some(at) = self.held.find(CLOSES) {
                    parts.reasoning.push_str(&self.held[..at]);
                    self.held.drain(..at + CLOSES.len());
                    self.state = State::Thought;
                    return true;
                }
                let keep = (1..CLOSES.len()).rev().find(|&n| self.held.ends_with(&CLOSES[..n])).unwrap_or(0);
                let certain = self.held.len() - keep;
                parts.reasoning.push_str(&self.held[..certain]);
                self.held.drain(..certain);
                false
            }
            State::Thought => {
                // The empty lines between the two belong to neither.
                let said = self.held.trim_start();
                if said.is_empty() {
                    self.held.clear();
                    return false;
                }
                self.held = said.to_owned();
                self.state = State::Says;
                true
            }
            State::Says => {
                parts.content.push_str(&self.held);
                self.held.clear();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(prompt: &str, text: &str, size: usize) -> (String, String) {
        let mut thinking = Thinking::after(prompt, true);
        let (mut reasoning, mut content) = (String::new(), String::new());
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters.chunks(size).map(|piece| piece.iter().collect::<String>());
        let mut parts: Vec<Parts> = pieces.map(|piece| thinking.push(&piece)).collect();
        parts.push(thinking.finish());
        for part in parts {
            reasoning += &part.reasoning;
            content += &part.content;
        }
        (reasoning, content)
    }

    #[test]
    fn thinking_and_saying_are_told_apart_wherever_the_text_is_cut() {
        for size in 1..40 {
            let both = split("user: hi", "<think>2 < 3, so </b>\n</think>\n\nYes </think>.", size);
            assert_eq!(both, ("2 < 3, so </b>\n".into(), "Yes </think>.".into()));
            assert_eq!(split("a <think>\n", "hm</think>ok", size), ("hm".into(), "ok".into()));
            assert_eq!(split("", " <thin air", size), ("".into(), " <thin air".into()));
            assert_eq!(split("", "<think>cut </th", size), ("cut </th".into(), "".into()));
            assert_eq!(split("", "", size), ("".into(), "".into()));
        }
    }

    #[test]
    fn a_model_that_does_not_think_says_everything() {
        let mut plain = Thinking::after("<think>", false);
        assert_eq!(plain.push("<think>x</think>").content, "<think>x</think>");
    }
}
