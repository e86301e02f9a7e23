//! Bricks are models that answer as their cards have it, and only so.

mod common;

use std::path::Path;

use common::{Server, chat, events, model};
use serde_json::{Value, json};
use whit_engine::Options;
use whit_server::Config;
use whit_server::config::{LedgerConfig, ModelConfig};

/// Writes the folder of a brick of the small model: its contract is in `file`.
fn write_brick(folder: &Path, name: &str, kind: &str, (file, content): (&str, &str)) -> ModelConfig {
    std::fs::create_dir_all(folder).unwrap();
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
    std::fs::copy(pocket, folder.join("model.gguf")).unwrap();
    std::fs::write(folder.join(file), content).unwrap();
    let contract = if kind == "text" { String::new() } else { format!("file = \"{file}\"") };
    let card = format!(
        r#"
        format = 1
        name = "{name}"
        version = "0.1.0"
        licence = "MIT OR Apache-2.0"
        description = "Knows what two and two are, by heart."
        [model]
        weights = "model.gguf"
        [contract]
        kind = "{kind}"
        {contract}
        [prompt]
        chat = true
        max_tokens = 40
        [confidence]
        temperature = 20.0
        expected_calibration_error = 0.02
        examples = 200
        "#
    );
    std::fs::write(folder.join("brick.toml"), card).unwrap();
    let options = Options { sequences: 4, threads: Some(1), ..Options::default() };
    let source = folder.to_string_lossy().into_owned();
    ModelConfig { name: name.into(), source, options, preload: true, is_brick: true, adapters: vec![] }
}

const LABELS: (&str, &str) = ("labels.txt", "Four.\nFive.\n");

