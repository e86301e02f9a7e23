//! From a declarative [`DecoderSpec`] to a fixed list of steps.

use std::collections::HashMap;

use whit_kernels::program::{
    Add, Attention, Buffer, Builder, Combine, Embed, ExpertLinear, Gate, KvFormat, KvLayout, Linear, LinearPart,
    LogitsFinish, MAX_KERNEL, Norm, NormKind, Quantise, RotaryPairing, RotateAndStore, Route, Routing, Rows, Select,
    ShortConv,
};
use whit_kernels::{Activation, Activations};
use whit_model::spec::{self, DecoderSpec, FeedForward, GatedFeedForward, Mixer, Module};
use whit_model::{ModelError, RotaryFrequencies};

use crate::weights::Weights;

/// A model as the kernels run it.
pub(crate) struct Compiled {
    /// All steps; finished, it is the program.
    pub builder: Builder,
    pub kv: KvLayout,
    /// Rows of logits, one per row asked for.
    pub logits: Buffer,
    /// What the head reads for each of them, then the rows of which that alone is asked for: the final norm's output.
    pub hidden: Buffer,
    /// Rows of the embedding table: what a token id must be below.
    pub vocab_size: usize,
    /// The matrices that adapters may update, by the program's numbers.
    pub adaptable: Vec<Adaptable>,
}

/// A matrix that adapters may update.
pub(crate) struct Adaptable {
    /// What adapters call it.
    pub module: Option<Module>,
    pub rows: usize,
    pub cols: usize,
    /// The number of the first that is multiplied with the same input.
    pub first: usize,
}

/// The sizes a program is compiled for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub max_tokens: usize,
    pub max_logits: usize,
    pub context: usize,
    pub kv_format: KvFormat,
}

/// What a step reads: the same values as floats, and quantised if a matrix wants them so.
#[derive(Clone, Copy)]
struct Operand {
    floats: Buffer,
    quantised: Option<Buffer>,
}

/// What a buffer is for; layers share the buffers of a role.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Residual,
    MixerInput,
    ParallelInput,
    FeedForwardInput,
    Query,
    Key,
    Value,
    ConvParts,
    Mixed,
    Gate,
    Up,
    Router,
    ExpertOutput,
    Branch,
    LogitsInput,
    Logits,
}

struct Compiler<'a, 'w> {
    weights: &'a mut Weights<'w>,
    builder: Builder,
    /// By role, whether quantised, and shape.
    buffers: HashMap<(Role, bool, Rows, usize), Buffer>,
    /// By experts and how many of them a token uses.
    routings: HashMap<(usize, usize), Routing>,
    kv: KvLayout,
    kv_format: KvFormat,
    rotary_tables: Vec<Buffer>,
    hidden: usize,
    adaptable: Vec<Adaptable>,
}

/// Compiles `spec`.
pub(crate) fn compile(spec: &DecoderSpec, weights: &mut Weights, sizes: Sizes) -> Result<Compiled, ModelError> {
    let table = weights.table(&spec.embedding.weight, spec.hidden_size)?;
    let vocab_size = table.rows();
    let mut c = Compiler {
        weights,
        builder: Builder::new(sizes.max_tokens, sizes.max_logits),
        buffers: HashMap::new(),
        routings: HashMap::new(),
        kv: KvLayout::new(),
        kv_format: sizes.kv_format,
        rotary_tables: vec![],
        hidden: spec.hidden_size,
        adaptable: vec![],
    };
    let x = c.floats(Role::Residual, Rows::Tokens, spec.hidden_size);
    c.builder.embed(Embed { table, scale: spec.embedding.scale, output: x });
    for rotary in &spec.rotaries {
        let RotaryFrequencies { inv_freq, attention_factor } = rotary.frequencies(sizes.context);
        let output = c.builder.floats(Rows::Tokens, 2 * inv_freq.len());
        c.builder.rotary(whit_kernels::program::Rotary { frequencies: inv_freq, attention_factor, output });
        c.rotary_tables.push(output);
    }
    for layer in &spec.layers {
        c.layer(layer, spec, x)?;
    }

    let last = c.floats(Role::LogitsInput, Rows::Asked, spec.hidden_size);
    c.builder.select(Select { input: x, output: last });
    c.norm(&spec.final_norm, last, last)?;
    let logits = c.floats(Role::Logits, Rows::Logits, spec.head.linear.out_features);
    c.linear(Role::LogitsInput, last, &[(&spec.head.linear, logits, None)])?;
    if spec.head.scale != 1.0 || spec.head.softcap.is_some() {
        c.builder.logits_finish(LogitsFinish { logits, scale: spec.head.scale, softcap: spec.head.softcap });
    }
    Ok(Compiled { builder: c.builder, kv: c.kv, logits, hidden: last, vocab_size, adaptable: c.adaptable })
}

