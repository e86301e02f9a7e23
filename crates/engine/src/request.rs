//! What goes into the engine and what comes out.

use std::time::{Duration, Instant};

use crate::adapters::AdapterId;
use crate::constraint::Constraint;

/// Names a request within its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// One prompt to continue.
#[derive(Clone, Debug)]
pub struct Request {
    /// Token ids, BOS included where the model wants it. Not empty.
    pub prompt: Vec<u32>,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// Most tokens to generate; `None`: until the context is full.
    pub max_tokens: Option<usize>,
    /// Tokens that end the answer; they are not part of its text.
    pub stop_tokens: Vec<u32>,
    /// Texts that end the answer; the answer is cut before the first of them, which is never streamed.
    pub stop: Vec<String>,
    /// Control tokens that the text shows, such as those that frame tool calls; it leaves out all others.
    pub shown_tokens: Vec<u32>,
    /// Return the log-probability of each generated token and of this many most likely ones.
    pub logprobs: Option<usize>,
    /// What the answer must fit. Stop tokens come only where it is complete; where it can only be complete, it ends.
    pub constraint: Option<Constraint>,
    /// Tell with the end how probable the answer was under its constraint ([`Event::Finished`]), with logits divided by each of these
    /// temperatures: 1, what a calibration has found, or those that one is to find it among. For answers under a constraint only.
    pub confidence: Vec<f32>,
    /// Who asks: those who wait take turns by what was done for them.
    pub client: u64,
    /// Whom of those it speaks for: the requests of one client take turns by what was done for these.
    pub user: u64,
    /// On whose account its work is: [`Engine::work`](crate::Engine::work) says so again.
    pub account: u64,
    /// When the answer is of no use any more: it ends then, with what there is of it.
    pub deadline: Option<Instant>,
    /// Most bytes of KV cache that it may have; the answer ends with what fits, at least the prompt.
    pub max_cache_bytes: Option<u64>,
    /// What is wanted.
    pub task: Task,
    /// The adapter it is answered with; `None`: the model as it is.
    pub adapter: Option<AdapterId>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// An answer.
    #[default]
    Generate,
    /// One vector of the model's hidden size for the whole prompt, from what stands before the vocabulary head (the final norm's
    /// output). Nothing is generated, and sampling, limits, stops and constraint are without meaning.
    Embed(Pooling),
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// That of the last token.
    Last,
    /// Their mean.
    Mean,
}

impl Request {
    /// A request with greedy sampling and no limits of its own.
    pub fn new(prompt: Vec<u32>) -> Request {
        Request {
            prompt,
            sampling: Sampling::default(),
            max_tokens: None,
            stop_tokens: vec![],
            stop: vec![],
            shown_tokens: vec![],
            logprobs: None,
            constraint: None,
            confidence: vec![],
            client: 0,
            user: 0,
            account: 0,
            deadline: None,
            max_cache_bytes: None,
            task: Task::Generate,
            adapter: None,
        }
    }
}

/// How the next token is chosen from the logits. The default is greedy.
///
/// Applied in this order: the constraint's mask, logit bias, penalties, then (unless the temperature is 0) temperature, top-k, top-p, min-p, draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token.
    pub temperature: f32,
    /// Keep this many most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of most likely tokens with at least this probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the most likely one; 0 keeps all.
    pub min_p: f32,
    /// Divides positive and multiplies negative logits of tokens seen in prompt or answer (Keskar et al., 2019); 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted once from the logit of every token seen in the answer; 0 is off.
    pub presence_penalty: f32,
    /// Subtracted for each time a token was seen in the answer; 0 is off.
    pub frequency_penalty: f32,
    /// Added to logits before penalties. Cannot bring back what a constraint rules out, nor rule out all that it allows: then the most
    /// likely of that is taken.
    pub logit_bias: Vec<(u32, f32)>,
    /// Seed of the draw; the same seed, prompt and sampling give the same answer, whatever else is in the batch.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: vec![],
            seed: 0,
        }
    }
}

