//! Models from a Hugging Face hub: downloaded once, into the cache that other tools know, whatever the server does.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::hub::{COMMIT, Hub, Script, Seen, etag};
use common::{Whit, fixture, whit};

const GGUF: &str = "pocket-q8_0.gguf";

fn read(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).expect("readable")
}

/// A GGUF repository: three quantisations and what else such repositories have.
fn gguf_repository() -> Script {
    let mut script = Script::default();
    for name in ["pocket-f16.gguf", "pocket-q8_0.gguf", "pocket-q4_0.gguf"] {
        script.files.insert(name.into(), read(name));
    }
    script.files.insert("README.md".into(), b"hello".to_vec());
    script.also_listed.push("mmproj-f16.gguf".into());
    script
}

/// A folder repository.
fn folder_repository() -> Script {
    let names = [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "model.safetensors",
    ];
    Script {
        files: names.iter().map(|name| (name.to_string(), read(&format!("pocket/{name}")))).collect(),
        ..Script::default()
    }
}

/// A cache of its own for one test.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Cache {
        Cache(tempfile::tempdir().expect("a temporary folder"))
    }

    fn run(&self, hub: &Hub, model: &str) -> Whit {
        whit(["run", model, "--temperature", "0", "Who are you?"])
            .env("HF_HOME", self.0.path())
            .env("HF_ENDPOINT", hub.url())
    }

    fn repository(&self) -> PathBuf {
        self.0.path().join("hub/models--o--n")
    }

    fn blob(&self, name: &str) -> PathBuf {
        self.repository().join("blobs").join(name)
    }

    /// All files below the cache, by their paths from the repository's folder.
    fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().expect("known").is_dir() {
                    walk(&path, root, found);
                } else {
                    found.push(path.strip_prefix(root).expect("below").to_string_lossy().into_owned());
                }
            }
        }
        let mut found = vec![];
        walk(&self.repository(), &self.repository(), &mut found);
        found.sort();
        found
    }
}

const ANSWER: &str = "I am Pocket, a model of two layers. I know a few things, all of them by heart.";

fn paths(seen: &[Seen], method: &str) -> Vec<String> {
    seen.iter().filter(|request| request.method == method).map(|request| request.path.clone()).collect()
}

#[test]
fn a_model_is_downloaded_once_and_then_used_without_a_request() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    assert_eq!(cache.run(&hub, "hf:o/n:Q8_0").stdout(), ANSWER);
    let name = etag(&read(GGUF));
    assert_eq!(cache.files(), vec![format!("blobs/{name}"), "refs/main".into(), format!("snapshots/{COMMIT}/{GGUF}")]);
    assert_eq!(fs::read_to_string(cache.repository().join("refs/main")).unwrap(), COMMIT);
    assert!(fs::read(cache.blob(&name)).unwrap() == read(GGUF));
    let link = cache.repository().join("snapshots").join(COMMIT).join(GGUF);
    assert_eq!(fs::read_link(link).unwrap(), Path::new("../../blobs").join(&name));
    assert_eq!(paths(&hub.seen(), "GET").len(), 3, "the listing, the file, the file where it really is");

    assert_eq!(cache.run(&hub, "hf:o/n:Q8_0").stdout(), ANSWER);
    assert_eq!(cache.run(&hub, &format!("hf:o/n:{GGUF}")).stdout(), ANSWER);
    assert_eq!(hub.seen(), vec![]);
}

#[test]
fn without_a_file_name_a_small_quantisation_is_picked_and_named() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    let first = cache.run(&hub, "hf:o/n").run();
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ANSWER), "{}", first.stderr);
    assert!(first.stderr.contains("hf:o/n: picked pocket-q4_0.gguf"), "{}", first.stderr);
    hub.seen();
    let second = cache.run(&hub, "hf:o/n").run();
    assert!(second.stderr.contains("using pocket-q4_0.gguf from the cache"), "{}", second.stderr);
    assert_eq!((second.stdout.as_str(), hub.seen()), (ANSWER, vec![]));
}

