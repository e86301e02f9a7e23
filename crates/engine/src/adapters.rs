//! Adapters on the loaded model: low-rank updates of its matrices, never merged into them, chosen request by request.
//!
//! An update is kept in half precision whatever it was stored in, at a power of two at which its largest number is between 1 and 2. Then
//! numbers down to 2^-14 of the largest keep eleven bits: all that bfloat16 and half precision had. Keys and values hang on the adapter, so
//! prefixes are remembered for each of them apart.

use std::collections::HashMap;
use std::sync::Arc;

use whit_kernels::program::{Adapter as Updates, LowRank};
use whit_kernels::{ALIGNMENT, AlignedBytes, Format, PackedMatrix, SharedBytes, Stored, Team, topology};
use whit_model::{Adapter, LowRankUpdate, Tensor};

use crate::blocks::Chain;
use crate::compile::Adaptable;
use crate::engine::Engine;
use crate::plan::size;
use crate::{EngineError, Options, available_memory};

/// Names an adapter within its engine. No other one is ever called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdapterId(u64);

/// Those that are loaded.
pub(crate) struct Adapters {
    loaded: Vec<Loaded>,
    next_id: u64,
    /// [`Options::memory`] and [`Options::adapters`].
    memory: Option<u64>,
    kept_free: u64,
}

struct Loaded {
    id: AdapterId,
    name: String,
    /// The program's.
    number: usize,
    root: Chain,
    bytes: u64,
}

impl Adapters {
    pub fn new(options: &Options) -> Adapters {
        Adapters { loaded: vec![], next_id: 0, memory: options.memory, kept_free: options.adapters }
    }

    /// The program's number of an adapter, and what stands before the first block of its sequences.
    pub fn find(&self, id: Option<AdapterId>) -> Result<(Option<usize>, Chain), EngineError> {
        let Some(id) = id else { return Ok((None, Chain::default())) };
        match self.loaded.iter().find(|adapter| adapter.id == id) {
            Some(adapter) => Ok((Some(adapter.number), adapter.root)),
            None => Err(EngineError::Request("the request's adapter was removed: add it again".into())),
        }
    }

    fn bytes(&self) -> u64 {
        self.loaded.iter().map(|adapter| adapter.bytes).sum()
    }
}

/// Bytes that an adapter takes, at most, where [`Options::threads`] are these: for [`Options::adapters`].
pub fn adapter_bytes(adapter: &Adapter, threads: Option<usize>) -> u64 {
    let threads = threads.unwrap_or_else(topology::default_threads);
    let updates = adapter.updates();
    let packed = updates.iter().map(|update| {
        let bytes = |rows, cols| PackedMatrix::packed_bytes(Format::F16, rows, cols).next_multiple_of(ALIGNMENT) as u64;
        bytes(update.rank, update.in_features) + bytes(update.out_features, update.rank)
    });
    let widest = updates.iter().map(|update| update.in_features).max().unwrap_or(0);
    let rank = updates.iter().map(|update| update.rank).max().unwrap_or(0);
    packed.sum::<u64>() + LowRank::most_workspace_bytes(rank, widest, threads)
}

/// The modules that an update has a part in, and its shape.
struct Wanted {
    /// By the program's numbers: several where the model has parts of the module apart.
    numbers: Vec<usize>,
    rank: usize,
    in_features: usize,
    out_features: usize,
}

/// The numbers of an update.
struct Values {
    scale: f32,
    /// `[rank, in_features]`.
    down: Vec<f32>,
    /// `[out_features, rank]`.
    up: Vec<f32>,
}

impl Engine {
    /// Adds an adapter; requests that name it ([`Request::adapter`](crate::Request)) are answered with it, beside others.
    ///
    /// # Errors
    /// If it does not fit the model, or there is no memory for it; or if one of this name is there.
    pub fn add_adapter(&mut self, name: &str, adapter: &Adapter) -> Result<AdapterId, EngineError> {
        let updates = adapter.updates();
        let wanted: Vec<Wanted> =
            updates.iter().map(|update| wanted(&self.model.adaptable, adapter, update)).collect::<Result<_, _>>()?;
        self.add(name, &wanted, &mut |at| {
            let values = |tensor: Tensor| {
                let mut values = vec![0f32; tensor.shape.iter().product()];
                tensor.format.decode(tensor.bytes, &mut values);
                values
            };
            let update = &updates[at];
            Values { scale: update.scale, down: values(adapter.down(update)), up: values(adapter.up(update)) }
        })
    }

