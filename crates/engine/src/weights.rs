//! From tensors of a checkpoint to what the kernels compute with.

use std::collections::HashMap;

use whit_kernels::program::Table;
use whit_kernels::{PackError, PackedMatrix, Team};
use whit_model::spec::{Linear, Rows, TensorRef};
use whit_model::{Checkpoint, ModelError, Tensor};

/// Reads and packs tensors; or, to plan, only looks at their shapes.
pub(crate) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    packer: Option<Packer<'a>>,
    matrices: HashMap<TensorRef, PackedMatrix>,
}

/// Who packs, and who hears of it.
pub(crate) struct Packer<'a> {
    pub team: &'a mut Team,
    /// Hears (bytes packed, `total`).
    pub progress: &'a mut dyn FnMut(u64, u64),
    pub total: u64,
}

impl<'a> Weights<'a> {
    /// Without a packer nothing is read: matrices have shapes only, vectors are zeros.
    pub fn new(checkpoint: &'a Checkpoint, packer: Option<Packer<'a>>) -> Weights<'a> {
        Weights { checkpoint, packer, matrices: HashMap::new() }
    }

    /// Bytes of all matrices asked for so far.
    pub fn bytes(&self) -> u64 {
        self.matrices.values().map(|matrix| matrix.bytes() as u64).sum()
    }

    /// The matrix of a linear layer, packed once however often it is asked for.
    pub fn matrix(&mut self, linear: &Linear) -> Result<PackedMatrix, ModelError> {
        if let Some(matrix) = self.matrices.get(&linear.weight) {
            return Ok(matrix.clone());
        }
        let tensor = self.checkpoint.tensor(&linear.weight.name)?;
        let (rows, cols) = (linear.out_features, linear.in_features);
        self.check_cols(&tensor, cols)?;
        let matrix = match &mut self.packer {
            None => PackedMatrix::planned(tensor.format, rows, cols),
            Some(packer) => {
                let row_of = |row| source_row(&linear.weight.rows, row);
                let matrix = PackedMatrix::pack(packer.team, tensor.format, tensor.bytes, rows, cols, &row_of)
                    .map_err(|error| bad_weights(self.checkpoint, &tensor, &error))?;
                // Packed once, the source is not looked at again: memory must not hold both.
                self.checkpoint.release(tensor.name);
                matrix
            }
        };
        self.matrices.insert(linear.weight.clone(), matrix.clone());
        let done = self.bytes();
        if let Some(packer) = &mut self.packer {
            (packer.progress)(done, packer.total);
        }
        Ok(matrix)
    }

    /// A one-dimensional tensor (or any other, flattened) of `len` values.
    pub fn vector(&self, reference: &TensorRef, len: usize) -> Result<Vec<f32>, ModelError> {
        let tensor = self.checkpoint.tensor(&reference.name)?;
        if self.packer.is_none() {
            return Ok(vec![0.0; len]);
        }
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
        if self.packer.is_some() && !tensor.format.is_finite(tensor.bytes) {
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

    /// An error about a tensor whose use is beyond what whit does.
    pub fn unsupported(&self, reference: &TensorRef, problem: String) -> ModelError {
        ModelError::Unsupported {
            path: self.checkpoint.file_of(&reference.name).to_owned(),
            item: format!("tensor {}", reference.name),
            problem,
        }
    }

    fn malformed(&self, tensor: &Tensor, problem: String) -> ModelError {
        malformed(self.checkpoint, tensor, problem)
    }
}

fn bad_weights(checkpoint: &Checkpoint, tensor: &Tensor, error: &PackError) -> ModelError {
    let mend = match error {
        PackError::NotFinite { .. } => AGAIN,
        _ => "the file does not fit its own configuration",
    };
    malformed(checkpoint, tensor, format!("{error}; {mend}"))
}

fn malformed(checkpoint: &Checkpoint, tensor: &Tensor, problem: String) -> ModelError {
    ModelError::Malformed {
        path: checkpoint.file_of(tensor.name).to_owned(),
        item: format!("tensor {}", tensor.name),
        problem,
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
