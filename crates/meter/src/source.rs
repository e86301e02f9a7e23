//! What a power source is to the rest of whit, which ones there are, and which of them is taken.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::energy::{Reading, Tier};
use crate::sources;

/// Something that knows how much energy was used. It is asked by one thread at a time.
pub trait Source: Send {
    /// As people name it: `powercap`, `perf`, `nvml`, `hwmon`, `battery`, `apple`, `file`, `command`, `modelled`.
    fn name(&self) -> &'static str;

    /// How its figures are obtained.
    fn tier(&self) -> Tier;

    /// What of the machine they are about.
    fn covers(&self) -> Covers;

    /// What exactly is read, for a person: `package-0, dram (intel-rapl)`.
    fn detail(&self) -> String;

    /// How long it may show the same although energy is used. What is drawn in that time is the doubt at both ends of
    /// whatever is measured.
    fn update_interval(&self) -> Duration;

    /// Energy since it was asked before, or since it was opened; `at` is now.
    ///
    /// # Errors
    /// If it cannot say. The energy of that time is then in the next reading.
    fn read(&mut self, at: Instant) -> Result<Reading, SourceError>;

    /// What a person should know of the readings since this was asked before: that a counter was reset, for example.
    fn remark(&mut self) -> Option<String> {
        None
    }
}

/// What of a machine a source measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Covers {
    /// All of it.
    Machine,
    /// Its processors, and their memory where that has a counter; no disks, fans or losses in the power supply.
    Processor,
    /// Its graphics cards. whit computes on processors: such a source is never the one that a machine is measured by.
    Gpu,
}

/// Why a source that was opened cannot say now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file of the system could not be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the system holds something else than a number.
    #[error("{}: '{text}' is no number", path.display())]
    Number {
        /// Which.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
    /// Its counters have shown the same for a time in which that cannot be.
    #[error("its counters have stood still for {seconds:.1} s: what keeps them does not work")]
    StandsStill {
        /// Since when.
        seconds: f64,
    },
    /// Anything else, in a sentence.
    #[error("{0}")]
    Other(String),
}

/// Why a source is not there, and what would mend that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unavailable {
    /// What is missing or forbidden, in a sentence.
    pub why: String,
    /// What to do about it, if there is something.
    pub mend: Option<String>,
}

impl Unavailable {
    /// There is nothing to be done about it.
    pub(crate) fn hopeless(why: impl Into<String>) -> Unavailable {
        Unavailable { why: why.into(), mend: None }
    }

    /// There is something.
    pub(crate) fn mendable(why: impl Into<String>, mend: impl Into<String>) -> Unavailable {
        Unavailable { why: why.into(), mend: Some(mend.into()) }
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.mend {
            Some(mend) => write!(f, "{}; {mend}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for Unavailable {}

/// Where the system shows what it knows, and what kind of system that is.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Linux's `/sys`.
    pub sys: PathBuf,
    /// Linux's `/proc`.
    pub proc: PathBuf,
    /// Whether this runs in a container: the mends are others there.
    pub container: bool,
}

impl Roots {
    /// Those of this machine; `WHIT_SYSFS` and `WHIT_PROCFS` name others.
    pub fn of_this_machine() -> Roots {
        let at = |name, usual: &str| std::env::var_os(name).map_or_else(|| usual.into(), PathBuf::from);
        Roots {
            sys: at("WHIT_SYSFS", "/sys"),
            proc: at("WHIT_PROCFS", "/proc"),
            container: ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists()),
        }
    }

    /// Whether the processor says that it is a virtual one.
    pub(crate) fn is_virtual(&self) -> bool {
        let info = std::fs::read_to_string(self.proc.join("cpuinfo")).unwrap_or_default();
        info.lines().find(|line| line.starts_with("flags")).is_some_and(|flags| flags.contains(" hypervisor"))
    }
}

/// A source that was looked for.
pub struct Found {
    /// Its name, as [`Source::name`].
    pub name: &'static str,
    /// The source, opened, or why there is none.
    pub outcome: Result<Box<dyn Source>, Unavailable>,
}

/// Looks for every source there could be on this system, except those that only the user knows of.
pub fn discover(roots: &Roots) -> Vec<Found> {
    let at = Instant::now();
    let found = |name, outcome| Found { name, outcome };
    Vec::from([
        found(sources::powercap::NAME, sources::powercap::open(roots, at)),
        found(sources::perf::NAME, sources::perf::open(roots, at)),
        found(sources::hwmon::NAME, sources::hwmon::open(roots, at)),
        found(sources::battery::NAME, sources::battery::open(roots, at)),
        #[cfg(target_os = "macos")]
        found(sources::apple::NAME, sources::apple::open(at)),
        found(sources::nvml::NAME, sources::nvml::open(at)),
        found(sources::modelled::NAME, sources::modelled::open(roots, at)),
    ])
}

/// The place in `found` of the source that measures this machine best: a measured one before a modelled one, one that
/// tells tenths of a second apart before one that does not, one at the wall before a counter. Graphics cards alone
/// are not the machine.
pub fn best(found: &[Found]) -> Option<usize> {
    let usable = found.iter().enumerate().filter_map(|(place, found)| Some((place, found.outcome.as_ref().ok()?)));
    let of_the_machine = usable.filter(|(_, source)| source.covers() != Covers::Gpu);
    let rank = |source: &dyn Source| {
        let slow = source.update_interval() > Duration::from_secs(1);
        (source.tier() == Tier::Modelled, slow, source.tier())
    };
    of_the_machine.min_by_key(|(place, source)| (rank(source.as_ref()), *place)).map(|(place, _)| place)
}

/// Which source the user wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The [`best`] there is.
    #[default]
    Auto,
    /// The one of this name.
    Named(String),
    /// A meter of the user's that writes to this file.
    File(PathBuf),
    /// A meter of the user's that this command reads.
    Command(String),
}

impl std::str::FromStr for Choice {
    type Err = String;