impl Compiler<'_, '_> {
    fn floats(&mut self, role: Role, rows: Rows, cols: usize) -> Buffer {
        *self.buffers.entry((role, false, rows, cols)).or_insert_with(|| self.builder.floats(rows, cols))
    }

    fn layer(&mut self, layer: &spec::Layer, spec: &DecoderSpec, x: Buffer) -> Result<(), ModelError> {
        let mixer_input = self.pre_norm(Role::MixerInput, layer.pre_mixer_norm.as_ref(), x)?;
        let early = match layer.parallel {
            // Both branches read what the layer was given: norm it for the second before the first adds to it.
            true if layer.pre_feed_forward_norm == layer.pre_mixer_norm && layer.pre_mixer_norm.is_some() => {
                Some(mixer_input)
            }
            true => Some(self.pre_norm(Role::ParallelInput, layer.pre_feed_forward_norm.as_ref(), x)?),
            false => None,
        };
        let scale = layer.residual_scale;
        let mixed = Residual { x, norm: layer.post_mixer_norm.as_ref(), scale };
        match &layer.mixer {
            Mixer::Attention(attention) => self.attention(attention, spec, mixer_input, mixed)?,
            Mixer::ShortConv(conv) => self.short_conv(conv, mixer_input, mixed)?,
        }
        let input = match early {
            Some(input) => input,
            None => self.pre_norm(Role::FeedForwardInput, layer.pre_feed_forward_norm.as_ref(), x)?,
        };
        let residual = Residual { x, norm: layer.post_feed_forward_norm.as_ref(), scale };
        match &layer.feed_forward {
            FeedForward::Gated(ff) => self.gated(ff, input, residual),
            FeedForward::Plain { up, down, activation } => {
                let inner = self.floats(Role::Up, Rows::Tokens, up.out_features);
                self.linear(Role::FeedForwardInput, input, &[(up, inner, None)])?;
                let activation = self::activation(*activation);
                self.builder.gate(Gate { gate: inner, up: None, activation, output: inner });
                self.branch(Role::Up, inner, down, residual)
            }
            FeedForward::Experts { router, experts, top_k, normalize } => {
                self.experts(router, experts, (*top_k, *normalize), input, residual)
            }
        }
    }

    fn attention(
        &mut self,
        a: &spec::Attention,
        spec: &DecoderSpec,
        input: Buffer,
        residual: Residual,
    ) -> Result<(), ModelError> {
        let q = self.floats(Role::Query, Rows::Tokens, a.q.out_features);
        let k = self.floats(Role::Key, Rows::Tokens, a.k.out_features);
        let v = self.floats(Role::Value, Rows::Tokens, a.v.out_features);
        self.linear(Role::MixerInput, input, &[(&a.q, q, None), (&a.k, k, None), (&a.v, v, None)])?;
        for (norm, buffer) in [(&a.q_norm, q), (&a.k_norm, k)] {
            if let Some(norm) = norm {
                self.norm(norm, buffer, buffer)?;
            }
        }
        let layer = self.kv.attention(a.kv_heads, a.head_dim, self.kv_format);
        let format = self.kv_format;
        let rotary = a.rotary.map(|index| {
            let pairing = match spec.rotaries[index].pairing {
                spec::Pairing::Half => RotaryPairing::Half,
                spec::Pairing::Adjacent => RotaryPairing::Adjacent,
            };
            (self.rotary_tables[index], pairing)
        });
        let (heads, kv_heads, head_dim) = (a.heads, a.kv_heads, a.head_dim);
        self.builder.rotate_and_store(RotateAndStore { q, k, v, heads, kv_heads, head_dim, rotary, layer, format });
        let output = self.floats(Role::Mixed, Rows::Tokens, a.q.out_features);
        let (scale, softcap, window) = (a.scale, a.softcap, a.window);
        self.builder.attention(Attention {
            q,
            output,
            heads,
            kv_heads,
            head_dim,
            scale,
            softcap,
            window,
            layer,
            format,
        });
        self.branch(Role::Mixed, output, &a.o, residual)
    }

