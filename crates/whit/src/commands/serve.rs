//! `whit serve`: models over OpenAI's API.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::{Args, ValueEnum};
use whit_engine::{MemoryPlan, Options, available_memory};
use whit_meter::ledger::Record;
use whit_model::{Brick, Checkpoint};
use whit_server::config::{
    AdapterConfig, ApiKey, Config, File, FileBrick, FileModel, LedgerConfig, MeterConfig, MeterSource, ModelConfig,
    TlsFiles, read_keys,
};
use whit_server::{Facts, Loader, ServerError, Started};

use crate::failure::bad_input;
use crate::model_source::{LoadArgs, MODEL_HELP, locate};
use crate::progress::Progress;
use crate::{bricks, failure, format, interrupt};

/// Conversations of full length that a model's KV cache has room for; several times as many short ones run at once.
const USUAL_SEQUENCES: usize = 8;

const BRICK_OPTION_HELP: &str = "Serve this brick under the name that its card has: its folder, a .brick file, or the name of one that is in \
    this program; may be given several times";

/// The values of `--log`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    Text,
    Json,
    Off,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The API is at http://HOST:PORT/v1, its description at /openapi.json, counters for Prometheus at /metrics. SIGTERM or Ctrl-C \
lets answers end and refuses new requests; a second one stops at once.

Without a model or a brick, here or in the file, all bricks that are in this program are served.

Examples:
  whit serve model.gguf
  whit serve
  whit serve --brick ./sums --brick intents.brick
  whit serve small=hf:Qwen/Qwen3-0.6B-GGUF large=hf:Qwen/Qwen3-4B-GGUF --memory 8GiB
  whit serve model.gguf --host 0.0.0.0 --api-key-file keys.txt --tls-cert cert.pem --tls-key key.pem
  whit serve base.gguf --adapter lights=./lights --adapter notes=./notes
  whit serve --config whit.toml --check")]
pub struct ServeArgs {
    #[arg(
        value_name = "[NAME=]MODEL",
        help = format!("{MODEL_HELP}; NAME is what requests call it [default: from the file or folder]")
    )]
    models: Vec<String>,
    #[arg(long, value_name = "BRICK", help = BRICK_OPTION_HELP)]
    brick: Vec<String>,
    /// Serve the model with this LoRA adapter, a folder as PEFT saves it, as NAME beside it; with one model; may be given several times
    #[arg(long, value_name = "NAME=FOLDER")]
    adapter: Vec<String>,
    /// Read models, address and limits from this file; arguments go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration and every model, say what they will take, and exit
    #[arg(long)]
    check: bool,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", help_heading = "Network")]
    host: Option<IpAddr>,
    /// Port to listen on; 0 for a free one [default: 8000]
    #[arg(long, value_name = "N", help_heading = "Network")]
    port: Option<u16>,
    /// Answer only who has this key; may be given several times
    #[arg(long, value_name = "KEY", env = "WHIT_API_KEY", hide_env_values = true, help_heading = "Network")]
    api_key: Vec<String>,
    /// Answer only who has one of the keys in this file, one a line
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    api_key_file: Option<PathBuf>,
    /// Listen on an address that other machines reach without asking for a key
    #[arg(long, help_heading = "Network")]
    allow_anonymous: bool,
    /// Let web pages of this origin ask; * for all; may be given several times
    #[arg(long, value_name = "ORIGIN", help_heading = "Network")]
    cors_origin: Vec<String>,
    /// Speak TLS with this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "Network")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "Network")]
    tls_key: Option<PathBuf>,
    /// Longest conversation, in tokens [default: 8192, or what the model and the memory allow]
    #[arg(short, long, value_name = "N", help_heading = "Memory and threads")]
    context: Option<usize>,
    /// Conversations of that length to have room for, or more shorter ones; fewer if the memory does not allow it [default: 8]
    #[arg(long, value_name = "N", help_heading = "Memory and threads")]
    sequences: Option<usize>,
    /// How long running answers may wait for their next token while prompts are read, in milliseconds [default: 100]
    #[arg(long, value_name = "MS", help_heading = "Memory and threads")]
    max_stall: Option<u64>,
    /// Unload a model that nobody asked for so many seconds [default: only when its memory is needed]
    #[arg(long, value_name = "SECONDS", help_heading = "Memory and threads")]
    idle_unload: Option<u64>,
    /// Where figures of power come from, for the receipts of answers: auto, off, one that `whit meter` lists, file:PATH or
    /// command:LINE [default: auto]
    #[arg(long, value_name = "SOURCE")]
    meter: Option<MeterSource>,
    /// Keep a row for every request in this file, which `whit ledger` sums up
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// How to write what happens to standard error, a line each
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log: Log,
    #[command(flatten)]
    load: LoadArgs,
}

