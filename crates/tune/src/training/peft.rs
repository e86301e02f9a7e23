//! Adapters in PEFT's layout: `adapter_model.safetensors` and `adapter_config.json`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use whit_kernels::Format;

use crate::TuneError;
use crate::training::checkpoint::write_whole;
use crate::training::decoder::Decoder;
use crate::training::decoder::base::{Lora, TARGETS};
use crate::training::decoder::linear::{Adapter, Linear};
use crate::training::gguf::Tensor;
use crate::training::safetensors;
use crate::training::tensor::floats;

/// Writes the adapters of `decoder` into `folder`, for a base of this name.
///
/// # Errors
/// If the disk does not take them.
pub fn write(decoder: &Decoder, lora: &Lora, base: &str, folder: &Path) -> Result<(), TuneError> {
    fs::create_dir_all(folder).map_err(|error| TuneError::write(folder, error))?;
    let (tensors, contents) = tensors(decoder)?;
    write_whole(&folder.join("adapter_model.safetensors"), |to| {
        safetensors::write(to, &tensors, &mut |at| Ok(safetensors::bytes(&contents[at])))
    })?;
    let config = format!("{:#}\n", config(lora, base));
    write_whole(&folder.join("adapter_config.json"), |to| to.write_all(config.as_bytes()))
}

/// `A` and `B` of every adapter, by PEFT's names.
pub(super) fn tensors(decoder: &Decoder) -> Result<(Vec<Tensor>, Vec<Vec<f32>>), TuneError> {
    let (mut tensors, mut contents) = (Vec::new(), Vec::new());
    for (layer, (mixer, feed_forward)) in decoder.layers.iter().enumerate() {
        let mut put = |part: Option<usize>, linears: [&Linear; 2]| -> Result<(), TuneError> {
            let Some(part) = part else { return Ok(()) };
            let theta = floats(&decoder.parts[part].theta)?;
            for linear in linears {
                for adapter in &linear.adapters {
                    let Adapter { name, rows, a, b, rank, .. } = adapter;
                    let module = TARGETS.iter().find(|(target, _)| target == name).map_or("", |(_, module)| module);
                    let stem = format!("base_model.model.model.layers.{layer}.{module}.{name}");
                    for (which, shape, at) in [("A", [*rank, linear.cols], a), ("B", [rows.len(), *rank], b)] {
                        let name = format!("{stem}.lora_{which}.weight");
                        tensors.push(Tensor { name, shape: shape.into(), format: Format::F32 });
                        contents.push(theta[at.clone()].to_vec());
                    }
                }
            }
            Ok(())
        };
        put(mixer.part, [&mixer.half.qkv, &mixer.half.o])?;
        put(feed_forward.part, [&feed_forward.half.gate_up, &feed_forward.half.down])?;
    }
    Ok((tensors, contents))
}

/// The configuration beside them.
fn config(lora: &Lora, base: &str) -> Value {
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "target_modules": lora.targets,
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "use_rslora": false,
        "use_dora": false,
        "inference_mode": true,
    })
}
