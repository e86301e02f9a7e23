//! Whose turn it is, as clients over HTTP see it.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use common::{Server, pocket};
use http::Request;
use serde_json::json;
use whit_server::Config;
use whit_server::config::ApiKey;

/// Sends requests by these `Authorization` headers for these users, one after the other, to a server with room for one at a time; the order
/// in which they are answered.
async fn order(config: Config, asks: &[(&'static str, &'static str)]) -> Vec<usize> {
    let mut config = config;
    config.models[0].options.context = Some(1024);
    config.models[0].options.sequences = 1;
    let server = Server::start(config).await;
    let answered = Arc::new(Mutex::new(vec![]));
    let mut tasks = vec![];
    for (at, &(authorization, user)) in asks.iter().enumerate() {
        let prompt: Vec<u32> = (0..700).map(|i| 5 + (i * 17 + i * i * 3 + at as u32 * 101) % 400).collect();
        let mut body = json!({"model": "pocket", "prompt": prompt, "max_tokens": 5, "ignore_eos": true, "user": user});
        if at == 0 {
            // It keeps the others waiting until all have come: what may follow takes long to find out.
            let lark = "start: a \"####\"\na: a a | /[a-z ]/ | /[a-y ]/";
            body["response_format"] = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": lark}});
            body["max_tokens"] = json!(60);
        }
        let request = Request::post("/v1/completions")
            .header("content-type", "application/json")
            .header("authorization", authorization)
            .body(Body::from(body.to_string()))
            .unwrap();
        let (asking, done) = (server.clone(), answered.clone());
        tasks.push(tokio::spawn(async move {
            asking.send(request).await.ok();
            done.lock().unwrap().push(at);
        }));
        // It has come in before the next does.
        let name = if at == 0 { "vllm:num_requests_running" } else { "vllm:num_requests_waiting" };
        let line = format!("{name}{{model_name=\"pocket\"}} {}", at.max(1));
        let has_come = || async {
            let asked = Request::get("/metrics").header("authorization", authorization).body(Body::empty()).unwrap();
            server.send(asked).await.text().lines().any(|found| found == line)
        };
        while !has_come().await {
            assert!(answered.lock().unwrap().is_empty(), "the first is over before request {at} has come");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("answered").unwrap();
    }
    Arc::into_inner(answered).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn a_key_is_one_client_however_its_scheme_is_spelt() {
    let keys = vec![ApiKey::from("one"), ApiKey::from("two")];
    let asks = [("Bearer one", "u"), ("bearer one", "u"), ("BEARER one", "u"), ("Bearer two", "u")];
    assert_eq!(order(Config { api_keys: keys, ..pocket() }, &asks).await, [0, 3, 1, 2]);
}

#[tokio::test]
async fn where_no_key_is_asked_for_the_one_that_is_sent_makes_no_client() {
    let asks = [("Bearer a", "x"), ("Bearer b", "x"), ("Bearer c", "x"), ("Bearer d", "y")];
    assert_eq!(order(pocket(), &asks).await, [0, 3, 1, 2]);
}
