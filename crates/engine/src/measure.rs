//! Runs that are not requests: likelihoods of given text, and timings.

use std::time::Instant;

use crate::EngineError;
use crate::adapters::AdapterId;
use crate::engine::{Engine, Wanted, Work};
use crate::plan::{MAX_LOGITS, blocks_per_sequence};
use crate::sampler::log_sum_exp;

/// How two models foresee one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Natural-log probability that the model gives it.
    pub log_likelihood: f64,
    /// That of the reference.
    pub reference_log_likelihood: f64,
    /// Kullback-Leibler divergence of the model's distribution over the next token from the reference's, in nats:
    /// `sum p ln(p / q)`, with `p` the reference's.
    pub kl_divergence: f64,
    /// Whether both hold the same token for the likeliest.
    pub same_top: bool,
}

impl Compared {
    fn of(reference: &[f32], logits: &[f32], next: usize) -> Compared {
        let (reference_total, total) = (log_sum_exp(reference), log_sum_exp(logits));
        let ln_p = |id: usize| f64::from(reference[id]) - reference_total;
        let ln_q = |id: usize| f64::from(logits[id]) - total;
        let kl_divergence: f64 = (0..logits.len()).map(|id| ln_p(id).exp() * (ln_p(id) - ln_q(id))).sum();
        Compared {
            log_likelihood: ln_q(next),
            reference_log_likelihood: ln_p(next),
            // Rounding can take it below zero.
            kl_divergence: kl_divergence.max(0.0),
            same_top: likeliest(reference) == likeliest(logits),
        }
    }
}

/// The first of the largest.
fn likeliest(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, id| if logits[id] > logits[best] { id } else { best })
}

/// Sequences that timings start from; see [`Engine::arbitrary_sequences`].
pub struct ArbitrarySequences {
    /// Cache blocks of each.
    blocks: Vec<Vec<u32>>,
    depth: usize,
    room: usize,
    /// The program's number of their adapter.
    adapter: Option<usize>,
}

impl ArbitrarySequences {
    fn check_room(&self, tokens: usize) -> Result<(), EngineError> {
        if tokens > self.room {
            return Err(EngineError::Request(format!("{tokens} tokens: the sequences have room for {}", self.room)));
        }
        Ok(())
    }
}

impl Engine {
    /// Logits at positions of `tokens`, run in chunks of at most `chunk` tokens: `each(position, logits)`. At every position, if
    /// chunks are no longer than 64; else at the last 64 of each.
    ///
    /// # Errors
    /// If `tokens` is longer than the context, has an id outside the vocabulary, or does not fit beside running requests.
    pub fn logits(
        &mut self,
        tokens: &[u32],
        chunk: usize,
        each: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        self.adapted_logits(None, tokens, chunk, each)
    }

    /// As [`Engine::logits`], with an adapter.
    ///
    /// # Errors
    /// As [`Engine::logits`], and if there is no such adapter.
    pub fn adapted_logits(
        &mut self,
        adapter: Option<AdapterId>,
        tokens: &[u32],
        chunk: usize,
        each: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        self.check_tokens(tokens)?;
        let (adapter, _) = self.adapters.find(adapter)?;
        let blocks = self.take_blocks(tokens.len())?;
        let chunk = chunk.clamp(1, self.model.max_tokens);
        let mut position = 0;
        let mut result = Ok(());
        for tokens in tokens.chunks(chunk) {
            let rows = tokens.len().min(MAX_LOGITS);
            let work = Work { tokens, position, blocks: &blocks, wanted: Wanted::Logits(rows), adapter };
            result = self.run([work]);
            if result.is_err() {
                break;
            }
            for row in 0..rows {
                each(position + tokens.len() - rows + row, self.model.logits(row));
            }
            position += tokens.len();
        }
        self.pool.release(&blocks);
        result
    }

    /// Natural-log probability of each token of `tokens` after the first, given all before it: `tokens.len() - 1` values.
    /// Independent of any request.
    ///
    /// # Errors
    /// As [`Engine::logits`], and [`EngineError::NotFinite`].
    pub fn log_likelihoods(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let mut likelihoods = Vec::with_capacity(tokens.len().saturating_sub(1));
        self.logits(tokens, MAX_LOGITS, &mut |position, logits| {
            if let Some(&next) = tokens.get(position + 1) {
                likelihoods.push((f64::from(logits[next as usize]) - log_sum_exp(logits)) as f32);
            }
        })?;
        match likelihoods.iter().all(|likelihood| likelihood.is_finite()) {
            true => Ok(likelihoods),
            false => Err(EngineError::NotFinite),
        }
    }