/// `whit serve`.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let config = config(args)?;
    let loader = Hub::default();
    if args.check {
        let (models, meter) = whit_server::check(&config, &loader)?;
        for (name, facts) in &models {
            anstream::println!("{}", model_line(name, facts));
        }
        if let Some(line) = together(&models, config.memory, available_memory()) {
            anstream::println!("{line}");
        }
        anstream::println!("{meter}");
        say_ledger(&config.ledger);
        return Ok(());
    }
    log_to_stderr(args.log);
    #[cfg(feature = "otel")]
    let _telemetry = crate::telemetry::Telemetry::from_environment()?;
    interrupt::leave_first();
    Ok(whit_server::serve(&config, Arc::new(loader), |started| say_started(&config, started))?)
}

/// What a model's own entry in the file says, over arguments, over the file, over what is usual.
fn config(args: &ServeArgs) -> anyhow::Result<Config> {
    let file = args.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let usual = Config::default();
    let load = args.load.options(None);
    let max_stall = args.max_stall.map(Duration::from_millis);
    let (kv, weights) = (args.load.kv.map(Into::into), args.load.weights.map(Into::into));
    let options = |model: &FileModel| -> anyhow::Result<Options> {
        let sequences = model.sequences.or(args.sequences).or(file.sequences).unwrap_or(USUAL_SEQUENCES);
        if sequences == 0 {
            return Err(bad_input("0 sequences are no room for anybody: use at least 1"));
        }
        Ok(Options {
            sequences,
            max_stall: model.max_stall.or(max_stall).or(file.max_stall).unwrap_or(load.max_stall),
            threads: model.threads.or(load.threads).or(file.threads),
            context: model.context.or(args.context).or(file.context),
            kv_format: model.kv.or(kv).or(file.kv).unwrap_or(load.kv_format),
            weights: model.weights.or(weights).or(file.weights).unwrap_or(load.weights),
            ..load.clone()
        })
    };
    let model = |model: FileModel, preload: bool| -> anyhow::Result<ModelConfig> {
        Ok(ModelConfig {
            options: options(&model)?,
            name: model.name.unwrap_or_else(|| name_of(&model.source)),
            source: model.source,
            is_brick: false,
            preload: preload || model.preload,
            adapters: model.adapters.into_iter().map(|(name, folder)| AdapterConfig { name, folder }).collect(),
        })
    };
    let brick =
        |FileBrick { source, name, sequences, preload }: FileBrick, at_start: bool| -> anyhow::Result<ModelConfig> {
            let opened = bricks::open(&source)?;
            // Its context is what its card needs.
            let usual = Options { context: None, ..options(&FileModel { sequences, ..FileModel::default() })? };
            Ok(ModelConfig {
                name: name.unwrap_or_else(|| opened.card().name.clone()),
                options: Options {
                    packed_copies: usual.packed_copies.clone().filter(|_| bricks::has_base(&opened)),
                    ..usual
                },
                source,
                is_brick: true,
                preload: at_start || preload,
                adapters: vec![],
            })
        };
    let named = args.models.iter().map(|word| {
        let (name, source) = named_source(word);
        model(FileModel { source, name, ..FileModel::default() }, true)
    });
    let mut models: Vec<ModelConfig> =
        named.chain(file.model.iter().map(|entry| model(entry.clone(), false))).collect::<Result<_, _>>()?;
    let named_brick = |source: &str| brick(FileBrick { source: source.into(), ..FileBrick::default() }, true);
    for source in &args.brick {
        models.push(named_brick(source)?);
    }
    for entry in &file.brick {
        models.push(brick(entry.clone(), false)?);
    }
    if models.is_empty() {
        models = bricks::built_in().map(named_brick).collect::<Result<_, _>>()?;
    }
    if models.is_empty() {
        return Err(bad_input(
            "which model? Name one, or a brick with --brick: without either whit serves the bricks that it was built with, and this one \
             was built without any",
        ));
    }
    let adapters = args.adapter.iter().map(|word| adapter(word)).collect::<anyhow::Result<Vec<_>>>()?;
    match &mut models[..] {
        _ if adapters.is_empty() => {}
        [model] if !model.is_brick => model.adapters.extend(adapters),
        models => {
            let count = models.len();
            return Err(bad_input(format!(
                "--adapter is for one model, and there are {count} (or it is a brick, which is as it is): say in a file for --config which is \
                 on which"
            )));
        }
    }
    let mut api_keys: Vec<ApiKey> = args.api_key.iter().map(|key| key.as_str().into()).collect();
    for path in args.api_key_file.iter().chain(&file.api_key_file) {
        api_keys.extend(read_keys(path)?);
    }
    let tls = match (args.tls_cert.clone().or(file.tls_cert), args.tls_key.clone().or(file.tls_key)) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        _ => return Err(bad_input("TLS needs both a certificate and its key")),
    };
    let cors_origins = if args.cors_origin.is_empty() { file.cors_origins } else { args.cors_origin.clone() };
    Ok(Config {
        models,
        host: args.host.or(file.host).unwrap_or(usual.host),
        port: args.port.or(file.port).unwrap_or(usual.port),
        api_keys,
        key_limits: file.key,
        allow_anonymous: args.allow_anonymous || file.allow_anonymous,
        cors_origins,
        tls,
        memory: args.load.memory.or(file.memory),
        idle_unload: args.idle_unload.map(Duration::from_secs).or(file.idle_unload),
        limits: file.limits,
        meter: MeterConfig { source: args.meter.clone().unwrap_or(file.meter.source), ..file.meter },
        tariff: file.tariff,
        guarantee: file.guarantee,
        ledger: LedgerConfig { path: args.ledger.clone().or(file.ledger.path), ..file.ledger },
    })
}