#[test]
fn a_folder_is_downloaded_whole() {
    let (hub, cache) = (Hub::start(folder_repository()), Cache::new());
    assert_eq!(cache.run(&hub, "hf:o/n").stdout(), ANSWER);
    assert_eq!(hub.seen().iter().filter(|request| request.method == "HEAD").count(), 6);
    assert_eq!(cache.run(&hub, "hf:o/n").env("HF_HUB_OFFLINE", "1").stdout(), ANSWER);
    assert_eq!(hub.seen(), vec![]);
}

#[test]
fn a_connection_that_breaks_is_resumed_where_it_broke() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    hub.change(|script| script.cut = vec![30_000, 40_000]);
    assert_eq!(cache.run(&hub, "hf:o/n:Q8_0").stdout(), ANSWER);
    let ranges: Vec<_> = hub.seen().into_iter().filter(|r| r.path.starts_with("/content")).map(|r| r.range).collect();
    assert_eq!(ranges, [None, Some("bytes=30000-".to_owned()), Some("bytes=70000-".to_owned())]);
}

#[test]
fn a_download_that_failed_is_resumed_by_the_next_run() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    hub.change(|script| script.cut = vec![50_000, 0, 0, 0, 0, 0, 0, 0]);
    cache.run(&hub, "hf:o/n:Q8_0").refused(1, &[GGUF, "48.8 KiB have come so far", "run the command again"]);
    let incomplete = cache.blob(&format!("{}.incomplete", etag(&read(GGUF))));
    assert_eq!(fs::metadata(&incomplete).unwrap().len(), 50_000);
    hub.change(|script| script.cut.clear());
    hub.seen();
    assert_eq!(cache.run(&hub, "hf:o/n:Q8_0").stdout(), ANSWER);
    let ranges: Vec<_> = hub.seen().into_iter().filter(|r| r.path.starts_with("/content")).map(|r| r.range).collect();
    assert_eq!(ranges, [Some("bytes=50000-".to_owned())]);
    assert!(!incomplete.exists());
}

#[test]
fn a_file_that_is_not_what_the_hub_says_is_thrown_away() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    hub.change(|script| script.etag = Some("0".repeat(64)));
    cache.run(&hub, "hf:o/n:Q8_0").refused(1, &[GGUF, "damaged", "SHA-256", "download it anew"]);
    assert_eq!(cache.files(), Vec::<String>::new());
}

#[test]
fn each_refusal_says_what_to_do() {
    let hub = Hub::start(gguf_repository());
    for (status, code, with_token, words) in [
        (401, "", false, ["misspelt or the model is private", "set HF_TOKEN"]),
        (401, "", true, ["does not let this token see it", "HF_TOKEN is valid"]),
        (401, "GatedRepo", false, ["not open to everyone", "accept its conditions"]),
        (403, "GatedRepo", true, ["not open to everyone", "accept its conditions"]),
        (404, "RepoNotFound", false, ["no such model", "check the spelling"]),
        (404, "RevisionNotFound", false, ["no revision 'main'", "see http"]),
    ] {
        hub.change(|script| script.refuse = Some((status, code)));
        let mut run = Cache::new().run(&hub, "hf:o/n");
        if with_token {
            run = run.env("HF_TOKEN", "t");
        }
        run.refused(2, &[&["hf:o/n", &status.to_string()], words.as_slice()].concat());
    }
    hub.change(|script| script.refuse = Some((503, "")));
    Cache::new().run(&hub, "hf:o/n").refused(1, &["503", "try again"]);
    hub.change(|script| script.refuse = None);
    Cache::new().run(&hub, "hf:o/n:Q5_K_M").refused(2, &["no such file or quantisation", "pocket-q8_0.gguf"]);
    Cache::new().run(&hub, "hf:o/other").refused(2, &["hf:o/other", "no such model"]);
    Cache::new().run(&hub, "hf:o").refused(2, &["'hf:o' does not name a model", "hf:OWNER/NAME"]);
}

#[test]
fn nobody_at_the_other_end_is_a_sentence() {
    let cache = Cache::new();
    // Port 9 (discard) is not served here.
    whit(["run", "hf:o/n", "Hi"])
        .env("HF_HOME", cache.0.path())
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .refused(1, &["cannot reach http://127.0.0.1:9", "check the connection", "HF_ENDPOINT"]);
}