    /// `auto`, the name of a source, `file:PATH` or `command:LINE`.
    fn from_str(text: &str) -> Result<Choice, String> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Choice::File(path.into())),
            Some(("command", line)) if !line.trim().is_empty() => Ok(Choice::Command(line.into())),
            None if text == "auto" => Ok(Choice::Auto),
            None if sources::NAMES.contains(&text) => Ok(Choice::Named(text.into())),
            _ => Err(format!(
                "'{text}' is no power source; there are auto, {}, file:PATH and command:LINE",
                sources::NAMES.join(", ")
            )),
        }
    }
}

/// Opens the source that `choice` names.
///
/// # Errors
/// If there is none, with the mend.
pub fn open(choice: &Choice, roots: &Roots) -> Result<Box<dyn Source>, Unavailable> {
    let at = Instant::now();
    match choice {
        Choice::File(path) => sources::external::file(path, at),
        Choice::Command(line) => sources::external::command(line, at),
        Choice::Auto => {
            let mut found = discover(roots);
            match best(&found) {
                Some(place) => found.swap_remove(place).outcome,
                None => Err(Unavailable::mendable(
                    "nothing on this machine says how much energy it uses, and its load cannot be read either",
                    "name a meter of your own: file:PATH or command:LINE",
                )),
            }
        }
        Choice::Named(name) => {
            let found = discover(roots).into_iter().find(|found| found.name == name);
            found.map_or_else(
                || Err(Unavailable::hopeless(format!("there is no power source called {name} on this system"))),
                |found| found.outcome,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Energy;

    struct Fake(&'static str, Tier, Covers, u64);

    impl Source for Fake {
        fn name(&self) -> &'static str {
            self.0
        }
        fn tier(&self) -> Tier {
            self.1
        }
        fn covers(&self) -> Covers {
            self.2
        }
        fn detail(&self) -> String {
            String::new()
        }
        fn update_interval(&self) -> Duration {
            Duration::from_millis(self.3)
        }
        fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
            Ok(Reading { energy: Energy::ZERO, tier: self.1, at })
        }
    }

    fn best_of(fakes: Vec<Fake>) -> Option<&'static str> {
        let found: Vec<Found> = fakes
            .into_iter()
            .map(|fake| Found { name: fake.0, outcome: Ok(Box::new(fake) as Box<dyn Source>) })
            .chain([Found { name: "missing", outcome: Err(Unavailable::hopeless("not there")) }])
            .collect();
        best(&found).map(|place| found[place].name)
    }

    #[test]
    fn what_measures_best_is_taken() {
        let powercap = || Fake("powercap", Tier::Counter, Covers::Processor, 1);
        let perf = || Fake("perf", Tier::Counter, Covers::Processor, 1);
        let wall = || Fake("hwmon", Tier::Wall, Covers::Machine, 1000);
        let battery = || Fake("battery", Tier::Wall, Covers::Machine, 10_000);
        let nvml = || Fake("nvml", Tier::Counter, Covers::Gpu, 100);
        let modelled = || Fake("modelled", Tier::Modelled, Covers::Machine, 10);
        assert_eq!(best_of(vec![powercap(), perf(), wall(), battery(), nvml(), modelled()]), Some("hwmon"));
        assert_eq!(best_of(vec![perf(), powercap(), battery(), modelled()]), Some("perf"));
        assert_eq!(best_of(vec![modelled(), battery()]), Some("battery"));
        assert_eq!(best_of(vec![nvml(), modelled()]), Some("modelled"));
        assert_eq!(best_of(vec![nvml()]), None);
    }

    #[test]
    fn a_choice_is_read_as_people_write_it() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("powercap".parse(), Ok(Choice::Named("powercap".into())));
        assert_eq!("file:/run/meter".parse(), Ok(Choice::File("/run/meter".into())));
        assert_eq!("command:plug --watch".parse(), Ok(Choice::Command("plug --watch".into())));
        for wrong in ["wattmeter", "file:", "command: ", "serial:/dev/ttyUSB0"] {
            let sentence = wrong.parse::<Choice>().unwrap_err();
            assert!(sentence.contains(wrong) && sentence.contains("powercap"), "{sentence}");
        }
    }
}
