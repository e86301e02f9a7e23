//! One request on its way.

use std::sync::Arc;
use std::time::Instant;

use whit_model::Tokenizer;
use whit_model::tokenizer::StreamDecoder;

use crate::EngineError;
use crate::blocks::Chain;
use crate::draft::Drafts;
use crate::request::{Event, FinishReason, Request, RequestId, TokenLogprob, Usage};
use crate::sampler::Sampler;
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
    /// Those of the last token; kept, so that a step allocates nothing for it.
    last_logprobs: TokenLogprob,
    sampler: Sampler,
    decoder: Option<StreamDecoder<Arc<Tokenizer>>>,
    stop_texts: StopTexts,
    submitted: Instant,
    first_token: Option<Instant>,
    /// It has told its end.
    pub over: bool,
    pub drafts: Drafts,
}

impl Running {
    pub fn new(id: RequestId, request: Request, context: usize, tokenizer: Option<Arc<Tokenizer>>) -> Running {
        let prompt = request.prompt.len();
        let limit = request.max_tokens.map_or(context, |max| prompt.saturating_add(max).min(context));
        let mut sampler = Sampler::new(request.sampling, &request.prompt);
        let decoder = tokenizer.map(|tokenizer| tokenizer.shared_decoder_after(&request.prompt, true));
        let mut tokens = request.prompt;
        // So that no step has to make room.
        tokens.reserve_exact(limit.saturating_sub(prompt));
        sampler.reserve(limit.saturating_sub(prompt));
        Running {
            id,
            sampler,
            computed: 0,
            blocks: vec![],
            chain: Chain::default(),
            prompt,
            cached: 0,
            limit,
            stop_tokens: request.stop_tokens,
            logprobs: request.logprobs,
            last_logprobs: TokenLogprob::default(),
            decoder,
            tokens,
            stop_texts: StopTexts::new(request.stop),
            submitted: Instant::now(),
            first_token: None,
            over: false,
            drafts: Drafts::default(),
        }
    }

    /// Tokens that have not been run yet. Not empty.
    pub fn pending(&self) -> &[u32] {
        &self.tokens[self.computed..]
    }

    /// Guesses what comes after the pending tokens, at most `most` tokens, and adds it to them; how many that were.
    pub fn guess(&mut self, most: usize) -> usize {
        // The answer's last token is never run.
        let room = self.limit.saturating_sub(self.tokens.len() + 1);
        self.drafts.guess(&self.tokens, most.min(room));
        self.tokens.extend_from_slice(self.drafts.tokens());
        self.drafts.tokens().len()
    }

    /// Takes the guess back out of the tokens, and chooses: from `logits(0)` the token after the pending ones, and as long as the guess
    /// comes true, from `logits(1)` and so on the tokens after it. The same tokens as one at a time. `price`: see [`Drafts::judge`].
    ///
    /// # Errors
    /// If the model's numbers have left the range of floats.
    pub fn advance<'l>(
        &mut self,
        logits: impl Fn(usize) -> &'l [f32],
        price: f32,
        tell: &mut impl FnMut(Event),
    ) -> Result<(), EngineError> {
        let (guess, guessed) = (self.drafts.clone(), self.drafts.tokens().len());
        self.tokens.truncate(self.tokens.len() - guessed);
        let mut right = 0;
        loop {
            self.choose(logits(right), tell)?;
            if self.over || right == guessed || self.tokens.last() != guess.tokens().get(right) {
                break;
            }
            right += 1;
        }
        if guessed > 0 {
            self.drafts.judge(right, price);
        }
        // Keys and values of what came true are in the cache.
        self.computed += right;
        Ok(())
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

    /// Chooses the next token from `logits` and tells what came of it.
    fn choose(&mut self, logits: &[f32], tell: &mut impl FnMut(Event)) -> Result<(), EngineError> {
        if self.limit <= self.prompt {
            // max_tokens is 0: the prompt was to be run, nothing more.
            self.over = true;
            tell(Event::Finished { request: self.id, text: "", reason: FinishReason::Length, usage: self.usage() });
            return Ok(());
        }
        let id = self.sampler.choose(logits);
        if !logits[id as usize].is_finite() {
            return Err(EngineError::NotFinite);
        }
        self.tokens.push(id);
        self.first_token.get_or_insert_with(Instant::now);
        if let Some(top) = self.logprobs {
            self.sampler.logprobs(logits, id, top, &mut self.last_logprobs);
        }
        let is_stop = self.stop_tokens.contains(&id);
        let decoder = self.decoder.as_mut().filter(|_| !is_stop);
        let passed = self.stop_texts.push(|text| decoder.into_iter().for_each(|decoder| decoder.push_to(id, text)));
        let (text, is_stopped) = match passed {
            Passed::Text(text) => (text, false),
            Passed::Stop(text) => (text, true),
        };
        let logprobs = self.logprobs.map(|_| &self.last_logprobs);
        tell(Event::Token { request: self.id, id, text, logprobs });
        self.over = is_stop || is_stopped || self.tokens.len() >= self.limit;
        if self.over {
            let usage = self.usage();
            // What was held back can still hold a stop text, if the decoder kept part of it.
            let decoder = self.decoder.take();
            let (text, reason) = match is_stopped {
                true => ("", FinishReason::Stop),
                false => match self.stop_texts.finish(|text| decoder.into_iter().for_each(|d| d.finish_to(text))) {
                    Passed::Text(text) if !is_stop => (text, FinishReason::Length),
                    Passed::Text(text) | Passed::Stop(text) => (text, FinishReason::Stop),
                },
            };
            tell(Event::Finished { request: self.id, text, reason, usage });
        }
        Ok(())
    }

    fn usage(&self) -> Usage {
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        Usage {
            prompt_tokens: self.prompt,
            cached_tokens: self.cached,
            generated_tokens: self.tokens.len() - self.prompt,
            guessed_tokens: self.drafts.total_guessed,
            guessed_right: self.drafts.total_right,
            time_to_first_token: first - self.submitted,
            decode_time: now - first,
        }
    }
}
