//! Adapters as PEFT saves them, and what merging them into their base makes of it; for the tests of the engine, the server and the program.
#![allow(dead_code)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use whit_model::Checkpoint;

/// An update of one module.
#[derive(Clone, Debug)]
pub struct Update {
    /// The module's path in Hugging Face's model: `model.layers.0.self_attn.q_proj`.
    pub module: String,
    /// `[rank, in_features]`.
    pub down: Vec<f32>,
    /// `[out_features, rank]`.
    pub up: Vec<f32>,
    pub rank: usize,
}

/// Numbers between -1 and 1 that are the same everywhere.
pub fn numbers(n: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Arbitrary updates of all linear modules of the layers, and of the head if it has weights of its own, of the Hugging Face checkpoint at
/// `base`. `rank` says the rank of each, by its name; those of rank 0 stay as they are.
pub fn updates(base: &Path, rank: impl Fn(&str) -> usize, salt: u64, size: f32) -> Vec<Update> {
    let checkpoint = Checkpoint::open(base).unwrap();
    let is_linear = |name: &str| {
        let in_layer = name.contains("layers.") && !name.contains(".experts.") && !name.contains("vision_tower");
        in_layer || name.ends_with("lm_head.weight") || name.ends_with("embed_out.weight")
    };
    let matrices = checkpoint.tensors().filter(|tensor| tensor.shape.len() == 2 && is_linear(tensor.name));
    let updates = matrices.enumerate().filter_map(|(at, tensor)| {
        let module = tensor.name.strip_suffix(".weight")?.to_owned();
        let (rank, [rows, cols]) = (rank(&module), [tensor.shape[0], tensor.shape[1]]);
        let salt = salt * 1000 + 2 * at as u64;
        // Of ordinary activations, a sum of about `size`.
        let scaled = |n: usize, salt: u64, by: f32| numbers(n, salt).into_iter().map(|x| x * by).collect();
        let down = scaled(rank * cols, salt, 1.0 / (cols as f32).sqrt());
        let up = scaled(rows * rank, salt + 1, size);
        (rank > 0).then_some(Update { module, down, up, rank })
    });
    updates.collect()
}

/// Writes `tensors`, numbers in single precision by name and shape, as a safetensors file.
pub fn write_tensors(path: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()).unwrap();
}

/// Writes the folder of an adapter; `config` has what is to be said beside what every adapter's says.
pub fn write_adapter(folder: &Path, updates: &[Update], config: Value) {
    let mut whole =
        json!({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "bias": "none"});
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("adapter_config.json"), whole.to_string()).unwrap();
    let tensors: Vec<_> = updates
        .iter()
        .flat_map(|update| {
            let Update { module, down, up, rank } = update;
            let name = |half: &str| format!("base_model.model.{module}.lora_{half}.weight");
            [
                (name("A"), vec![*rank, down.len() / rank], down.clone()),
                (name("B"), vec![up.len() / rank, *rank], up.clone()),
            ]
        })
        .collect();
    write_tensors(&folder.join("adapter_model.safetensors"), &tensors);
}

/// Writes the Hugging Face checkpoint at `base` to the folder `to`, in single precision, with the updates added: `scale` says that of each.
pub fn write_merged(base: &Path, to: &Path, updates: &[Update], scale: impl Fn(&Update) -> f32) {
    for entry in fs::read_dir(base).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let checkpoint = Checkpoint::open(base).unwrap();
    let tensors: Vec<_> = checkpoint
        .tensors()
        .map(|tensor| {
            let mut values = vec![0f32; tensor.shape.iter().product()];
            tensor.format.decode(tensor.bytes, &mut values);
            if let Some(update) = updates.iter().find(|update| format!("{}.weight", update.module) == tensor.name) {
                let (cols, scale) = (tensor.shape[1], f64::from(scale(update)));
                for (row, values) in values.chunks_exact_mut(cols).enumerate() {
                    for (col, value) in values.iter_mut().enumerate() {
                        let product = (0..update.rank).map(|r| {
                            f64::from(update.up[row * update.rank + r]) * f64::from(update.down[r * cols + col])
                        });
                        *value = (f64::from(*value) + scale * product.sum::<f64>()) as f32;
                    }
                }
            }
            (tensor.name.to_owned(), tensor.shape.to_vec(), values)
        })
        .collect();
    write_tensors(&to.join("model.safetensors"), &tensors);
}
