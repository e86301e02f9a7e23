//! Elementwise work and small products, compiled for the widest vectors of the machine.
//!
//! Plain loops over slices: `pulp` runs them in a function that may use the machine's instructions, where the compiler
//! makes vectors of them. A loop that sums keeps [`LANES`] sums, so that the order is the same however wide the vectors
//! are.

use std::sync::OnceLock;

/// Sums kept side by side.
pub const LANES: usize = 16;

/// The instruction set that was found.
pub fn arch() -> pulp::Arch {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    *ARCH.get_or_init(pulp::Arch::new)
}

/// Defines a function whose body is compiled for each instruction set. Borrowed arguments have the lifetime `'a`.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<'a>($($arg: $type),*) $(-> $out)? {
            struct Op<'a> { $($arg: $type,)* lifetime: std::marker::PhantomData<&'a ()> }
            impl<'a> pulp::WithSimd for Op<'a> {
                type Output = vectorised!(@out $($out)?);
                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
                    let Op { $($arg,)* .. } = self;
                    $body
                }
            }
            $crate::training::ops::simd::arch().dispatch(Op { $($arg,)* lifetime: std::marker::PhantomData })
        }
    };
    (@out) => { () };
    (@out $out:ty) => { $out };
}
pub(crate) use vectorised;

/// `e^x` to two units in the last place, without a branch (Cephes' `expf`).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding it rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-355.0 / 512.0, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 0.5);
    let p = p.mul_add(r * r, r + 1.0);
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The sum of `f(i)` for `i` below `n`.
#[inline(always)]
pub fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            sums[lane] += f(start + lane);
        }
    }
    for i in whole..n {
        sums[i - whole] += f(i);
    }
    fold(sums)
}

/// The sum of all lanes, as a tree.
#[inline(always)]
pub fn fold(mut sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// The sum of `a[i] * b[i]`.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    for (lane, (&a, &b)) in rest.enumerate() {
        sums[lane] = a * b;
    }
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] = a[lane].mul_add(b[lane], sums[lane]);
        }
    }
    fold(sums)
}

/// A matrix within a slice: row `i` begins at `i * stride`.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The rows, and what lies between them.
    pub values: &'a [f32],
    /// From one row to the next.
    pub stride: usize,
}

/// Rows of a product that are worked out together.
const BLOCK: usize = 6;

/// `c[i][j] = sum over p of a[i][p] * b[p][j]` for `m` rows, `n` columns (a multiple of [`LANES`]) and `k` terms.
///
/// `first(i)` and `last(i)` bound the terms of the rows from `i` on; outside of them `a` is zero there. Only the
/// columns below `until(i)` are worked out for a block of rows that begins at `i`, rounded up to whole lanes.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn product(
    a: Rows<'_>,
    b: Rows<'_>,
    c: &mut [f32],
    c_stride: usize,
    [m, n, k]: [usize; 3],
    terms: impl Fn(usize, usize) -> (usize, usize),
    until: impl Fn(usize) -> usize,
) {
    let mut i = 0;
    while i + BLOCK <= m {
        rows_of_product::<BLOCK>(a, b, c, c_stride, i, n, k, &terms, &until);
        i += BLOCK;
    }
    while i < m {
        rows_of_product::<1>(a, b, c, c_stride, i, n, k, &terms, &until);
        i += 1;
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn rows_of_product<const R: usize>(
    a: Rows<'_>,
    b: Rows<'_>,
    c: &mut [f32],
    c_stride: usize,
    i: usize,
    n: usize,
    k: usize,
    terms: &impl Fn(usize, usize) -> (usize, usize),
    until: &impl Fn(usize) -> usize,
) {
    let (first, last) = terms(i, i + R);
    let last = last.min(k);
    let rows: [&[f32]; R] = std::array::from_fn(|r| &a.values[(i + r) * a.stride..][..k]);
    let columns = until(i + R).min(n).next_multiple_of(LANES);
    for j in (0..columns).step_by(LANES) {
        let mut sums = [[0.0f32; LANES]; R];
        for p in first..last {
            let b = &b.values[p * b.stride + j..][..LANES];
            for r in 0..R {
                let a = rows[r][p];
                for lane in 0..LANES {
                    sums[r][lane] = a.mul_add(b[lane], sums[r][lane]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            c[(i + r) * c_stride + j..][..LANES].copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    vectorised! {
        fn exps(values: &'a mut [f32]) {
            values.iter_mut().for_each(|value| *value = exp(*value));
        }
    }

    #[test]
    fn exponentials_are_those_of_the_library() {
        let inputs: Vec<f32> = (-8600..8700).map(|i| i as f32 * 0.01).collect();
        let mut values = inputs.clone();
        exps(&mut values);
        for (x, value) in inputs.into_iter().zip(values) {
            let exact = f64::from(x).exp();
            assert!((f64::from(value) - exact).abs() <= 3e-7 * exact, "exp({x}) is {value}, not {exact}");
        }
    }

    #[test]
    fn a_small_product_is_the_sum_of_its_terms() {
        let (m, n, k) = (13, 32, 7);
        let a: Vec<f32> = (0..m * k).map(|i| (i % 11) as f32 - 5.0).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i % 7) as f32 - 3.0).collect();
        let mut c = vec![f32::NAN; m * n];
        let rows = |values, stride| Rows { values, stride };
        product(rows(&a, k), rows(&b, n), &mut c, n, [m, n, k], |_, _| (0, k), |_| n);
        for i in 0..m {
            for j in 0..n {
                let exact: f32 = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
                assert_eq!(c[i * n + j], exact);
            }
        }
    }

    #[test]
    fn sums_of_odd_lengths_leave_nothing_out() {
        for n in 0..70 {
            let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(sum(n, |i| values[i]), (n * n.saturating_sub(1) / 2) as f32);
            assert_eq!(dot(&values, &values), values.iter().map(|v| v * v).sum::<f32>());
        }
    }
}
