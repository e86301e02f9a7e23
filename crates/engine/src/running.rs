//! One request on its way.

use std::sync::Arc;
use std::time::Instant;

use whit_kernels::program::BLOCK;
use whit_model::Tokenizer;
use whit_model::tokenizer::StreamDecoder;

use crate::EngineError;
use crate::blocks::{BlockPool, Chain};
use crate::clients::Who;
use crate::constraint::{Constraint, End};
use crate::draft::Drafts;
use crate::request::{Event, FinishReason, Pooling, Request, RequestId, Task, TokenLogprob, Usage};
use crate::sampler::{Sampler, allows, log_share};
use crate::stop::{Passed, StopTexts};

/// A request with everything that belongs to it.
pub(crate) struct Running {
    pub id: RequestId,
    /// Who asks.
    pub who: Who,
    /// On whose account its work is.
    pub account: u64,
    pub deadline: Option<Instant>,
    pub task: Task,
    /// The program's number of its adapter.
    pub adapter: Option<usize>,
    /// What the pool calls the beginning of its sequence: another one for every adapter.
    pub root: Chain,
    /// Prompt, then answer.
    pub tokens: Vec<u32>,
    /// Tokens whose keys and values are in the cache.
    pub computed: usize,
    /// Tokens that were there when it joined, the prompt or more: they are run as a prompt is.
    to_read: usize,
    /// It runs or has run; one that waits lost its place to others.
    pub has_begun: bool,
    /// The cache's blocks that it has, for at least all its tokens while it runs; none while it waits.
    pub blocks: Vec<u32>,
    /// What the pool calls the full blocks so far.
    pub chain: Chain,
    prompt: usize,
    cached: usize,
    /// Most blocks that it had at once, and the bytes of one.
    peak_blocks: usize,
    block_bytes: u64,
    /// Most tokens in all, and what an answer ends with that has them.
    limit: usize,
    at_limit: FinishReason,
    stop_tokens: Vec<u32>,
    logprobs: Option<usize>,
    /// Those of the last token; kept, so that a step allocates nothing for it.
    last_logprobs: TokenLogprob,
    sampler: Sampler,
    decoder: Option<StreamDecoder<Arc<Tokenizer>>>,
    stop_texts: StopTexts,
    submitted: Instant,
    begun: Option<Instant>,
    first_token: Option<Instant>,
    /// It has told its end.
    pub over: bool,
    /// It is to end.
    pub is_stopped: bool,
    pub drafts: Drafts,
    /// What the answer must fit; away while its mask is computed.
    pub constraint: Option<Box<Constraint>>,
    is_constrained: bool,
    /// The temperatures at which the answer's probability is asked for, and its logarithms so far.
    confidence: Vec<(f32, f64)>,
    /// The sum of the vectors of the tokens so far, for their mean. The order of the sum is theirs, whatever the chunks are.
    sum: Vec<f64>,
}

impl Running {
    pub fn new(
        id: RequestId,
        request: Request,
        (adapter, root): (Option<usize>, Chain),
        context: usize,
        block_bytes: u64,
        tokenizer: Option<Arc<Tokenizer>>,
    ) -> Running {
        let prompt = request.prompt.len();
        let limit = match request.task {
            Task::Generate => request.max_tokens.map_or(context, |max| prompt.saturating_add(max).min(context)),
            Task::Embed(_) => prompt,
        };
        // An answer's last token is never run and takes no place.
        let room = request.max_cache_bytes.map(|bytes| (bytes / block_bytes.max(1)).saturating_mul(BLOCK as u64) + 1);
        let room = room.map_or(usize::MAX, |room| usize::try_from(room).unwrap_or(usize::MAX)).max(prompt);
        let (limit, at_limit) = match room < limit {
            true => (room, FinishReason::Budget),
            false => (limit, FinishReason::Length),
        };
        let mut stop_tokens = request.stop_tokens;
        stop_tokens.extend(request.constraint.iter().flat_map(|constraint| constraint.stop_tokens()));
        let mut sampler = Sampler::new(request.sampling, &request.prompt);
        let decoder = tokenizer
            .map(|tokenizer| tokenizer.shared_decoder_after(&request.prompt, true).showing(request.shown_tokens));
        let mut tokens = request.prompt;
        // So that no step has to make room.
        tokens.reserve_exact(limit.saturating_sub(prompt));
        sampler.reserve(limit.saturating_sub(prompt));
        Running {
            id,
            who: (request.client, request.user),
            account: request.account,
            deadline: request.deadline,
            task: request.task,
            adapter,
            root,
            sampler,
            computed: 0,
            to_read: prompt,
            has_begun: false,
            blocks: vec![],
            chain: root,
            prompt,
            cached: 0,
            peak_blocks: 0,
            block_bytes,
            limit,
            at_limit,
            stop_tokens,
            logprobs: request.logprobs,
            last_logprobs: TokenLogprob::default(),
            decoder,
            tokens,
            stop_texts: StopTexts::new(request.stop),
            submitted: Instant::now(),
            begun: None,
            first_token: None,
            over: false,
            is_stopped: false,
            drafts: Drafts::default(),
            is_constrained: request.constraint.is_some(),
            constraint: request.constraint.map(Box::new),
            confidence: request.confidence.into_iter().map(|temperature| (temperature, 0.0)).collect(),
            sum: vec![],
        }
    }

