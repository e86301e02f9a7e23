//! From tensors of a checkpoint to what the kernels compute with.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use whit_kernels::program::Table;
use whit_kernels::{ALIGNMENT, AlignedBytes, Format, PackError, PackedMatrix, SharedBytes, Stored, Team};
use whit_model::spec::{FeedForward, Linear, Rows, TensorRef};
use whit_model::{Checkpoint, DecoderSpec, ModelError, Tensor};

use crate::options::MatrixUse;
use crate::packed_copy::ContentHash;
use crate::{EngineError, WeightFormat};

/// Reads tensors; or, to plan, only looks at their shapes.
pub(crate) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    format: WeightFormat,
    /// What the matrices are for that are not between the embedding and the head.
    uses: HashMap<&'a TensorRef, MatrixUse>,
    packed: Option<&'a Packed>,
    matrices: HashMap<TensorRef, PackedMatrix>,
    wanted: Vec<Wanted>,
}

/// A matrix that a model is made of, and its place among the packed weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub tensor: TensorRef,
    /// As it is packed.
    pub format: Format,
    /// As the checkpoint has it.
    pub stored: Format,
    pub rows: usize,
    pub cols: usize,
    /// First byte.
    pub at: usize,
}

impl Wanted {
    pub fn end(&self) -> usize {
        self.at.saturating_add(PackedMatrix::packed_bytes(self.format, self.rows, self.cols))
    }
}

/// All packed matrices of a model, one after the other in one piece of memory.
pub(crate) struct Packed {
    bytes: SharedBytes,
    wanted: Vec<Wanted>,
    /// The checkpoint's files were loaded before, as they are, and found sound.
    source_known: bool,
}

impl Packed {
    /// Packs what is `wanted` of the checkpoint, and adds it to `hash`. `progress` hears (bytes packed, bytes in all).
    pub fn pack(
        checkpoint: &Checkpoint,
        wanted: Vec<Wanted>,
        team: &mut Team,
        mut hash: Option<&mut ContentHash>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Packed, EngineError> {
        let total = wanted.last().map_or(0, Wanted::end);
        let mut bytes = AlignedBytes::try_zeroed(total).ok_or_else(|| {
            EngineError::DoesNotFit(format!("the system does not give the {total} bytes of the packed weights"))
        })?;
        for matrix in &wanted {
            let tensor = checkpoint.tensor(&matrix.tensor.name)?;
            if let Some(hash) = &mut hash {
                hash.add(&tensor, team);
            }
            let row_of = |row| matrix.tensor.rows.source_row(row);
            let out = &mut bytes[matrix.at..matrix.end()];
            let source = Stored { format: tensor.format, bytes: tensor.bytes };
            PackedMatrix::pack_into(team, matrix.format, source, matrix.rows, matrix.cols, &row_of, out)
                .map_err(|error| bad_weights(checkpoint, &tensor, &error))?;
            // Packed once, the source is not looked at again: memory must not hold both.
            checkpoint.release(tensor.name);
            progress(matrix.end() as u64, total as u64);
        }
        Ok(Packed { bytes: Arc::new(bytes), wanted, source_known: false })
    }

    /// As they were packed before from the same weights; if `source_known`, from these very files.
    pub fn copied(bytes: SharedBytes, wanted: Vec<Wanted>, source_known: bool) -> Packed {
        Packed { bytes, wanted, source_known }
    }

    /// All of them.
    pub fn bytes(&self) -> SharedBytes {
        self.bytes.clone()
    }

    /// Whether every value of the tensor was seen to be a finite number: when the files were first loaded, or all of it packed.
    fn is_checked(&self, tensor: &Tensor) -> bool {
        let all_of_it = |w: &Wanted| w.tensor.name == tensor.name && w.tensor.rows == Rows::All;
        self.source_known || self.wanted.iter().any(|w| all_of_it(w) && tensor.shape.first() == Some(&w.rows))
    }

    fn matrices(&self) -> HashMap<TensorRef, PackedMatrix> {
        let matrix = |w: &Wanted| PackedMatrix::packed(w.format, w.rows, w.cols, self.bytes.clone(), w.at);
        self.wanted.iter().filter_map(|w| Some((w.tensor.clone(), matrix(w)?))).collect()
    }
}

impl<'a> Weights<'a> {
    /// To plan: nothing is read, matrices have shapes only, vectors are zeros.
    pub fn planned(checkpoint: &'a Checkpoint, spec: &'a DecoderSpec, format: WeightFormat) -> Weights<'a> {
        let routers = spec.layers.iter().filter_map(|layer| match &layer.feed_forward {
            FeedForward::Experts { router, .. } => Some((&router.weight, MatrixUse::Router)),
            _ => None,
        });
        let uses = routers.chain([(&spec.head.linear.weight, MatrixUse::Head)]).collect();
        Weights { checkpoint, format, uses, packed: None, matrices: HashMap::new(), wanted: vec![] }
    }

