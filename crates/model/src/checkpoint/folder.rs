//! A Hugging Face folder: config.json and safetensors, in one file or in shards listed by an index.

use std::collections::HashMap;
use std::fmt;
use std::path::{Component, Path};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{Checkpoint, Config, TensorEntry, TensorFile, Unreadable, UnreadableTensor};
use crate::ModelError;
use crate::error::{json_problem, shorten};
use crate::files::Folder;
use crate::safetensors;

const CONFIG: &str = "config.json";
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Known ones have a few kilobytes. As values in memory, JSON takes up to fifty times its length.
const MAX_CONFIG_BYTES: usize = 1 << 20;

/// Opens the model in `folder`.
pub(super) fn open(folder: Folder) -> Result<Checkpoint, ModelError> {
    let names = folder.names()?;
    let has = |name: &str| names.iter().any(|n| n == name);
    let mut checkpoint = if has(SINGLE) {
        Loader::new(&folder).single(SINGLE)?
    } else if has(INDEX) {
        Loader::new(&folder).sharded()?
    } else {
        let mut others = names.iter().filter(|name| name.ends_with(".safetensors"));
        match (others.next(), others.next()) {
            (Some(only), None) => Loader::new(&folder).single(only)?,
            (Some(_), Some(_)) => {
                let mend = format!(
                    "there are several .safetensors files, and it says what lies where; download it, or name the model's one {SINGLE}"
                );
                return Err(ModelError::missing(&folder.path(), INDEX, mend));
            }
            (None, _) => return Err(no_model(&folder.path(), &names)),
        }
    };
    if !has(CONFIG) {
        return Err(ModelError::missing(&folder.path(), CONFIG, "download it from where the weights came from"));
    }
    checkpoint.config = Config::HuggingFace(read_config(&folder)?);
    Ok(checkpoint)
}

fn no_model(folder: &Path, names: &[String]) -> ModelError {
    let ending = |ending: &str| names.iter().find(|name| name.ends_with(ending)).map(|name| shorten(name));
    let mend = if let Some(gguf) = ending(".gguf") {
        format!("the folder holds GGUF files; give the file itself, for example {}", folder.join(gguf).display())
    } else if let Some(pytorch) = ending(".bin").or_else(|| ending(".pth")).or_else(|| ending(".pt")) {
        format!(
            "{pytorch} is PyTorch's format, which whit does not read; download the model's safetensors or convert it with save_pretrained(safe_serialization=True)"
        )
    } else {
        "the folder holds no model; give a folder with config.json and model.safetensors, or a .gguf file".into()
    };
    ModelError::missing(folder, SINGLE, mend)
}

fn read_config(folder: &Folder) -> Result<serde_json::Map<String, serde_json::Value>, ModelError> {
    let malformed = |problem: String| ModelError::malformed(&folder.file(CONFIG), "configuration", problem);
    let bytes = folder.open(CONFIG)?;
    let bytes = bytes.as_ref();
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err(malformed(format!(
            "has {} bytes, far more than a model's configuration; download it again",
            bytes.len()
        )));
    }
    match serde_json::from_slice(bytes) {
        Ok(serde_json::Value::Object(config)) => Ok(config),
        Ok(_) => Err(malformed("is JSON, but not an object; download it again".into())),
        Err(e) => Err(malformed(format!("is not JSON ({}); download it again", json_problem(&e)))),
    }
}

/// Collects the tensors of a folder's files.
struct Loader {
    checkpoint: Checkpoint,
}

impl Loader {
    fn new(folder: &Folder) -> Loader {
        Loader {
            checkpoint: Checkpoint {
                path: folder.path(),
                config: Config::HuggingFace(serde_json::Map::new()),
                folder: folder.clone(),
                files: Vec::new(),
                tensors: HashMap::new(),
                unreadable: HashMap::new(),
            },
        }
    }

    /// All tensors of one file.
    fn single(mut self, name: &str) -> Result<Checkpoint, ModelError> {
        for info in self.open(name)? {
            self.add(info);
        }
        Ok(self.checkpoint)
    }