impl Sampling {
    /// A sentence on the first value that is out of range.
    pub(crate) fn check(&self, vocab_size: usize) -> Result<(), String> {
        let range = |name: &str, value: f32, low: f32, high: f32| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(format!("{name} is {value}: use a number from {low} to {high}")),
        };
        range("temperature", self.temperature, 0.0, 100.0)?;
        range("top_p", self.top_p, 0.0, 1.0)?;
        range("min_p", self.min_p, 0.0, 1.0)?;
        range("repetition_penalty", self.repetition_penalty, 0.01, 100.0)?;
        range("presence_penalty", self.presence_penalty, -100.0, 100.0)?;
        range("frequency_penalty", self.frequency_penalty, -100.0, 100.0)?;
        match self
            .logit_bias
            .iter()
            .find(|(id, bias)| *id as usize >= vocab_size || bias.is_nan() || *bias == f32::INFINITY)
        {
            Some((id, bias)) => {
                Err(format!("logit_bias of {bias} for token {id}: use a number and a token below {vocab_size}"))
            }
            None => Ok(()),
        }
    }
}

/// What a step brought.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A token was generated. Its text may come later, with the token that completes a character or rules out a stop text.
    Token {
        /// Whose.
        request: RequestId,
        /// Its id.
        id: u32,
        /// Text that is now certain; may be empty. (Empty always, if the engine was loaded without a tokenizer.)
        text: &'a str,
        /// If asked for: the token's own log-probability, then the most likely ones.
        logprobs: Option<&'a TokenLogprob>,
    },
    /// The vector of a request for one; what it is of is over with the next event.
    Embedding {
        /// Whose.
        request: RequestId,
        /// As the model has it: not scaled to length 1.
        vector: &'a [f32],
    },
    /// The request is over and its memory free.
    Finished {
        /// Whose.
        request: RequestId,
        /// The last piece of text: held back for a stop text that did not come.
        text: &'a str,
        /// Why it ended.
        reason: FinishReason,
        /// What it took.
        usage: Usage,
        /// If asked for ([`Request::confidence`]): the probability of the whole answer under its constraint, at each temperature.
        ///
        /// It is the product over its tokens, the stop token included, of the probability of each among those that the constraint allows
        /// in its place: `exp(l / T) / sum(exp(l' / T))`, with `l` the model's own logits (before bias and penalties), `l'` those of what is
        /// allowed, and `T` the temperature asked for. Where the constraint leaves no choice, that is 1. So the figures of all answers
        /// that fit add up to 1, each answer being a sequence of tokens: of a text that can be cut into tokens in several ways it is
        /// the figure of this way.
        ///
        /// Empty if the answer did not end by itself: it was cut, at a stop text too, or its numbers overflowed.
        confidence: &'a [f64],
    },
}

/// Log-probabilities (natural, over the full vocabulary, before constraint, temperature and cuts) at one generated token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenLogprob {
    /// Of the chosen token.
    pub logprob: f32,
    /// The most likely tokens, best first.
    pub top: Vec<(u32, f32)>,
}

/// Why a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// A stop token or stop text; a constraint that is complete; an embedding that was told.
    Stop,
    /// `max_tokens`, or the context is full.
    Length,
    /// Its deadline has passed.
    Deadline,
    /// It was [stopped](crate::Engine::stop), or has used [`Request::max_cache_bytes`].
    Budget,
    /// The constraint could not be followed to its end: it is too complex, or no token of the vocabulary fits. The answer so far
    /// may not fit it.
    Constraint,
    /// The model's numbers have left the range of floats ([`EngineError::NotFinite`](crate::EngineError::NotFinite) has a sentence on
    /// that): there is nothing to go on with, and an embedding was not told.
    NotFinite,
}

/// What a request took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, how many were found in the cache.
    pub cached_tokens: usize,
    /// Tokens generated, the stop token included.
    pub generated_tokens: usize,
    /// Tokens that were guessed ahead and checked, and how many of them came true.
    pub guessed_tokens: usize,
    /// See `guessed_tokens`.
    pub guessed_right: usize,
    /// From submission to the first generated token.
    pub time_to_first_token: Duration,
    /// The part of it in which the prompt was read: from joining those that run. For an embedding, to the end.
    pub prefill_time: Duration,
    /// From the first generated token to the last.
    pub decode_time: Duration,
    /// Most bytes of KV cache that it had at once, those included that others had too.
    pub peak_cache_bytes: u64,
}
