//! From tensors of a checkpoint to what the kernels compute with.

use std::collections::HashMap;

use whit_kernels::program::Table;
use whit_kernels::{PackError, PackedMatrix, Team};
use whit_model::spec::{FeedForward, GatedFeedForward, Linear, Mixer, Rows, TensorRef};
use whit_model::{Checkpoint, DecoderSpec, ModelError, Tensor};

/// Every matrix the decoder multiplies with; a tied head and an embedding are one tensor, multiplied with once.
pub(crate) fn linears(spec: &DecoderSpec) -> impl Iterator<Item = &Linear> {
    fn gated(ff: &GatedFeedForward) -> [&Linear; 3] {
        [&ff.gate, &ff.up, &ff.down]
    }
    let layers = spec.layers.iter().flat_map(|layer| {
        let mut all: Vec<&Linear> = match &layer.mixer {
            Mixer::Attention(a) => vec![&a.q, &a.k, &a.v, &a.o],
            Mixer::ShortConv(c) => vec![&c.in_proj, &c.out_proj],
        };
        match &layer.feed_forward {
            FeedForward::Gated(ff) => all.extend(gated(ff)),
            FeedForward::Plain { up, down, .. } => all.extend([up, down]),
            FeedForward::Experts { router, experts, .. } => {
                all.push(router);
                all.extend(experts.iter().flat_map(gated));
            }
        }
        all
    });
    layers.chain([&spec.head.linear])
}

/// Bytes that the packed matrices of a decoder take.
pub(crate) fn packed_bytes(checkpoint: &Checkpoint, spec: &DecoderSpec) -> Result<u64, ModelError> {
    let mut seen = std::collections::HashSet::new();
    let mut bytes = 0;
    for linear in linears(spec) {
        if seen.insert(&linear.weight) {
            let tensor = checkpoint.tensor(&linear.weight.name)?;
            bytes += PackedMatrix::packed_bytes(tensor.format, linear.out_features, linear.in_features) as u64;
        }
    }
    Ok(bytes)
}

/// Reads and packs tensors.
pub(crate) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    team: &'a mut Team,
    packed: HashMap<TensorRef, PackedMatrix>,
    progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
}

impl<'a> Weights<'a> {
    /// `progress` hears (bytes packed, `total`).
    pub fn new(
        checkpoint: &'a Checkpoint,
        team: &'a mut Team,
        progress: &'a mut dyn FnMut(u64, u64),
        total: u64,
    ) -> Weights<'a> {
        Weights { checkpoint, team, packed: HashMap::new(), progress, done: 0, total }
    }

    /// The matrix of a linear layer, packed once however often it is asked for.
    pub fn matrix(&mut self, linear: &Linear) -> Result<PackedMatrix, ModelError> {
        if let Some(matrix) = self.packed.get(&linear.weight) {
            return Ok(matrix.clone());
        }
        let tensor = self.checkpoint.tensor(&linear.weight.name)?;
        self.check_cols(&tensor, linear.in_features)?;
        let rows = &linear.weight.rows;
        let matrix = PackedMatrix::pack(
            self.team,
            tensor.format,
            tensor.bytes,
            linear.out_features,
            linear.in_features,
            &|row| source_row(rows, row),
        )
        .map_err(|error| self.bad_weights(&tensor, &error))?;
        // Packed once, the source is not looked at again: memory must not hold both.
        self.checkpoint.release(tensor.name);
        self.done += matrix.bytes() as u64;
        (self.progress)(self.done, self.total);
        self.packed.insert(linear.weight.clone(), matrix.clone());
        Ok(matrix)
    }

    /// A one-dimensional tensor (or any other, flattened) of `len` values.
    pub fn vector(&self, reference: &TensorRef, len: usize) -> Result<Vec<f32>, ModelError> {
        let tensor = self.checkpoint.tensor(&reference.name)?;
        let mut all = vec![0f32; tensor.shape.iter().product()];
        tensor.format.decode(tensor.bytes, &mut all);
        let chosen: Option<Vec<f32>> = match reference.rows {
            Rows::All => (all.len() == len).then_some(all),
            _ => (0..len).map(|i| all.get(source_row(&reference.rows, i)).copied()).collect(),
        };
        let chosen = chosen.ok_or_else(|| {
            self.malformed(&tensor, format!("{:?} does not give the {len} values wanted", tensor.shape))
        })?;
        match chosen.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(self.malformed(&tensor, format!("value {at} is not a finite number; {AGAIN}"))),
            None => Ok(chosen),
        }
    }

    /// The embedding table, left where it is.
    pub fn table(&self, reference: &TensorRef, cols: usize) -> Result<Table, ModelError> {
        let tensor = self.checkpoint.tensor(&reference.name)?;
        self.check_cols(&tensor, cols)?;
        if reference.rows != Rows::All {
            return Err(self.malformed(&tensor, "an embedding is a whole tensor".into()));
        }
        if !tensor.format.is_finite(tensor.bytes) {
            return Err(self.malformed(&tensor, format!("holds a value that is not a finite number; {AGAIN}")));
        }
        self.checkpoint.release(tensor.name);
        let (file, bytes) = self.checkpoint.location(&reference.name)?;
        Table::new(file, bytes, tensor.format, cols)
            .ok_or_else(|| self.malformed(&tensor, format!("is not whole rows of {cols} values")))
    }

    fn check_cols(&self, tensor: &Tensor, cols: usize) -> Result<(), ModelError> {
        match tensor.shape.last() {
            Some(&last) if last == cols => Ok(()),
            _ => {
                Err(self
                    .malformed(tensor, format!("its shape is {:?}, its rows should have {cols} values", tensor.shape)))
            }
        }
    }

    fn bad_weights(&self, tensor: &Tensor, error: &PackError) -> ModelError {
        let mend = if matches!(error, PackError::NotFinite { .. }) {
            AGAIN
        } else {
            "the file does not fit its own configuration"
        };
        self.malformed(tensor, format!("{error}; {mend}"))
    }

    /// An error about a tensor whose use is beyond what whit does.
    pub fn unsupported(&self, reference: &TensorRef, problem: String) -> ModelError {
        ModelError::Unsupported {
            path: self.checkpoint.file_of(&reference.name).to_owned(),
            item: format!("tensor {}", reference.name),
            problem,
        }
    }

    fn malformed(&self, tensor: &Tensor, problem: String) -> ModelError {
        ModelError::Malformed {
            path: self.checkpoint.file_of(tensor.name).to_owned(),
            item: format!("tensor {}", tensor.name),
            problem,
        }
    }
}

const AGAIN: &str = "the weights are damaged: download or convert the model again";

/// The row of the source that row `row` of a choice is.
fn source_row(rows: &Rows, row: usize) -> usize {
    match rows {
        Rows::All => row,
        Rows::Range(range) => range.start + row,
        Rows::Strided { stride, start, len, .. } => row / len * stride + start + row % len,
    }
}
