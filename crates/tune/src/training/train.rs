//! The training itself: AdamW with warm-up, a cosine and clipped gradients, until the plan is through or validation
//! gets no better.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::TuneError;
use crate::training::batches::Sequences;
use crate::training::checkpoint::{self, Exact, State};
use crate::training::decoder::Decoder;
use crate::training::ops::adamw::{self, Step};
use crate::training::ops::squares;
use crate::training::random;
use crate::training::tensor::{change, floats};

/// Steps at the beginning that are not typical of the others' time.
pub(crate) const UNTYPICAL: u64 = 2;

/// How a decoder is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Tokens of a step, about.
    pub batch: usize,
    /// Steps in all.
    pub steps: u64,
    /// Highest learning rate; it falls to a hundredth of that.
    pub rate: f32,
    /// Steps until it is reached.
    pub warm_up: u64,
    /// Weight decay of matrices.
    pub decay: f32,
    /// Largest norm of a step's gradient.
    pub clip: f32,
    /// What part of the values of each branch is dropped.
    pub dropout: f32,
    /// Decides the first values and the order.
    pub seed: u64,
    /// Steps between two looks at the validation loss.
    pub look_every: u64,
    /// Looks without a lower validation loss after which the training ends.
    pub patience: u32,
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0.
    fn rate(&self, step: u64) -> f32 {
        if step < self.warm_up {
            return self.rate * (step + 1) as f32 / self.warm_up as f32;
        }
        let rest = self.steps.saturating_sub(self.warm_up).max(1) as f32;
        let done = ((step - self.warm_up) as f32 / rest).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        self.rate * (0.01 + 0.99 * cosine)
    }
}

/// Where checkpoints go, and when.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// The file.
    pub path: PathBuf,
    /// At least this long between two of them.
    pub every: Duration,
    /// See [`State::fingerprint`].
    pub fingerprint: String,
}

/// What can be said after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Passes over the examples, this one included.
    pub epoch: u64,
    /// Mean loss of the steps since the last look at validation.
    pub loss: f64,
    /// Last validation loss.
    pub validation: Option<f64>,
    /// Whether that is of this step.
    pub looked: bool,
    /// Tokens that went through in a second, forward and backward.
    pub tokens_per_second: f64,
    /// Seconds left, if it does not end early.
    pub seconds_left: f64,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Steps done.
    pub steps: u64,
    /// Whether the validation loss got no lower for too long.
    pub stopped_early: bool,
    /// Validation loss before the first step.
    pub before: f64,
    /// Validation loss of the values that were kept, and the step they are of.
    pub best: (f64, u64),
    /// Step, training loss, validation loss.
    pub curve: Vec<(u64, f64, f64)>,
    /// Seconds.
    pub seconds: f64,
    /// Tokens that went through in a second.
    pub tokens_per_second: f64,
}

/// A decoder with the state of its training.
pub struct Trainer<'a> {
    decoder: &'a Decoder,
    schedule: Schedule,
    train: &'a Sequences,
    validation: &'a Sequences,
    checkpoints: Option<Checkpoints>,
    state: State,
    /// Means of gradients and of their squares, and the best values so far, for each part.
    means: Vec<Vec<f32>>,
    squares: Vec<Vec<f32>>,
    best: Vec<Vec<f32>>,
    order: (u64, Vec<u32>),
}

