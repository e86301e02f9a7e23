//! Elementwise functions over sixteen lanes. Polynomials, so that every instruction set gives the same bits.

use crate::simd::Simd;

/// `|x|`, and infinity for NaN, which no comparison would find.
#[inline(always)]
pub(crate) fn magnitude<S: Simd>(s: S, x: S::F) -> S::F {
    let (size, infinity) = (s.abs(x), s.splat(f32::INFINITY));
    s.select_less(size, infinity, size, infinity)
}

/// `e^x` to about one unit in the last place; 0 below -87.3, finite above, NaN of NaN. Cody-Waite reduction and the polynomial of
/// Cephes' `expf` (Moshier).
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    const LOWEST: f32 = -87.3;
    let clamped = s.min(s.splat(88.3), s.max(s.splat(LOWEST), x));
    let n = s.round_to_int(s.mul(clamped, s.splat(std::f32::consts::LOG2_E)));
    let nf = s.int_to_float(n);
    let r = s.fma(nf, s.splat(-0.693_359_4), clamped);
    let r = s.fma(nf, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = s.fma(p, r, s.splat(c));
    }
    let y = s.add(s.fma(s.mul(p, r), r, r), s.splat(1.0));
    s.select_less(x, s.splat(LOWEST), s.splat(0.0), s.mul(y, s.exp2_int(n)))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    s.div(one, s.add(one, exp(s, s.sub(s.splat(0.0), x))))
}

/// `tanh x`, absolute error about 1e-7.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    s.fma(s.splat(2.0), sigmoid(s, s.add(x, x)), s.splat(-1.0))
}

/// The error function, absolute error below 5e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
pub(crate) fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let a = s.abs(x);
    let t = s.div(one, s.fma(s.splat(0.327_591_1), a, one));
    let mut p = s.splat(1.061_405_4);
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = s.fma(p, t, s.splat(c));
    }
    let minus_square = s.mul(s.sub(s.splat(0.0), a), a);
    let tail = s.mul(s.mul(p, t), exp(s, minus_square));
    let positive = s.sub(one, tail);
    s.select_less(x, s.splat(0.0), s.sub(s.splat(0.0), positive), positive)
}

/// An elementwise function of a feed-forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * Phi(x)` with the error function.
    Gelu,
    /// GELU's tanh approximation.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        match self {
            Activation::Silu => s.mul(x, sigmoid(s, x)),
            Activation::Gelu => {
                let half = s.mul(s.splat(0.5), x);
                s.fma(half, erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2))), half)
            }
            Activation::GeluTanh => {
                let cube = s.mul(s.mul(x, x), x);
                let inner = s.mul(s.splat(0.797_884_6), s.fma(s.splat(0.044_715), cube, x));
                let half = s.mul(s.splat(0.5), x);
                s.fma(half, tanh(s, inner), half)
            }
            Activation::Relu => s.select_less(x, s.splat(0.0), s.splat(0.0), x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Kernel};

    struct Apply(fn(f64) -> f64, Which, f32, f64);
    #[derive(Clone, Copy)]
    enum Which {
        Exp,
        Tanh,
        Erf,
        Act(Activation),
    }

    impl Kernel for Apply {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for i in -4000..4000 {
                let x = i as f32 * self.2 / 4000.0;
                let v = s.splat(x);
                let y = match self.1 {
                    Which::Exp => exp(s, v),
                    Which::Tanh => tanh(s, v),
                    Which::Erf => erf(s, v),
                    Which::Act(a) => a.apply(s, v),
                };
                let y = f64::from(s.largest(y));
                let want = self.0(f64::from(x));
                assert!((y - want).abs() <= self.3 * want.abs().max(1.0), "f({x}) = {y}, not {want}");
            }
        }
    }

    fn erf64(x: f64) -> f64 {
        // Series for small arguments, continued fraction elsewhere would be needed; 80 terms reach 1e-15 up to |x| = 4.
        let mut term = x;
        let mut sum = x;
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn elementwise_functions_are_right_on_every_instruction_set() {
        for isa in Isa::available() {
            isa.run(Apply(f64::exp, Which::Exp, 80.0, 3e-7));
            isa.run(Apply(f64::tanh, Which::Tanh, 20.0, 3e-7));
            isa.run(Apply(erf64, Which::Erf, 4.0, 5e-7));
            isa.run(Apply(|x| x / (1.0 + (-x).exp()), Which::Act(Activation::Silu), 30.0, 3e-7));
            isa.run(Apply(|x| x * 0.5 * (1.0 + erf64(x / 2f64.sqrt())), Which::Act(Activation::Gelu), 5.0, 5e-7));
            isa.run(Apply(
                |x| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044715 * x * x * x)).tanh()),
                Which::Act(Activation::GeluTanh),
                30.0,
                5e-7,
            ));
        }
    }

    #[test]
    fn exp_of_very_negative_numbers_is_zero_and_of_large_ones_finite() {
        struct Ends;
        impl Kernel for Ends {
            type Output = (f32, f32);
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> (f32, f32) {
                (s.largest(exp(s, s.splat(-1e30))), s.largest(exp(s, s.splat(1e30))))
            }
        }
        for isa in Isa::available() {
            let (low, high) = isa.run(Ends);
            assert_eq!(low, 0.0);
            assert!(high.is_finite() && high > 1e38);
        }
    }
}
