//! `whit meter`: what can be measured with, and what a command uses.

mod common;

use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::whit;
use serde_json::Value;

/// A machine made of files.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// With nothing in it.
    fn empty() -> Machine {
        Machine { folder: tempfile::tempdir().expect("a folder") }
    }

    /// With one package and its memory.
    fn with_powercap() -> Machine {
        let machine = Machine::empty();
        for (zone, name) in [("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")] {
            machine.write(&format!("sys/class/powercap/{zone}/name"), name);
            machine.write(&format!("sys/class/powercap/{zone}/max_energy_range_uj"), "262143328850");
            machine.write(&format!("sys/class/powercap/{zone}/energy_uj"), "1000000");
        }
        machine.write("proc/cpuinfo", "vendor_id : GenuineIntel\nflags : fpu");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, format!("{text}\n")).expect("written");
    }

    fn whit<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> common::Whit {
        let args = ["meter"].into_iter().chain(args);
        whit(args).env("WHIT_SYSFS", self.path("sys")).env("WHIT_PROCFS", self.path("proc"))
    }

    /// Runs `body` while the package's counter goes on at so many watts.
    fn drawing<T>(&self, watts: f64, body: impl FnOnce() -> T) -> T {
        let ended = AtomicBool::new(false);
        let path = self.path("sys/class/powercap/intel-rapl:0/energy_uj");
        let file = std::fs::OpenOptions::new().write(true).open(path).expect("opened");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let began = Instant::now();
                while !ended.load(Ordering::SeqCst) {
                    let microjoules = 1_000_000 + (began.elapsed().as_secs_f64() * watts * 1e6) as u64;
                    // Always as long, so that a reader sees no half of a number.
                    file.write_all_at(format!("{microjoules:020}\n").as_bytes(), 0).expect("written");
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let result = body();
            ended.store(true, Ordering::SeqCst);
            result
        })
    }
}

fn source<'j>(json: &'j Value, name: &str) -> &'j Value {
    let sources = json["sources"].as_array().expect("a list");
    sources.iter().find(|source| source["source"] == name).unwrap_or_else(|| panic!("no {name} in {json:#}"))
}

/// A meter of the user's that shows so many watts.
fn plug(watts: f64) -> String {
    format!("command:while true; do echo watts {watts}; sleep 0.02; done")
}

#[test]
fn a_machine_that_shows_nothing_is_told_why_and_what_to_do() {
    let json = Machine::empty().whit(["--json"]).json();
    assert_eq!(json["chosen"], Value::Null);
    for (name, words) in [
        ("powercap", "class/powercap"),
        ("perf", "bus/event_source/devices/power is not there"),
        ("hwmon", "has no monitor of power or energy"),
        ("battery", "this machine has no battery"),
        ("modelled", "does not say how busy the processors are"),
    ] {
        let source = source(&json, name);
        assert_eq!(source["usable"], false);
        assert!(source["why"].as_str().is_some_and(|why| why.contains(words)), "{source:#}");
    }
    assert!(source(&json, "powercap")["mend"].as_str().is_some_and(|mend| mend.contains("modprobe intel_rapl_msr")));
}

#[test]
fn this_machine_has_something_to_measure_with() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let text = whit(["meter"]).stdout();
    assert!(text.contains("chosen") && text.contains("modelled") && text.contains("a reading takes"), "{text}");
}

#[test]
fn counters_that_move_are_chosen_and_read_right() {
    let machine = Machine::with_powercap();
    machine.drawing(60.0, || {
        let json = machine.whit(["--json"]).json();
        assert_eq!(json["chosen"], "powercap", "{json:#}");
        let powercap = source(&json, "powercap");
        assert_eq!((&powercap["tier"], &powercap["covers"]), (&"counter".into(), &"processor".into()));
        assert!(powercap["read_ns"].as_u64().is_some_and(|ns| ns > 0));
        assert!(powercap["resolution_seconds"].as_f64().is_some_and(|seconds| seconds < 0.1), "{powercap:#}");

        let used = machine.whit(["--source", "powercap", "--for", "500ms", "--json"]).json();
        let [watts, seconds] = ["watts", "seconds"].map(|key| used[key].as_f64().expect("a number"));
        assert!((watts - 60.0).abs() < 6.0 && seconds >= 0.5, "{used:#}");
        assert_eq!((&used["tier"], &used["exit_code"]), (&"counter".into(), &Value::Null));
    });
}

#[test]
fn counters_that_may_not_be_read_come_with_the_mend() {
    let machine = Machine::with_powercap();
    machine.write("sys/class/hwmon/hwmon0/name", "power_meter");
    machine.write("sys/class/hwmon/hwmon0/power1_average", "250000000");
    let private =
        ["powercap/intel-rapl:0/energy_uj", "powercap/intel-rapl:0:0/energy_uj", "hwmon/hwmon0/power1_average"];
    let private = private.map(|name| machine.path(&format!("sys/class/{name}")));
    for path in &private {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400)).expect("set");
    }
    std::fs::set_permissions(machine.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
    // root may read everything: as somebody else, who must be able to see the program.
    let program = machine.path("whit");
    std::fs::copy(env!("CARGO_BIN_EXE_whit"), &program).expect("copied");
    let mut command = std::process::Command::new(&program);
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.uid(65534).gid(65534);
    } else {
        for path in &private {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).expect("set");
        }
    }
    let output = command
        .args(["meter", "--json"])
        .env("WHIT_SYSFS", machine.path("sys"))
        .env("WHIT_PROCFS", machine.path("proc"))
        .current_dir("/")
        .output()
        .expect("it runs");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    for (name, file) in [("powercap", "intel-rapl:0/energy_uj"), ("hwmon", "hwmon0/power1_average")] {
        let source = source(&json, name);
        let [why, mend] = ["why", "mend"].map(|key| source[key].as_str().unwrap_or_default().to_owned());
        assert!(why.contains(&format!("{file} may not be read (mode 0")), "{source:#}");
        assert!(mend.contains("chmod a+r") || mend.contains("start the container"), "{source:#}");
    }
}

