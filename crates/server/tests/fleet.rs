//! Several models in one process.

mod common;

use std::time::Duration;

use common::{Server, model};
use serde_json::json;
use whit_server::Config;

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
    assert!(refused.refused(503, None).contains("cannot be loaded"));
    assert_eq!(ask(&server, "pocket").await, " wind?\n");
}
