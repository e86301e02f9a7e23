//! The tensors a specification names.

use std::collections::BTreeSet;

use whit_model::DecoderSpec;
use whit_model::spec::{FeedForward, GatedFeedForward, Layer, Linear, Mixer, Norm, TensorRef};

/// Names of all tensors that `spec` uses.
pub fn tensors(spec: &DecoderSpec) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |tensor: &TensorRef| {
        names.insert(tensor.name.clone());
    };
    add(&spec.embedding.weight);
    linear(&spec.head.linear, &mut add);
    norm(&spec.final_norm, &mut add);
    spec.layers.iter().for_each(|one| layer(one, &mut add));
    names
}

/// Calls `each` with every matrix of `spec`, the embedding left out.
pub fn linears(spec: &DecoderSpec, each: &mut impl FnMut(&Linear)) {
    for layer in &spec.layers {
        match &layer.mixer {
            Mixer::Attention(a) => [&a.q, &a.k, &a.v, &a.o].into_iter().for_each(&mut *each),
            Mixer::ShortConv(conv) => [&conv.in_proj, &conv.out_proj].into_iter().for_each(&mut *each),
        }
        let mut gated = |one: &GatedFeedForward| [&one.gate, &one.up, &one.down].into_iter().for_each(&mut *each);
        match &layer.feed_forward {
            FeedForward::Gated(one) => gated(one),
            FeedForward::Experts { experts, router, .. } => {
                experts.iter().for_each(&mut gated);
                each(router);
            }
            FeedForward::Plain { up, down, .. } => [up, down].into_iter().for_each(&mut *each),
        }
    }
    each(&spec.head.linear);
}

fn layer(layer: &Layer, add: &mut impl FnMut(&TensorRef)) {
    let norms =
        [&layer.pre_mixer_norm, &layer.post_mixer_norm, &layer.pre_feed_forward_norm, &layer.post_feed_forward_norm];
    norms.into_iter().flatten().for_each(|one| norm(one, add));
    match &layer.mixer {
        Mixer::Attention(attention) => {
            [&attention.q, &attention.k, &attention.v, &attention.o].into_iter().for_each(|one| linear(one, add));
            [&attention.q_norm, &attention.k_norm].into_iter().flatten().for_each(|one| norm(one, add));
        }
        Mixer::ShortConv(conv) => {
            [&conv.in_proj, &conv.out_proj].into_iter().for_each(|one| linear(one, add));
            add(&conv.conv);
            conv.conv_bias.iter().for_each(&mut *add);
        }
    }
    match &layer.feed_forward {
        FeedForward::Gated(one) => gated(one, add),
        FeedForward::Plain { up, down, .. } => [up, down].into_iter().for_each(|one| linear(one, add)),
        FeedForward::Experts { router, experts, .. } => {
            linear(router, add);
            experts.iter().for_each(|one| gated(one, add));
        }
    }
}

fn gated(feed_forward: &GatedFeedForward, add: &mut impl FnMut(&TensorRef)) {
    [&feed_forward.gate, &feed_forward.up, &feed_forward.down].into_iter().for_each(|one| linear(one, add));
}

fn linear(linear: &Linear, add: &mut impl FnMut(&TensorRef)) {
    add(&linear.weight);
    linear.bias.iter().for_each(add);
}

fn norm(norm: &Norm, add: &mut impl FnMut(&TensorRef)) {
    add(&norm.weight);
    norm.bias.iter().for_each(add);
}