#[test]
fn a_command_is_measured_like_time_and_its_code_is_ours() {
    let machine = Machine::empty();
    let plug = plug(40.0);
    let args = ["--source", &plug, "--price", "0.25", "--grid", "400", "--pue", "1.5", "--json", "--"];
    let outcome = machine.whit(args.into_iter().chain(["sh", "-c", "echo out; sleep 0.4; exit 7"])).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(7), "out\n"), "{outcome:#?}");
    let used: Value = serde_json::from_str(&outcome.stderr).expect("one JSON value");
    let number = |key: &str| used[key].as_f64().unwrap_or_else(|| panic!("{key} in {used:#}"));
    assert!(number("seconds") >= 0.4 && (number("watts") - 40.0).abs() < 0.5, "{used:#}");
    assert_eq!((&used["tier"], &used["exit_code"]), (&"wall".into(), &7.into()));
    let kwh = number("joules") * 1.5 / 3.6e6;
    assert!((number("dollars") / (kwh * 0.25) - 1.0).abs() < 1e-6, "{used:#}");
    assert!((number("grams_co2e") / (kwh * 400.0) - 1.0).abs() < 1e-6, "{used:#}");
}

#[test]
fn the_figures_are_for_people_too() {
    let machine = Machine::empty();
    let plug = plug(40.0);
    let outcome = machine.whit(["--source", &plug, "--price", "0.3", "--", "sh", "-c", "sleep 0.2"]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome:#?}");
    let labels: Vec<&str> = outcome.stderr.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(labels, ["energy", "time", "power", "price", "source"], "{outcome:#?}");
    assert!(outcome.stderr.contains(", wall)") && outcome.stderr.contains("power      40.0 W"), "{outcome:#?}");
}

#[test]
fn a_command_that_runs_too_long_is_ended() {
    let machine = Machine::empty();
    let (plug, began) = (plug(5.0), Instant::now());
    let outcome = machine.whit(["--source", &plug, "--for", "300ms", "--", "sleep", "60"]).run();
    // SIGTERM is 15.
    assert_eq!(outcome.code, Some(143), "{outcome:#?}");
    assert!(
        outcome.stderr.contains("sleep is asked to end") && began.elapsed() < Duration::from_secs(20),
        "{outcome:#?}"
    );
}

#[test]
fn a_command_that_cannot_run_is_told() {
    let machine = Machine::empty();
    let plug = plug(5.0);
    machine.whit(["--source", &plug, "--", "no-such-command"]).refused(127, &["no-such-command", "no such command"]);
    machine.whit(["--source", &plug, "--", "/"]).refused(126, &["/: "]);
}

#[test]
fn prices_come_from_whit_toml() {
    let machine = Machine::empty();
    machine.write("whit.toml", "port = 8000\n[tariff.rented]\ndollars_per_hour = 3600\n[[model]]\nsource = \"a\"");
    let config = machine.path("whit.toml");
    let (plug, config) = (plug(5.0), config.to_str().expect("UTF-8"));
    let used = machine.whit(["--source", &plug, "--config", config, "--for", "300ms", "--json"]).json();
    let [dollars, seconds] = ["dollars", "seconds"].map(|key| used[key].as_f64().expect("a number"));
    assert!((dollars - seconds).abs() < 1e-6, "{used:#}");

    machine.write("whit.toml", "[tariff]\nelectricity = 3\n");
    let args = ["--config", config, "--for", "1s"];
    machine.whit(args).refused(2, &["whit.toml: line ", "unknown field `electricity`"]);
    machine.write("whit.toml", "port = 1\n");
    machine.whit(args).refused(2, &["whit.toml: it has no [tariff]"]);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let machine = Machine::empty();
    for (args, words) in [
        (&["--source", "wattmeter"][..], "'wattmeter' is no power source"),
        (&["--for", "soon"], "'soon' is not a time"),
    ] {
        let outcome = machine.whit(args.iter().copied()).run();
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains(words), "{outcome:#?}");
    }
    machine.whit(["--for", "1s", "--price=-1"]).refused(2, &["--price -1"]);
    machine.whit(["--for", "1s", "--pue", "100"]).refused(2, &["--pue = 100", "from 1 to 10"]);
    machine.whit(["sleep", "1"]).refused(2, &["'sleep' is no option", "whit meter -- sleep 1"]);
    // A source that was named and is not to be had is an error, with a time or without; the list says what there is instead.
    for (source, words) in [("powercap", "modprobe"), ("file:/nowhere", "watts 41.5")] {
        for json in [&[][..], &["--json"]] {
            let outcome = machine.whit(["--source", source].into_iter().chain(json.iter().copied())).run();
            assert_eq!(outcome.code, Some(2), "{outcome:#?}");
            assert!(outcome.stderr.contains(words) && outcome.stdout.contains("battery"), "{outcome:#?}");
        }
    }
    machine.whit(["--for", "1s"]).refused(2, &["nothing on this machine says", "file:PATH"]);
    machine.whit(["--for", "1s", "--source", "powercap"]).refused(2, &["class/powercap", "modprobe"]);
    machine.whit(["--for", "1s", "--source", "file:/nowhere"]).refused(2, &["/nowhere", "watts 41.5"]);
    assert!(!Path::new("/nowhere").exists());
}