    /// Runs `tokens` through this model and through `reference`, beside each other, so that of neither more than a few logits are
    /// kept: `each` hears how they foresee the token after position `from`, and after each later one but the last. Independent of any
    /// request.
    ///
    /// # Errors
    /// As [`Engine::log_likelihoods`], of either; or if the two give logits of different vocabularies.
    pub fn compare(
        &mut self,
        reference: &mut Engine,
        tokens: &[u32],
        from: usize,
        each: &mut dyn FnMut(Compared),
    ) -> Result<(), EngineError> {
        self.check_tokens(tokens)?;
        reference.check_tokens(tokens)?;
        let blocks = self.take_blocks(tokens.len())?;
        let result = reference.take_blocks(tokens.len()).and_then(|reference_blocks| {
            let chunk = MAX_LOGITS.min(self.model.max_tokens).min(reference.model.max_tokens);
            let result = tokens.chunks(chunk).enumerate().try_for_each(|(index, rows)| {
                let position = index * chunk;
                // Those whose next token is known.
                let wanted = position.max(from)..(position + rows.len()).min(tokens.len() - 1);
                let logits = (position + rows.len()).saturating_sub(wanted.start).min(rows.len());
                let first = position + rows.len() - logits;
                let wanted_rows = Wanted::Logits(logits);
                let work = |blocks| [Work { tokens: rows, position, blocks, wanted: wanted_rows, adapter: None }];
                self.run(work(&blocks))?;
                reference.run(work(&reference_blocks))?;
                for at in wanted {
                    let (these, those) = (self.model.logits(at - first), reference.model.logits(at - first));
                    if these.len() != those.len() {
                        return Err(EngineError::Request(format!(
                            "logits for {} tokens and for {} cannot be compared: the models have different vocabularies",
                            these.len(),
                            those.len()
                        )));
                    }
                    let compared = Compared::of(those, these, tokens[at + 1] as usize);
                    if !(compared.log_likelihood + compared.reference_log_likelihood).is_finite() {
                        return Err(EngineError::NotFinite);
                    }
                    each(compared);
                }
                Ok(())
            });
            reference.pool.release(&reference_blocks);
            result
        });
        self.pool.release(&blocks);
        result
    }

    /// `batch` sequences of `depth` arbitrary tokens each, with room for `room` more and all with the same adapter, for the timings below
    /// to start from.
    ///
    /// # Errors
    /// If the context, the cache or a batch has no room for that, or if there is no such adapter.
    pub fn arbitrary_sequences(
        &mut self,
        batch: usize,
        depth: usize,
        room: usize,
        adapter: Option<AdapterId>,
    ) -> Result<ArbitrarySequences, EngineError> {
        let (adapter, _) = self.adapters.find(adapter)?;
        let most = MAX_LOGITS.min(self.model.max_tokens);
        if !(1..=most).contains(&batch) {
            return Err(EngineError::Option(format!("a batch of {batch}: use 1 to {most}")));
        }
        let mut sequences = ArbitrarySequences { blocks: vec![], depth, room, adapter };
        for i in 0..batch {
            let ready = self.take_blocks(depth.saturating_add(room)).and_then(|blocks| {
                sequences.blocks.push(blocks);
                self.prefill(i, &sequences, 0..depth, 0)
            });
            if let Err(error) = ready {
                self.forget(sequences);
                return Err(error);
            }
        }
        Ok(sequences)
    }

    /// Frees what the sequences take of the cache.
    pub fn forget(&mut self, sequences: ArbitrarySequences) {
        sequences.blocks.iter().for_each(|blocks| self.pool.release(blocks));
    }

