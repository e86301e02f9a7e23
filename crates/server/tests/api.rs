//! What clients of OpenAI's API rely on, answer by answer.

mod common;

use std::sync::Arc;

use axum::body::Body;
use common::{Fixtures, Server, chat, events, expected, pocket, with_limits};
use http::{Method, Request};
use serde_json::{Value, json};
use whit_server::config::Limits;
use whit_server::{App, Config, router};

#[tokio::test]
async fn answers_are_those_that_the_model_gives() {
    let server = Server::start(pocket()).await;
    for case in expected()["answers"].as_array().unwrap() {
        let mut body = json!({"model": "pocket", "temperature": 0, "max_tokens": case["max_tokens"]});
        let (path, kind) = match case.get("messages") {
            Some(messages) => {
                body["messages"] = messages.clone();
                ("/v1/chat/completions", "chat.completion")
            }
            None => {
                body["prompt"] = case["prompt"].clone();
                ("/v1/completions", "text_completion")
            }
        };
        let answer = server.post(path, &body).await.ok();
        let choice = &answer["choices"][0];
        let text = if kind == "chat.completion" { &choice["message"]["content"] } else { &choice["text"] };
        assert_eq!((text, &choice["finish_reason"]), (&case["text"], &case["finish_reason"]), "{answer}");
        assert_eq!((&answer["object"], &answer["model"]), (&json!(kind), &json!("pocket")));
        let (prompt, generated) = (case["prompt_ids"].as_array().unwrap().len(), case["ids"].as_array().unwrap().len());
        assert_eq!(answer["usage"]["prompt_tokens"], prompt);
        assert_eq!(answer["usage"]["completion_tokens"], generated);
        assert_eq!(answer["usage"]["total_tokens"], prompt + generated);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answers_alone_and_among_several() {
    let server = Server::start(pocket()).await;
    let sampled = json!({"temperature": 2, "top_p": 1, "seed": 7, "n": 3, "max_tokens": 12});
    // Of nonsense the model makes something else each time.
    let several = server.chat("zq xj", sampled).await.ok();
    let contents: Vec<&Value> =
        several["choices"].as_array().unwrap().iter().map(|choice| &choice["message"]["content"]).collect();
    assert_eq!(contents.len(), 3);
    assert_ne!(contents[0], contents[1]);
    for (index, content) in contents.into_iter().enumerate() {
        assert_eq!(several["choices"][index]["index"], index);
        let alone = json!({"temperature": 2, "top_p": 1, "seed": 7 + index, "max_tokens": 12});
        assert_eq!(server.chat("zq xj", alone).await.ok()["choices"][0]["message"]["content"], *content);
    }
    // One prompt, however many answers.
    let one = server.chat("zq xj", json!({"max_tokens": 1})).await.ok();
    assert_eq!(several["usage"]["prompt_tokens"], one["usage"]["prompt_tokens"]);
}

#[tokio::test]
async fn several_prompts_are_answered_in_their_order() {
    let server = Server::start(pocket()).await;
    let ids = json!([[0, 290, 309, 314, 266], [0, 290, 309, 314, 266, 273, 33, 201, 312, 286]]);
    let body = json!({"model": "pocket", "prompt": ids, "temperature": 0, "max_tokens": 3, "n": 2});
    let choices = server.post("/v1/completions", &body).await.ok()["choices"].clone();
    let texts: Vec<_> = choices.as_array().unwrap().iter().map(|choice| choice["text"].as_str().unwrap()).collect();
    assert_eq!(texts, [" wind?\n", " wind?\n", " nor you:", " nor you:"]);
}

#[tokio::test]
async fn log_probabilities_belong_to_the_tokens_of_the_text() {
    let server = Server::start(pocket()).await;
    let fields = json!({"logprobs": true, "top_logprobs": 3});
    let choice = server.chat("Hello", fields).await.ok()["choices"][0].clone();
    let content = choice["logprobs"]["content"].as_array().unwrap();
    let bytes: Vec<u8> = content
        .iter()
        .flat_map(|token| token["bytes"].as_array().unwrap())
        .map(|b| b.as_u64().unwrap() as u8)
        .collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), choice["message"]["content"].as_str().unwrap());
    for token in content {
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        assert_eq!(
            (&top[0]["token"], &top[0]["logprob"]),
            (&token["token"], &token["logprob"]),
            "greedy takes the best"
        );
        assert!(top[0]["logprob"].as_f64() >= top[1]["logprob"].as_f64() && token["logprob"].as_f64().unwrap() <= 0.0);
    }
    let body =
        json!({"model": "pocket", "prompt": "Who has seen the", "temperature": 0, "max_tokens": 4, "logprobs": 2});
    let choice = server.post("/v1/completions", &body).await.ok()["choices"][0].clone();
    let logprobs = &choice["logprobs"];
    let tokens: Vec<&str> =
        logprobs["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
    assert_eq!(tokens.concat(), choice["text"].as_str().unwrap());
    assert_eq!(logprobs["text_offset"][1], tokens[0].len());
    for list in ["token_logprobs", "top_logprobs", "text_offset"] {
        assert_eq!(logprobs[list].as_array().unwrap().len(), tokens.len());
    }
}

#[tokio::test]
async fn a_stop_text_ends_the_answer_and_its_tokens_are_not_told() {
    let server = Server::start(pocket()).await;
    let fields = json!({"stop": ["very", "nothing"], "logprobs": true});
    let choice = server.chat("Hello", fields).await.ok()["choices"][0].clone();
    assert_eq!(choice["message"]["content"], "Hello! I am ");
    assert_eq!(choice["finish_reason"], "stop");
    let tokens = choice["logprobs"]["content"].as_array().unwrap();
    let text: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert!("Hello! I am very".starts_with(&text) && text.len() <= "Hello! I am very".len(), "{text}");
}

#[tokio::test]
async fn an_answer_has_the_shape_it_is_asked_for() {
    let server = Server::start(pocket()).await;
    let schema = json!({
        "type": "object", "required": ["mood", "count"], "additionalProperties": false,
        "properties": {"mood": {"enum": ["good", "bad"]}, "count": {"type": "integer", "minimum": 1, "maximum": 9}},
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "report", "strict": true, "schema": schema}});
    for seed in 0..8 {
        let fields = json!({"response_format": format, "temperature": 2, "top_p": 1, "seed": seed, "max_tokens": 200});
        let answer = server.chat("Hello", fields).await.ok();
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "stop", "{answer}");
        let report: Value = serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap();
        assert!(["good", "bad"].contains(&report["mood"].as_str().unwrap()), "{report}");
        assert!((1..=9).contains(&report["count"].as_i64().unwrap()), "{report}");
    }
    let choice = json!({"response_format": {"type": "choice", "choices": ["yes", "no"]}, "n": 2});
    for choice in server.chat("Hello", choice).await.ok()["choices"].as_array().unwrap() {
        assert!(["yes", "no"].contains(&choice["message"]["content"].as_str().unwrap()), "{choice}");
    }
}

