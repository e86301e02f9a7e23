//! The binomial distribution's tail, and the bound on a share that follows from it.

/// The probability of at most `events` in `trials`, each of which has one with probability `p`:
/// `F(t; n, p) = I(1 - p; n - t, t + 1)` (DLMF 8.17.5), `I` being the regularized incomplete beta function.
pub fn at_most(events: u64, trials: u64, p: f64) -> f64 {
    if events >= trials {
        return 1.0;
    }
    incomplete_beta(1.0 - p, (trials - events) as f64, events as f64 + 1.0)
}

/// The probability of at least `events` in `trials`.
pub fn at_least(events: u64, trials: u64, p: f64) -> f64 {
    if events == 0 {
        return 1.0;
    }
    if events > trials {
        return 0.0;
    }
    incomplete_beta(p, events as f64, (trials - events) as f64 + 1.0)
}

/// The least share that `events` in `trials` exclude with this confidence: if it were larger, so few of them would
/// come with a probability of at most `1 - confidence` (Clopper and Pearson, Biometrika 26, 1934, one-sided).
pub fn upper_bound(events: u64, trials: u64, confidence: f64) -> f64 {
    if events >= trials {
        return 1.0;
    }
    bisect(|p| at_most(events, trials, p) <= 1.0 - confidence)
}

/// The largest share of which `events` in `trials` show with this confidence that it is exceeded.
pub fn lower_bound(events: u64, trials: u64, confidence: f64) -> f64 {
    if events == 0 {
        return 0.0;
    }
    bisect(|p| at_least(events, trials, p) > 1.0 - confidence)
}

/// Where `above` becomes true between 0 and 1.
fn bisect(above: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // Halving 60 times leaves less than the spacing of doubles near 1.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if above(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// `I(x; a, b)` by its continued fraction (DLMF 8.17.22), which converges fast for `x < (a + 1) / (a + b + 2)`;
/// beyond that by its reflection.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let ln_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta).exp() / a;
    front / fraction(x, a, b)
}

/// The fraction below the front, by Lentz's method (Numerical Recipes, third edition, 5.2 and 6.4).
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let nonzero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    // It takes a few times the root of a + b: thousands for a billion trials.
    for i in 1..100_000u32 {
        let m = f64::from(i / 2);
        let coefficient = match i % 2 {
            0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        d = 1.0 / nonzero(1.0 + coefficient * d);
        c = nonzero(1.0 + coefficient / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By adding up the terms.
    fn plain(events: u64, trials: u64, p: f64) -> f64 {
        let mut term = (1.0 - p).powi(trials as i32);
        let mut sum = term;
        for k in 1..=events {
            term *= (trials - k + 1) as f64 / k as f64 * p / (1.0 - p);
            sum += term;
        }
        sum
    }

    #[test]
    fn tails_are_those_computed_by_hand() {
        // Two coins: no head 1/4, at most one 3/4. Three dice: no six (5/6)^3.
        for (events, trials, p, expected) in [
            (0, 2, 0.5, 0.25),
            (1, 2, 0.5, 0.75),
            (2, 2, 0.5, 1.0),
            (0, 3, 1.0 / 6.0, 125.0 / 216.0),
            (1, 3, 1.0 / 6.0, 200.0 / 216.0),
            (0, 59, 0.05, 0.95f64.powi(59)),
        ] {
            assert!((at_most(events, trials, p) - expected).abs() < 1e-12, "{events} of {trials}");
            if events < trials {
                assert!((at_least(events + 1, trials, p) - (1.0 - expected)).abs() < 1e-12, "{events} of {trials}");
            }
        }
    }

    #[test]
    fn it_equals_the_sum_of_its_terms() {
        for trials in [1, 7, 40, 300, 1000] {
            // With more the first term of the plain sum is too small for a double.
            for p in [0.001, 0.05, 0.3, 0.5] {
                for events in (0..trials).step_by(1 + trials as usize / 17) {
                    let (fast, slow) = (at_most(events, trials, p), plain(events, trials, p));
                    assert!((fast - slow).abs() < 1e-9 * (1.0 + slow), "{events} of {trials} at {p}: {fast} {slow}");
                }
            }
        }
        // Large counts end, and are near the normal distribution: half lies below the mean.
        assert!((at_most(50_000_000, 1_000_000_000, 0.05) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn a_bound_is_where_the_tail_is_small() {
        // The rule of three: no event in n trials excludes more than about 3/n, exactly 1 - 0.05^(1/n).
        assert!((upper_bound(0, 100, 0.95) - (1.0 - 0.05f64.powf(0.01))).abs() < 1e-12);
        assert_eq!(upper_bound(5, 5, 0.95), 1.0);
        assert!((at_most(3, 50, upper_bound(3, 50, 0.9)) - 0.1).abs() < 1e-9);
        assert_eq!(lower_bound(0, 50, 0.9), 0.0);
        assert!((at_least(7, 50, lower_bound(7, 50, 0.9)) - 0.1).abs() < 1e-9);
    }
}
