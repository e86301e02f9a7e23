//! From logits to the next token.

use std::collections::HashMap;

use crate::constraint::Mask;
use crate::request::{Sampling, TokenLogprob};

/// Chooses the tokens of one request.
pub(crate) struct Sampler {
    sampling: Sampling,
    /// The tokens of prompt and answer, with how often each stands in the answer.
    seen: HashMap<u32, u32>,
    random: SplitMix64,
    /// Work space, kept so that choosing allocates nothing once it has grown.
    logits: Vec<f32>,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    pub fn new(sampling: Sampling, prompt: &[u32]) -> Sampler {
        let seen = match sampling.repetition_penalty != 1.0 {
            true => prompt.iter().map(|&id| (id, 0)).collect(),
            false => HashMap::new(),
        };
        let random = SplitMix64(sampling.seed);
        Sampler { sampling, seen, random, logits: vec![], candidates: vec![] }
    }

    /// The next token, one that `mask` allows; it counts as seen from now on.
    pub fn choose(&mut self, logits: &[f32], mask: Option<&Mask>) -> u32 {
        let id = match self.changes_logits() || mask.is_some() {
            false => self.pick(logits),
            true => {
                let mut changed = std::mem::take(&mut self.logits);
                changed.clear();
                changed.extend_from_slice(logits);
                if let Some(mask) = mask {
                    restrict(&mut changed, mask);
                }
                self.penalise(&mut changed);
                let mut id = self.pick(&changed);
                // A bias can rule out all that the mask allows.
                if let Some(mask) = mask.filter(|mask| !allows(mask, id)) {
                    changed.copy_from_slice(logits);
                    restrict(&mut changed, mask);
                    id = most_likely(&changed);
                }
                self.logits = changed;
                id
            }
        };
        self.note(id);
        id
    }

    /// A token that was not chosen here counts as seen from now on.
    pub fn note(&mut self, id: u32) {
        if self.keeps_count() {
            *self.seen.entry(id).or_default() += 1;
        }
    }

    fn pick(&mut self, logits: &[f32]) -> u32 {
        if self.sampling.temperature == 0.0 { most_likely(logits) } else { self.draw(logits) }
    }

    /// Makes room for `answers` more tokens, so that counting them need not.
    pub fn reserve(&mut self, answers: usize) {
        if self.keeps_count() {
            self.seen.reserve(answers);
        }
    }

    /// Log-probabilities of `id` and of the `top` most likely tokens, to `into`.
    pub fn logprobs(&mut self, logits: &[f32], id: u32, top: usize, into: &mut TokenLogprob) {
        let total = log_sum_exp(logits);
        let of = |logit: f32| (f64::from(logit) - total) as f32;
        let best = &mut self.candidates;
        best.clear();
        best.extend(logits.iter().enumerate().map(|(id, &logit)| (logit, id as u32)));
        let top = top.min(best.len());
        if top > 0 && top < best.len() {
            best.select_nth_unstable_by(top - 1, better);
        }
        best.truncate(top);
        best.sort_unstable_by(better);
        into.logprob = of(logits[id as usize]);
        into.top.clear();
        into.top.extend(best.iter().map(|&(logit, id)| (id, of(logit))));
    }

    fn keeps_count(&self) -> bool {
        let s = &self.sampling;
        s.repetition_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0
    }

    fn changes_logits(&self) -> bool {
        self.keeps_count() || !self.sampling.logit_bias.is_empty()
    }

    fn penalise(&self, logits: &mut [f32]) {
        let s = &self.sampling;
        for &(id, bias) in &s.logit_bias {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit += bias;
            }
        }
        for (&id, &in_answer) in &self.seen {
            let Some(logit) = logits.get_mut(id as usize) else { continue };
            *logit = if *logit > 0.0 { *logit / s.repetition_penalty } else { *logit * s.repetition_penalty };
            if in_answer > 0 {
                *logit -= s.presence_penalty + s.frequency_penalty * in_answer as f32;
            }
        }
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let s = &self.sampling;
        let largest = logits[most_likely(logits) as usize];
        let weight = |logit: f32| ((logit - largest) / s.temperature).exp();
        let uniform = self.random.unit();