/// `NAME=MODEL`, unless that is the path of something.
fn named_source(word: &str) -> (Option<String>, String) {
    match word.split_once('=') {
        Some((name, source)) if !name.contains(['/', '\\', ':']) && !Path::new(word).exists() => {
            (Some(name.to_owned()), source.to_owned())
        }
        _ => (None, word.to_owned()),
    }
}

/// `NAME=FOLDER`.
fn adapter(word: &str) -> anyhow::Result<AdapterConfig> {
    match word.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok(AdapterConfig { name: name.to_owned(), folder: folder.into() })
        }
        _ => Err(bad_input(format!("--adapter {word}: say what requests call it and where it lies, as NAME=FOLDER"))),
    }
}

/// What requests call a model when nothing else is said: `OWNER/NAME`, or the name of the file or folder.
fn name_of(source: &str) -> String {
    if let Some(model) = source.strip_prefix("hf:") {
        return model.split(['@', ':']).next().unwrap_or(model).to_owned();
    }
    let last = Path::new(source).components().next_back().map(|last| last.as_os_str().to_string_lossy().into_owned());
    let last = last.unwrap_or_else(|| source.to_owned());
    last.strip_suffix(".gguf").map_or(last.clone(), str::to_owned)
}

/// Where models come from: this machine, or a hub.
#[derive(Default)]
struct Hub {
    bar: Mutex<Option<Progress>>,
}

impl Loader for Hub {
    fn locate(&self, source: &str) -> Result<PathBuf, ServerError> {
        locate(source).map_err(|error| ServerError::Locate(format!("{error:#}")))
    }

    fn brick(&self, source: &str) -> Result<(Brick, Checkpoint), ServerError> {
        let found = || {
            let brick = bricks::open(source)?;
            let checkpoint = bricks::checkpoint(&brick)?;
            anyhow::Ok((brick, checkpoint))
        };
        found().map_err(|error| ServerError::Locate(failure::sentence(&error)))
    }

    fn progress(&self, model: &str, done: u64, total: u64) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if done >= total {
            *bar = None;
        } else {
            bar.get_or_insert_with(|| Progress::bytes(&format!("Loading {model}"))).set(done, total);
        }
    }
}

/// The log, and panics in it: a mistake of whit's own ends the request it was made for, not the others'.
fn log_to_stderr(log: Log) {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    match log {
        Log::Text => lines.with_ansi(false).init(),
        Log::Json => lines.json().flatten_event(true).init(),
        Log::Off => {}
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(message, place, "whit made a mistake; please report it");
    }));
}

