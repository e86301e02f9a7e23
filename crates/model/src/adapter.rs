//! LoRA adapters as PEFT saves them: for some linear modules of a model, two thin matrices whose product is added to the module's own,
//! `y = W x + scale * B (A x)` (Hu et al., 2021).
//!
//! A folder holds `adapter_config.json` (rank and scale) and `adapter_model.safetensors`, which has for each module
//! `base_model.model.MODULE.lora_A.weight` `[rank, in_features]` and `base_model.model.MODULE.lora_B.weight` `[out_features, rank]`. The
//! scale is `lora_alpha / rank`, or `lora_alpha / sqrt(rank)` with `use_rslora` (Kalajdzievski, 2023). Source: PEFT, `LoraConfig` and
//! `get_peft_model_state_dict`.
//!
//! An adapter is read without its base; whether the modules are the base's is for whoever has both to say. What would have to be left out
//! of the answers (DoRA, biases, whole modules, embeddings) is refused.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use whit_kernels::Format;

use crate::checkpoint::FileBytes;
use crate::error::{json_problem, shorten};
use crate::files::{Files, Folder};
use crate::map::map;
use crate::safetensors::{self, TensorInfo};
use crate::{ModelError, Tensor};

/// Its files.
const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// What PEFT puts before the names of a model's modules.
const PREFIX: &str = "base_model.model.";
/// What stands before a decoder's layers in Hugging Face's models, the longest first.
const DECODERS: [&str; 5] = ["model.language_model.", "language_model.model.", "gpt_neox.", "model.", ""];

/// Known configurations have a few kilobytes, those with a rank for each module a few dozen.
const MOST_CONFIG_BYTES: usize = 1 << 20;
/// Twice the largest rank in use. What a forward pass keeps of an adapter grows with it.
const MOST_RANK: usize = 512;
/// Several times as many as the largest model has modules.
const MOST_UPDATES: usize = 1 << 12;

const SAVE_AGAIN: &str = "save the adapter again";

/// An adapter, checked but for its base.
pub struct Adapter {
    /// The folder it was read from.
    pub path: PathBuf,
    weights: FileBytes,
    updates: Vec<LowRankUpdate>,
}

/// What is added to one module: `scale * B A`.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRankUpdate {
    /// The module's path below the decoder ([`Module::name`](crate::spec::Module)): `layers.0.self_attn.q_proj`.
    pub module: String,
    /// Rows of A, columns of B.
    pub rank: usize,
    /// Columns of A.
    pub in_features: usize,
    /// Rows of B.
    pub out_features: usize,
    /// Multiplies the product.
    pub scale: f32,
    down: Half,
    up: Half,
}

/// A or B: a tensor of the file.
#[derive(Clone, Debug, PartialEq)]
struct Half {
    name: String,
    format: Format,
    shape: [usize; 2],
    bytes: std::ops::Range<usize>,
}

impl Adapter {
    /// Opens the adapter in `folder`.
    ///
    /// # Errors
    /// [`ModelError`] names the file, the item and the mend for anything missing, damaged or not supported.
    pub fn open(folder: &Path) -> Result<Adapter, ModelError> {
        let metadata = std::fs::metadata(folder).map_err(|e| ModelError::io(folder, e))?;
        if !metadata.is_dir() {
            let problem = format!("is no folder; give the adapter's folder, with {CONFIG} and {WEIGHTS}");
            return Err(ModelError::unsupported(folder, "adapter", problem));
        }
        let (config, weights) = (folder.join(CONFIG), folder.join(WEIGHTS));
        if !config.exists() {
            let mend = "the folder holds no adapter as PEFT saves them; give one that does";
            return Err(ModelError::missing(folder, CONFIG, mend));
        }
        if !weights.exists() {
            let mend = match folder.join("adapter_model.bin").exists() {
                true => {
                    "adapter_model.bin is PyTorch's format, which whit does not read; convert it with save_pretrained(safe_serialization=True)"
                }
                false => "download it into the same folder",
            };
            return Err(ModelError::missing(folder, WEIGHTS, mend));
        }
        Adapter::from_bytes(folder, map(&config)?.as_ref(), Arc::new(map(&weights)?))
    }