    /// Tokens that have not been run yet. Not empty.
    pub fn pending(&self) -> &[u32] {
        &self.tokens[self.computed..]
    }

    /// Whether what it joined with has been run, or all but one token of it: then a step goes on with it at little cost.
    pub fn is_decoding(&self) -> bool {
        self.computed >= self.to_read || self.pending().len() - self.drafts.tokens().len() == 1
    }

    /// Whether its constraint is away: its mask is being computed, and no token can be chosen before.
    pub fn is_without_mask(&self) -> bool {
        self.is_constrained && self.constraint.is_none()
    }

    /// Whether what it joined with has not been run yet.
    pub fn is_reading(&self) -> bool {
        self.computed < self.to_read
    }

    /// How its tokens' vectors become one, if that is what is wanted.
    pub fn pooling(&self) -> Option<Pooling> {
        match self.task {
            Task::Generate => None,
            Task::Embed(pooling) => Some(pooling),
        }
    }

    /// Whether a beginning that is in the cache need not be run again.
    pub fn can_skip(&self) -> bool {
        self.task != Task::Embed(Pooling::Mean)
    }

    /// Whether the next block that it fills is one that `other`, which has not joined yet, begins with too.
    pub fn is_reading_for(&self, other: &Running) -> bool {
        let end = (self.computed / BLOCK + 1) * BLOCK;
        // Of what is found in the cache a token is always left over.
        let is_shared = end <= self.to_read && end < other.tokens.len() && self.tokens[..end] == other.tokens[..end];
        is_shared && self.root == other.root && self.can_skip() && other.can_skip()
    }

    /// Guesses what comes after the pending tokens, at most `most` tokens, and adds it to them; how many that were. None that would
    /// need more blocks than there are to be had.
    pub fn guess(&mut self, most: usize, pool: &mut BlockPool) -> usize {
        // A grammar often forces what could be guessed, and a guess that does not fit it is lost.
        if self.is_constrained || self.task != Task::Generate {
            return 0;
        }
        // The answer's last token is never run.
        let room = self.limit.saturating_sub(self.tokens.len() + 1);
        let most = most.min(room);
        self.reach(self.tokens.len() + most, pool);
        self.drafts.guess(&self.tokens, most.min(self.blocks.len() * BLOCK - self.tokens.len()));
        self.tokens.extend_from_slice(self.drafts.tokens());
        self.drafts.tokens().len()
    }

    /// Takes the guess back out of the tokens, and chooses: from `logits(0)` the token after the pending ones, and as long as the guess
    /// comes true, from `logits(1)` and so on the tokens after it. The same tokens as one at a time. `price`: see [`Drafts::judge`].
    ///
    /// # Errors
    /// If the engine is broken.
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