fn tool(choices: &str) -> String {
    let parameters = format!(
        r#"{{"type": "object", "properties": {{"sum": {{"enum": {choices}}}}}, "required": ["sum"], "additionalProperties": false}}"#
    );
    format!(r#"[{{"type": "function", "function": {{"name": "say", "parameters": {parameters}}}}}]"#)
}

/// The bricks `sums` (labels), `calls` (tools) and `words` (text), beside the model `pocket` itself.
fn config(folder: &Path) -> Config {
    let brick = |name: &str, kind: &str, contract| write_brick(&folder.join(name), name, kind, contract);
    let models = vec![
        brick("sums", "labels", LABELS),
        brick("calls", "tools", ("tools.json", &tool("[3, 4]"))),
        brick("words", "text", LABELS),
        model("pocket"),
    ];
    Config { models, ..Config::default() }
}

fn ask(model: &str, input: &str, fields: Value) -> Value {
    let mut body = chat(input, fields);
    body["model"] = model.into();
    body
}

#[tokio::test]
async fn a_brick_answers_what_the_user_says_last_and_states_how_sure_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = LedgerConfig { path: Some(path.clone()), ..LedgerConfig::default() };
    let server = Server::start(Config { ledger, ..config(folder.path()) }).await;
    let models = server.get("/v1/models").await.ok();
    let names: Vec<&Value> = models["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(names, ["sums", "calls", "words", "pocket"]);

    let answer = server.post("/v1/chat/completions", &ask("sums", "What is 2 + 2?", json!({}))).await.ok();
    let choice = &answer["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("Four."), &json!("stop")));
    assert_eq!((&choice["whit"]["brick"], &choice["whit"]["version"]), (&json!("sums"), &json!("0.1.0")));
    let confidence = choice["whit"]["confidence"].as_f64().unwrap();
    assert!((0.5..0.9).contains(&confidence), "{answer}");
    assert!(choice["message"].get("tool_calls").is_none() && answer["usage"]["whit"]["joules"].is_number(), "{answer}");
    // What was said before is no part of the question.
    let history = json!({"model": "sums", "messages": [
        {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Four."}, {"role": "user", "content": "What is 2 + 2?"}]});
    assert_eq!(server.post("/v1/chat/completions", &history).await.ok()["choices"], answer["choices"]);
    // A text alone, or several: each has its answer.
    let texts = json!({"model": "sums", "prompt": ["What is 2 + 2?", "What is 2 + 3?"]});
    let texts = server.post("/v1/completions", &texts).await.ok();
    assert_eq!((&texts["choices"][0]["text"], &texts["choices"][0]["whit"]), (&json!("Four."), &choice["whit"]));
    assert_eq!(texts["choices"].as_array().unwrap().len(), 2);
    // Any text has no probability under its contract.
    let words = server.post("/v1/chat/completions", &ask("words", "What is 2 + 2?", json!({}))).await.ok();
    assert_eq!(words["choices"][0]["message"]["content"], "Four.");
    assert_eq!(words["choices"][0]["whit"], json!({"brick": "words", "version": "0.1.0", "confidence": null}));
    // The model itself is none.
    let plain = server.chat("What is 2 + 2?", json!({"max_tokens": 4})).await.ok();
    assert!(plain["choices"][0].get("whit").is_none(), "{plain}");

    let rows = server.rows(&path);
    let models: Vec<&Value> = rows.iter().map(|row| &row["model"]).collect();
    assert_eq!(models, ["sums", "sums", "sums", "words", "pocket"]);
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("vllm:request_success_total{model_name=\"sums\""), "{metrics}");
}

#[tokio::test]
async fn a_call_is_a_tool_call_and_what_is_not_its_job_is_null() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.models.truncate(2);
    let server = Server::start(config).await;
    // Whatever the small model makes of them.
    for input in ["What is 2 + 2?", "Tell me a poem.", "Hello", "What is whit?", "Who are you?"] {
        let whole = server.post("/v1/chat/completions", &ask("calls", input, json!({}))).await.ok();
        let choice = &whole["choices"][0];
        assert_eq!(choice["message"]["content"], Value::Null);
        let text = server.post("/v1/completions", &json!({"model": "calls", "prompt": input})).await.ok();
        let output: Value = serde_json::from_str(text["choices"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["choices"][0]["whit"], choice["whit"]);
        let stream = server.post("/v1/chat/completions", &ask("calls", input, json!({"stream": true}))).await.text();
        let chunks = events(&stream);
        let [said, end] = &chunks[..] else { panic!("{stream}") };
        assert_eq!((&end["choices"][0]["whit"], said["choices"][0].get("whit")), (&choice["whit"], None));
        assert_eq!(end["choices"][0]["finish_reason"], choice["finish_reason"]);
        let delta = &said["choices"][0]["delta"];
        assert_eq!((&delta["role"], delta.get("content")), (&json!("assistant"), None));
        if output.is_null() {
            assert!(
                choice["message"].get("tool_calls").is_none() && delta.get("tool_calls").is_none(),
                "{whole} {stream}"
            );
            assert_eq!(choice["finish_reason"], "stop");
            continue;
        }
        assert_eq!(choice["finish_reason"], "tool_calls");
        let call = &choice["message"]["tool_calls"][0];
        assert!(call["type"] == "function" && call["id"].as_str().unwrap().starts_with("call_"), "{whole}");
        assert_eq!((&call["function"]["name"], &output["name"]), (&json!("say"), &json!("say")));
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments, output["arguments"]);
        assert_eq!(
            (&delta["tool_calls"][0]["index"], &delta["tool_calls"][0]["function"]),
            (&json!(0), &call["function"])
        );
    }
}

#[tokio::test]
async fn answers_share_steps_stream_and_end_where_they_are_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.models.truncate(1);
    let server = Server::start(config).await;
    let alone = server.post("/v1/chat/completions", &ask("sums", "What is 2 + 2?", json!({}))).await.ok();
    let question = ask("sums", "What is 2 + 2?", json!({}));
    let post = || server.post("/v1/chat/completions", &question);
    let (a, b, c, d) = tokio::join!(post(), post(), post(), post());
    for answer in [a, b, c, d] {
        assert_eq!(answer.ok()["choices"], alone["choices"]);
    }
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let chunks = events(&server.post("/v1/chat/completions", &ask("sums", "What is 2 + 2?", options)).await.text());
    let [said, end, usage] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!(said["choices"][0]["delta"], json!({"role": "assistant", "content": "Four."}));
    assert_eq!(
        (&end["choices"][0]["finish_reason"], &end["choices"][0]["whit"]),
        (&json!("stop"), &alone["choices"][0]["whit"])
    );
    assert_eq!(usage["usage"]["completion_tokens"], alone["usage"]["completion_tokens"]);
    let body = json!({"model": "sums", "prompt": "What is 2 + 2?", "stream": true});
    let chunks = events(&server.post("/v1/completions", &body).await.text());
    assert_eq!((chunks.len(), &chunks[0]["choices"][0]["text"]), (1, &json!("Four.")));
    assert_eq!(chunks[0]["choices"][0]["whit"], alone["choices"][0]["whit"]);

    let cut = server.post("/v1/chat/completions", &ask("sums", "What is 2 + 2?", json!({"max_tokens": 1}))).await.ok();
    let choice = &cut["choices"][0];
    assert!(choice["finish_reason"] == "length" && choice["whit"]["confidence"].is_null(), "{cut}");
}

#[tokio::test]
async fn what_is_not_a_bricks_to_do_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.models.truncate(1);
    let server = Server::start(config).await;
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (fields, param) in [
        (json!({"tools": tools}), "tools"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"temperature": 1}), "temperature"),
        (json!({"n": 2}), "n"),
        (
            json!({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]}),
            "messages[0].role",
        ),
        (json!({"messages": [{"role": "user", "content": ""}]}), "messages"),
    ] {
        server.post("/v1/chat/completions", &ask("sums", "Hello", fields)).await.refused(400, Some(param));
    }
    let long = json!({"model": "sums", "prompt": "wind ".repeat(3000)});
    server.post("/v1/completions", &long).await.refused(400, Some("prompt"));
    server.post("/v1/embeddings", &json!({"model": "sums", "input": "x"})).await.refused(400, Some("model"));
    server.post("/v1/completions", &json!({"model": "other", "prompt": "x"})).await.refused(404, Some("model"));
}
