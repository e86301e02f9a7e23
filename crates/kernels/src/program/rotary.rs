//! Rotary position embedding, and the way of keys and values into the cache.

use super::kv::{BLOCK, Brain, Byte, Element, Half, Heads, KvFormat, KvLayer, Single};
use super::{Buffer, Builder, Context, Rows, Step};
use crate::isa::Kernel;
use crate::math::magnitude;
use crate::simd::{LANES, Simd, load_some};
use crate::team::Worker;

/// Which two values of a head are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotaryPairing {
    /// `i` with `i + dim / 2`.
    Half,
    /// `2i` with `2i + 1`.
    Adjacent,
}

/// Works out cosines and sines of every token's position: once a run, for all layers.
pub struct Rotary {
    /// Angle per position, `[dim / 2]`.
    pub frequencies: Vec<f32>,
    /// Cosines and sines are multiplied by this.
    pub attention_factor: f32,
    /// Floats, `dim` wide: cosines, then sines.
    pub output: Buffer,
}

impl Step for Rotary {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let half = self.frequencies.len();
        for row in worker.share(context.batch.tokens.len()) {
            let (_, position) = context.batch.locate(row);
            // SAFETY: the row is this thread's own.
            let out = unsafe { std::slice::from_raw_parts_mut(context.floats(self.output, row), 2 * half) };
            let (cos, sin) = out.split_at_mut(half);
            for (i, frequency) in self.frequencies.iter().enumerate() {
                // The angle is a single-precision product, as in the models' own code; only its functions are exact.
                let (s, c) = f64::from(position as f32 * frequency).sin_cos();
                cos[i] = c as f32 * self.attention_factor;
                sin[i] = s as f32 * self.attention_factor;
            }
        }
    }
}

/// Rotates queries in place, and keys on their way into the cache; stores values.
pub struct RotateAndStore {
    /// Floats, `heads * head_dim` wide.
    pub q: Buffer,
    /// Floats, `kv_heads * head_dim` wide.
    pub k: Buffer,
    /// Floats, `kv_heads * head_dim` wide.
    pub v: Buffer,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Output of a [`Rotary`] and the pairing; `None` leaves queries and keys as they are.
    pub rotary: Option<(Buffer, RotaryPairing)>,
    /// Where to store.
    pub layer: KvLayer,
    /// How to store.
    pub format: KvFormat,
}

impl Builder {
    /// Adds a [`Rotary`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn rotary(&mut self, step: Rotary) {
        self.check_floats(step.output, 2 * step.frequencies.len());
        assert_eq!(self.rows_of(step.output), Rows::Tokens);
        self.push(step);
    }

    /// Adds a [`RotateAndStore`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn rotate_and_store(&mut self, step: RotateAndStore) {
        self.check_floats(step.q, step.heads * step.head_dim);
        self.check_floats(step.k, step.kv_heads * step.head_dim);
        self.check_floats(step.v, step.kv_heads * step.head_dim);
        assert!(step.q != step.k && step.k != step.v && step.q != step.v, "queries, keys and values apart");
        for buffer in [step.q, step.k, step.v] {
            assert_eq!(self.rows_of(buffer), Rows::Tokens);
        }
        if let Some((table, _)) = step.rotary {
            let dim = self.places[table.0].cols;
            self.check_floats(table, dim);
            assert_eq!(self.rows_of(table), Rows::Tokens);
            assert!(dim <= step.head_dim && dim.is_multiple_of(2), "no more is rotated than a head has");
        }
        self.push(step);
    }
}

impl Step for RotateAndStore {
    unsafe fn run(&self, context: &Context, worker: &Worker) {
        let units = self.heads + self.kv_heads;
        for unit in worker.share(context.batch.tokens.len() * units) {
            let (row, head) = (unit / units, unit % units);
            // SAFETY: the head of the row, and its slot in the cache, are this thread's own.
            unsafe {
                if head < self.heads {
                    context.isa.run(Rotate {
                        head: context.floats(self.q, row).add(head * self.head_dim),
                        table: self.table(context, row),
                    });
                } else {
                    let head = head - self.heads;
                    match self.format {
                        KvFormat::F16 => context.isa.run(Store::<Half>::new(self, context, row, head)),
                        KvFormat::BF16 => context.isa.run(Store::<Brain>::new(self, context, row, head)),
                        KvFormat::Q8 => context.isa.run(Store::<Byte>::new(self, context, row, head)),
                        KvFormat::F32 => context.isa.run(Store::<Single>::new(self, context, row, head)),
                    }
                }
            }
        }
    }

    fn cache(&self) -> Option<(KvLayer, usize)> {
        Some((self.layer, self.geometry().block_bytes()))
    }
}

impl RotateAndStore {
    fn geometry(&self) -> Heads {
        Heads { kv_heads: self.kv_heads, head_dim: self.head_dim, format: self.format }
    }