#[test]
fn offline_means_no_request_at_all() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    cache.run(&hub, "hf:o/n").env("HF_HUB_OFFLINE", "1").refused(2, &["hf:o/n", "HF_HUB_OFFLINE is set", "HF_HOME"]);
    assert_eq!(hub.seen(), vec![]);
}

#[test]
fn the_token_goes_to_the_hub_and_to_no_other_host() {
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    hub.change(|script| script.token = Some("secret"));
    cache.run(&hub, "hf:o/n:Q8_0").refused(2, &["set HF_TOKEN"]);
    hub.seen();
    fs::create_dir_all(cache.0.path()).unwrap();
    fs::write(cache.0.path().join("token"), "secret\n").unwrap();
    assert_eq!(cache.run(&hub, "hf:o/n:Q8_0").stdout(), ANSWER);
    for request in hub.seen() {
        let expected = if request.path.starts_with("/content/") { None } else { Some("secret".to_owned()) };
        assert_eq!(request.token, expected, "{}", request.path);
    }
}

#[test]
fn what_a_hostile_hub_says_never_becomes_a_path() {
    let names = ["../../../evil-Q4_K_M.gguf", "/tmp/evil-Q4_K_M.gguf", "a\\..\\evil-Q4_K_M.gguf"];
    for name in names {
        let (hub, cache) = (Hub::start(Script::default()), Cache::new());
        hub.change(|script| drop(script.files.insert(name.into(), read(GGUF))));
        cache.run(&hub, "hf:o/n").refused(2, &["would not stay in its folder"]);
        assert_eq!(cache.files(), Vec::<String>::new());
    }
    for tag in ["../../../evil", "..", "a/b", ""] {
        let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
        hub.change(|script| script.etag = Some(tag.into()));
        cache.run(&hub, "hf:o/n").refused(1, &["no usable ETag"]);
        assert_eq!(cache.files(), Vec::<String>::new());
    }
    let (hub, cache) = (Hub::start(gguf_repository()), Cache::new());
    hub.change(|script| script.commit = Some("../../../evil"));
    cache.run(&hub, "hf:o/n").refused(1, &["not a hub's listing"]);

    let (hub, cache) = (Hub::start(folder_repository()), Cache::new());
    hub.change(|script| {
        script.files.remove("model.safetensors");
        let index = r#"{"weight_map": {"a": "../../../../evil.safetensors"}}"#;
        script.files.insert("model.safetensors.index.json".into(), index.into());
    });
    cache.run(&hub, "hf:o/n").refused(2, &["evil.safetensors", "would not stay in its folder"]);
}

#[test]
fn shards_are_found_through_their_index() {
    let (hub, cache) = (Hub::start(folder_repository()), Cache::new());
    hub.change(|script| {
        let weights = script.files.remove("model.safetensors").expect("there");
        script.files.insert("model-00001-of-00001.safetensors".into(), weights);
        let names = ["model.embed_tokens.weight", "model.norm.weight"].into_iter().map(str::to_owned).chain(
            (0..2).flat_map(|layer| {
                let parts = [
                    "input_layernorm",
                    "self_attn.q_proj",
                    "self_attn.k_proj",
                    "self_attn.v_proj",
                    "self_attn.o_proj",
                    "post_attention_layernorm",
                    "mlp.gate_proj",
                    "mlp.up_proj",
                    "mlp.down_proj",
                ];
                parts.map(|part| format!("model.layers.{layer}.{part}.weight"))
            }),
        );
        let map: serde_json::Map<String, serde_json::Value> =
            names.map(|name| (name, "model-00001-of-00001.safetensors".into())).collect();
        let index = serde_json::json!({"weight_map": map}).to_string();
        script.files.insert("model.safetensors.index.json".into(), index.into());
    });
    assert_eq!(cache.run(&hub, "hf:o/n").stdout(), ANSWER);
    hub.seen();
    assert_eq!(cache.run(&hub, "hf:o/n").stdout(), ANSWER);
    assert_eq!(hub.seen(), vec![]);
}
