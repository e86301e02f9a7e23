//! Several models in one process.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Fixtures, Server, chat, connect, events, model, read_reply, write_post};
use serde_json::{Value, json};
use whit_server::config::ModelConfig;
use whit_server::{Config, Loader, ServerError};

fn two(memory: Option<u64>) -> Config {
    Config { models: vec![model("pocket"), model("pocket-q8_0.gguf")], memory, ..Config::default() }
}

async fn ask(server: &Server, name: &str) -> String {
    let body = json!({"model": name, "prompt": "Who has seen the", "temperature": 0, "max_tokens": 3});
    server.post("/v1/completions", &body).await.ok()["choices"][0]["text"].as_str().unwrap().to_owned()
}

async fn status(server: &Server) -> Vec<String> {
    let models = server.get("/v1/models").await.ok();
    models["data"].as_array().unwrap().iter().map(|model| model["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn where_memory_is_for_one_they_take_turns_and_nobody_is_refused() {
    let alone = Server::start(two(None)).await;
    assert_eq!(status(&alone).await, ["loaded", "loaded"]);
    let bytes = alone.get("/v1/models").await.ok()["data"][0]["memory_bytes"].as_u64().unwrap();
    let server = Server::start(two(Some(bytes + bytes / 4))).await;
    assert_eq!(status(&server).await, ["loaded", "unloaded"]);
    let asks = (0..12).map(|at| {
        let server = server.clone();
        tokio::spawn(async move { ask(&server, ["pocket", "pocket-q8_0.gguf"][at % 2]).await })
    });
    for asked in asks.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), " wind?\n");
    }
    let loaded = status(&server).await.iter().filter(|status| *status == "loaded").count();
    assert_eq!(loaded, 1);
}

#[tokio::test]
async fn an_answer_that_was_made_and_not_taken_yet_does_not_keep_its_model() {
    let alone = Server::start(two(None)).await;
    let bytes = alone.get("/v1/models").await.ok()["data"][0]["memory_bytes"].as_u64().unwrap();
    let server = Server::start(two(Some(bytes + bytes / 4))).await;
    let (address, _task) = server.listen().await;
    let mut reader = connect(address).await;
    let fields = json!({"stream": true, "ignore_eos": true, "n": 16, "logprobs": true, "top_logprobs": 20});
    write_post(&mut reader, "/v1/chat/completions", &chat("Hello", fields)).await;
    reader.peek(&mut [0]).await.unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(20), ask(&server, "pocket-q8_0.gguf")).await;
    assert_eq!(asked.expect("the other model is loaded in its place"), " wind?\n");
    // What was left of the first answer is whole, whoever has the memory now.
    let body = read_reply(&mut reader).await.text();
    let ends = events(&body).iter().filter(|event| event["choices"][0]["finish_reason"] == "length").count();
    assert_eq!(ends, 16);
}

#[tokio::test]
async fn a_model_that_nobody_asks_for_is_unloaded_and_comes_back() {
    let server = Server::start(two(None)).await;
    server.app.fleet.unload_idle(Duration::from_secs(3600)).await;
    assert_eq!(status(&server).await, ["loaded", "loaded"]);
    server.app.fleet.unload_idle(Duration::ZERO).await;
    assert_eq!(status(&server).await, ["unloaded", "unloaded"]);
    assert_eq!(ask(&server, "pocket").await, " wind?\n");
    assert_eq!(status(&server).await, ["loaded", "unloaded"]);
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_says_why_and_harms_no_other() {
    let mut config = two(None);
    config.models.push(model("nothing.gguf"));
    config.models[2].preload = false;
    let server = Server::start(config).await;
    let refused = server.post("/v1/completions", &json!({"model": "nothing.gguf", "prompt": "x"})).await;
    let sentence = refused.refused(503, None);
    assert!(sentence.contains("cannot be loaded") && !sentence.contains('/'), "no path: {sentence}");
    assert_eq!(ask(&server, "pocket").await, " wind?\n");
}

/// Finds nothing, after a while, and counts how often it looked.
#[derive(Default)]
struct Nothing(AtomicUsize);

impl Loader for Nothing {
    fn locate(&self, source: &str) -> Result<PathBuf, ServerError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
        Err(ServerError::Locate(format!("/srv/models/{source}: no such file or folder")))
    }
}

