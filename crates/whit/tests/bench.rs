//! `whit bench` measures, and promises its keys.

mod common;

use common::{fixture, whit};

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
fn the_instruction_set_can_be_forced() {
    let path = fixture("pocket").to_string_lossy().into_owned();
    let args = ["bench", "model", &path, "-p", "8", "-n", "2", "-r", "1", "--steps", "0", "--json"];
    assert_eq!(whit(args).env("WHIT_ISA", "scalar").json()["isa"], "scalar");
    whit(args).env("WHIT_ISA", "abacus").refused(2, &["WHIT_ISA=abacus", "scalar, avx2, avx512 or neon"]);
}

#[test]
fn the_table_has_a_line_for_each_figure() {
    let table =
        whit(["bench", "model", &fixture("pocket").to_string_lossy(), "-p", "8", "-n", "2", "-r", "1", "--steps", "0"])
            .stdout();
    let labels: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(labels, ["prefill", "decode", "step", "reads", "resident", "threads"]);
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
