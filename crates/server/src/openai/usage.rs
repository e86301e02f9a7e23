//! What an answer took, in tokens.

use serde::Serialize;
use utoipa::ToSchema;
use whit_meter::Receipt;

use super::ReceiptSchema;

/// Tokens of the prompt (once, however many choices) and of all choices together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens generated, stop tokens included.
    pub completion_tokens: usize,
    /// Both.
    pub total_tokens: usize,
    /// More about the prompt.
    pub prompt_tokens_details: PromptTokensDetails,
    /// More about the answer; for models that think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_tokens_details: Option<CompletionTokensDetails>,
    /// What it cost, unless nothing is metered. An extension of OpenAI's usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReceiptSchema>)]
    pub whit: Option<Receipt>,
}

/// Where the prompt's tokens came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PromptTokensDetails {
    /// Of the prompt's tokens, those found in the cache.
    pub cached_tokens: usize,
}

/// What the answer's tokens were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CompletionTokensDetails {
    /// Of the generated tokens, those of the thinking.
    pub reasoning_tokens: usize,
}

impl Usage {
    /// Adds one of the choices for the prompt with number `prompt`. `counted` holds which prompts are already in the sum, each with its
    /// cached tokens: those that all its choices found, for what one of them read and the others found was read for this call.
    pub fn add(&mut self, counted: &mut Vec<(usize, usize)>, prompt: usize, usage: &whit_engine::Usage) {
        let cached = &mut self.prompt_tokens_details.cached_tokens;
        match counted.iter_mut().find(|(known, _)| *known == prompt) {
            None => {
                counted.push((prompt, usage.cached_tokens));
                self.prompt_tokens += usage.prompt_tokens;
                *cached += usage.cached_tokens;
            }
            Some((_, before)) => {
                let fewer = before.saturating_sub(usage.cached_tokens);
                *cached -= fewer;
                *before -= fewer;
            }
        }
        self.completion_tokens += usage.generated_tokens;
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_choice_read_is_not_cached_because_another_found_it() {
        let choice = |cached_tokens| whit_engine::Usage {
            prompt_tokens: 100,
            cached_tokens,
            generated_tokens: 3,
            ..whit_engine::Usage::default()
        };
        let (mut usage, mut counted) = (Usage::default(), vec![]);
        for (prompt, cached) in [(0, 96), (0, 32), (1, 64), (0, 96)] {
            usage.add(&mut counted, prompt, &choice(cached));
        }
        assert_eq!((usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens), (200, 32 + 64));
        assert_eq!((usage.completion_tokens, usage.total_tokens), (12, 212));
    }
}
