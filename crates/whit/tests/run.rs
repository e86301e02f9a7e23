//! `whit run` says what the model says, and nothing else, where it should.

#[path = "../../engine/tests/common/adapter.rs"]
mod adapter;
mod common;
#[path = "../../engine/tests/common/overflow.rs"]
mod overflow;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{POCKETS, expected, fixture, shared, whit};
use serde_json::Value;

/// Arguments for a greedy answer of `model`.
fn greedy(model: &str, more: &[&str]) -> Vec<String> {
    let model = fixture(model).to_string_lossy().into_owned();
    ["run", &model, "--temperature", "0"].iter().chain(more).map(|arg| arg.to_string()).collect()
}

/// The expected answers that one prompt on the command line can ask for.
fn single_prompts() -> Vec<(Vec<String>, Value)> {
    let rows = expected()["answers"].as_array().expect("a list").clone();
    let mut cases = vec![];
    for row in rows {
        let mut args = vec!["--max-tokens".to_owned(), row["max_tokens"].to_string()];
        match (row["prompt"].as_str(), row["messages"].as_array().map(Vec::as_slice)) {
            (Some(prompt), _) => args.extend(["--raw".into(), prompt.into()]),
            (_, Some([user])) => args.push(user["content"].as_str().expect("text").into()),
            (_, Some([system, user])) => {
                args.extend(
                    ["--system", system["content"].as_str().expect("text"), user["content"].as_str().expect("text")]
                        .map(str::to_owned),
                );
            }
            _ => continue,
        }
        cases.push((args, row));
    }
    assert!(cases.len() >= 10);
    cases
}

#[test]
fn every_format_of_the_model_gives_the_expected_answers() {
    for model in POCKETS {
        for (args, row) in single_prompts() {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            assert_eq!(whit(greedy(model, &args)).stdout(), row["text"].as_str().expect("text"), "{model} {args:?}");
        }
    }
}

#[test]
fn json_has_the_ids_the_text_and_the_figures() {
    for (args, row) in single_prompts() {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["--json", "--logprobs", "2"]).collect();
        let answer = whit(greedy("pocket", &args)).json();
        for key in ["text", "ids", "prompt_ids", "finish_reason"] {
            assert_eq!(answer[key], row[key], "{key} of {args:?}");
        }
        let ids = row["ids"].as_array().expect("a list");
        assert_eq!(answer["usage"]["generated_tokens"], ids.len());
        assert_eq!(answer["usage"]["prompt_tokens"], row["prompt_ids"].as_array().expect("a list").len());
        assert!(answer["timings"]["time_to_first_token_seconds"].as_f64().expect("a number") > 0.0);
        let logprobs = answer["logprobs"].as_array().expect("a list");
        assert_eq!(logprobs.len(), ids.len());
        for (token, id) in logprobs.iter().zip(ids) {
            assert_eq!((&token["id"], &token["top"][0]["id"]), (id, id), "greedy takes the most likely token");
            assert_eq!(token["logprob"], token["top"][0]["logprob"]);
            assert!(
                token["top"][1]["logprob"].as_f64() < token["logprob"].as_f64()
                    && token["logprob"].as_f64() <= Some(0.0)
            );
        }
    }
}

#[test]
fn the_prompt_may_come_from_standard_input() {
    assert_eq!(whit(greedy("pocket-q8_0.gguf", &[])).stdin("What is 2 + 2?\n").stdout(), "Four.");
    whit(greedy("pocket", &[])).refused(2, &["no prompt", "standard input"]);
    whit(greedy("pocket", &[])).stdin(vec![b'a', 0xff]).refused(2, &["standard input is not UTF-8 text (byte 1)"]);
}

#[test]
fn a_chat_remembers_what_was_said() {
    let lines =
        "Say a pangram.\n\nAnd another?\n/nonsense\n/clear\n\"\"\"Who are\nyou?\"\"\"\nWho are you?\n/exit\nHello\n";
    let outcome = whit(greedy("pocket", &["--chat", "--max-tokens", "60", "--stats"])).stdin(lines).run();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let said = "The quick brown fox jumps over the lazy dog.Pack my box with five dozen liquor jugs.";
    assert!(outcome.stdout.starts_with(said), "{outcome:#?}");
    assert!(
        outcome.stdout.ends_with("I am Pocket, a model of two layers. I know a few things, all of them by heart."),
        "{outcome:#?}"
    );
    assert!(outcome.stderr.contains("there is no /nonsense"), "{outcome:#?}");
    // The second turn finds the first in the cache: only the tokens after it are computed.
    let cached: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("prompt ")).collect();
    assert_eq!(cached.len(), 4, "{outcome:#?}");
    assert!(cached[0].ends_with(", 0 of them cached") && !cached[1].ends_with(", 0 of them cached"), "{cached:?}");
}

