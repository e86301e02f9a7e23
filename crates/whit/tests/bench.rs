//! `whit bench` measures, and promises its keys.

mod common;

use common::{fixture, serving, whit};

#[test]
fn json_has_the_promised_keys() {
    let path = fixture("pocket-q8_0.gguf").to_string_lossy().into_owned();
    let report = whit([
        "bench", "model", &path, "-p", "32", "-n", "8", "-r", "2", "--depth", "16", "--batch", "2", "-t", "1",
        "--steps", "30", "--json",
    ])
    .json();
    for speed in ["prefill_tokens_per_second", "decode_tokens_per_second"] {
        let [min, median, max] = ["min", "median", "max"].map(|key| report[speed][key].as_f64().expect("a number"));
        assert!(0.0 < min && min <= median && median <= max, "{report:#}");
    }
    for key in ["bytes_per_token", "read_bandwidth_gb_per_second", "share_of_bandwidth", "resident_bytes"] {
        assert!(report[key].as_f64().expect("a number") > 0.0, "{key}: {report:#}");
    }
    let steps = &report["decode_step_milliseconds"];
    assert_eq!(steps["steps"], 30);
    let [p50, p99, ratio] = ["p50", "p99", "p99_over_p50"].map(|key| steps[key].as_f64().expect("a number"));
    assert!(0.0 < p50 && p50 <= p99 && (ratio - p99 / p50).abs() < 1e-6, "{report:#}");
    assert_eq!((&report["threads"], &report["batch"], &report["depth"]), (&1.into(), &2.into(), &16.into()));
}