    /// Adds an adapter of arbitrary numbers for all linear modules of the layers; for measurements.
    ///
    /// # Errors
    /// If the rank is 0 or there is no memory for it.
    pub fn add_arbitrary_adapter(&mut self, rank: usize) -> Result<AdapterId, EngineError> {
        if rank == 0 {
            return Err(EngineError::Option("an adapter of rank 0 adds nothing: use at least 1".into()));
        }
        let mut wanted = HashMap::<&str, Wanted>::new();
        for (number, matrix) in self.model.adaptable.iter().enumerate() {
            let Some(module) = matrix.module.as_ref().filter(|module| module.name.starts_with("layers.")) else {
                continue;
            };
            let new = || Wanted { numbers: vec![], rank, in_features: matrix.cols, out_features: 0 };
            let wanted = wanted.entry(&module.name).or_insert_with(new);
            wanted.numbers.push(number);
            wanted.out_features += matrix.rows;
        }
        let mut wanted: Vec<Wanted> = wanted.into_values().collect();
        wanted.sort_by_key(|wanted| wanted.numbers[0]);
        let mut state = 0u64;
        let mut numbers = |n: usize| -> Vec<f32> {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            (0..n).map(|_| next() * 0.02).collect()
        };
        let shapes: Vec<[usize; 3]> = wanted.iter().map(|w| [w.rank, w.in_features, w.out_features]).collect();
        let name = format!("arbitrary {}", self.adapters.next_id);
        self.add(&name, &wanted, &mut |at| {
            let [rank, in_features, out_features] = shapes[at];
            Values { scale: 1.0, down: numbers(rank * in_features), up: numbers(out_features * rank) }
        })
    }

    /// Removes an adapter; its memory is free at once, but for some work space.
    ///
    /// # Errors
    /// If requests that wait or run are answered with it, or there is none.
    pub fn remove_adapter(&mut self, id: AdapterId) -> Result<(), EngineError> {
        let (number, _) = self.adapters.find(Some(id))?;
        let users = self.requests().filter(|request| request.adapter == number).count();
        if users > 0 {
            return Err(EngineError::Request(format!(
                "{users} requests are being answered with the adapter: let them end, or cancel them, and remove it then"
            )));
        }
        number.into_iter().for_each(|number| self.model.program.remove_adapter(number));
        self.adapters.loaded.retain(|adapter| adapter.id != id);
        self.note_adapters();
        Ok(())
    }

    /// The adapters that are there, in the order in which they were added, with their names.
    pub fn adapters(&self) -> impl Iterator<Item = (AdapterId, &str)> {
        self.adapters.loaded.iter().map(|adapter| (adapter.id, &*adapter.name))
    }

    /// Bytes of an adapter that a step reads which decodes one token with it.
    ///
    /// # Errors
    /// If there is no such adapter.
    pub fn adapter_step_bytes(&self, id: AdapterId) -> Result<u64, EngineError> {
        let (number, _) = self.adapters.find(Some(id))?;
        Ok(number.map_or(0, |number| self.model.program.adapter_counts(number).weight_bytes()))
    }

    fn add(
        &mut self,
        name: &str,
        wanted: &[Wanted],
        values: &mut dyn FnMut(usize) -> Values,
    ) -> Result<AdapterId, EngineError> {
        if self.adapters.loaded.iter().any(|adapter| adapter.name == name) {
            return Err(EngineError::Option(format!(
                "an adapter called {name} is there already: give this one another name, or remove that one"
            )));
        }
        let (places, bytes) = places(&self.model.adaptable, wanted);
        let rank = wanted.iter().map(|wanted| wanted.rank).max().unwrap_or(0);
        self.check_room(name, bytes, rank)?;
        let none =
            || EngineError::DoesNotFit(format!("the system does not give the {bytes} bytes of the adapter {name}"));
        let data = AlignedBytes::try_zeroed(bytes).ok_or_else(none)?;
        let updates = pack(&mut self.team, &self.model.adaptable, wanted, &places, data, values)
            .map_err(|problem| EngineError::Option(format!("the adapter {name}: {problem}")))?;
        let number = self.model.program.add_adapter(updates).ok_or_else(none)?;
        let id = AdapterId(self.adapters.next_id);
        self.adapters.next_id += 1;
        let root = self.pool.root();
        self.adapters.loaded.push(Loaded { id, name: name.to_owned(), number, root, bytes: bytes as u64 });
        self.note_adapters();
        Ok(id)
    }