    fn short_conv(&mut self, conv: &spec::ShortConv, input: Buffer, residual: Residual) -> Result<(), ModelError> {
        if !(1..=MAX_KERNEL).contains(&conv.kernel) {
            return Err(self.weights.unsupported(
                &conv.conv,
                format!("a convolution over {} positions; whit knows 1 to {MAX_KERNEL}", conv.kernel),
            ));
        }
        let channels = self.hidden;
        let parts = self.floats(Role::ConvParts, Rows::Tokens, conv.in_proj.out_features);
        self.linear(Role::MixerInput, input, &[(&conv.in_proj, parts, None)])?;
        let output = self.floats(Role::Mixed, Rows::Tokens, channels);
        let weight = self.weights.vector(&conv.conv, channels * conv.kernel)?;
        let bias = conv.conv_bias.as_ref().map(|bias| self.weights.vector(bias, channels)).transpose()?;
        let layer = self.kv.convolution(channels, conv.kernel);
        self.builder.short_conv(ShortConv { input: parts, output, weight, bias, kernel: conv.kernel, layer });
        self.branch(Role::Mixed, output, &conv.out_proj, residual)
    }

    fn gated(&mut self, ff: &GatedFeedForward, input: Buffer, residual: Residual) -> Result<(), ModelError> {
        let gate = self.floats(Role::Gate, Rows::Tokens, ff.gate.out_features);
        let up = self.floats(Role::Up, Rows::Tokens, ff.up.out_features);
        self.linear(Role::FeedForwardInput, input, &[(&ff.gate, gate, None), (&ff.up, up, None)])?;
        self.builder.gate(Gate { gate, up: Some(up), activation: activation(ff.activation), output: gate });
        self.branch(Role::Gate, gate, &ff.down, residual)
    }

    fn experts(
        &mut self,
        router: &spec::Linear,
        experts: &[GatedFeedForward],
        (top_k, normalize): (usize, bool),
        input: Buffer,
        residual: Residual,
    ) -> Result<(), ModelError> {
        if let Some(norm) = residual.norm {
            return Err(self.weights.unsupported(&norm.weight, "a norm after experts; whit knows none there".into()));
        }
        let logits = self.floats(Role::Router, Rows::Tokens, router.out_features);
        self.linear(Role::FeedForwardInput, input, &[(router, logits, None)])?;
        let routing =
            *self.routings.entry((experts.len(), top_k)).or_insert_with(|| self.builder.routing(experts.len(), top_k));
        self.builder.route(Route { logits, normalize, routing });

        let routed = Rows::Routed(top_k);
        let first = &experts[0];
        let gate = self.floats(Role::Gate, routed, first.gate.out_features);
        let up = self.floats(Role::Up, routed, first.up.out_features);
        let output = self.floats(Role::ExpertOutput, routed, first.down.out_features);
        self.expert_linear(Role::FeedForwardInput, input, experts.iter().map(|e| &e.gate), gate, routing)?;
        self.expert_linear(Role::FeedForwardInput, input, experts.iter().map(|e| &e.up), up, routing)?;
        self.builder.gate(Gate { gate, up: Some(up), activation: activation(first.activation), output: gate });
        self.expert_linear(Role::Gate, gate, experts.iter().map(|e| &e.down), output, routing)?;

        self.builder.combine(Combine { from: output, to: residual.x, scale: residual.scale, routing });
        Ok(())
    }