    /// To run, with the matrices that planning found to be wanted.
    pub fn packed(checkpoint: &'a Checkpoint, packed: &'a Packed) -> Weights<'a> {
        let (format, uses) = (WeightFormat::AsIs, HashMap::new());
        Weights { checkpoint, format, uses, packed: Some(packed), matrices: packed.matrices(), wanted: vec![] }
    }

    /// That there is something to do for whoever asked for another format than the checkpoint's.
    pub fn check_format(&self) -> Result<(), EngineError> {
        let stored: BTreeSet<Format> = self.wanted.iter().map(|wanted| wanted.stored).collect();
        if self.format == WeightFormat::AsIs || stored.iter().any(|format| format.is_float()) {
            return Ok(());
        }
        let names: Vec<&str> = stored.iter().map(|format| format.name()).collect();
        Err(EngineError::Option(format!(
            "{}: the weights are quantised already ({}), and --weights is for those stored as floats: leave it out, or give it \
             the model this one was made from",
            self.checkpoint.path.display(),
            names.join(", ")
        )))
    }

    /// Bytes of all matrices asked for so far.
    pub fn bytes(&self) -> u64 {
        self.wanted.last().map_or(0, |last| last.end() as u64)
    }

    /// The matrices asked for, in order.
    pub fn into_wanted(self) -> Vec<Wanted> {
        self.wanted
    }

    /// The matrix of a linear layer, the same one however often it is asked for.
    pub fn matrix(&mut self, linear: &Linear) -> Result<PackedMatrix, ModelError> {
        if let Some(matrix) = self.matrices.get(&linear.weight) {
            return Ok(matrix.clone());
        }
        let tensor = self.checkpoint.tensor(&linear.weight.name)?;
        let (rows, cols) = (linear.out_features, linear.in_features);
        self.check_cols(&tensor, cols)?;
        if tensor.format.row_bytes(cols).is_none() {
            let (format, block_len) = (tensor.format, tensor.format.block_len());
            return Err(bad_weights(self.checkpoint, &tensor, &PackError::Columns { cols, format, block_len }));
        }
        // Sizes come from the file: no sum of them may wrap.
        let end = self.wanted.last().map_or(0, Wanted::end);
        let at = end.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
        let stored = tensor.format;
        let matrix_use = self.uses.get(&linear.weight).copied().unwrap_or(MatrixUse::Body);
        let format = self.format.of(stored, cols, matrix_use);
        self.wanted.push(Wanted { tensor: linear.weight.clone(), format, stored, rows, cols, at });
        let matrix = PackedMatrix::planned(format, rows, cols);
        self.matrices.insert(linear.weight.clone(), matrix.clone());
        Ok(matrix)
    }

    /// A one-dimensional tensor (or any other, flattened) of `len` values.
    pub fn vector(&self, reference: &TensorRef, len: usize) -> Result<Vec<f32>, ModelError> {
        let tensor = self.checkpoint.tensor(&reference.name)?;
        if self.packed.is_none() {
            return Ok(vec![0.0; len]);
        }
        let mut all = vec![0f32; tensor.shape.iter().product()];
        tensor.format.decode(tensor.bytes, &mut all);
        let chosen: Option<Vec<f32>> = match reference.rows {
            Rows::All => (all.len() == len).then_some(all),
            _ => (0..len).map(|i| all.get(reference.rows.source_row(i)).copied()).collect(),
        };
        let chosen = chosen.ok_or_else(|| {
            self.malformed(&tensor, format!("{:?} does not give the {len} values wanted", tensor.shape))
        })?;
        match chosen.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(self.malformed(&tensor, format!("value {at} is not a finite number; {AGAIN}"))),
            None => Ok(chosen),
        }
    }

    /// The embedding table: the head's matrix, if that is packed from the same weights; else left where it is.
    pub fn table(&self, reference: &TensorRef, cols: usize) -> Result<Table, ModelError> {
        let tensor = self.checkpoint.tensor(&reference.name)?;
        self.check_cols(&tensor, cols)?;
        if reference.rows != Rows::All {
            return Err(self.malformed(&tensor, "an embedding is a whole tensor".into()));
        }
        let of_head = self.packed.and_then(|_| self.matrices.get(reference));
        if let Some(matrix) = of_head.filter(|matrix| matrix.format() == tensor.format && matrix.cols() == cols) {
            return Ok(Table::of_packed(matrix.clone()));
        }
        if self.packed.is_some_and(|packed| !packed.is_checked(&tensor)) && !tensor.format.is_finite(tensor.bytes) {
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
        PackError::Encode { .. } => "load it with --weights as-is",
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
