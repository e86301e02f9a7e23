//! Tensors by name: every one an architecture file names is looked up and its shape compared, so that a specification
//! that was built can be compiled without another question.

use std::ops::Range;

use whit_kernels::Format;

use super::source::Source;
use crate::ModelError;
use crate::error::shorten;
use crate::spec::{Linear, Module, Norm, NormKind, Rows, TensorRef};

/// A tensor: its name in a Hugging Face checkpoint and in llama.cpp's GGUF, without the layer before and `.weight` after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name(pub &'static str, pub &'static str);

/// Whether a linear map has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bias {
    /// If the checkpoint has one.
    IfPresent,
    /// The configuration says so.
    Required,
}

impl Bias {
    /// The bias that a configuration's flag asks for.
    pub(super) fn from_flag(flag: Option<bool>) -> Bias {
        if flag == Some(true) { Bias::Required } else { Bias::IfPresent }
    }
}

/// The formula of an architecture's norms and the constants that go with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormStyle {
    pub kind: NormKind,
    pub epsilon: f32,
    pub weight_offset: f32,
}

impl Source<'_> {
    /// The name of a tensor outside the layers, without its ending.
    pub(super) fn stem(&self, name: Name) -> String {
        if self.is_gguf() { name.1.to_owned() } else { format!("{}{}", self.prefix, name.0) }
    }

    /// The name of a layer's tensor, without its ending.
    pub(super) fn layer_stem(&self, layer: usize, name: Name) -> String {
        if self.is_gguf() {
            format!("blk.{layer}.{}", name.1)
        } else {
            format!("{}layers.{layer}.{}", self.prefix, name.0)
        }
    }

    /// Whether there is a tensor of this name, the layer before and `.weight` after.
    pub(super) fn has_in_layer(&self, layer: usize, name: Name) -> bool {
        self.checkpoint.has(&format!("{}.weight", self.layer_stem(layer, name)))
    }

    /// The shape of the tensor `name`, which must be a matrix.
    pub(super) fn matrix_shape(&self, name: &str) -> Result<[usize; 2], ModelError> {
        match *self.checkpoint.tensor(name)?.shape {
            [rows, cols] if rows > 0 && cols > 0 => Ok([rows, cols]),
            ref shape => Err(self.wrong_shape(name, shape, "a matrix is expected")),
        }
    }

    /// Fails unless there is a tensor `name` of this shape; further dimensions of 1 do not matter.
    pub(super) fn check_shape(&self, name: &str, expected: &[usize]) -> Result<(), ModelError> {
        let shape = self.checkpoint.tensor(name)?.shape;
        let wide = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
        if shape == expected || shape.len() != expected.len() && wide(shape) == wide(expected) {
            return Ok(());
        }
        Err(self.wrong_shape(name, shape, format!("the configuration makes it {expected:?}")))
    }

    fn wrong_shape(&self, name: &str, found: &[usize], expected: impl std::fmt::Display) -> ModelError {
        ModelError::malformed(
            self.checkpoint.file_of(name),
            format!("tensor {}", shorten(name)),
            format!("its shape is {found:?}, and {expected}; the configuration and the weights are not of one model"),
        )
    }

    /// The whole matrix `stem.weight`, `[out_features, in_features]`, and its bias.
    pub(super) fn linear(
        &self,
        stem: &str,
        out_features: usize,
        in_features: usize,
        bias: Bias,
    ) -> Result<Linear, ModelError> {
        let weight = format!("{stem}.weight");
        self.check_shape(&weight, &[out_features, in_features])?;
        let name = format!("{stem}.bias");
        let bias = if bias == Bias::Required || self.checkpoint.has(&name) {
            self.check_shape(&name, &[out_features])?;
            Some(TensorRef::all(name))
        } else {
            None
        };
        Ok(Linear { weight: TensorRef::all(weight), bias, out_features, in_features, module: None })
    }

    /// The whole matrix `name` of a layer, and its bias.
    pub(super) fn layer_linear(
        &self,
        layer: usize,
        name: Name,
        out_features: usize,
        in_features: usize,
        bias: Bias,
    ) -> Result<Linear, ModelError> {
        let linear = self.linear(&self.layer_stem(layer, name), out_features, in_features, bias)?;
        Ok(Linear { module: Some(layer_module(layer, name, Rows::All)), ..linear })
    }

    /// The matrix `name` of a layer in parts of `sizes` rows, one after the other, and its bias likewise.
    pub(super) fn layer_fused<const N: usize>(
        &self,
        layer: usize,
        name: Name,
        sizes: [usize; N],
        in_features: usize,
        bias: Bias,
    ) -> Result<[Linear; N], ModelError> {
        let whole = self.layer_linear(layer, name, sizes.iter().sum(), in_features, bias)?;
        let mut start = 0;
        Ok(sizes.map(|size| {
            let rows = Rows::Range(start..start + size);
            start += size;
            part(&whole, rows, size)
        }))
    }

    /// GPT-NeoX's matrix `name` of a layer, `[heads, 3, head_dim]` rows: each head's Q, K and V together. llama.cpp's converter sorts
    /// the rows.
    pub(super) fn interleaved_qkv(
        &self,
        layer: usize,
        name: Name,
        [heads, head_dim, in_features]: [usize; 3],
        bias: Bias,
    ) -> Result<[Linear; 3], ModelError> {
        let head = |i| Rows::Strided { stride: 3 * head_dim, start: i * head_dim, len: head_dim, groups: heads };
        if self.is_gguf() {
            let mut parts = self.layer_fused(layer, name, [heads * head_dim; 3], in_features, bias)?;
            for (i, part) in parts.iter_mut().enumerate() {
                part.module = Some(layer_module(layer, name, head(i)));
            }
            return Ok(parts);
        }
        let whole = self.layer_linear(layer, name, 3 * heads * head_dim, in_features, bias)?;
        Ok([0, 1, 2].map(|i| part(&whole, head(i), heads * head_dim)))
    }

    /// A range of the rows of `name` (the full name), whose shape is `[.., in_features]` as `shape` says.
    pub(super) fn slice(
        &self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
        in_features: usize,
    ) -> Result<Linear, ModelError> {
        self.check_shape(name, shape)?;
        let out_features = rows.len();
        Ok(Linear {
            weight: TensorRef { name: name.to_owned(), rows: Rows::Range(rows) },
            bias: None,
            out_features,
            in_features,
            module: None,
        })
    }

    /// The norm `stem` over `size` values. A LayerNorm must have its bias.
    pub(super) fn norm(&self, stem: &str, style: NormStyle, size: usize) -> Result<Norm, ModelError> {
        let weight = format!("{stem}.weight");
        self.check_shape(&weight, &[size])?;
        let bias = match style.kind {
            NormKind::Rms => None,
            NormKind::Layer => {
                let name = format!("{stem}.bias");
                self.check_shape(&name, &[size])?;
                Some(TensorRef::all(name))
            }
        };
        Ok(Norm {
            kind: style.kind,
            weight: TensorRef::all(weight),
            bias,
            weight_offset: style.weight_offset,
            epsilon: style.epsilon,
            size,
        })
    }

    /// The norm `name` of a layer.
    pub(super) fn layer_norm(
        &self,
        layer: usize,
        name: Name,
        style: NormStyle,
        size: usize,
    ) -> Result<Norm, ModelError> {
        self.norm(&self.layer_stem(layer, name), style, size)
    }

    /// The `len` numbers of the float32 tensor `name`, each above zero; `None` if there is no such tensor.
    pub(super) fn factors(&self, name: &str, len: usize) -> Result<Option<Vec<f32>>, ModelError> {
        if !self.checkpoint.has(name) {
            return Ok(None);
        }
        self.check_shape(name, &[len])?;
        let tensor = self.checkpoint.tensor(name)?;
        let item = || format!("tensor {}", shorten(name));
        if tensor.format != Format::F32 {
            let problem =
                format!("it is {}, and rotary factors are kept in F32; convert the model again", tensor.format);
            return Err(ModelError::unsupported(self.checkpoint.file_of(name), item(), problem));
        }
        let values: Vec<f32> = tensor.bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match values.iter().find(|v| !v.is_finite() || **v <= 0.0) {
            None => Ok(Some(values)),
            Some(value) => {
                let problem = format!("it holds {value}, and a rotary factor is above 0; download the model again");
                Err(ModelError::malformed(self.checkpoint.file_of(name), item(), problem))
            }
        }
    }
}

/// A part of Hugging Face's module `name` of a layer.
pub(super) fn layer_module(layer: usize, name: Name, rows: Rows) -> Box<Module> {
    Box::new(Module { rows, ..Module::all(format!("layers.{layer}.{}", name.0)) })
}

fn part(whole: &Linear, rows: Rows, out_features: usize) -> Linear {
    let choose = |tensor: &TensorRef| TensorRef { name: tensor.name.clone(), rows: rows.clone() };
    Linear {
        weight: choose(&whole.weight),
        bias: whole.bias.as_ref().map(choose),
        out_features,
        in_features: whole.in_features,
        module: whole.module.clone().map(|module| Box::new(Module { rows, ..*module })),
    }
}
