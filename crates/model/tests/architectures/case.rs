//! Checkpoints of the right shape and no content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use whit_model::Checkpoint;

/// Names and shapes, outermost first.
pub type Shapes = BTreeMap<String, Vec<u64>>;

/// One tiny model.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// `config.json`
    pub config: Map<String, Value>,
    pub tensors: Shapes,
    pub gguf: Gguf,
}

/// A GGUF's header.
#[derive(Clone, Default)]
pub struct Gguf {
    /// Each with its type (`["uint32"]`, `["array", "bool"]`) and value.
    pub keys: BTreeMap<String, (Vec<String>, Value)>,
    pub tensors: Shapes,
    /// The few whose numbers matter.
    pub factors: BTreeMap<String, Vec<f32>>,
    /// The tensors' type, its weights a block and bytes a block: F32 if it is zero.
    pub ggml_type: (u32, u64, u64),
}

/// All cases.
pub fn all() -> Vec<Case> {
    let cases = include_str!("cases.jsonl").lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        let layers = case["layers"].as_u64().unwrap();
        let gguf = &case["gguf"];
        let keys = gguf["keys"].as_object().unwrap().iter();
        let keys = keys.map(|(key, value)| (key.clone(), serde_json::from_value(value.clone()).unwrap()));
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            config: case["config"].as_object().unwrap().clone(),
            tensors: unfold(&case["tensors"], layers),
            gguf: Gguf {
                keys: keys.collect(),
                tensors: unfold(&gguf["tensors"], layers),
                factors: serde_json::from_value(gguf["factors"].clone()).unwrap(),
                ggml_type: (0, 1, 4),
            },
        }
    });
    cases.collect()
}

/// The case of this name.
pub fn named(name: &str) -> Case {
    all().into_iter().find(|case| case.name == name).unwrap()
}

fn unfold(shapes: &Value, layers: u64) -> Shapes {
    let shapes: Shapes = serde_json::from_value(shapes.clone()).unwrap();
    let unfolded = shapes.into_iter().flat_map(|(name, shape)| {
        let copies = if name.contains('*') { layers } else { 1 };
        (0..copies).map(move |layer| (name.replace('*', &layer.to_string()), shape.clone()))
    });
    unfolded.collect()
}

/// A folder with the configuration and a file of zeros.
pub fn write_folder(folder: &Path, config: &Map<String, Value>, tensors: &Shapes) -> PathBuf {
    std::fs::write(folder.join("config.json"), serde_json::to_vec(config).unwrap()).unwrap();
    let mut header = Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<u64>();
        header.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(folder.join("model.safetensors")).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
    folder.to_owned()
}

/// A GGUF file of zeros, sparse on disk.
pub fn write_gguf(path: &Path, gguf: &Gguf) -> PathBuf {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let mut header = b"GGUF\x03\0\0\0".to_vec();
    header.extend((gguf.tensors.len() as u64).to_le_bytes());
    header.extend((gguf.keys.len() as u64).to_le_bytes());
    for (key, (kinds, value)) in &gguf.keys {
        header.extend(text(key));
        header.extend(kinds.iter().flat_map(|kind| number_of(kind).to_le_bytes()));
        if let (Some(kind), Value::Array(values)) = (kinds.get(1), value) {
            header.extend((values.len() as u64).to_le_bytes());
            header.extend(values.iter().flat_map(|value| value_bytes(kind, value)));
        } else {
            header.extend(value_bytes(&kinds[0], value));
        }
    }
    let (ggml_type, block_len, block_bytes) = gguf.ggml_type;
    let mut end = 0u64;
    let mut offsets = BTreeMap::new();
    for (name, shape) in &gguf.tensors {
        let float = shape.len() == 1;
        header.extend(text(name));
        header.extend((shape.len() as u32).to_le_bytes());
        header.extend(shape.iter().rev().flat_map(|size| size.to_le_bytes()));
        header.extend((if float { 0 } else { ggml_type }).to_le_bytes());
        header.extend(end.to_le_bytes());
        offsets.insert(name, end);
        let weights = shape.iter().product::<u64>();
        let bytes = if float { 4 * weights } else { weights / block_len * block_bytes };
        end = (end + bytes).next_multiple_of(32);
    }
    header.resize(header.len().next_multiple_of(32), 0);
    let mut file = File::create(path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(header.len() as u64 + end).unwrap();
    for (name, factors) in &gguf.factors {
        let bytes: Vec<u8> = factors.iter().flat_map(|factor| factor.to_le_bytes()).collect();
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, header.len() as u64 + offsets[name]).unwrap();
    }
    path.to_owned()
}

/// `enum gguf_metadata_value_type`
fn number_of(kind: &str) -> u32 {
    let kinds = [
        "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64",
    ];
    kinds.iter().position(|known| *known == kind).unwrap() as u32
}

fn value_bytes(kind: &str, value: &Value) -> Vec<u8> {
    match kind {
        "uint32" => (value.as_u64().unwrap() as u32).to_le_bytes().to_vec(),
        "int32" => (value.as_i64().unwrap() as i32).to_le_bytes().to_vec(),
        "float32" => (value.as_f64().unwrap() as f32).to_le_bytes().to_vec(),
        "bool" => vec![value.as_bool().unwrap().into()],
        "string" => {
            let text = value.as_str().unwrap();
            [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
        }
        other => panic!("{other}"),
    }
}

/// Both forms of a case, opened, in `folder`.
pub fn open_both(folder: &Path, case: &Case) -> [Checkpoint; 2] {
    let gguf = write_gguf(&folder.join("model.gguf"), &case.gguf);
    [write_folder(folder, &case.config, &case.tensors), gguf].map(|path| Checkpoint::open(&path).unwrap())
}
