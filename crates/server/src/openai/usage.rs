//! What an answer took, in tokens.

use serde::Serialize;
use utoipa::ToSchema;

/// Tokens of the prompt (once, however many choices) and of all choices together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
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
    /// Adds one of the choices for the prompt with number `prompt`. `counted` holds which prompts are already in the sum.
    pub fn add(&mut self, counted: &mut Vec<usize>, prompt: usize, usage: &whit_engine::Usage) {
        if !counted.contains(&prompt) {
            counted.push(prompt);
            self.prompt_tokens += usage.prompt_tokens;
            self.prompt_tokens_details.cached_tokens += usage.cached_tokens;
        }
        self.completion_tokens += usage.generated_tokens;
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
    }
}
