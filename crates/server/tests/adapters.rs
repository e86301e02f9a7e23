//! Adapters are models of their own to clients, on one base.

#[path = "../../engine/tests/common/adapter.rs"]
mod adapter;
mod common;

use std::path::{Path, PathBuf};

use adapter::{updates, write_adapter};
use common::{Server, chat, pocket};
use serde_json::{Value, json};
use whit_server::Config;
use whit_server::config::AdapterConfig;

/// The small model with two adapters.
fn with_adapters(folder: &Path) -> Config {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket");
    let adapters = ["first", "second"].into_iter().zip(1..).map(|(name, salt)| {
        let folder = folder.join(name);
        write_adapter(&folder, &updates(&base, |_| 8, salt, 0.5), json!({}));
        AdapterConfig { name: name.into(), folder }
    });
    let mut config = pocket();
    config.models[0].adapters = adapters.collect();
    config
}

#[tokio::test]
async fn an_adapter_is_asked_by_its_name_and_answers_beside_its_base() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(with_adapters(folder.path())).await;
    let models = server.get("/v1/models").await.ok();
    let of = |key: &str| -> Vec<Value> { models["data"].as_array().unwrap().iter().map(|m| m[key].clone()).collect() };
    assert_eq!(of("id"), ["pocket", "first", "second"]);
    assert_eq!(of("parent"), [Value::Null, json!("pocket"), json!("pocket")]);
    assert_eq!(of("status"), ["loaded"; 3]);
    assert_eq!(server.get("/v1/models/second").await.ok(), models["data"][2]);

    let plain = Server::start(pocket()).await;
    let ask = |model: &str| chat("What is 2 + 2?", json!({"model": model, "max_tokens": 8, "logprobs": true}));
    let wanted = plain.post("/v1/chat/completions", &ask("pocket")).await.ok();
    let (pocket, first, second) = (ask("pocket"), ask("first"), ask("second"));
    let (pocket, first, second) = tokio::join!(
        server.post("/v1/chat/completions", &pocket),
        server.post("/v1/chat/completions", &first),
        server.post("/v1/chat/completions", &second),
    );
    let (pocket, first, second) = (pocket.ok(), first.ok(), second.ok());
    assert_eq!(pocket["choices"], wanted["choices"]);
    assert_eq!(first["model"], "first");
    let logprobs = |answer: &Value| answer["choices"][0]["logprobs"].clone();
    assert!(logprobs(&first) != logprobs(&pocket) && logprobs(&first) != logprobs(&second), "{first} {second}");
    // Vectors of texts, too.
    let vector = async |model: &str| {
        let answer = server.post("/v1/embeddings", &json!({"model": model, "input": "some text"})).await.ok();
        answer["data"][0]["embedding"].clone()
    };
    assert_ne!(vector("first").await, vector("pocket").await);

    let unknown = server.post("/v1/chat/completions", &ask("third")).await.refused(404, Some("model"));
    assert!(["pocket", "first", "second"].iter().all(|name| unknown.contains(name)), "{unknown}");
}

#[tokio::test]
async fn a_request_for_an_adapter_that_is_refused_has_it_in_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = with_adapters(folder.path());
    config.ledger.path = Some(folder.path().join("ledger.db"));
    let server = Server::start(config).await;
    let asked = json!({"model": "second", "prompt": "x", "max_tokens": 1, "logit_bias": {"99999": 1}});
    server.post("/v1/completions", &asked).await.refused(400, Some("logit_bias"));
    server.post("/v1/completions", &json!({"model": "third", "prompt": "x"})).await.refused(404, Some("model"));
    let rows = server.rows(&folder.path().join("ledger.db"));
    let models: Vec<&Value> = rows.iter().map(|row| &row["model"]).collect();
    assert_eq!(models, ["second", "(unknown)"]);
}

#[tokio::test]
async fn an_adapter_that_is_none_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = with_adapters(folder.path());
    config.models[0].adapters[1].name = "pocket".into();
    let error = config.check().unwrap_err().to_string();
    assert!(error.contains("two models are called pocket"), "{error}");
    config.models[0].adapters[1] = AdapterConfig { name: "none".into(), folder: PathBuf::from("/nowhere") };
    let error = Server::without_models(&config).app.fleet.preload().await.unwrap_err().to_string();
    assert!(error.contains("/nowhere") && error.contains("missing"), "{error}");
}