#[test]
fn a_chat_that_fills_the_context_says_so_and_goes_on() {
    let lines = format!("{}\n/clear\nWhat is 2 + 2?\n", "wind ".repeat(1200));
    let outcome = whit(greedy("pocket", &["--chat"])).stdin(lines).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "Four."), "{outcome:#?}");
    assert!(outcome.stderr.contains("/clear begins anew"), "{outcome:#?}");
}

#[test]
fn a_stop_text_ends_the_answer_before_it() {
    let answer = whit(greedy("pocket", &["--stop", "zzz", "--stop", " jumps over", "--json", "Say a pangram."])).json();
    assert_eq!(
        (answer["text"].as_str(), answer["finish_reason"].as_str()),
        (Some("The quick brown fox"), Some("stop"))
    );
    assert_eq!(whit(greedy("pocket", &["--stop", " jumps over", "Say a pangram."])).stdout(), "The quick brown fox");
}

#[test]
fn statistics_go_to_standard_error() {
    let outcome = whit(greedy("pocket", &["--stats", "--seed", "5", "Thank you."])).run();
    assert_eq!(outcome.stdout, "You are welcome. Goodbye!");
    for label in ["prompt ", "generated ", "first token ", "prefill ", "decode ", "threads ", "seed         5"] {
        assert!(outcome.stderr.lines().any(|line| line.starts_with(label)), "{label}: {}", outcome.stderr);
    }
    if cfg!(target_os = "linux") {
        assert!(outcome.stderr.contains("peak memory "), "{}", outcome.stderr);
    }
}

#[test]
fn what_an_answer_cost_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let tariff =
        file("whit.toml", "[tariff]\ngrid_grams_co2e_per_kwh = 380\n[tariff.rented]\ndollars_per_hour = 3.6\n");
    let meter = format!("file:{}", file("plug", "watts 50\n"));
    let costs = ["--meter", &meter, "--tariff", &tariff];
    let outcome = whit(greedy("pocket", &[&costs[..], &["--stats", "Say a pangram."]].concat())).run();
    for label in ["energy       ", "price        ", "emissions    ", "KV cache     16 KiB at most"] {
        assert!(outcome.stderr.lines().any(|line| line.starts_with(label)), "{label}: {}", outcome.stderr);
    }
    assert!(outcome.stderr.contains(", wall): prefill "), "{}", outcome.stderr);
    let receipt =
        whit(greedy("pocket", &[&costs[..], &["--json", "Say a pangram."]].concat())).json()["receipt"].clone();
    let number = |name: &str| receipt[name].as_f64().expect("a number");
    // 50 W, and a dollar for a thousand seconds.
    assert!(
        number("joules") > 0.0 && (number("dollars") * 1e3 * 50.0 / number("joules") - 1.0).abs() < 0.01,
        "{receipt}"
    );
    assert_eq!((&receipt["tier"], &receipt["bytes_peak"]), (&"wall".into(), &16384.into()));
    let off = whit(greedy("pocket", &["--meter", "off", "--json", "Say a pangram."])).json();
    assert!(off.get("receipt").is_none(), "{off}");
    let refused =
        |args: &[&str], words: &[&str]| whit(greedy("pocket", &[args, &["--stats", "x"]].concat())).refused(2, words);
    let unknown = whit(greedy("pocket", &["--meter", "wattmeter", "--stats", "x"])).run();
    assert_eq!(unknown.code, Some(2));
    for words in ["'wattmeter' is no power source", "'off' meters nothing"] {
        assert!(unknown.stderr.contains(words), "{unknown:#?}");
    }
    refused(&["--meter", "file:/nowhere"], &["--meter: /nowhere"]);
    refused(&["--tariff", &file("empty.toml", "")], &["it has no [tariff]"]);
}