    /// As [`Adapter::open`], of the folder `name` in a brick.
    pub(crate) fn open_in_brick(files: &Arc<Files>, name: &str) -> Result<Adapter, ModelError> {
        let folder = Folder::Brick(files.clone(), name.to_owned());
        let weights = folder.open(WEIGHTS)?;
        Adapter::from_bytes(&folder.path(), folder.open(CONFIG)?.as_ref(), Arc::new(weights))
    }

    /// The adapter whose two files have these bytes; `folder` is for messages only.
    ///
    /// # Errors
    /// As [`Adapter::open`].
    pub fn from_bytes(folder: &Path, config: &[u8], weights: FileBytes) -> Result<Adapter, ModelError> {
        let scaling = Scaling::read(&folder.join(CONFIG), config)?;
        let updates = read_updates(&folder.join(WEIGHTS), (*weights).as_ref(), &scaling)?;
        Ok(Adapter { path: folder.to_owned(), weights, updates })
    }

    /// What it adds, in the order of the modules' names; at least one.
    pub fn updates(&self) -> &[LowRankUpdate] {
        &self.updates
    }

    /// A of one of its updates, `[rank, in_features]`. All values are finite.
    pub fn down<'a>(&'a self, update: &'a LowRankUpdate) -> Tensor<'a> {
        self.tensor(&update.down)
    }

    /// B of one of its updates, `[out_features, rank]`. All values are finite.
    pub fn up<'a>(&'a self, update: &'a LowRankUpdate) -> Tensor<'a> {
        self.tensor(&update.up)
    }

    /// An error about one of its updates, which does not fit the base.
    pub fn misfit(&self, update: &LowRankUpdate, problem: impl Into<String>) -> ModelError {
        ModelError::malformed(&self.path.join(WEIGHTS), format!("tensor {}", shorten(&update.up.name)), problem)
    }

    fn tensor<'a>(&'a self, half: &'a Half) -> Tensor<'a> {
        let bytes = &(*self.weights).as_ref()[half.bytes.clone()];
        Tensor { name: &half.name, format: half.format, shape: &half.shape, bytes }
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapter")
            .field("path", &self.path)
            .field("updates", &self.updates.len())
            .finish_non_exhaustive()
    }
}

/// What becomes of the two halves of a module.
#[derive(Default)]
struct Halves {
    /// Its path in Hugging Face's model, by which the configuration knows it.
    path: String,
    down: Option<Half>,
    up: Option<Half>,
}

fn read_updates(path: &Path, bytes: &[u8], scaling: &Scaling) -> Result<Vec<LowRankUpdate>, ModelError> {
    if bytes.starts_with(b"version https://git-lfs") {
        let problem = "is a git-lfs pointer, not the adapter itself; fetch it with `git lfs pull`, or download it";
        return Err(ModelError::unsupported(path, "file", problem));
    }
    let mut modules: BTreeMap<String, Halves> = BTreeMap::new();
    for info in safetensors::parse(path, bytes)? {
        let item = || format!("tensor {}", shorten(&info.name));
        let (module_path, is_down) = match named(&info.name) {
            Ok(named) => named,
            Err(problem) => return Err(ModelError::unsupported(path, item(), problem)),
        };
        let (module, module_path) = (below_decoder(module_path).to_owned(), module_path.to_owned());
        let half = read_half(path, bytes, info)?;
        let name = half.name.clone();
        let halves = modules.entry(module).or_default();
        let place = if is_down { &mut halves.down } else { &mut halves.up };
        if place.replace(half).is_some() || !halves.path.is_empty() && halves.path != module_path {
            let problem = format!("its module is there under two names; {SAVE_AGAIN}");
            return Err(ModelError::malformed(path, format!("tensor {}", shorten(&name)), problem));
        }
        halves.path = module_path;
    }
    if modules.is_empty() {
        return Err(ModelError::malformed(path, "file", format!("holds no tensor; {SAVE_AGAIN}")));
    }
    if modules.len() > MOST_UPDATES {
        let problem =
            format!("adapts {} modules, and whit reads {MOST_UPDATES} at most; check the file", modules.len());
        return Err(ModelError::unsupported(path, "file", problem));
    }
    modules.into_iter().map(|(module, halves)| update(path, module, halves, scaling)).collect()
}

