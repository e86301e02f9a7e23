//! One request on its way.

use std::sync::Arc;
use std::time::Instant;

use whit_model::Tokenizer;
use whit_model::tokenizer::StreamDecoder;

use crate::EngineError;
use crate::blocks::Chain;
use crate::request::{Event, FinishReason, Request, RequestId, Usage};
use crate::sampler::{Sampler, logprobs};
use crate::stop::{Passed, StopTexts};

/// A request with everything that belongs to it.
pub(crate) struct Running {
    pub id: RequestId,
    /// Prompt, then answer.
    pub tokens: Vec<u32>,
    /// Tokens whose keys and values are in the cache.
    pub computed: usize,
    pub blocks: Vec<u32>,
    /// What the pool calls the full blocks so far.
    pub chain: Chain,
    prompt: usize,
    cached: usize,
    /// Most tokens in all.
    limit: usize,
    stop_tokens: Vec<u32>,
    logprobs: Option<usize>,
    sampler: Sampler,
    decoder: Option<StreamDecoder<Arc<Tokenizer>>>,
    stop_texts: StopTexts,
    submitted: Instant,
    first_token: Option<Instant>,
}

impl Running {
    pub fn new(id: RequestId, request: Request, context: usize, tokenizer: Option<Arc<Tokenizer>>) -> Running {
        let prompt = request.prompt.len();
        let limit = request.max_tokens.map_or(context, |max| prompt.saturating_add(max).min(context));
        Running {
            id,
            sampler: Sampler::new(request.sampling, &request.prompt),
            computed: 0,
            blocks: vec![],
            chain: Chain::default(),
            prompt,
            cached: 0,
            limit,
            stop_tokens: request.stop_tokens,
            logprobs: request.logprobs,
            decoder: tokenizer.map(|tokenizer| tokenizer.shared_decoder_after(&request.prompt, true)),
            tokens: request.prompt,
            stop_texts: StopTexts::new(request.stop),
            submitted: Instant::now(),
            first_token: None,
        }
    }

    /// Tokens that have not been run yet. Not empty.
    pub fn pending(&self) -> &[u32] {
        &self.tokens[self.computed..]
    }

    /// Cache positions it may come to use. The last token of an answer is never run.
    pub fn positions_needed(&self) -> usize {
        self.limit.max(self.prompt)
    }

    /// The first `tokens` tokens need not be run.
    pub fn found_in_cache(&mut self, tokens: usize, chain: Chain) {
        self.chain = chain;
        self.computed = tokens;
        self.cached = tokens;
    }

    /// Chooses the next token from `logits`; true if the request is over.
    ///
    /// # Errors
    /// If the model's numbers have left the range of floats.
    pub fn advance(&mut self, logits: &[f32], events: &mut Vec<Event>) -> Result<bool, EngineError> {
        if self.limit <= self.prompt {
            // max_tokens is 0: the prompt was to be run, nothing more.
            events.push(self.finished(String::new(), FinishReason::Length));
            return Ok(true);
        }
        let id = self.sampler.choose(logits);
        if !logits[id as usize].is_finite() {
            return Err(EngineError::NotFinite);
        }
        self.tokens.push(id);
        self.first_token.get_or_insert_with(Instant::now);
        let logprobs = self.logprobs.map(|top| logprobs(logits, id, top));
        if self.stop_tokens.contains(&id) {
            events.push(Event::Token { request: self.id, id, text: String::new(), logprobs });
            let (text, _) = self.rest();
            events.push(self.finished(text, FinishReason::Stop));
            return Ok(true);
        }
        let piece = self.decoder.as_mut().map_or_else(String::new, |decoder| decoder.push(id));
        match self.stop_texts.push(&piece) {
            Passed::Stop(text) => {
                events.push(Event::Token { request: self.id, id, text, logprobs });
                events.push(self.finished(String::new(), FinishReason::Stop));
                Ok(true)
            }
            Passed::Text(text) => {
                events.push(Event::Token { request: self.id, id, text, logprobs });
                let full = self.tokens.len() >= self.limit;
                if full {
                    let (text, reason) = self.rest();
                    events.push(self.finished(text, reason));
                }
                Ok(full)
            }
        }
    }

    /// Text that was held back, at the end of the context. It can still hold a stop text, if the decoder kept part of it.
    fn rest(&mut self) -> (String, FinishReason) {
        let last = self.decoder.take().map_or_else(String::new, StreamDecoder::finish);
        match self.stop_texts.push(&last) {
            Passed::Stop(text) => (text, FinishReason::Stop),
            Passed::Text(text) => (text + &self.stop_texts.finish(), FinishReason::Length),
        }
    }

    fn finished(&self, text: String, reason: FinishReason) -> Event {
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        Event::Finished {
            request: self.id,
            text,
            reason,
            usage: Usage {
                prompt_tokens: self.prompt,
                cached_tokens: self.cached,
                generated_tokens: self.tokens.len() - self.prompt,
                time_to_first_token: first - self.submitted,
                decode_time: now - first,
            },
        }
    }
}