#[test]
fn a_seed_makes_an_answer_repeatable() {
    let sampled = |seed: &str| {
        let model = fixture("pocket").to_string_lossy().into_owned();
        whit(["run", &model, "--raw", "--temperature", "5", "--max-tokens", "40", "--seed", seed, "The"]).stdout()
    };
    assert_eq!(sampled("1"), sampled("1"));
    assert_ne!(sampled("1"), sampled("2"));
}

#[test]
fn the_makers_temperature_is_the_default() {
    let model = fixture("pocket").to_string_lossy().into_owned();
    // generation_config.json says 0.3, at which this model is as sure as at 0.
    assert_eq!(whit(["run", &model, "Who are you?"]).stdout(), whit(greedy("pocket", &["Who are you?"])).stdout());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let (mut child, _home) = whit(greedy("pocket", &["--raw", "--max-tokens", "200", ""])).spawn();
    let mut first = [0];
    child.stdout.take().expect("piped").read_exact(&mut first).expect("one byte");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_130() {
    let text = "Who has seen the wind?\nNeither I nor you:\n".repeat(20_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("long.txt");
    std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    let model = fixture("pocket").to_string_lossy().into_owned();
    let (mut child, _home) = whit(["perplexity", &model, "--context", "64", "--file", &path.to_string_lossy()]).spawn();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("known").is_none(), "the text is long enough");
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("there is a kill command").success());
    let begun = Instant::now();
    let output = child.wait_with_output().expect("it ends");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(130), ""));
}

#[test]
fn without_a_chat_template_the_prompt_is_used_as_it_is_and_that_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        std::fs::copy(fixture("pocket").join(name), folder.path().join(name)).expect("copied");
    }
    let model = folder.path().to_string_lossy().into_owned();
    let outcome = whit(["run", &model, "--temperature", "0", "Who has seen the"]).run();
    assert!(outcome.stdout.starts_with(" wind?\nNeither I"), "{outcome:#?}");
    assert_eq!(outcome.stderr.lines().count(), 1);
    assert!(outcome.stderr.contains("no chat template"), "{outcome:#?}");
    whit(["run", &model, "--system", "Be brief.", "Hi"]).refused(2, &["--system needs a chat template"]);
}

#[test]
#[ignore = "needs ../shared/data/weights"]
fn a_story_model_tells_its_recorded_story() {
    let goldens: Value =
        serde_json::from_str(&std::fs::read_to_string(shared("weights/goldens.json")).expect("there")).expect("JSON");
    let model = shared("weights/stories260K.gguf").to_string_lossy().into_owned();
    let story = whit(["run", &model, "--raw", "--temperature", "0", "--max-tokens", "190", ""]).stdout();
    let golden = goldens["stories260K"][0]["expected"].as_str().expect("text");
    assert!(story.len() > 300 && golden.starts_with(&story) || story.starts_with(golden), "{story}");
}

#[test]
fn an_adapter_answers_in_place_of_its_base() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, alpha: f32| {
        let folder = scratch.path().join(name);
        let updates = adapter::updates(&fixture("pocket"), |_| 8, 1, 0.5);
        adapter::write_adapter(&folder, &updates, serde_json::json!({"lora_alpha": alpha}));
        folder.to_string_lossy().into_owned()
    };
    let (loud, silent) = (write("loud", 16.0), write("silent", 0.0));
    for model in POCKETS {
        let base = whit(greedy(model, &["What is 2 + 2?"])).stdout();
        let with = |folder: &str| whit(greedy(model, &["--adapter", folder, "-n", "9", "What is 2 + 2?"])).stdout();
        assert_eq!(with(&silent), base, "{model}: nothing is added");
        assert_ne!(with(&loud), base, "{model}");
    }
    whit(greedy("pocket", &["--adapter", "/nowhere", "Hello"])).refused(2, &["/nowhere", "missing"]);
    let config = scratch.path().join("loud/adapter_config.json");
    let text = std::fs::read_to_string(&config).expect("written").replace("LORA", "IA3");
    std::fs::write(&config, text).expect("written");
    whit(greedy("pocket", &["--adapter", &loud, "Hello"])).refused(2, &["adapter_config.json", "peft_type", "IA3"]);
}

#[test]
fn a_model_whose_numbers_overflow_is_an_error_and_no_answer() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("model.gguf");
    overflow::overflowing_everywhere(&path);
    let outcome = whit(["run", &path.to_string_lossy(), "--raw", "Hello"]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:#?}");
    assert!(outcome.stderr.contains("logits are not finite numbers"), "{outcome:#?}");
}