    /// Seconds of `steps` steps that each decode one token for every sequence; one value per step. The sequences are as long
    /// afterwards as before.
    ///
    /// # Errors
    /// If the sequences have no room for that.
    pub fn time_decode(&mut self, sequences: &ArbitrarySequences, steps: usize) -> Result<Vec<f64>, EngineError> {
        sequences.check_room(steps)?;
        let mut seconds = Vec::with_capacity(steps);
        for position in sequences.depth..sequences.depth + steps {
            let tokens: Vec<u32> = (0..sequences.blocks.len()).map(|i| self.some_token(i, position)).collect();
            let works = sequences.blocks.iter().zip(&tokens).map(|(blocks, token)| Work {
                tokens: std::slice::from_ref(token),
                position,
                blocks,
                wanted: Wanted::Logits(1),
                adapter: sequences.adapter,
            });
            let start = Instant::now();
            self.run(works)?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    /// Seconds to prefill `tokens` tokens for each of the sequences, which are as long afterwards as before.
    ///
    /// # Errors
    /// If the sequences have no room for that.
    pub fn time_prefill(&mut self, sequences: &ArbitrarySequences, tokens: usize) -> Result<f64, EngineError> {
        sequences.check_room(tokens)?;
        let positions = sequences.depth..sequences.depth + tokens;
        let start = Instant::now();
        for i in 0..sequences.blocks.len() {
            self.prefill(i, sequences, positions.clone(), 1)?;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    fn prefill(
        &mut self,
        sequence: usize,
        sequences: &ArbitrarySequences,
        positions: std::ops::Range<usize>,
        logits: usize,
    ) -> Result<(), EngineError> {
        let tokens: Vec<u32> = positions.clone().map(|position| self.some_token(sequence, position)).collect();
        let mut position = positions.start;
        let (blocks, adapter) = (&sequences.blocks[sequence], sequences.adapter);
        for tokens in tokens.chunks(self.model.max_tokens) {
            let last = position + tokens.len() == positions.end;
            let logits = if last { logits } else { 0 };
            self.run([Work { tokens, position, blocks, wanted: Wanted::Logits(logits), adapter }])?;
            position += tokens.len();
        }
        Ok(())
    }

    /// Runs the works together; a copy being written gives way to it.
    fn run<'a>(&mut self, works: impl IntoIterator<Item = Work<'a>>) -> Result<(), EngineError> {
        let _working = self.copy_writer.give_way();
        self.model.run(&mut self.team, works)
    }

    /// Any token, but not always the same.
    fn some_token(&self, sequence: usize, position: usize) -> u32 {
        let mixed =
            (position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(sequence as u64 * 0xbf58_476d);
        ((mixed >> 33) % self.model.vocab_size as u64) as u32
    }

    fn take_blocks(&mut self, positions: usize) -> Result<Vec<u32>, EngineError> {
        if positions > self.model.context {
            return Err(EngineError::Request(format!(
                "{positions} tokens are more than the context of {}: shorten the text or raise --context",
                self.model.context
            )));
        }
        let needed = blocks_per_sequence(positions);
        if needed > self.pool.available() {
            return Err(EngineError::Request("the KV cache has no room beside what is running".into()));
        }
        Ok(std::iter::from_fn(|| self.pool.take()).take(needed).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use whit_model::{Checkpoint, DecoderSpec};

    /// The repository's own model.
    fn pocket() -> Engine {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
        let checkpoint = Checkpoint::open(&path).unwrap();
        let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
        let options = Options { threads: Some(1), context: Some(64), memory: Some(1 << 32), ..Options::default() };
        Engine::load(&checkpoint, &spec, None, &options, &mut |_, _| {}).unwrap()
    }

    #[test]
    fn a_copy_being_written_gives_way_to_every_run() {
        let (mut engine, mut reference) = (pocket(), pocket());
        let sequences = engine.arbitrary_sequences(1, 4, 4, None).unwrap();
        let tokens = [5, 17, 80];
        type Run<'a> = (&'a str, &'a dyn Fn(&mut Engine, &mut Engine));
        let runs: [Run; 6] = [
            ("logits", &|engine, _| engine.logits(&tokens, 2, &mut |_, _| {}).unwrap()),
            ("likelihoods", &|engine, _| drop(engine.log_likelihoods(&tokens).unwrap())),
            ("comparison", &|engine, other| engine.compare(other, &tokens, 0, &mut |_| {}).unwrap()),
            ("reference", &|engine, other| other.compare(engine, &tokens, 0, &mut |_| {}).unwrap()),
            ("decoding", &|engine, _| drop(engine.time_decode(&sequences, 2).unwrap())),
            ("prefill", &|engine, _| assert!(engine.time_prefill(&sequences, 2).unwrap() > 0.0)),
        ];
        for (name, run) in runs {
            let before = engine.copy_writer.quiet_since();
            std::thread::sleep(std::time::Duration::from_millis(2));
            run(&mut engine, &mut reference);
            let after = engine.copy_writer.quiet_since();
            assert!(before < after && after < 1_000_000, "{name}: {before}, {after}");
        }
    }

    #[test]
    fn divergence_is_that_of_the_formula() {
        // p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2); a constant added to all logits changes nothing.
        let ln = |shares: [f32; 3], more: f32| shares.map(|share| share.ln() + more);
        let compared = Compared::of(&ln([0.5, 0.25, 0.25], 3.0), &ln([0.25, 0.25, 0.5], -1.0), 2);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
        close(compared.kl_divergence, 0.25 * 2f64.ln());
        close(compared.log_likelihood, 0.5f64.ln());
        close(compared.reference_log_likelihood, 0.25f64.ln());
        assert!(!compared.same_top);
        let same = Compared::of(&[1.0, 2.0], &[1.0, 2.0], 0);
        assert!(same.same_top && same.kl_divergence == 0.0);
    }
}