/// The module that a tensor belongs to, and whether it is A; or why it is of no use.
fn named(name: &str) -> Result<(&str, bool), String> {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return Err(format!("PEFT's names begin with {PREFIX}; {SAVE_AGAIN} with PEFT's save_pretrained"));
    };
    if let Some(module) = rest.strip_suffix(".lora_A.weight") {
        return Ok((module, true));
    }
    if let Some(module) = rest.strip_suffix(".lora_B.weight") {
        return Ok((module, false));
    }
    let what = if rest.contains("lora_magnitude_vector") {
        "belongs to DoRA"
    } else if rest.contains("lora_embedding_") {
        "adapts an embedding"
    } else if rest.contains("lora_") {
        "is neither lora_A.weight nor lora_B.weight of a linear module"
    } else {
        "replaces a whole tensor of the base (modules_to_save)"
    };
    Err(format!(
        "{what}, and whit reads plain low-rank updates of linear modules; train the adapter without it, or merge it"
    ))
}

/// The part of a module's path that does not hang on what is built around the decoder.
fn below_decoder(path: &str) -> &str {
    let in_layer = |prefix: &&str| path.strip_prefix(*prefix).filter(|rest| rest.starts_with("layers."));
    match DECODERS.iter().find_map(in_layer) {
        Some(rest) => rest,
        None => path.strip_prefix("language_model.").unwrap_or(path),
    }
}

fn read_half(path: &Path, bytes: &[u8], info: TensorInfo) -> Result<Half, ModelError> {
    let item = || format!("tensor {}", shorten(&info.name));
    let Some(format) = info.format() else {
        let dtype = shorten(&info.dtype);
        let problem =
            format!("its type is {dtype}, and whit reads F32, F16 and BF16; convert the adapter to one of these");
        return Err(ModelError::unsupported(path, item(), problem));
    };
    let [rows, cols] = info.shape[..] else {
        let problem = format!("its shape is {:?}, and a matrix is expected; {SAVE_AGAIN}", info.shape);
        return Err(ModelError::malformed(path, item(), problem));
    };
    if rows == 0 || cols == 0 {
        let problem = format!("its shape is [{rows}, {cols}]: there is nothing in it; {SAVE_AGAIN}");
        return Err(ModelError::malformed(path, item(), problem));
    }
    if !format.is_finite(&bytes[info.bytes.clone()]) {
        let problem = "holds a value that is not a finite number; download the adapter again, or train it anew";
        return Err(ModelError::malformed(path, item(), problem));
    }
    Ok(Half { format, shape: [rows, cols], bytes: info.bytes, name: info.name })
}

fn update(path: &Path, module: String, halves: Halves, scaling: &Scaling) -> Result<LowRankUpdate, ModelError> {
    let Halves { path: module_path, down, up } = halves;
    let other = |letter: char| {
        let item = format!("tensor {}", shorten(&format!("{PREFIX}{module_path}.lora_{letter}.weight")));
        ModelError::missing(path, item, format!("the other half of the update is there; {SAVE_AGAIN}"))
    };
    let (down, up) = (down.ok_or_else(|| other('A'))?, up.ok_or_else(|| other('B'))?);
    let ([rank, in_features], [out_features, up_rank]) = (down.shape, up.shape);
    let malformed = |half: &Half, problem: String| {
        Err(ModelError::malformed(path, format!("tensor {}", shorten(&half.name)), problem))
    };
    if rank != up_rank {
        return malformed(&up, format!("it has {up_rank} columns, and lora_A has {rank} rows; {SAVE_AGAIN}"));
    }
    if rank > MOST_RANK {
        let problem =
            format!("its rank is {rank}, and whit runs adapters of rank {MOST_RANK} or less; train a smaller one");
        return Err(ModelError::unsupported(path, format!("tensor {}", shorten(&down.name)), problem));
    }
    let wanted = scaling.rank(&module_path);
    if rank != wanted {
        return malformed(
            &down,
            format!("its rank is {rank}, and {CONFIG} makes it {wanted}; {SAVE_AGAIN}, both files"),
        );
    }
    Ok(LowRankUpdate { scale: scaling.scale(&module_path), module, rank, in_features, out_features, down, up })
}