#[test]
fn answers_that_fit_a_schema_are_timed_beside_answers_that_need_not() {
    let path = fixture("pocket-q8_0.gguf").to_string_lossy().into_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let schema = folder.path().join("answer.json");
    let schema_name = schema.to_string_lossy().into_owned();
    let args =
        ["bench", "model", &path, "-n", "40", "-r", "2", "--batch", "2", "--steps", "0", "--schema", &schema_name];
    whit(args).refused(2, &["answer.json", "No such file"]);
    std::fs::write(&schema, r#"{"type": "sprocket"}"#).expect("written");
    whit(args).refused(2, &["answer.json", "sprocket"]);
    std::fs::write(&schema, r#"{"type": "array", "items": {"type": "boolean"}, "maxItems": 5}"#).expect("written");
    let answers = &whit(args.into_iter().chain(["--json"])).json()["answers"];
    for key in ["free_tokens_per_second", "constrained_tokens_per_second", "constrained_over_free"] {
        assert!(answers[key]["median"].as_f64().expect("a number") > 0.0, "{answers:#}");
    }
    assert!(whit(args).stdout().contains("\nanswers "), "a line of the table");
}

#[test]
fn steps_with_an_adapter_are_timed_beside_steps_without() {
    let path = fixture("pocket-q8_0.gguf").to_string_lossy().into_owned();
    let args = ["bench", "model", &path, "-p", "16", "-n", "8", "-r", "2", "--steps", "0", "--adapter-rank", "4"];
    let report = whit(args.into_iter().chain(["--json"])).json();
    let adapter = &report["adapter"];
    for key in ["decode_tokens_per_second", "decode_over_plain", "prefill_over_plain"] {
        assert!(adapter[key]["median"].as_f64().expect("a number") > 0.0, "{report:#}");
    }
    assert_eq!(adapter["rank"], 4);
    assert!(adapter["bytes"].as_u64().expect("a number") > 1000, "{report:#}");
    assert!(whit(args).stdout().contains("\nadapter "), "a line of the table");
    let none = ["bench", "model", &path, "-p", "1", "-n", "1", "-r", "1", "--steps", "0", "--adapter-rank", "0"];
    whit(none).refused(2, &["rank 0"]);
}

#[test]
fn the_instruction_set_can_be_forced() {
    let path = fixture("pocket").to_string_lossy().into_owned();
    let args = ["bench", "model", &path, "-p", "8", "-n", "2", "-r", "1", "--steps", "0", "--json"];
    assert_eq!(whit(args).env("WHIT_ISA", "scalar").json()["isa"], "scalar");
    whit(args).env("WHIT_ISA", "abacus").refused(2, &["WHIT_ISA=abacus", "scalar, avx2, avxvnni, avx512 or neon"]);
}

#[test]
fn the_table_has_a_line_for_each_figure() {
    let table =
        whit(["bench", "model", &fixture("pocket").to_string_lossy(), "-p", "8", "-n", "2", "-r", "1", "--steps", "0"])
            .stdout();
    let labels: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    // Where there is a source of power figures, and there is one wherever there is a /proc.
    let labels: Vec<&str> =
        labels.into_iter().filter(|label| cfg!(target_os = "linux") || *label != "energy").collect();
    let energy: &[&str] = if cfg!(target_os = "linux") { &["energy"] } else { &[] };
    assert_eq!(labels, [&["prefill", "decode", "step", "reads"], energy, &["resident", "threads"]].concat());
}

#[test]
fn nothing_to_measure_is_refused() {
    let path = fixture("pocket").to_string_lossy().into_owned();
    whit(["bench", "model", &path, "-r", "0"]).refused(2, &["nothing to measure"]);
    whit(["bench", "model", &path, "--depth", "100000000000"]).refused(2, &[]);
}

#[test]
fn the_machine_has_limits() {
    let report = whit(["bench", "machine", "-t", "1", "--json"]).json();
    for key in ["read_bandwidth_gb_per_second", "int8_peak_gop_per_second"] {
        assert!(report[key].as_f64().expect("a number") > 0.0, "{key}: {report:#}");
    }
    assert_eq!(report["threads"], 1);
    let table = whit(["bench", "machine", "-t", "1"]).stdout();
    let labels: Vec<&str> = table.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(labels, ["bandwidth", "int8 peak", "threads"]);
}

#[test]
fn kernels_have_the_promised_keys_and_a_line_each() {
    let args = ["bench", "kernels", "--format", "q4_0", "--rows", "1", "--size", "1MiB", "-t", "1"];
    let report = whit(args.iter().chain(&["--json"])).json();
    assert!(report["isa"].is_string() && report["threads"] == 1, "{report:#}");
    let [line] = &report["kernels"].as_array().expect("a list")[..] else { panic!("one line: {report:#}") };
    assert_eq!((&line["format"], &line["rows"]), (&"Q4_0".into(), &1.into()));
    let number =
        |key: &str| line[key].as_f64().filter(|&value| value > 0.0).unwrap_or_else(|| panic!("{key}: {report:#}"));
    assert!((0.5..0.7).contains(&number("bytes_per_weight")) && number("milliseconds") < 1e3, "{report:#}");
    for (speed, limit, share) in [
        ("gb_per_second", "read_bandwidth_gb_per_second", "share_of_bandwidth"),
        ("gop_per_second", "int8_peak_gop_per_second", "share_of_int8_peak"),
    ] {
        assert!((number(speed) / number(limit) - number(share)).abs() < 1e-6, "{report:#}");
    }

    let table = whit(args).stdout();
    let [_, _, head, line] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
    assert!(head.starts_with("format   bytes/weight  rows") && line.starts_with("Q4_0 "), "{table}");

    whit(["bench", "kernels", "--rows", "0"]).refused(2, &["1 to 4096 activation rows"]);
    let outcome = whit(["bench", "kernels", "--format", "Q9_0"]).run();
    assert!(outcome.code == Some(2) && outcome.stderr.contains("it knows F32, F16, Q4_0"), "{outcome:#?}");
}

#[test]
fn a_server_is_measured_and_its_answers_do_not_depend_on_others() {
    let (server, other) = (serving("pocket-q8_0.gguf"), serving("pocket-q8_0.gguf"));
    for alone in ["--compare-alone".to_owned(), format!("--compare-alone={}", other.url)] {
        let load = ["--concurrency", "4", "--requests", "12", "-p", "40", "-n", "24", &alone, "--json"];
        let report = whit(["bench", "serve", &server.url].iter().chain(&load)).json();
        assert_eq!((&report["model"], &report["url"]), (&"pocket-q8_0".into(), &server.url.as_str().into()));
        assert_eq!((&report["requests"], &report["failed"]), (&12.into(), &0.into()), "{report:#}");
        assert_eq!((&report["prompt_tokens"], &report["output_tokens"]), (&480.into(), &288.into()), "{report:#}");
        assert_eq!(
            (&report["alone"]["compared"], &report["alone"]["different"]),
            (&12.into(), &0.into()),
            "{report:#}"
        );
        for rate in ["seconds", "prompt_tokens_per_second", "output_tokens_per_second"] {
            assert!(report[rate].as_f64().expect("a number") > 0.0, "{rate}: {report:#}");
        }
        if cfg!(target_os = "linux") {
            let energy = &report["joules_per_output_token"];
            assert!(energy["joules"].as_f64() > Some(0.0) && energy["tier"].is_string(), "{report:#}");
        }
        for time in ["time_to_first_token", "time_per_output_token", "inter_token_latency", "end_to_end"] {
            let times = &report[format!("{time}_seconds")];
            let times = ["p50", "p90", "p99", "max"].map(|key| times[key].as_f64().expect("a number"));
            assert!(times[0] > 0.0 && times.is_sorted(), "{time}: {report:#}");
        }
    }
}

#[test]
fn a_trace_is_sent_and_what_the_server_refuses_is_counted() {
    let server = serving("pocket");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = folder.path().join("trace.csv");
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,240,80\n2023-11-16 18:15:48.68,160,40\n\
                2023-11-16 18:15:48.69,80000,40\n";
    std::fs::write(&trace, text).expect("written");
    let trace = trace.to_string_lossy();
    let scales = ["--scale-lengths", "1/8", "--scale-time", "0.01"];
    let load = |arrivals| {
        let command = ["bench", "serve", &server.url, "--trace", &trace, "--arrivals", arrivals];
        whit(command.iter().chain(&scales)).run()
    };
    let outcome = load("2");
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let labels = outcome.stdout.lines().filter_map(|line| line.split("  ").next());
    let labels: Vec<&str> = labels.filter(|label| *label != "energy").collect();
    let expected = ["requests", "output", "prompts", "", "first token", "per token", "between", "answer", "sent late"];
    assert_eq!(labels, expected, "{outcome:#?}");
    assert!(outcome.stdout.contains("prompts       50 tokens"), "{outcome:#?}");
    // The third is longer than the model's context.
    let outcome = load("3");
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    assert!(outcome.stdout.contains("3, 1 failed") && outcome.stdout.contains("1 times: status 400"), "{outcome:#?}");
    assert!(outcome.stderr.contains("error: 1 of 3 requests failed; status 400: the prompt has 10000"), "{outcome:#?}");
}

#[test]
fn a_server_that_cannot_be_measured_is_a_sentence() {
    whit(["bench", "serve", "http://127.0.0.1:1"]).refused(1, &["http://127.0.0.1:1 does not answer"]);
    whit(["bench", "serve", "model.gguf"]).refused(2, &["'model.gguf' is no server's address"]);
    whit(["bench", "serve", "http://127.0.0.1:1", "--requests", "0"]).refused(2, &["nothing to measure"]);
    whit(["bench", "serve", "http://127.0.0.1:1", "--trace", "nothing.csv"]).refused(2, &["nothing.csv"]);
    for (arguments, words) in [
        (&["--trace", "t.csv", "--scale-lengths", "1/0"][..], "such as 0.125 or 1/8"),
        (&["--scale-time", "2"], "--trace <FILE>"),
        (&["--trace", "t.csv", "--requests", "2"], "cannot be used with"),
    ] {
        let outcome = whit(["bench", "serve", "http://127.0.0.1:1"].iter().chain(arguments)).run();
        assert!(outcome.code == Some(2) && outcome.stderr.contains(words), "{outcome:#?}");
    }
}