impl<'a> Trainer<'a> {
    /// A training that has not begun.
    pub fn new(
        decoder: &'a Decoder,
        schedule: Schedule,
        train: &'a Sequences,
        validation: &'a Sequences,
        checkpoints: Option<Checkpoints>,
    ) -> Trainer<'a> {
        let zeros = || decoder.parts.iter().map(|part| vec![0.0; part.theta.elem_count()]).collect();
        let order = (0, train.order(schedule.seed, 0));
        let fingerprint = checkpoints.as_ref().map(|checkpoints| checkpoints.fingerprint.clone()).unwrap_or_default();
        Trainer {
            decoder,
            schedule,
            train,
            validation,
            checkpoints,
            state: State { fingerprint, ..State::default() },
            means: zeros(),
            squares: zeros(),
            best: Vec::new(),
            order,
        }
    }

    /// Goes on where the checkpoint was written.
    ///
    /// # Errors
    /// As [`checkpoint::load`].
    pub fn resume(&mut self, path: &Path) -> Result<(), TuneError> {
        let (state, values) = checkpoint::load(path, &self.state.fingerprint)?;
        let parts = self.decoder.parts.len();
        let sizes = || self.decoder.parts.iter().map(|part| part.theta.elem_count());
        let is_whole = |values: &[Vec<f32>]| values.iter().map(Vec::len).eq(sizes());
        let mut groups = values.chunks_exact(parts);
        let (Some(own), Some(means), Some(squares)) = (groups.next(), groups.next(), groups.next()) else {
            return Err(TuneError::File { path: path.to_owned(), problem: "the checkpoint lacks values".into() });
        };
        if ![own, means, squares].into_iter().all(is_whole) {
            return Err(TuneError::File {
                path: path.to_owned(),
                problem: "the checkpoint's values do not fit".into(),
            });
        }
        self.put_values(own)?;
        (self.means, self.squares) = (means.to_vec(), squares.to_vec());
        self.best = groups.next().map(<[_]>::to_vec).unwrap_or_default();
        self.order = (state.epoch, self.train.order(self.schedule.seed, state.epoch));
        self.state = state;
        Ok(())
    }

    fn put_values(&self, values: &[Vec<f32>]) -> Result<(), TuneError> {
        for (part, values) in self.decoder.parts.iter().zip(values) {
            change(&part.theta, |theta| theta.copy_from_slice(values))?;
        }
        Ok(())
    }

    fn values(&self) -> Result<Vec<Vec<f32>>, TuneError> {
        Ok(self
            .decoder
            .parts
            .iter()
            .map(|part| Ok(floats(&part.theta)?.to_vec()))
            .collect::<candle_core::Result<_>>()?)
    }

    fn save(&mut self) -> Result<(), TuneError> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        let mut values = self.values()?;
        values.extend_from_slice(&self.means);
        values.extend_from_slice(&self.squares);
        values.extend_from_slice(&self.best);
        self.state.sizes = values.iter().map(Vec::len).collect();
        checkpoint::save(&checkpoints.path, &self.state, &values)
    }

    /// Mean loss of the answer tokens of `sequences`.
    ///
    /// # Errors
    /// The training library's.
    pub fn loss_of(&self, sequences: &Sequences) -> Result<f64, TuneError> {
        let order: Vec<u32> = (0..sequences.len() as u32).collect();
        let (mut from, mut sum, mut count) = (0, 0.0, 0);
        while from < order.len() {
            let (batch, taken) = sequences.batch(&order, from, self.schedule.batch);
            let losses = self.decoder.losses(batch)?;
            sum += losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
            count += losses.len();
            from += taken;
        }
        Ok(sum / count.max(1) as f64)
    }

    /// One step; the tokens that went through.
    fn step(&mut self) -> Result<usize, TuneError> {
        if self.state.position == self.order.1.len() {
            self.state.epoch += 1;
            self.state.position = 0;
            self.order = (self.state.epoch, self.train.order(self.schedule.seed, self.state.epoch));
        }
        let (batch, taken) = self.train.batch(&self.order.1, self.state.position, self.schedule.batch);
        let tokens = batch.tokens.len();
        let key = random::mix(random::key(self.schedule.seed, "dropout"), self.state.step);
        let dropout = (self.schedule.dropout > 0.0).then_some((self.schedule.dropout, key));
        let gradients = self.decoder.gradients(batch, dropout)?;
        let value = gradients.loss / gradients.asked.max(1) as f64;
        let norm = gradients.parts.iter().map(|gradient| squares(gradient)).sum::<f64>().sqrt();
        if !value.is_finite() || !norm.is_finite() {
            return Err(TuneError::Option(format!(
                "the loss left the range of numbers at step {}: lower --lr (it is {})",
                self.state.step + 1,
                self.schedule.rate
            )));
        }
        let step = Step {
            rate: self.schedule.rate(self.state.step),
            betas: [0.9, 0.95],
            epsilon: 1e-8,
            decay: 0.0,
            number: self.state.step + 1,
            scale: (f64::from(self.schedule.clip) / norm).min(1.0) as f32,
        };
        for (at, (part, gradient)) in self.decoder.parts.iter().zip(&gradients.parts).enumerate() {
            let (m, v) = (&mut self.means[at], &mut self.squares[at]);
            let decay = self.schedule.decay;
            change(&part.theta, |theta| {
                // What lies between matrices does not decay.
                let mut from = 0;
                for range in part.decayed.iter().chain([&(theta.len()..theta.len())]) {
                    for (at, decay) in [(from..range.start, 0.0), (range.clone(), decay)] {
                        let step = Step { decay, ..step };
                        let (theta, gradient) = (&mut theta[at.clone()], &gradient[at.clone()]);
                        adamw::update(theta, &mut m[at.clone()], &mut v[at], gradient, step);
                    }
                    from = range.end;
                }
            })?;
        }
        self.state.position += taken;
        self.state.step += 1;
        self.state.running.0.0 += value;
        self.state.running.1 += 1;
        Ok(tokens)
    }

    /// Looks at the validation loss before the first step.
    fn begin(&mut self) -> Result<(), TuneError> {
        if self.state.before.is_none() {
            let before = Exact(self.loss_of(self.validation)?);
            (self.state.before, self.state.best) = (Some(before), Some((before, self.state.step)));
            self.best = self.values()?;
        }
        Ok(())
    }

    /// Looks at the validation loss; whether the training is to end.
    fn look(&mut self) -> Result<bool, TuneError> {
        let validation = self.loss_of(self.validation)?;
        let (sum, count) = std::mem::take(&mut self.state.running);
        self.state.curve.push((self.state.step, Exact(sum.0 / count.max(1) as f64), Exact(validation)));
        if self.state.best.is_none_or(|(best, _)| validation < best.0) {
            self.state.best = Some((Exact(validation), self.state.step));
            self.state.looks_since = 0;
            self.best = self.values()?;
        } else {
            self.state.looks_since += 1;
        }
        Ok(self.state.looks_since >= self.schedule.patience)
    }

    /// Trains to the end. After each step `tell` hears how it goes, and says whether to stop: then a checkpoint is
    /// written.
    ///
    /// # Errors
    /// [`TuneError::Stopped`] if `tell` said so; others if a checkpoint cannot be written or the loss is no number any
    /// more.
    pub fn run(mut self, tell: &mut dyn FnMut(&Progress) -> bool) -> Result<Trained, TuneError> {
        let (mut last, mut saved) = (Instant::now(), Instant::now());
        self.begin()?;
        let (mut timed_tokens, mut timed_seconds) = (0usize, 0.0);
        let first = self.state.step;
        let mut stopped_early = self.state.looks_since >= self.schedule.patience;
        while self.state.step < self.schedule.steps && !stopped_early {
            let tokens = self.step()?;
            let seconds = last.elapsed().as_secs_f64();
            if self.state.step > first + UNTYPICAL {
                timed_tokens += tokens;
                timed_seconds += seconds;
            }
            let looked =
                self.state.step.is_multiple_of(self.schedule.look_every) || self.state.step == self.schedule.steps;
            if looked {
                stopped_early = self.look()? && self.state.step < self.schedule.steps;
            }
            self.state.seconds.0 += last.elapsed().as_secs_f64();
            last = Instant::now();
            let left = (self.schedule.steps - self.state.step) as f64;
            let (sum, count) = self.state.running;
            let (_, train, validation) = self.state.curve.last().copied().unwrap_or_default();
            let stop = tell(&Progress {
                step: self.state.step,
                steps: self.schedule.steps,
                epoch: self.state.epoch + 1,
                loss: if count > 0 { sum.0 / count as f64 } else { train.0 },
                looked,
                validation: (!self.state.curve.is_empty()).then_some(validation.0),
                tokens_per_second: timed_tokens as f64 / f64::max(timed_seconds, 1e-9),
                seconds_left: self.state.seconds.0 / self.state.step as f64 * left,
            });
            let is_due = self.checkpoints.as_ref().is_some_and(|checkpoints| saved.elapsed() >= checkpoints.every);
            if stop || is_due {
                self.save()?;
                saved = Instant::now();
            }
            if stop {
                return Err(TuneError::Stopped { step: self.state.step });
            }
        }
        let (best, at) = self.state.best.unwrap_or_default();
        // A killed measurement begins with the finished training.
        self.save()?;
        self.put_values(&self.best)?;
        Ok(Trained {
            steps: self.state.step,
            stopped_early,
            before: self.state.before.unwrap_or_default().0,
            best: (best.0, at),
            curve: self.state.curve.iter().map(|&(step, train, validation)| (step, train.0, validation.0)).collect(),
            seconds: self.state.seconds.0,
            tokens_per_second: timed_tokens as f64 / f64::max(timed_seconds, 1e-9),
        })
    }

    /// Seconds that a step takes, and tokens of it, from `steps` of them. The decoder is of no use afterwards.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn time(mut self, steps: u64) -> Result<(f64, f64), TuneError> {
        for _ in 0..UNTYPICAL {
            self.step()?;
        }
        let (begun, mut tokens) = (Instant::now(), 0);
        for _ in 0..steps {
            tokens += self.step()?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok((seconds / steps as f64, tokens as f64 / steps as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_then_falls_along_a_cosine() {
        let schedule = Schedule {
            batch: 1,
            steps: 100,
            rate: 1.0,
            warm_up: 10,
            decay: 0.0,
            clip: 1.0,
            dropout: 0.0,
            seed: 1,
            look_every: 10,
            patience: 1,
        };
        assert_eq!(schedule.rate(0), 0.1);
        assert_eq!(schedule.rate(9), 1.0);
        assert!((schedule.rate(55) - 0.505).abs() < 1e-3);
        assert!((schedule.rate(100) - 0.01).abs() < 1e-6);
    }
}