/// `small  412 MiB: 380 MiB weights, 24 MiB KV cache for 8 x 8192 tokens, 8 MiB work space`.
fn model_line(name: &str, facts: &Facts) -> String {
    let MemoryPlan { weights, kv_cache, workspace, context, adapters, .. } = facts.plan;
    let adapters = if adapters > 0 { format!(", {} adapters", format::bytes(adapters)) } else { String::new() };
    format!(
        "{name}  {}: {} weights, {} KV cache for {} x {context} tokens, {} work space{adapters}",
        format::bytes(facts.plan.total()),
        format::bytes(weights),
        format::bytes(kv_cache),
        facts.sequences,
        format::bytes(workspace),
    )
}

/// What several models take together, and what follows from it.
fn together(models: &[(String, Facts)], given: Option<u64>, free: Option<u64>) -> Option<String> {
    let sum: u64 = models.iter().map(|(_, facts)| facts.plan.total()).sum();
    let limit = given.or(free).filter(|_| models.len() > 1)?;
    let whose = if given.is_some() { "given" } else { "free on this machine" };
    let follows = match sum <= limit {
        true => "all fit beside each other",
        false => "they do not fit beside each other and take turns: one is unloaded for another that is asked for",
    };
    Some(format!("together {}, with {} {whose}: {follows}", format::bytes(sum), format::bytes(limit)))
}

/// Where requests are kept, what of them and for how long, if they are.
fn say_ledger(ledger: &LedgerConfig) {
    let Some(path) = &ledger.path else { return };
    let texts = match (ledger.record, ledger.redact.len()) {
        (Record::None, _) => "no prompts and answers".to_owned(),
        (Record::Hash, _) => "hashes of prompts and answers".to_owned(),
        (Record::Full, 0) => "prompts and answers in full".to_owned(),
        (Record::Full, 1) => "prompts and answers, redacted by 1 pattern".to_owned(),
        (Record::Full, patterns) => format!("prompts and answers, redacted by {patterns} patterns"),
    };
    let age = ledger.retention.map(|age| format!(", for {}", format::age(age)));
    let size = ledger.max_size.map(|size| format!(", up to {}", format::bytes(size)));
    anstream::println!(
        "keeping requests in {}: {texts}{}{}",
        path.display(),
        age.unwrap_or_default(),
        size.unwrap_or_default()
    );
}

/// The models, the address, and a request that works.
fn say_started(config: &Config, started: &Started) {
    for (name, facts) in &started.models {
        match facts {
            Some(facts) => anstream::println!("{}", model_line(name, facts)),
            None => anstream::println!("{name}  will be loaded when it is asked for"),
        }
    }
    for model in &config.models {
        for adapter in &model.adapters {
            anstream::println!("{}  an adapter on {}", adapter.name, model.name);
        }
    }
    let scheme = if started.is_tls { "https" } else { "http" };
    let who = match (config.api_keys.len(), config.host.is_loopback()) {
        (0, true) => "for whoever is on this machine",
        (0, false) => "for anybody",
        _ => "for whoever has a key",
    };
    anstream::println!("listening at {scheme}://{}, {who}", started.address);
    let url = format!("{scheme}://{}", reached_at(started.address));
    anstream::println!("{}", started.meter);
    say_ledger(&config.ledger);
    let Some((name, facts)) = started.models.first() else { return };
    let (path, body) = match facts {
        Some(facts) if !facts.can_chat => {
            ("completions", serde_json::json!({"model": name, "prompt": "Once upon a time"}))
        }
        _ => {
            ("chat/completions", serde_json::json!({"model": name, "messages": [{"role": "user", "content": "Hello"}]}))
        }
    };
    let certificate = match &config.tls {
        Some(tls) => format!(" --cacert {}", shell_word(&tls.certificate.to_string_lossy())),
        None => String::new(),
    };
    let key = if config.api_keys.is_empty() { "" } else { " -H 'Authorization: Bearer KEY'" };
    let (url, body) = (shell_word(&format!("{url}/v1/{path}")), shell_word(&body.to_string()));
    anstream::println!("curl {url}{certificate}{key} -H 'Content-Type: application/json' -d {body}");
}

/// What a client on this machine calls an address that is listened on. All addresses together are no address, and none that a certificate
/// names.
fn reached_at(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    }
}