    /// One matrix of every expert.
    fn expert_linear<'s>(
        &mut self,
        role: Role,
        input: Buffer,
        matrices: impl Iterator<Item = &'s spec::Linear>,
        output: Buffer,
        routing: Routing,
    ) -> Result<(), ModelError> {
        let parts = matrices.map(|linear| self.part(linear, output, None)).collect::<Result<Vec<_>, _>>()?;
        let operand = self.operand(role, input, &parts[..1]);
        let input = self.buffer_for(operand, &parts[0]);
        self.builder.expert_linear(ExpertLinear { input, experts: parts, routing });
        Ok(())
    }

    /// The last matrix of a residual branch, and the way of its result back into the stream.
    fn branch(
        &mut self,
        role: Role,
        input: Buffer,
        linear: &spec::Linear,
        residual: Residual,
    ) -> Result<(), ModelError> {
        let Residual { x, norm, scale } = residual;
        let Some(norm) = norm else { return self.linear(role, input, &[(linear, x, Some(scale))]) };
        let output = self.floats(Role::Branch, Rows::Tokens, linear.out_features);
        self.linear(role, input, &[(linear, output, None)])?;
        self.norm(norm, output, output)?;
        self.builder.add(Add { from: output, to: x, scale });
        Ok(())
    }

    fn pre_norm(&mut self, role: Role, norm: Option<&spec::Norm>, x: Buffer) -> Result<Buffer, ModelError> {
        let Some(norm) = norm else { return Ok(x) };
        let output = self.floats(role, Rows::Tokens, self.hidden);
        self.norm(norm, x, output)?;
        Ok(output)
    }

    fn norm(&mut self, norm: &spec::Norm, input: Buffer, output: Buffer) -> Result<(), ModelError> {
        let mut weight = self.weights.vector(&norm.weight, norm.size)?;
        weight.iter_mut().for_each(|weight| *weight += norm.weight_offset);
        let bias = norm.bias.as_ref().map(|bias| self.weights.vector(bias, norm.size)).transpose()?;
        let kind = match norm.kind {
            spec::NormKind::Rms => NormKind::Rms,
            spec::NormKind::Layer => NormKind::Layer,
        };
        self.builder.norm(Norm { kind, weight, bias, epsilon: norm.epsilon, input, output });
        Ok(())
    }

    /// Matrices that read the same `input`, whose quantised copy, if one is needed, is called `role`.
    fn linear(
        &mut self,
        role: Role,
        input: Buffer,
        matrices: &[(&spec::Linear, Buffer, Option<f32>)],
    ) -> Result<(), ModelError> {
        let parts = matrices
            .iter()
            .map(|(linear, output, accumulate)| self.part(linear, *output, *accumulate))
            .collect::<Result<Vec<_>, _>>()?;
        let operand = self.operand(role, input, &parts);
        let linears = matrices.iter().map(|&(linear, ..)| linear);
        // A step's matrices share one input, so float and quantised formats need a step each.
        let (quantised, floats): (Vec<_>, Vec<_>) =
            parts.into_iter().zip(linears).partition(|(part, _)| part.matrix.activations() == Activations::Quantised);
        for parts in [quantised, floats] {
            let (parts, linears): (Vec<LinearPart>, Vec<&spec::Linear>) = parts.into_iter().unzip();
            if let Some(first) = parts.first() {
                let input = self.buffer_for(operand, first);
                let numbers = self.builder.linear(Linear { input, parts });
                debug_assert_eq!(numbers.start, self.adaptable.len());
                self.adaptable.extend(linears.into_iter().map(|linear| Adaptable {
                    module: linear.module.as_deref().cloned(),
                    rows: linear.out_features,
                    cols: linear.in_features,
                    first: numbers.start,
                }));
            }
        }
        Ok(())
    }

    fn part(
        &mut self,
        linear: &spec::Linear,
        output: Buffer,
        accumulate: Option<f32>,
    ) -> Result<LinearPart, ModelError> {
        let matrix = self.weights.matrix(linear)?;
        let bias = linear.bias.as_ref().map(|bias| self.weights.vector(bias, linear.out_features)).transpose()?;
        Ok(LinearPart { matrix, bias, output, accumulate })
    }

    /// Quantises `input` if one of `parts` wants it so.
    fn operand(&mut self, role: Role, input: Buffer, parts: &[LinearPart]) -> Operand {
        let wanted = parts.iter().find(|part| part.matrix.activations() == Activations::Quantised);
        let quantised = wanted.map(|part| {
            let (rows, cols) = (self.builder.rows_of(input), part.matrix.cols());
            let key = (role, true, rows, cols);
            let output = *self.buffers.entry(key).or_insert_with(|| self.builder.quantised(rows, cols));
            self.builder.quantise(Quantise { input, output });
            output
        });
        Operand { floats: input, quantised }
    }

    fn buffer_for(&self, operand: Operand, part: &LinearPart) -> Buffer {
        match part.matrix.activations() {
            Activations::Float => operand.floats,
            Activations::Quantised => operand.quantised.unwrap_or(operand.floats),
        }
    }
}

/// Where a branch's result goes: `x += scale * norm(result)`.
struct Residual<'a> {
    x: Buffer,
    norm: Option<&'a spec::Norm>,
    scale: f32,
}

fn activation(activation: spec::Activation) -> Activation {
    match activation {
        spec::Activation::Silu => Activation::Silu,
        spec::Activation::Gelu => Activation::Gelu,
        spec::Activation::GeluTanh => Activation::GeluTanh,
        spec::Activation::Relu => Activation::Relu,
    }
}