        let candidates = &mut self.candidates;
        candidates.clear();
        // What is ruled out has no weight; a NaN stays, to be found out.
        let possible = logits.iter().enumerate().filter(|(_, logit)| **logit != f32::NEG_INFINITY);
        candidates.extend(possible.map(|(id, &logit)| (weight(logit), id as u32)));
        if s.top_k > 0 && s.top_k < candidates.len() {
            candidates.select_nth_unstable_by(s.top_k - 1, better);
            candidates.truncate(s.top_k);
        }
        let mut total: f64 = candidates.iter().map(|c| f64::from(c.0)).sum();
        if s.top_p < 1.0 {
            total = keep_top(candidates, f64::from(s.top_p) * total);
        }
        if s.min_p > 0.0 {
            candidates.retain(|c| c.0 >= s.min_p);
            total = candidates.iter().map(|c| f64::from(c.0)).sum();
        }
        // The order of the draw must not depend on how the candidates were found.
        if s.top_p < 1.0 || s.top_k > 0 {
            candidates.sort_unstable_by_key(|c| c.1);
        }
        let mut left = uniform * total;
        for &(weight, id) in candidates.iter() {
            left -= f64::from(weight);
            if left < 0.0 {
                return id;
            }
        }
        // Rounding can leave a little over: the most likely one is always a candidate.
        candidates.iter().copied().min_by(better).map_or(0, |c| c.1)
    }
}