/// What the configuration says of ranks and scales.
struct Scaling {
    rank: usize,
    alpha: f64,
    rank_stabilised: bool,
    ranks: Patterns<usize>,
    alphas: Patterns<f64>,
}

/// Values for modules: by the end of their path from a dot on, or, behind a `^`, by all of it. Each with its place among the patterns: of
/// several that fit, the first counts.
struct Patterns<T>(HashMap<String, (usize, T)>);

impl<T: Copy> Patterns<T> {
    fn get(&self, module_path: &str) -> Option<T> {
        let ends = module_path.match_indices('.').map(|(at, _)| &module_path[at + 1..]);
        let fitting = ends.chain([module_path]).filter_map(|end| self.0.get(end));
        let whole = self.0.get(&format!("^{module_path}"));
        fitting.chain(whole).min_by_key(|(place, _)| *place).map(|(_, value)| *value)
    }
}

/// Keys that only say how the adapter was trained, or where it comes from.
const WITHOUT_EFFECT: [&str; 20] = [
    "arrow_config",
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_dropout",
    "megatron_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
];

/// Keys that say what whit does not do, unless they are off: what that is.
const REFUSED: [(&str, &str); 9] = [
    ("alora_invocation_tokens", "an adapter that begins in the middle of a text"),
    ("fan_in_fan_out", "weights stored transposed, as GPT-2's"),
    ("layer_replication", "layers that are there several times"),
    ("lora_bias", "a bias of B"),
    ("modules_to_save", "whole modules in place of the base's"),
    ("target_parameters", "parameters outside linear modules"),
    ("trainable_token_indices", "tokens of the embedding"),
    ("use_dora", "DoRA"),
    ("use_qalora", "QALoRA"),
];

impl Scaling {
    fn read(path: &Path, bytes: &[u8]) -> Result<Scaling, ModelError> {
        let malformed = |item: &str, problem: String| ModelError::malformed(path, item, problem);
        if bytes.len() > MOST_CONFIG_BYTES {
            let problem =
                format!("has {} bytes, far more than an adapter's configuration; download it again", bytes.len());
            return Err(malformed("configuration", problem));
        }
        let config: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| {
            malformed("configuration", format!("is no JSON object ({}); download it again", json_problem(&e)))
        })?;
        let unsupported =
            |key: &str, problem: String| Err(ModelError::unsupported(path, format!("key {}", shorten(key)), problem));
        match config.get("peft_type").and_then(Value::as_str) {
            Some("LORA") => {}
            Some(other) => {
                return unsupported(
                    "peft_type",
                    format!("it is \"{}\", and whit runs LORA; merge it into its base", shorten(other)),
                );
            }
            None => {
                let mend = "it says what kind of adapter this is; download the configuration again";
                return Err(ModelError::missing(path, "key peft_type", mend));
            }
        }
        for (key, what) in REFUSED {
            if config.get(key).is_some_and(|value| !is_off(value)) {
                return unsupported(
                    key,
                    format!("it asks for {what}, which whit does not run; train the adapter without it"),
                );
            }
        }
        match config.get("bias") {
            None | Some(Value::Null) => {}
            Some(Value::String(bias)) if bias == "none" => {}
            Some(_) => {
                let problem = "biases were trained, and whit runs adapters without them; train with bias=\"none\"";
                return unsupported("bias", problem.into());
            }
        }
        match config.get("init_lora_weights") {
            None | Some(Value::Null | Value::Bool(_)) => {}
            Some(Value::String(kind)) if ["gaussian", "eva", "orthogonal"].contains(&&**kind) => {}
            Some(other) => {
                let problem = format!(
                    "it is {}: the base was changed when the training began, and is not the model's own any more; convert the adapter \
                     with save_pretrained(path_initial_model_for_weight_conversion=...)",
                    shorten(&other.to_string())
                );
                return unsupported("init_lora_weights", problem);
            }
        }
        // A later PEFT's switch may change what the numbers mean.
        let is_known = |key: &str| {
            WITHOUT_EFFECT.contains(&key) || REFUSED.iter().any(|(refused, _)| *refused == key) || READ.contains(&key)
        };
        if let Some((key, _)) = config.iter().find(|(key, value)| **value == Value::Bool(true) && !is_known(key)) {
            return unsupported(
                key,
                "whit does not know it, and it is on; update whit, or train the adapter without it".into(),
            );
        }