    /// The tensors of an index, each from the file the index names.
    fn sharded(mut self) -> Result<Checkpoint, ModelError> {
        let index_path = self.checkpoint.folder.file(INDEX);
        let bytes = self.checkpoint.folder.open(INDEX)?;
        let index: Index = serde_json::from_slice(bytes.as_ref()).map_err(|e| {
            ModelError::malformed(&index_path, "index", format!("{}; download it again", json_problem(&e)))
        })?;
        // By file, so that each is opened once, and by name within it, so that a name given twice can be seen.
        let mut wanted: Vec<(String, String)> =
            index.weight_map.0.into_iter().map(|(tensor, file)| (file, tensor)).collect();
        wanted.sort_unstable();
        for pair in wanted.windows(2) {
            if pair[0] == pair[1] {
                let item = format!("tensor {}", shorten(&pair[0].1));
                return Err(ModelError::malformed(&index_path, item, "appears twice; download the index again"));
            }
        }
        for shard in wanted.chunk_by(|a, b| a.0 == b.0) {
            self.shard(&index_path, &shard[0].0, shard)?;
        }
        Ok(self.checkpoint)
    }

    /// The tensors that the index places in the file `name`.
    fn shard(&mut self, index_path: &Path, name: &str, wanted: &[(String, String)]) -> Result<(), ModelError> {
        let item = || format!("shard {}", shorten(name));
        // Nothing but a plain name: neither a way out of the folder nor two ways to one file.
        if Path::new(name).components().next() != Some(Component::Normal(name.as_ref())) {
            let problem =
                "is not the name of a file in this folder, and whit opens no others; download the index again";
            return Err(ModelError::malformed(index_path, item(), problem));
        }
        if !self.checkpoint.folder.has(name) {
            let mend = "the index names it; download it into the same folder";
            return Err(ModelError::missing(&self.checkpoint.path, item(), mend));
        }
        let mut there: HashMap<String, safetensors::TensorInfo> =
            self.open(name)?.into_iter().map(|info| (info.name.clone(), info)).collect();
        for (_, tensor) in wanted {
            let Some(info) = there.remove(tensor) else {
                let mend = "the index places it here; download this file and the index again";
                let path = self.checkpoint.folder.file(name);
                return Err(ModelError::missing(&path, format!("tensor {}", shorten(tensor)), mend));
            };
            if self.checkpoint.has(tensor) {
                let problem = "is in two files; download the index again";
                return Err(ModelError::malformed(index_path, format!("tensor {}", shorten(tensor)), problem));
            }
            self.add(info);
        }
        Ok(())
    }

    /// Opens a file; what follows is [`Loader::add`]ed to it.
    fn open(&mut self, name: &str) -> Result<Vec<safetensors::TensorInfo>, ModelError> {
        let file = TensorFile::open(&self.checkpoint.folder, name)?;
        let (path, bytes) = (&file.path, file.bytes.as_ref());
        if bytes.starts_with(b"version https://git-lfs") {
            let problem = "is a git-lfs pointer, not the model itself; fetch it with `git lfs pull`, or download it";
            return Err(ModelError::unsupported(path, "file", problem));
        }
        let tensors = safetensors::parse(path, bytes)?;
        self.checkpoint.files.push(file);
        Ok(tensors)
    }

    fn add(&mut self, info: safetensors::TensorInfo) {
        let file = self.checkpoint.files.len() - 1;
        let Checkpoint { tensors, unreadable, .. } = &mut self.checkpoint;
        match info.format() {
            _ if info.shape.contains(&0) => {
                unreadable.insert(info.name, UnreadableTensor { reason: Unreadable::Empty, file });
            }
            None => {
                unreadable.insert(info.name, UnreadableTensor { reason: Unreadable::Type(info.dtype), file });
            }
            Some(format) => {
                tensors.insert(info.name, TensorEntry { format, shape: info.shape, file, bytes: info.bytes });
            }
        }
    }
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    weight_map: WeightMap,
}

/// Tensor and file names in the order of the text, so that a name given twice can be seen.
struct WeightMap(Vec<(String, String)>);

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WeightMap, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = WeightMap;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object of tensor names and the files they lie in")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeightMap, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(WeightMap(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