    unsafe fn table(&self, context: &Context, row: usize) -> Option<(*const f32, usize, RotaryPairing)> {
        self.rotary.map(|(table, pairing)| {
            // SAFETY: the row is in use.
            (unsafe { context.floats(table, row) }.cast_const(), context.cols(table) / 2, pairing)
        })
    }
}

struct Rotate {
    head: *mut f32,
    table: Option<(*const f32, usize, RotaryPairing)>,
}

impl Kernel for Rotate {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _s: S) {
        let Some((table, half, pairing)) = self.table else { return };
        // SAFETY: the head has at least `2 * half` values, the table exactly so many.
        unsafe {
            for i in 0..half {
                let (cos, sin) = (*table.add(i), *table.add(half + i));
                let (first, second) = match pairing {
                    RotaryPairing::Half => (self.head.add(i), self.head.add(half + i)),
                    RotaryPairing::Adjacent => (self.head.add(2 * i), self.head.add(2 * i + 1)),
                };
                let (a, b) = (*first, *second);
                *first = a.mul_add(cos, -(b * sin));
                *second = b.mul_add(cos, a * sin);
            }
        }
    }
}

struct Store<E> {
    rotate: Rotate,
    value: *const f32,
    head_dim: usize,
    keys: *mut u8,
    values: *mut u8,
    slot: usize,
    heads: Heads,
    format: std::marker::PhantomData<E>,
}

impl<E: Element> Store<E> {
    unsafe fn new(step: &RotateAndStore, context: &Context, row: usize, head: usize) -> Store<E> {
        let (segment, position) = context.batch.locate(row);
        let heads = step.geometry();
        let block = context.batch.block(segment, position);
        // SAFETY: the batch has been checked: the block is there, and the row is in use.
        unsafe {
            let keys = context.kv_data.add(context.kv.block_at(step.layer, block) + head * heads.head_bytes());
            Store {
                rotate: Rotate {
                    head: context.floats(step.k, row).add(head * step.head_dim),
                    table: step.table(context, row),
                },
                value: context.floats(step.v, row).add(head * step.head_dim),
                head_dim: step.head_dim,
                keys,
                values: keys.add(heads.values_at()),
                slot: position % BLOCK,
                heads,
                format: std::marker::PhantomData,
            }
        }
    }
}

impl<E: Element> Kernel for Store<E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let key = self.rotate.head.cast_const();
        self.rotate.run(s);
        // SAFETY: key and value have `head_dim` numbers; the slot of the block is this thread's own.
        unsafe {
            let keys = self.keys.cast::<E::Bits>().add(self.heads.key_at(self.slot));
            let values = self.values.cast::<E::Bits>().add(self.slot * self.heads.value_stride());
            let mut largest = [largest(s, key, self.head_dim), largest(s, self.value, self.head_dim)];
            // What overflowed makes NaN of whatever looks at it, and of nothing else: a hidden key's score is replaced, while a hidden
            // value is multiplied with 0, and must be a number.
            let overflowed = largest.contains(&f32::INFINITY);
            if overflowed {
                largest = [f32::NAN, 0.0];
            }
            let mut scales = [1.0; 2];
            if E::SCALED {
                let to = self.keys.add(self.heads.scales_at()).cast::<f32>();
                for (at, largest) in largest.into_iter().enumerate() {
                    // Values too small to tell from zero would divide to infinity.
                    let scale = if largest <= 1e-30 { 0.0 } else { largest / 127.0 };
                    *to.add(at * BLOCK + self.slot) = scale;
                    scales[at] = if scale > 0.0 { 127.0 / largest } else { 0.0 };
                }
            }
            let mut bits = [std::mem::MaybeUninit::<E::Bits>::uninit(); LANES];
            for i in (0..self.head_dim).step_by(LANES) {
                let n = self.head_dim - i;
                let (mut k, mut v) = (load_some(s, key.add(i), n), load_some(s, self.value.add(i), n));
                if overflowed {
                    k = s.splat(if E::SCALED { 0.0 } else { f32::NAN });
                    v = s.splat(0.0);
                }
                if E::SCALED {
                    k = s.mul(k, s.splat(scales[0]));
                    v = s.mul(v, s.splat(scales[1]));
                }
                E::store(s, bits.as_mut_ptr().cast(), k);
                for (lane, bits) in bits.iter().take(n).enumerate() {
                    keys.add((i + lane) * LANES).write(bits.assume_init());
                }
                E::store(s, values.add(i), v);
            }
        }
    }
}

/// The largest absolute value of `n`: infinite if one is not a finite number.
#[inline(always)]
unsafe fn largest<S: Simd>(s: S, from: *const f32, n: usize) -> f32 {
    let mut all = s.splat(0.0);
    for i in (0..n).step_by(LANES) {
        // SAFETY: passed on.
        all = s.max(all, magnitude(s, unsafe { load_some(s, from.add(i), n - i) }));
    }
    s.largest(all)
}