    /// That there is memory for another adapter of so many bytes.
    fn check_room(&self, name: &str, bytes: usize, rank: usize) -> Result<(), EngineError> {
        let program = &self.model.program;
        let workspace = program.adapter_workspace_bytes_with(rank) - program.adapter_workspace_bytes();
        let needed = bytes as u64 + workspace;
        let (limit, taken) = match self.adapters.memory {
            Some(limit) => {
                let others = self.adapters.bytes() + program.adapter_workspace_bytes();
                (limit, self.plan.total() - self.plan.adapters + others)
            }
            None => (available_memory().unwrap_or(u64::MAX), 0),
        };
        if taken.saturating_add(needed) <= limit {
            return Ok(());
        }
        let there_is = match self.adapters.memory {
            Some(_) => format!("{} of the {} that were given with --memory are taken", size(taken), size(limit)),
            None => format!("{} are available on this machine", size(limit)),
        };
        Err(EngineError::DoesNotFit(format!(
            "the adapter {name} needs {}, and {there_is}: load fewer adapters or use a shorter context",
            size(needed)
        )))
    }

    /// Keeps the plan true.
    fn note_adapters(&mut self) {
        let taken = self.adapters.bytes() + self.model.program.adapter_workspace_bytes();
        self.plan.adapters = taken.max(self.adapters.kept_free);
    }
}

/// Finds the module of an update among the model's.
fn wanted(adaptable: &[Adaptable], adapter: &Adapter, update: &LowRankUpdate) -> Result<Wanted, EngineError> {
    let misfit = |problem: String| Err(EngineError::Model(adapter.misfit(update, problem)));
    let is_it = |matrix: &Adaptable| matrix.module.as_ref().is_some_and(|module| module.name == update.module);
    let numbers: Vec<usize> = (0..adaptable.len()).filter(|&number| is_it(&adaptable[number])).collect();
    if numbers.is_empty() {
        return match update.module.contains(".experts.") {
            true => misfit(
                "it is for an expert, and whit runs experts without adapters; train the adapter without them".into(),
            ),
            false => misfit(
                "the model has no such module: the adapter was trained on another one; give it its own base".into(),
            ),
        };
    }
    let (rows, cols) = (numbers.iter().map(|&number| adaptable[number].rows).sum(), adaptable[numbers[0]].cols);
    if (update.out_features, update.in_features) != (rows, cols) {
        let (out_features, in_features) = (update.out_features, update.in_features);
        return misfit(format!(
            "it updates a matrix of {out_features} x {in_features}, and the model's is {rows} x {cols}: the adapter was trained on another \
             one; give it its own base"
        ));
    }
    let (rank, in_features, out_features) = (update.rank, cols, rows);
    Ok(Wanted { numbers, rank, in_features, out_features })
}

/// Where the halves of an update lie: the first once, the second for each of its numbers.
struct Places {
    down: usize,
    up: Vec<usize>,
}

/// In the order in which they are read, and bytes in all: of what has the same input, first one half of each, then the other, so that a
/// thread's share of either is in one piece.
fn places(adaptable: &[Adaptable], wanted: &[Wanted]) -> (Vec<Places>, usize) {
    let step = |at: usize| adaptable[wanted[at].numbers[0]].first;
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&at| wanted[at].numbers[0]);
    let mut end = 0usize;
    let mut place = |rows, cols| {
        let at = end;
        end += PackedMatrix::packed_bytes(Format::F16, rows, cols).next_multiple_of(ALIGNMENT);
        at
    };
    let mut places: Vec<Places> = wanted.iter().map(|_| Places { down: 0, up: vec![] }).collect();
    for of_step in order.chunk_by(|&a, &b| step(a) == step(b)) {
        for &at in of_step {
            places[at].down = place(wanted[at].rank, wanted[at].in_features);
        }
        for &at in of_step {
            let Wanted { numbers, rank, .. } = &wanted[at];
            places[at].up = numbers.iter().map(|&number| place(adaptable[number].rows, *rank)).collect();
        }
    }
    (places, end)
}