    /// Takes the vectors of the tokens just run, or of the last of them if no other is needed; at the end of the prompt, tells the one
    /// that becomes of them.
    pub fn embed<'h>(&mut self, hidden: impl Iterator<Item = &'h [f32]>, tell: &mut impl FnMut(Event)) {
        let mut last: &[f32] = &[];
        for row in hidden {
            last = row;
            if self.task == Task::Embed(Pooling::Mean) {
                self.sum.resize(row.len(), 0.0);
                self.sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
        if self.computed < self.prompt {
            return;
        }
        let mean: Vec<f32> = self.sum.iter().map(|sum| (sum / self.prompt as f64) as f32).collect();
        let vector = if mean.is_empty() { last } else { &mean };
        if !vector.iter().all(|value| value.is_finite()) {
            return self.finish(FinishReason::NotFinite, tell);
        }
        tell(Event::Embedding { request: self.id, vector });
        self.finish(FinishReason::Stop, tell);
    }

    /// Blocks that it may come to need. The last token of an answer is never run.
    pub fn most_blocks(&self) -> usize {
        self.limit.saturating_sub(1).max(self.prompt).div_ceil(BLOCK)
    }

    /// Sees to it that it has blocks for so many positions; false if no more are to be had.
    pub fn reach(&mut self, positions: usize, pool: &mut BlockPool) -> bool {
        while self.blocks.len() * BLOCK < positions {
            let Some(block) = pool.take() else { return false };
            self.blocks.push(block);
        }
        self.peak_blocks = self.peak_blocks.max(self.blocks.len());
        true
    }

    /// It joins those that run. The blocks it has, known as `chain`, need not be run again.
    pub fn begin(&mut self, chain: Chain) {
        self.chain = chain;
        self.computed = self.blocks.len() * BLOCK;
        if !self.has_begun {
            self.cached = self.computed;
            self.begun = Some(Instant::now());
        }
        self.has_begun = true;
        // So that no step has to make room.
        self.blocks.reserve_exact(self.most_blocks().saturating_sub(self.blocks.len()));
    }

    /// Its blocks go to others. What it said and how it goes on stays; what it has read is to be run again.
    pub fn give_way(&mut self, pool: &mut BlockPool) {
        pool.release(&self.blocks);
        self.blocks.clear();
        self.computed = 0;
        self.to_read = self.tokens.len();
        self.sum.clear();
    }

    /// Chooses the next token from `logits` and tells what came of it.
    fn choose(&mut self, logits: &[f32], tell: &mut impl FnMut(Event)) -> Result<(), EngineError> {
        if self.limit <= self.prompt {
            // max_tokens is 0: the prompt was to be run, nothing more.
            self.finish(self.at_limit, tell);
            return Ok(());
        }
        match self.constraint.take() {
            Some(mut constraint) => {
                self.choose_within(&mut constraint, logits, tell);
                self.constraint = Some(constraint);
            }
            None if self.is_constrained => return Err(EngineError::Internal("a constraint was lost".into())),
            None => {
                let id = self.sampler.choose(logits, None);
                self.take(id, Some(logits), false, tell);
            }
        }
        Ok(())
    }

    /// As [`Running::choose`], and takes the tokens that can only follow.
    fn choose_within(&mut self, constraint: &mut Constraint, logits: &[f32], tell: &mut impl FnMut(Event)) {
        let id = match (constraint.take_forced(), constraint.mask()) {
            (Some(id), _) => {
                self.sampler.note(id);
                id
            }
            (None, Some(mask)) => {
                let id = self.sampler.choose(logits, Some(mask));
                if !allows(mask, id) {
                    // Nothing that is allowed has a number; or the tokenizer has tokens that the model does not have, and only they fit.
                    let overflowed = logits.iter().any(|logit| logit.is_nan());
                    let reason = if overflowed { FinishReason::NotFinite } else { FinishReason::Constraint };
                    return self.finish(reason, tell);
                }
                for (temperature, log) in &mut self.confidence {
                    *log += log_share(logits, mask, id, *temperature);
                }
                constraint.consume(id);
                id
            }
            (None, None) => {
                let is_complete = constraint.end() == Some(End::Complete);
                return self.finish(if is_complete { FinishReason::Stop } else { FinishReason::Constraint }, tell);
            }
        };
        self.take(id, Some(logits), constraint.end() == Some(End::Complete), tell);
        // Log-probabilities take logits: then what is forced is run one by one, too.
        while self.logprobs.is_none() && !self.over {
            let Some(id) = constraint.take_forced() else { break };
            self.sampler.note(id);
            self.take(id, None, constraint.end() == Some(End::Complete), tell);
        }
        if !self.over && constraint.end() == Some(End::Failed) {
            self.finish(FinishReason::Constraint, tell);
        }
    }

    /// The answer goes on with `id`, and tells it. `logits`: those it was chosen from, if it was; `ends`: nothing comes after it.
    fn take(&mut self, id: u32, logits: Option<&[f32]>, ends: bool, tell: &mut impl FnMut(Event)) {
        if logits.is_some_and(|logits| !logits[id as usize].is_finite()) {
            return self.finish(FinishReason::NotFinite, tell);
        }
        self.tokens.push(id);
        self.first_token.get_or_insert_with(Instant::now);
        if let (Some(top), Some(logits)) = (self.logprobs, logits) {
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
        if is_stopped {
            self.over = true;
            let (reason, usage) = (FinishReason::Stop, self.usage());
            tell(Event::Finished { request: self.id, text: "", reason, usage, confidence: &[] });
        } else if is_stop || ends {
            self.finish(FinishReason::Stop, tell);
        } else if self.tokens.len() >= self.limit {
            self.finish(self.at_limit, tell);
        }
    }

    /// Tells the end, with the text that was held back.
    pub fn finish(&mut self, reason: FinishReason, tell: &mut impl FnMut(Event)) {
        self.over = true;
        let usage = self.usage();
        // What was held back can still hold a stop text, if the decoder kept part of it.
        let decoder = self.decoder.take();
        let (text, reason, is_whole) =
            match self.stop_texts.finish(|text| decoder.into_iter().for_each(|d| d.finish_to(text))) {
                Passed::Text(text) => (text, reason, reason == FinishReason::Stop),
                Passed::Stop(text) => (text, FinishReason::Stop, false),
            };
        let mut confidence: Vec<f64> = self.confidence.iter().map(|(_, log)| log.exp()).collect();
        if !is_whole || !confidence.iter().all(|probability| probability.is_finite()) {
            confidence.clear();
        }
        tell(Event::Finished { request: self.id, text, reason, usage, confidence: &confidence });
    }

    /// What it took so far.
    pub fn usage(&self) -> Usage {
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        Usage {
            prompt_tokens: self.prompt,
            cached_tokens: self.cached,
            generated_tokens: self.tokens.len() - self.prompt,
            guessed_tokens: self.drafts.total_guessed,
            guessed_right: self.drafts.total_right,
            time_to_first_token: first - self.submitted,
            prefill_time: first - self.begun.unwrap_or(first),
            decode_time: now - first,
            peak_cache_bytes: self.peak_blocks as u64 * self.block_bytes,
        }
    }
}