#[tokio::test]
async fn a_load_that_fails_has_failed_for_all_who_waited_for_it() {
    let mut config = two(None);
    config.models.iter_mut().for_each(|model| model.preload = false);
    let loader = Arc::new(Nothing::default());
    let server = Server::start_with(config, loader.clone()).await;
    let ask = || {
        let server = server.clone();
        let body = json!({"model": "pocket", "prompt": "x"});
        tokio::spawn(async move { server.post("/v1/completions", &body).await })
    };
    for asked in (0..16).map(|_| ask()).collect::<Vec<_>>() {
        let sentence = asked.await.unwrap().refused(503, None);
        assert!(sentence.contains("cannot be loaded") && !sentence.contains('/'), "no path: {sentence}");
    }
    assert_eq!(loader.0.load(Ordering::Relaxed), 1);
    ask().await.unwrap().refused(503, None);
    assert_eq!(loader.0.load(Ordering::Relaxed), 2, "who comes later may hope anew");
}

/// Finds the fixtures, after a while.
struct Late;

impl Loader for Late {
    fn locate(&self, source: &str) -> Result<PathBuf, ServerError> {
        std::thread::sleep(Duration::from_millis(300));
        Fixtures.locate(source)
    }
}

#[tokio::test]
async fn who_waits_too_long_for_a_load_is_told_and_the_load_goes_on() {
    let mut config = two(None);
    config.models.iter_mut().for_each(|model| model.preload = false);
    config.limits.load_timeout = Duration::from_millis(50);
    let server = Server::start_with(config, Arc::new(Late)).await;
    let refused = server.post("/v1/completions", &json!({"model": "pocket", "prompt": "x"})).await;
    assert!(refused.refused(503, None).contains("still being loaded") && refused.headers.contains_key("retry-after"));
    for _ in 0..500 {
        if status(&server).await[0] == "loaded" {
            assert_eq!(ask(&server, "pocket").await, " wind?\n");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody loads it any more");
}

/// The small model of the fixtures with layers of so much that no machine has the memory for it: a file of holes.
fn giant(folder: &Path) {
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket");
    for file in std::fs::read_dir(&small).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    const WIDTH: u64 = 1 << 30;
    let mut config: Value = serde_json::from_slice(&std::fs::read(small.join("config.json")).unwrap()).unwrap();
    let before = config["intermediate_size"].take();
    config["intermediate_size"] = WIDTH.into();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let weights = std::fs::read(small.join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&weights[8..8 + length]).unwrap();
    let mut end = 0;
    for (name, tensor) in header.as_object_mut().unwrap().iter_mut().filter(|(name, _)| *name != "__metadata__") {
        let offsets: Vec<u64> = serde_json::from_value(tensor["data_offsets"].take()).unwrap();
        let mut bytes = offsets[1] - offsets[0];
        if name.contains(".mlp.") {
            bytes = bytes / before.as_u64().unwrap() * WIDTH;
            tensor["shape"].as_array_mut().unwrap().iter_mut().filter(|size| **size == before).for_each(|size| {
                *size = WIDTH.into();
            });
        }
        tensor["data_offsets"] = json!([end, end + bytes]);
        end += bytes;
    }
    let header = header.to_string();
    let path = folder.join("model.safetensors");
    std::fs::write(&path, [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(8 + header.len() as u64 + end).unwrap();
}

#[tokio::test]
async fn a_model_that_fits_nowhere_puts_no_other_out() {
    let folder = tempfile::tempdir().unwrap();
    giant(folder.path());
    let mut config = two(None);
    config.models.push(ModelConfig { name: "giant".into(), ..model(&folder.path().to_string_lossy()) });
    config.models[2].preload = false;
    let server = Server::start(config).await;
    let refused = server.post("/v1/completions", &json!({"model": "giant", "prompt": "x"})).await;
    let sentence = refused.refused(503, None);
    assert!(sentence.contains("GiB") || sentence.contains("MiB"), "{sentence}");
    assert_eq!(status(&server).await, ["loaded", "loaded", "unloaded"]);
}