/// Packs the updates into `data`.
fn pack(
    team: &mut Team,
    adaptable: &[Adaptable],
    wanted: &[Wanted],
    places: &[Places],
    mut data: AlignedBytes,
    values: &mut dyn FnMut(usize) -> Values,
) -> Result<Updates, String> {
    let mut scales = Vec::with_capacity(wanted.len());
    for (at, (Wanted { numbers, rank, in_features, .. }, place)) in wanted.iter().zip(places).enumerate() {
        let Values { scale, down, up } = values(at);
        let (down, down_scale) = to_halves(team, down)?;
        let (up, up_scale) = to_halves(team, up)?;
        let scale = f64::from(scale) * down_scale * up_scale;
        if !(scale as f32).is_finite() {
            return Err("its scale is beyond the range of floats: train it with a smaller lora_alpha".into());
        }
        scales.push(scale as f32);
        let mut into =
            |source: &[u8], rows: usize, cols: usize, row_of: &(dyn Fn(usize) -> usize + Sync), at: usize| {
                let out = &mut data[at..at + PackedMatrix::packed_bytes(Format::F16, rows, cols)];
                let source = Stored { format: Format::F16, bytes: source };
                PackedMatrix::pack_into(team, Format::F16, source, rows, cols, row_of, out).map_err(|e| e.to_string())
            };
        into(&down, *rank, *in_features, &|row| row, place.down)?;
        for (&number, &at) in numbers.iter().zip(&place.up) {
            let Adaptable { module, rows, .. } = &adaptable[number];
            let row_of = |row| module.as_ref().map_or(row, |module| module.source_row(row));
            into(&up, *rows, *rank, &row_of, at)?;
        }
    }
    let data: SharedBytes = Arc::new(data);
    let matrix = |rows, cols, at| PackedMatrix::packed(Format::F16, rows, cols, data.clone(), at);
    let mut updates: Vec<Option<LowRank>> = adaptable.iter().map(|_| None).collect();
    for ((Wanted { numbers, rank, in_features, .. }, place), scale) in wanted.iter().zip(places).zip(scales) {
        for (&number, &at) in numbers.iter().zip(&place.up) {
            let down = matrix(*rank, *in_features, place.down);
            let up = matrix(adaptable[number].rows, *rank, at);
            updates[number] = down.zip(up).map(|(down, up)| LowRank { down, up, scale });
        }
    }
    Ok(Updates { updates })
}

/// Numbers in half precision, and the power of two that makes them what they were.
fn to_halves(team: &Team, mut values: Vec<f32>) -> Result<(Vec<u8>, f64), String> {
    let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    // Beyond the bounds they are nothing, or too much, beside any other numbers of a model.
    let exponent = if largest > 0.0 { largest.log2().floor().clamp(-100.0, 100.0) as i32 } else { 0 };
    let factor = 2f32.powi(-exponent);
    values.iter_mut().for_each(|value| *value *= factor);
    let mut bytes = vec![0; 2 * values.len()];
    Format::F16.encode(team.isa(), &values, &mut bytes).map_err(|error| error.to_string())?;
    Ok((bytes, 2f64.powi(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_keep_eleven_bits() {
        let team = Team::new(Some(1)).unwrap();
        for size in [1e-30f32, 3e-5, 1.0, 60_000.0, 1e30] {
            let values: Vec<f32> = (1..200).map(|i| (i as f32 - 100.0) / 77.0 * size).collect();
            let (bytes, scale) = to_halves(&team, values.clone()).unwrap();
            let mut halves = vec![0f32; values.len()];
            Format::F16.decode(&bytes, &mut halves);
            for (value, half) in values.iter().zip(halves) {
                let error = (f64::from(half) * scale - f64::from(*value)).abs();
                assert!(error <= f64::from(value.abs()) * 2f64.powi(-11), "{value} became {}", f64::from(half) * scale);
            }
        }
        assert_eq!(to_halves(&team, vec![0.0; 3]).unwrap(), (vec![0; 6], 1.0));
    }
}