/// Rules out what `mask` does not allow, and what it does not know.
fn restrict(logits: &mut [f32], mask: &Mask) {
    for (logits, &allowed) in logits.chunks_mut(32).zip(mask.as_slice()) {
        if allowed == 0 {
            logits.fill(f32::NEG_INFINITY);
        } else if allowed != u32::MAX {
            for (bit, logit) in logits.iter_mut().enumerate() {
                if allowed & (1 << bit) == 0 {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
    }
    let known = mask.len().min(logits.len());
    logits[known..].fill(f32::NEG_INFINITY);
}

pub(crate) fn allows(mask: &Mask, id: u32) -> bool {
    (id as usize) < mask.len() && mask.is_allowed(id)
}

/// The likelier first, the lower id first among equals.
fn better(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// Keeps the smallest set of likeliest candidates whose weights reach `enough`; returns their sum.
fn keep_top(candidates: &mut Vec<(f32, u32)>, enough: f64) -> f64 {
    // Sorting a whole vocabulary costs milliseconds and the set is mostly tiny: sort ever larger tops until it is found.
    let mut sorted = 0;
    let mut sum = 0.0;
    while sorted < candidates.len() {
        let next = (sorted.max(32) * 4).min(candidates.len());
        let rest = &mut candidates[sorted..];
        if next < sorted + rest.len() {
            rest.select_nth_unstable_by(next - sorted - 1, better);
        }
        rest[..next - sorted].sort_unstable_by(better);
        for at in sorted..next {
            sum += f64::from(candidates[at].0);
            if sum >= enough {
                candidates.truncate(at + 1);
                return sum;
            }
        }
        sorted = next;
    }
    sum
}

/// The largest logit's id; the lowest id among equals.
pub(crate) fn most_likely(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = id;
        }
    }
    best as u32
}

/// The logarithm of the probability of `id`, which `mask` allows, among all that it allows: of their softmax at `temperature`.
pub(crate) fn log_share(logits: &[f32], mask: &Mask, id: u32, temperature: f32) -> f64 {
    let known = &logits[..mask.len().min(logits.len())];
    let mut largest = f32::NEG_INFINITY;
    each_allowed(known, mask, |logit| largest = largest.max(logit));
    // Relative to the largest: no term overflows, and the sum is 1 at least.
    let mut sum = 0.0;
    each_allowed(known, mask, |logit| sum += f64::from(((logit - largest) / temperature).exp()));
    f64::from((logits[id as usize] - largest) / temperature) - sum.ln()
}

/// The logits of what `mask` allows, in the order of their tokens.
fn each_allowed(logits: &[f32], mask: &Mask, mut each: impl FnMut(f32)) {
    for (logits, &allowed) in logits.chunks(32).zip(mask.as_slice()) {
        let mut left = allowed;
        while left != 0 {
            if let Some(&logit) = logits.get(left.trailing_zeros() as usize) {
                each(logit);
            }
            left &= left - 1;
        }
    }
}

/// `log(sum(exp(logits)))`, so that `logits[i] - this` is a log-probability.
pub(crate) fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let sum: f64 = logits.iter().map(|&l| f64::from((l - largest).exp())).sum();
    f64::from(largest) + sum.ln()
}

/// Steele, Lea and Flood, 2014: the whole state is a counter, so that a request's draws depend on nothing but its seed.
struct SplitMix64(u64);

impl SplitMix64 {
    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let mut sampler = Sampler::new(sampling, &[]);
        let mut counts = vec![0f64; logits.len()];
        let n = 20_000;
        for _ in 0..n {
            counts[sampler.draw(logits) as usize] += 1.0 / f64::from(n);
        }
        counts
    }

    fn sampling() -> Sampling {
        Sampling { temperature: 1.0, seed: 3, ..Sampling::default() }
    }

    const LOGITS: [f32; 5] = [0.0, 2.0, 1.0, -1.0, 1.5];

    #[test]
    fn draws_follow_the_softmax_at_the_temperature() {
        for temperature in [0.5f32, 1.0, 2.0] {
            let got = shares(Sampling { temperature, ..sampling() }, &LOGITS);
            let weights: Vec<f64> = LOGITS.iter().map(|&l| f64::from(l / temperature).exp()).collect();
            let total: f64 = weights.iter().sum();
            for (got, weight) in got.iter().zip(&weights) {
                assert!((got - weight / total).abs() < 0.015, "{got} is not {}", weight / total);
            }
        }
    }

    #[test]
    fn cuts_keep_exactly_the_tokens_they_should() {
        let kept = |s: Sampling| shares(s, &LOGITS).iter().map(|&c| c > 0.0).collect::<Vec<_>>();
        assert_eq!(kept(Sampling { top_k: 2, ..sampling() }), [false, true, false, false, true]);
        // Shares are about .45 (id 1), .27 (id 4), .17 (id 2), .06, .02.
        assert_eq!(kept(Sampling { top_p: 0.5, ..sampling() }), [false, true, false, false, true]);
        assert_eq!(kept(Sampling { top_p: 0.4, ..sampling() }), [false, true, false, false, false]);
        assert_eq!(kept(Sampling { min_p: 0.3, ..sampling() }), [false, true, true, false, true]);
        assert_eq!(
            kept(Sampling { top_k: 1, min_p: 0.9, top_p: 0.1, ..sampling() }),
            [false, true, false, false, false]
        );
    }

    #[test]
    fn the_top_of_a_large_vocabulary_is_the_same_as_after_a_full_sort() {
        let mut random = SplitMix64(9);
        let all: Vec<(f32, u32)> = (0..5000).map(|id| (random.unit() as f32, id)).collect();
        for enough in [0.5, 40.0, 300.0, 2400.0, 1e9] {
            let mut quick = all.clone();
            keep_top(&mut quick, enough);
            let mut slow = all.clone();
            slow.sort_unstable_by(better);
            let mut sum = 0.0;
            let n = slow.iter().position(|c| {
                sum += f64::from(c.0);
                sum >= enough
            });
            slow.truncate(n.map_or(slow.len(), |n| n + 1));
            assert_eq!(quick, slow);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() {
        let run = |seed| {
            let mut sampler = Sampler::new(Sampling { seed, ..sampling() }, &[]);
            (0..50).map(|_| sampler.choose(&LOGITS, None)).collect::<Vec<_>>()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }

    #[test]
    fn penalties_and_bias_move_the_logits_they_name() {
        let greedy = Sampling::default();
        let mut s = Sampler::new(Sampling { repetition_penalty: 4.0, ..greedy.clone() }, &[1]);
        assert_eq!(s.choose(&LOGITS, None), 4, "token 1 stands in the prompt");
        let mut s = Sampler::new(Sampling { presence_penalty: 0.8, ..greedy.clone() }, &[1]);
        assert_eq!(
            [s.choose(&LOGITS, None), s.choose(&LOGITS, None), s.choose(&LOGITS, None)],
            [1, 4, 1],
            "the prompt does not count, the answer once"
        );
        let mut s = Sampler::new(Sampling { frequency_penalty: 0.6, ..greedy.clone() }, &[]);
        assert_eq!([0; 4].map(|_| s.choose(&LOGITS, None)), [1, 4, 1, 2]);
        let mut s = Sampler::new(Sampling { logit_bias: vec![(3, 10.0), (1, f32::NEG_INFINITY)], ..greedy }, &[]);
        assert_eq!(s.choose(&LOGITS, None), 3);
    }

    #[test]
    fn whatever_the_sampling_only_what_the_mask_allows_is_chosen() {
        let logits: Vec<f32> = (0..100).map(|id| ((id * 37) % 101) as f32 * 0.2 - 10.0).collect();
        // A vocabulary of 98 of the model's 100 tokens; ever other ones of them are allowed.
        for salt in 0..50u32 {
            let mut mask = Mask::alloc(98);
            (0..98).filter(|id| (id * 7 + salt) % 13 < 1 + salt % 4).for_each(|id| mask.allow_token(id));
            let everything = (0..100).map(|id| (id, f32::NEG_INFINITY)).collect::<Vec<_>>();
            for sampling in [
                Sampling::default(),
                Sampling { temperature: 1.5, seed: salt.into(), ..Sampling::default() },
                Sampling { temperature: 0.7, top_p: 0.1, top_k: 2, min_p: 0.5, ..Sampling::default() },
                Sampling { temperature: 100.0, top_k: 99, repetition_penalty: 0.1, ..Sampling::default() },
                Sampling { logit_bias: vec![(99, 100.0), (3, 100.0), (98, 50.0)], ..Sampling::default() },
                Sampling { temperature: 1.0, logit_bias: everything, ..Sampling::default() },
            ] {
                let mut sampler = Sampler::new(sampling.clone(), &[1, 2, 3]);
                for _ in 0..20 {
                    let id = sampler.choose(&logits, Some(&mask));
                    assert!(allows(&mask, id), "{id} with {sampling:?}");
                }
            }
        }
    }

    #[test]
    fn draws_within_a_mask_follow_the_softmax_of_what_it_allows() {
        let mut mask = Mask::alloc(4);
        [0, 2, 3].iter().for_each(|&id| mask.allow_token(id));
        let mut sampler = Sampler::new(sampling(), &[]);
        let mut counts = [0f64; 5];
        for _ in 0..20_000 {
            counts[sampler.choose(&LOGITS, Some(&mask)) as usize] += 1.0 / 20_000.0;
        }
        let total: f64 = [0, 2, 3].iter().map(|&id: &usize| f64::from(LOGITS[id]).exp()).sum();
        for (id, &got) in counts.iter().enumerate() {
            let want = if [0, 2, 3].contains(&id) { f64::from(LOGITS[id]).exp() / total } else { 0.0 };
            assert!((got - want).abs() < 0.015, "{got} is not {want}");
        }
    }

    #[test]
    fn a_mask_that_allows_everything_changes_no_choice() {
        let mut mask = Mask::alloc(5);
        mask.set_all(true);
        let run = |mask: Option<&Mask>| {
            let mut sampler = Sampler::new(sampling(), &[]);
            (0..50).map(|_| sampler.choose(&LOGITS, mask)).collect::<Vec<_>>()
        };
        assert_eq!(run(Some(&mask)), run(None));
    }

    #[test]
    fn the_shares_of_what_a_mask_allows_are_its_softmax_at_the_temperature() {
        let logits: Vec<f32> = (0..70).map(|id| ((id * 37) % 101) as f32 * 2.0 - 100.0).collect();
        // A vocabulary of 68 of the model's 70 tokens.
        let mut mask = Mask::alloc(68);
        let allowed = [0, 3, 31, 32, 40, 63, 64, 67];
        allowed.iter().for_each(|&id| mask.allow_token(id));
        for temperature in [0.25, 1.0, 3.0, 100.0] {
            let weights = allowed.map(|id| (f64::from(logits[id as usize]) / f64::from(temperature)).exp());
            let total: f64 = weights.iter().sum();
            let shares = allowed.map(|id| log_share(&logits, &mask, id, temperature).exp());
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{shares:?}");
            for (share, weight) in shares.iter().zip(weights) {
                assert!((share - weight / total).abs() < 1e-6, "{share} is not {}", weight / total);
            }
        }
        let mut only = Mask::alloc(68);
        only.allow_token(67);
        assert_eq!(log_share(&logits, &only, 67, 0.5), 0.0, "no choice, no doubt");
        assert!(log_share(&[f32::NAN; 70], &mask, 3, 1.0).is_nan());
    }

    #[test]
    fn log_probabilities_are_those_of_the_softmax() {
        let mut got = TokenLogprob::default();
        Sampler::new(Sampling::default(), &[]).logprobs(&LOGITS, 3, 2, &mut got);
        let total: f64 = LOGITS.iter().map(|&l| f64::from(l).exp()).sum();
        assert!((f64::from(got.logprob) - (-1.0 - total.ln())).abs() < 1e-6);
        assert_eq!(got.top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 4]);
        assert!((f64::from(got.top[0].1) - (2.0 - total.ln())).abs() < 1e-6);
    }
}