/// A word as a shell takes it, quoted if it must be.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:.,_-+@%".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use whit_engine::{KvFormat, WeightFormat};

    use super::*;

    #[test]
    fn a_model_is_called_what_it_is_named_or_as_its_file_is() {
        let name = |word: &str| {
            let (name, source) = named_source(word);
            name.unwrap_or_else(|| name_of(&source))
        };
        assert_eq!(name("models/small.q4.gguf"), "small.q4");
        assert_eq!(name("models/Small/"), "Small");
        assert_eq!(name("hf:Qwen/Qwen3-0.6B@main:Q8_0"), "Qwen/Qwen3-0.6B");
        assert_eq!(name("tiny=models/small.gguf"), "tiny");
        assert_eq!(name("models/a=b.gguf"), "a=b");
    }

    #[test]
    fn what_the_arguments_say_is_how_models_are_loaded() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            serve: ServeArgs,
        }
        let models = |line: &str| {
            let line: Line = clap::Parser::parse_from(line.split(' '));
            config(&line.serve).unwrap().models
        };
        let said = |options: &Options| {
            let Options { max_stall, sequences, context, threads, kv_format, weights, .. } = *options;
            (max_stall.as_millis(), sequences, context, threads, kv_format, weights)
        };
        let arguments = "--max-stall 7 --sequences 3 --context 99 --threads 2 --kv q8 --weights q4";
        let one = models(&format!("whit a.gguf {arguments}"));
        let by_arguments = (7, 3, Some(99), Some(2), KvFormat::Q8, WeightFormat::Q4);
        assert_eq!(said(&one[0].options), by_arguments);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whit.toml");
        let file = "max_stall = 8\nsequences = 4\ncontext = 100\nthreads = 3\nkv = \"bf16\"\nweights = \"q6\"\n\
                    [[model]]\nsource = \"a.gguf\"\n[[model]]\nsource = \"b.gguf\"\nmax_stall = 9\nsequences = 5\ncontext = 101\n\
                    threads = 4\nkv = \"f32\"\nweights = \"as-is\"\n";
        std::fs::write(&path, file).unwrap();
        let own = (9, 5, Some(101), Some(4), KvFormat::F32, WeightFormat::AsIs);
        let from_file = models(&format!("whit --config {}", path.display()));
        let of_file = (8, 4, Some(100), Some(3), KvFormat::BF16, WeightFormat::Q6);
        assert_eq!([said(&from_file[0].options), said(&from_file[1].options)], [of_file, own]);
        let both = models(&format!("whit --config {} {arguments}", path.display()));
        assert_eq!([said(&both[0].options), said(&both[1].options)], [by_arguments, own]);
        let silent = (100, USUAL_SEQUENCES, None, None, KvFormat::F16, WeightFormat::AsIs);
        assert_eq!(said(&models("whit a.gguf")[0].options), silent);
    }

    #[test]
    fn models_that_do_not_fit_beside_each_other_are_said_to_take_turns() {
        let plan = |weights| MemoryPlan {
            weights,
            kv_cache: 0,
            workspace: 0,
            adapters: 0,
            batch_rows: 1,
            context: 1,
            context_wanted: None,
            kv_bytes_per_position: 1,
        };
        let facts = |weights| Facts { plan: plan(weights), sequences: 1, can_chat: true };
        let models = [("a".to_owned(), facts(300 << 20)), ("b".to_owned(), facts(300 << 20))];
        let line = |given, free| together(&models, given, free);
        let turns = line(Some(500 << 20), Some(1 << 40)).unwrap();
        assert!(turns.starts_with("together 600 MiB, with 500 MiB given: ") && turns.contains("take turns"), "{turns}");
        assert!(line(Some(600 << 20), None).unwrap().ends_with("all fit beside each other"));
        assert!(line(None, Some(500 << 20)).unwrap().contains("500 MiB free on this machine: they do not fit"));
        assert_eq!((line(None, None), together(&models[..1], Some(1), None)), (None, None));
    }

    #[test]
    fn the_curl_is_for_a_name_that_certificates_have() {
        for (listens, asked) in
            [("0.0.0.0:8443", "localhost:8443"), ("[::]:1", "localhost:1"), ("127.0.0.1:8000", "127.0.0.1:8000")]
        {
            assert_eq!(reached_at(listens.parse().unwrap()), asked);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_the_words_of_the_curl_as_they_are() {
        for word in ["http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", r#"{"model":"it's $HOME"}"#, "my cert.pem"] {
            let script = format!("printf %s {}", shell_word(word));
            let read = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&read.stdout), word);
        }
        assert_eq!(shell_word("http://127.0.0.1:8000/v1"), "http://127.0.0.1:8000/v1");
    }
}