        let rank = |item: &str, value: &Value| match value.as_u64() {
            Some(rank @ 1..) => Ok(usize::try_from(rank).unwrap_or(usize::MAX)),
            _ => Err(malformed(
                item,
                format!("it is {}, and a whole number above 0 is expected; {SAVE_AGAIN}", said(value)),
            )),
        };
        let alpha = |item: &str, value: &Value| match value.as_f64() {
            Some(alpha) if (alpha as f32).is_finite() => Ok(alpha),
            _ => Err(malformed(item, format!("it is {}, and a finite number is expected; {SAVE_AGAIN}", said(value)))),
        };
        let needed = |key: &str| {
            let mend = "the scale of the adapter hangs on it; download the configuration again";
            config.get(key).ok_or_else(|| ModelError::missing(path, format!("key {key}"), mend))
        };
        let rank_stabilised = match config.get("use_rslora") {
            None | Some(Value::Null) => false,
            Some(&Value::Bool(on)) => on,
            Some(other) => {
                return Err(malformed(
                    "key use_rslora",
                    format!("it is {}, and true or false is expected; {SAVE_AGAIN}", said(other)),
                ));
            }
        };
        Ok(Scaling {
            rank: rank("key r", needed("r")?)?,
            alpha: alpha("key lora_alpha", needed("lora_alpha")?)?,
            rank_stabilised,
            ranks: patterns(path, "rank_pattern", config.get("rank_pattern"), rank)?,
            alphas: patterns(path, "alpha_pattern", config.get("alpha_pattern"), alpha)?,
        })
    }

    fn rank(&self, module_path: &str) -> usize {
        self.ranks.get(module_path).unwrap_or(self.rank)
    }

    fn scale(&self, module_path: &str) -> f32 {
        let (alpha, rank) = (self.alphas.get(module_path).unwrap_or(self.alpha), self.rank(module_path) as f64);
        (alpha / if self.rank_stabilised { rank.sqrt() } else { rank }) as f32
    }
}

/// Keys with a meaning here.
const READ: [&str; 8] =
    ["alpha_pattern", "bias", "init_lora_weights", "lora_alpha", "peft_type", "r", "rank_pattern", "use_rslora"];

/// The object of patterns and values under `key` (PEFT's `get_pattern_key`).
fn patterns<T>(
    path: &Path,
    key: &str,
    value: Option<&Value>,
    read: impl Fn(&str, &Value) -> Result<T, ModelError>,
) -> Result<Patterns<T>, ModelError> {
    let item = format!("key {key}");
    let none = Map::new();
    let object = match value {
        None | Some(Value::Null) => &none,
        Some(Value::Object(object)) => object,
        Some(other) => {
            let problem = format!("it is {}, and an object is expected; {SAVE_AGAIN}", said(other));
            return Err(ModelError::malformed(path, item, problem));
        }
    };
    let mut patterns = HashMap::with_capacity(object.len());
    for (place, (pattern, value)) in object.iter().enumerate() {
        let item = format!("{item}.{}", shorten(pattern));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !pattern.strip_prefix('^').unwrap_or(pattern).chars().all(plain) {
            let problem = "it is a regular expression, and whit reads names of modules there; name each module";
            return Err(ModelError::unsupported(path, item, problem));
        }
        patterns.insert(pattern.clone(), (place, read(&item, value)?));
    }
    Ok(Patterns(patterns))
}

/// Whether a value says that something is not wanted.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A value, fit for a message.
fn said(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        value => shorten(&value.to_string()),
    }
}