/// The small model with all the context it was trained for: tools are described at length.
fn roomy() -> Config {
    let mut config = pocket();
    config.models[0].options.context = Some(1024);
    config
}

fn tool(name: &str, parameters: Value) -> Value {
    json!({"type": "function", "function": {"name": name, "description": "Does it.", "parameters": parameters}})
}

fn weather() -> Value {
    let parameters = json!({
        "type": "object", "required": ["city", "days"], "additionalProperties": false,
        "properties": {"city": {"enum": ["Paris", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    });
    tool("get_weather", parameters)
}

/// The calls of a message, by name and arguments, if they are as OpenAI has them.
fn calls(message: &Value) -> Vec<(&str, Value)> {
    let call = |call: &'_ Value| {
        assert_eq!(call["type"], "function", "{call}");
        assert!(call["id"].as_str().unwrap().starts_with("call_"), "{call}");
        assert!(call.get("index").is_none(), "{call}");
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap()
    };
    let calls = message["tool_calls"].as_array().unwrap();
    calls.iter().map(|one| (one["function"]["name"].as_str().unwrap(), call(one))).collect()
}

#[tokio::test]
async fn a_required_call_fits_its_tool_whole_and_streamed() {
    let server = Server::start(roomy()).await;
    let now = tool("now", json!({"type": "object", "properties": {}, "additionalProperties": false}));
    let named = json!({"type": "function", "function": {"name": "get_weather"}});
    for (seed, choice) in (0..4).flat_map(|seed| [(seed, json!("required")), (seed, named.clone())]) {
        let fields = json!({"tools": [weather(), now], "tool_choice": choice, "parallel_tool_calls": false,
            "temperature": 2, "top_p": 1, "seed": seed, "max_tokens": 100});
        let answer = server.chat("Hello", fields.clone()).await.ok();
        let whole = &answer["choices"][0];
        assert_eq!((&whole["finish_reason"], &whole["message"]["content"]), (&json!("tool_calls"), &Value::Null));
        let [(name, arguments)] = &calls(&whole["message"])[..] else { panic!("{answer}") };
        match *name {
            "get_weather" => {
                assert!(["Paris", "Rome"].contains(&arguments["city"].as_str().unwrap()), "{answer}");
                assert!((1..=9).contains(&arguments["days"].as_i64().unwrap()), "{answer}");
            }
            name => assert_eq!((name, arguments, &choice), ("now", &json!({}), &json!("required"))),
        }

        let mut body = chat("Hello", fields);
        body["stream"] = true.into();
        let reply = server.post("/v1/chat/completions", &body).await.text();
        let events = events(&reply);
        let choices: Vec<&Value> = events.iter().map(|event| &event["choices"][0]).collect();
        let deltas: Vec<&Value> = choices.iter().filter_map(|choice| choice["delta"]["tool_calls"].get(0)).collect();
        let function = &whole["message"]["tool_calls"][0]["function"];
        assert_eq!((&deltas[0]["index"], &deltas[0]["type"]), (&json!(0), &json!("function")));
        assert!(deltas[0]["id"].is_string() && deltas[1..].iter().all(|delta| delta.get("id").is_none()), "{reply}");
        assert_eq!(deltas[0]["function"]["name"], function["name"]);
        let arguments: String = deltas.iter().map(|delta| delta["function"]["arguments"].as_str().unwrap()).collect();
        assert_eq!(arguments, function["arguments"].as_str().unwrap());
        assert_eq!(choices.last().unwrap()["finish_reason"], "tool_calls");
        assert!(choices.iter().all(|choice| choice["delta"]["content"].as_str().is_none_or(str::is_empty)), "{reply}");
    }
}

#[tokio::test]
async fn a_model_may_talk_where_it_need_not_call() {
    let server = Server::start(roomy()).await;
    let offered = server.chat("Hello", json!({"tools": [weather()], "max_tokens": 8})).await.ok();
    let message = &offered["choices"][0]["message"];
    assert!(message.get("tool_calls").is_none() && message["content"].is_string(), "{offered}");
    // The tools are told to it, unless it is not to call any.
    let plain = server.chat("Hello", json!({"max_tokens": 8})).await.ok();
    let none = server.chat("Hello", json!({"tools": [weather()], "tool_choice": "none", "max_tokens": 8})).await.ok();
    assert_eq!(none["choices"], plain["choices"]);
    let tokens = |answer: &Value| answer["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(&none) == tokens(&plain) && tokens(&offered) > tokens(&plain) + 50);
    // What is no call has the shape that was asked for.
    for seed in 0..8 {
        let format = json!({"type": "choice", "choices": ["yes", "no"]});
        let fields =
            json!({"tools": [weather()], "response_format": format, "temperature": 2, "top_p": 1, "seed": seed});
        let answer = server.chat("Hello", fields).await.ok();
        let choice = &answer["choices"][0];
        match choice["finish_reason"].as_str() {
            Some("tool_calls") => assert!(!calls(&choice["message"]).is_empty(), "{answer}"),
            reason => {
                assert_eq!(reason, Some("stop"), "{answer}");
                assert!(["yes", "no"].contains(&choice["message"]["content"].as_str().unwrap()), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_called_is_told_to_the_model() {
    let server = Server::start(pocket()).await;
    let call = json!({"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]);
    let ids = server.post("/tokenize", &json!({"model": "pocket", "messages": messages})).await.ok()["tokens"].clone();
    let text = server.post("/detokenize", &json!({"model": "pocket", "tokens": ids})).await.ok();
    let text = text["prompt"].as_str().unwrap();
    assert!(text.contains("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call><|im_end|>"), "{text}");
    assert!(text.contains("<|im_start|>user\n<tool_response>\nnoon\n</tool_response><|im_end|>"), "{text}");
}

#[tokio::test]
async fn texts_become_vectors_of_length_1() {
    let server = Server::start(pocket()).await;
    let texts: Vec<String> = (0..70).map(|number| format!("Who has seen the wind? {number}")).collect();
    for pooling in ["last", "mean"] {
        let body = json!({"model": "pocket", "input": texts, "pooling": pooling});
        let many = server.post("/v1/embeddings", &body).await.ok();
        assert_eq!((&many["object"], many["data"].as_array().unwrap().len()), (&json!("list"), texts.len()));
        let vector = |of: &Value| -> Vec<f64> {
            of["embedding"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        for (index, data) in many["data"].as_array().unwrap().iter().enumerate() {
            assert_eq!((&data["index"], &data["object"]), (&json!(index), &json!("embedding")));
            let length: f64 = vector(data).iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
        let body = json!({"model": "pocket", "input": texts[69], "pooling": pooling, "dimensions": 8});
        let one = server.post("/v1/embeddings", &body).await.ok();
        let (cut, all) = (vector(&one["data"][0]), vector(&many["data"][69]));
        assert_eq!(cut.len(), 8);
        assert!(cut.iter().zip(&all).all(|(a, b)| (a / cut[0] - b / all[0]).abs() < 1e-4), "{cut:?} {all:?}");
        assert!(one["usage"]["prompt_tokens"].as_u64() > Some(0) && one["usage"].get("completion_tokens").is_none());
    }
    let body = json!({"model": "pocket", "input": [[0, 290, 309]], "encoding_format": "base64"});
    let text = server.post("/v1/embeddings", &body).await.ok()["data"][0]["embedding"].clone();
    assert!(text.as_str().unwrap().len() > 64 * 4, "{text}");
}

#[tokio::test]
async fn a_small_queue_takes_many_texts_and_refuses_for_good_what_it_never_takes() {
    let server = Server::start(with_limits(Limits { queue: 8, ..Limits::default() })).await;
    server.chat("Hello", json!({"n": 9})).await.refused(400, Some("n"));
    server.chat("Hello", json!({"n": 8, "max_tokens": 2})).await.ok();
    // Its places are free when the engine has let go of it, a moment after the last token.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    // Whoever has begun keeps its places from batch to batch, however many others push.
    let many = json!({"model": "pocket", "input": vec!["Who has seen the wind?"; 200]});
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let texts = async {
        let vectors = server.post("/v1/embeddings", &many).await.ok();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        vectors
    };
    let others = async {
        let mut refused = 0;
        while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
            let reply = server.chat("Hello", json!({"max_tokens": 1})).await;
            refused += usize::from(reply.status == 429);
            tokio::task::yield_now().await;
        }
        refused
    };
    // In one thread: the texts come first.
    let (vectors, refused) = tokio::join!(texts, others);
    assert_eq!(vectors["data"].as_array().unwrap().len(), 200);
    assert!(refused > 0);
}

#[tokio::test]
async fn an_answer_has_no_more_tokens_than_the_server_gives() {
    let server = Server::start(with_limits(Limits { answer_tokens: Some(3), ..Limits::default() })).await;
    for asked in [json!({}), json!({"max_tokens": 100}), json!({"max_tokens": 2})] {
        let most = asked["max_tokens"].as_u64().unwrap_or(100).min(3);
        let answer = server.chat("Hello", asked).await.ok();
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], most);
    }
}

#[tokio::test]
async fn a_server_is_ready_when_its_models_are_loaded() {
    let app = App::new(&pocket(), Arc::new(Fixtures)).unwrap();
    let server = Server { router: router(app.clone(), &[]).unwrap(), app };
    assert!(server.get("/ready").await.refused(503, None).contains("being loaded"));
    assert_eq!(server.get("/health").await.status, 200);
    server.app.fleet.preload().await.unwrap();
    server.app.set_ready();
    assert_eq!(server.get("/ready").await.status, 200);
}

#[tokio::test]
async fn an_answer_ends_in_time() {
    let server = Server::start(pocket()).await;
    let fields = json!({"timeout": 0.02, "ignore_eos": true, "n": 64});
    let answer = server.chat("Hello", fields).await.ok();
    let choice = &answer["choices"][63];
    assert_eq!((&choice["finish_reason"], &choice["cut_by"]), (&json!("length"), &json!("deadline")));
    assert!(answer["usage"]["completion_tokens"].as_u64().unwrap() < 64 * 500, "{answer}");
}

/// After 20 letters, more rules may apply at once than the parser follows.
fn beyond_its_limits() -> Value {
    let (first, rules): (Vec<_>, String) =
        (0..2500).map(|i| (format!("c{i}"), format!("c{i}: \"k\" c{}\n", i + 1))).unzip();
    let lark = format!("start: X b\nX: /[a-z]{{20}}/\nb: {}\n{rules}c2500: \"k\"\n", first.join(" | "));
    json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": lark}})
}

#[tokio::test]
async fn an_answer_that_its_grammar_ends_says_so() {
    let server = Server::start(pocket()).await;
    let format = beyond_its_limits();
    let fields = json!({"response_format": format, "temperature": 1.5, "seed": 1});
    let answer = server.chat("Hello", fields.clone()).await.ok();
    let choice = &answer["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["cut_by"]), (&json!("length"), &json!("constraint")), "{answer}");
    let mut streamed = fields;
    streamed["stream"] = json!(true);
    let events = events(&server.chat("Hello", streamed).await.text());
    let last = &events.last().unwrap()["choices"][0];
    assert_eq!((&last["finish_reason"], &last["cut_by"]), (&json!("length"), &json!("constraint")));
    let mut body = json!({"model": "pocket", "prompt": "Hello", "max_tokens": 400, "temperature": 1.5, "seed": 1});
    body["response_format"] = beyond_its_limits();
    let text = server.post("/v1/completions", &body).await.ok();
    assert_eq!(text["choices"][0]["cut_by"], "constraint", "{text}");
    let counted = "vllm:request_success_total{model_name=\"pocket\",finished_reason=\"constraint\"} 3";
    assert!(server.get("/metrics").await.text().lines().any(|line| line == counted));
    // Where nothing but its length ends an answer, nothing is said.
    let plain = server.chat("Hello", json!({"max_tokens": 1})).await.ok();
    assert!(plain["choices"][0].get("cut_by").is_none(), "{plain}");
}

#[tokio::test]
async fn a_prompt_is_read_once() {
    let server = Server::start(pocket()).await;
    let long = "Who has seen the wind? ".repeat(8);
    let first = server.chat(&long, json!({"max_tokens": 2})).await.ok();
    let again = server.chat(&long, json!({"max_tokens": 2})).await.ok();
    assert_eq!(first["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert!(again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap() > 0);
    assert_eq!(first["choices"], again["choices"]);
    let text = server.get("/metrics").await.text();
    assert!(text.contains("vllm:request_success_total{model_name=\"pocket\",finished_reason=\"length\"} 2"), "{text}");
}

#[tokio::test]
async fn a_bias_forces_or_forbids_a_token() {
    let server = Server::start(pocket()).await;
    // 447 is a token of the greedy answer.
    let forced = server.chat("Hello", json!({"logit_bias": {"447": 100}, "max_tokens": 3})).await.ok();
    let content = forced["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(content, content[..content.len() / 3].repeat(3));
    assert!(!content.is_empty());
    server.chat("Hello", json!({"logit_bias": {"448": 1}})).await.refused(400, Some("logit_bias"));
}

#[tokio::test]
async fn whatever_is_wrong_is_told_in_openais_shape() {
    let limits = Limits { body_bytes: 4096, prompt_tokens: Some(40), choices: 4, ..Limits::default() };
    let server = Server::start(with_limits(limits)).await;
    let chat_path = "/v1/chat/completions";
    for (fields, status, param) in [
        (json!({"model": "gpt-4o"}), 404, "model"),
        (json!({"temperature": 3}), 400, "temperature"),
        (json!({"top_k": "many"}), 400, "top_k"),
        (json!({"mirostat": 2}), 400, "mirostat"),
        (json!({"messages": [{"role": "user", "content": "a ".repeat(100)}]}), 400, "messages"),
        (json!({"response_format": {"type": "xml"}}), 400, "response_format.type"),
        (
            json!({"response_format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "("}}}),
            400,
            "response_format",
        ),
        (json!({"tools": [{"type": "web_search"}]}), 400, "tools[0].type"),
        (json!({"tools": [tool("f", json!({"type": "array"}))], "tool_choice": "required"}), 400, "tools"),
        (json!({"timeout": 0}), 400, "timeout"),
        (json!({"n": 5}), 400, "n"),
    ] {
        server.chat("Hello", fields).await.refused(status, Some(param));
    }
    let messages = server.chat("Hello", json!({"model": "gpt-4o"})).await.refused(404, Some("model"));
    assert_eq!(messages, "there is no model \"gpt-4o\"; this server has pocket");
    for body in ["", "{", "{\"temperature\": NaN}", "\"text\""] {
        server.post_text(chat_path, body).await.refused(400, None);
    }
    server.post_text(chat_path, &b"{\"model\": \"\xff\"}"[..]).await.refused(400, None);
    server.post_text(chat_path, "[".repeat(4000)).await.refused(400, None);
    server.post_text(chat_path, " ".repeat(5000)).await.refused(413, None);
    let plain = Request::post(chat_path).header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    server.send(plain).await.refused(415, None);
    server.get("/v2/chat").await.refused(404, None);
    server.get(chat_path).await.refused(405, None);
    server.post("/v1/embeddings", &json!({"model": "pocket", "input": ""})).await.ok();
    server
        .post("/v1/embeddings", &json!({"model": "pocket", "input": "x", "dimensions": 4096}))
        .await
        .refused(400, Some("dimensions"));
    server.post("/v1/completions", &json!({"model": "pocket", "prompt": [1, 448]})).await.refused(400, Some("prompt"));
}

#[tokio::test]
async fn who_has_no_key_hears_nothing() {
    let server = Server::start(Config { api_keys: vec!["secret".into()], ..pocket() }).await;
    for path in ["/v1/models", "/metrics", "/openapi.json", "/nothing"] {
        server.get(path).await.refused(401, None);
    }
    for path in ["/health", "/ready"] {
        assert_eq!(server.get(path).await.status, 200);
    }
    let known = Request::get("/v1/models").header("authorization", "Bearer secret").body(Body::empty()).unwrap();
    assert_eq!(server.send(known).await.ok()["data"][0]["id"], "pocket");
}

#[tokio::test]
async fn a_name_that_points_here_is_not_enough() {
    let ask = |host: &str| Request::get("/v1/models").header("host", host).body(Body::empty()).unwrap();
    let private = Server::start(pocket()).await;
    private.send(ask("localhost:8000")).await.ok();
    private.send(ask("evil.example")).await.refused(403, None);
    let open = Server::start(Config { allow_anonymous: true, ..pocket() }).await;
    open.send(ask("models.example")).await.ok();
}

#[tokio::test]
async fn text_becomes_tokens_and_tokens_text() {
    let server = Server::start(pocket()).await;
    let body = json!({"model": "pocket", "prompt": "Who has seen the", "return_token_strs": true});
    let tokens = server.post("/tokenize", &body).await.ok();
    assert_eq!((&tokens["tokens"], &tokens["count"]), (&json!([0, 290, 309, 314, 266]), &json!(5)));
    assert_eq!((&tokens["max_model_len"], &tokens["token_strs"][0]), (&json!(512), &json!("<|begin|>")));
    let text = server.post("/detokenize", &json!({"model": "pocket", "tokens": [290, 309, 314, 266]})).await.ok();
    assert_eq!(text["prompt"], "Who has seen the");
    let messages = json!({"model": "pocket", "messages": [{"role": "user", "content": "Hello"}]});
    assert_eq!(
        server.post("/tokenize", &messages).await.ok()["tokens"],
        json!([0, 1, 440, 84, 201, 364, 2, 201, 1, 419, 201])
    );
    for tokens in [vec![448], vec![290; 513]] {
        server.post("/detokenize", &json!({"model": "pocket", "tokens": tokens})).await.refused(400, Some("tokens"));
    }
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let server = Server::start(pocket()).await;
    let list = server.get("/v1/models").await.ok();
    assert_eq!((&list["object"], &list["data"][0]["status"]), (&json!("list"), &json!("loaded")));
    assert_eq!(server.get("/v1/models/pocket").await.ok(), list["data"][0]);
    server.get("/v1/models/other/name").await.refused(404, Some("model"));
}

#[tokio::test]
async fn a_request_has_its_clients_id_or_one_of_its_own() {
    let server = Server::start(pocket()).await;
    let given = Request::get("/health").header("x-request-id", "abc-1").body(Body::empty()).unwrap();
    assert_eq!(server.send(given).await.headers["x-request-id"], "abc-1");
    let ids =
        [server.get("/health").await, server.get("/nothing").await].map(|reply| reply.headers["x-request-id"].clone());
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 32);
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_only_if_they_are_named() {
    let ask = |origin: &str| {
        let ask = Request::builder().method(Method::OPTIONS).uri("/v1/chat/completions").header("origin", origin);
        let ask = ask.header("access-control-request-method", "POST");
        ask.header("access-control-request-headers", "authorization").body(Body::empty()).unwrap()
    };
    let allowed = |reply: &common::Reply| reply.headers.get("access-control-allow-origin").cloned();
    let closed = Server::start(pocket()).await;
    assert_eq!(allowed(&closed.send(ask("https://a.example")).await), None);
    let keys = vec!["secret".into()];
    let open =
        Server::start(Config { cors_origins: vec!["https://a.example".into()], api_keys: keys, ..pocket() }).await;
    assert_eq!(allowed(&open.send(ask("https://a.example")).await).unwrap(), "https://a.example");
    assert_eq!(allowed(&open.send(ask("https://b.example")).await), None);
    let asked = Request::get("/v1/models").header("origin", "https://a.example").body(Body::empty()).unwrap();
    let exposed = open.send(asked).await.headers["access-control-expose-headers"].to_str().unwrap().to_owned();
    for header in ["x-request-id", "retry-after", "x-should-retry", "x-whit-joules"] {
        assert!(exposed.split(',').any(|name| name.trim() == header), "{header} is not in {exposed}");
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_field() {
    let server = Server::start(pocket()).await;
    let document = server.get("/openapi.json").await.ok();
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/models",
        "/v1/guarantee",
        "/tokenize",
        "/detokenize",
        "/health",
        "/metrics",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let chat = &document["components"]["schemas"]["ChatRequest"];
    assert_eq!(chat["additionalProperties"], false);
    assert_eq!(chat["required"], json!(["model", "messages"]));
    for field in
        ["messages", "temperature", "logit_bias", "seed", "stream", "max_completion_tokens", "tool_choice", "whit"]
    {
        assert!(chat["properties"][field].is_object(), "{field}");
    }
    let schemas = &document["components"]["schemas"];
    for schema in ["Receipt", "ReceiptPart", "Tier", "Budget", "Verdict"] {
        assert!(schemas[schema].is_object(), "{schema} is not among {:?}", schemas.as_object().map(|all| all.keys()));
    }
    assert!(schemas["Usage"]["properties"]["whit"].to_string().contains("/Receipt\""));
    let completion = &document["components"]["schemas"]["CompletionRequest"];
    assert_eq!(completion["required"], json!(["model", "prompt"]));
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    let server = Server::start(pocket()).await;
    for n in [1, 3] {
        let fields = json!({"n": n, "logprobs": true, "top_logprobs": 2, "seed": 1, "temperature": 1});
        let whole = server.chat("Who are you?", fields.clone()).await.ok();
        let mut body = chat("Who are you?", fields);
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
        let reply = server.post("/v1/chat/completions", &body).await;
        assert_eq!(reply.headers["content-type"], "text/event-stream");
        let mut events = events(&reply.text());
        let last = events.pop().unwrap();
        assert_eq!(
            (&last["choices"], &last["usage"]["completion_tokens"]),
            (&json!([]), &whole["usage"]["completion_tokens"])
        );
        for (index, choice) in whole["choices"].as_array().unwrap().iter().enumerate() {
            let mine: Vec<&Value> =
                events.iter().map(|event| &event["choices"][0]).filter(|c| c["index"] == index).collect();
            assert_eq!(mine[0]["delta"], json!({"role": "assistant", "content": ""}));
            let text: String = mine.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
            assert_eq!(text, choice["message"]["content"].as_str().unwrap());
            let logprobs: Vec<Value> =
                mine.iter().filter_map(|choice| choice["logprobs"]["content"].as_array().cloned()).flatten().collect();
            assert_eq!(json!(logprobs), choice["logprobs"]["content"]);
            assert_eq!(mine.last().unwrap()["finish_reason"], choice["finish_reason"]);
        }
        assert!(events.iter().all(|event| event["usage"].is_null() && event["id"] == last["id"]));
    }
    let body =
        json!({"model": "pocket", "prompt": "Who has seen the", "temperature": 0, "stream": true, "max_tokens": 4});
    let pieces = events(&server.post("/v1/completions", &body).await.text());
    let text: String = pieces.iter().map(|event| event["choices"][0]["text"].as_str().unwrap()).collect();
    assert_eq!(text, " wind?\nNeither");
}
