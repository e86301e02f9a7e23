//! A meter of the user's own: a plug, a power distribution unit, a board of shunts. It writes lines to a file, or a
//! command prints them: `watts 41.5` (now) or `joules 1234.5` (since it began, whenever that was). The last line
//! counts.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::counter::{Counter, Step};
use crate::energy::{Energy, Reading, Tier};
use crate::power::Integrator;
use crate::source::{Covers, Source, SourceError, Unavailable};

/// A meter that said nothing new for so long is taken for broken. Plugs that report every minute are not.
const STALE_AFTER: Duration = Duration::from_secs(90);

/// How long a command has to print its first line.
const FIRST_LINE: Duration = Duration::from_secs(5);

/// A line of a meter longer than this is none.
const LONGEST_LINE: u64 = 4096;

/// How long is taken to lie between two lines until some have been seen.
const USUAL_GAP: Duration = Duration::from_secs(1);

/// Gaps between lines that are remembered, and how many of them say more than [`USUAL_GAP`].
const GAPS: usize = 16;
const ENOUGH_GAPS: usize = 4;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Watts(f64),
    Joules(f64),
}

impl Line {
    fn parse(text: &str) -> Result<Line, String> {
        let wrong = || format!("'{}' is neither 'watts NUMBER' nor 'joules NUMBER'", text.trim().escape_debug());
        let (unit, number) = text.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
        let value = number.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
        match (unit, value.ok_or_else(wrong)?) {
            ("watts", value) => Ok(Line::Watts(value)),
            ("joules", value) => Ok(Line::Joules(value)),
            _ => Err(wrong()),
        }
    }
}

/// The last line and when it came.
type Latest = Result<(Line, Instant), String>;

/// The times between the last lines.
#[derive(Debug, Default)]
struct Gaps {
    last: Option<Instant>,
    seen: VecDeque<Duration>,
}

impl Gaps {
    /// A line came.
    fn came(&mut self, at: Instant) {
        if let Some(last) = self.last.replace(at) {
            self.seen.truncate(GAPS - 1);
            self.seen.push_front(at.saturating_duration_since(last));
        }
    }

    /// The longest of them, or how long there has been none if that is longer.
    fn longest(&self, now: Instant) -> Duration {
        let silent = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let least = if self.seen.len() < ENOUGH_GAPS { USUAL_GAP } else { Duration::ZERO };
        self.seen.iter().copied().max().unwrap_or_default().max(silent).max(least)
    }
}

/// What a command has printed.
#[derive(Default)]
struct Printed {
    last: Option<Latest>,
    gaps: Gaps,
    ended: bool,
}

/// Where lines come from.
enum Origin {
    File(PathBuf, Option<(Line, Instant, FileState)>, Gaps),
    Command(Child, Arc<Mutex<Printed>>),
}

/// By which it is seen that a file was written to, even if it says the same.
type FileState = (u64, Option<std::time::SystemTime>);

enum Way {
    Power(Integrator),
    Energy(Counter),
}

/// A meter of the user's.
pub struct External {
    origin: Origin,
    way: Way,
    detail: String,
    /// The longest gap between lines, as of the last reading.
    gap: Duration,
    remark: Option<String>,
}

/// A meter that writes to the file `path`: its last whole line counts, whether the file grows or is written anew.
///
/// # Errors
/// If it cannot be read or its last line is none of a meter.
pub fn file(path: &Path, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    let mend = "have the meter write a line like 'watts 41.5' or 'joules 1234.5' to it before whit starts";
    let mut origin = Origin::File(path.to_owned(), None, Gaps::default());
    let (line, _) = origin.latest(at).map_err(|why| Unavailable::mendable(why, mend))?;
    Ok(Box::new(External::new(origin, line, path.display().to_string(), at)))
}

/// A meter that the shell command `line` reads: it prints lines until it is ended.
///
/// # Errors
/// If it cannot be started, or its first line does not come within five seconds or is none of a meter.
pub fn command(line: &str, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    let mend = "it must print lines like 'watts 41.5' or 'joules 1234.5' until it is ended";
    let mut command = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    command.args([if cfg!(windows) { "/C" } else { "-c" }, line]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| Unavailable::hopeless(format!("the command '{line}' cannot be run: {error}")))?;
    let printed: Arc<Mutex<Printed>> = Arc::default();
    if let Some(out) = child.stdout.take() {
        let printed = printed.clone();
        let reader = std::thread::Builder::new().name("whit-meter-lines".into());
        reader
            .spawn(move || follow(out, &printed))
            .map_err(|error| Unavailable::hopeless(format!("no thread for the command '{line}': {error}")))?;
    }
    let mut origin = Origin::Command(child, printed);
    let began = Instant::now();
    let first = loop {
        match origin.latest(at) {
            Err(_) if began.elapsed() < FIRST_LINE && !origin.has_ended() => {
                std::thread::sleep(Duration::from_millis(5))
            }
            answer => break answer,
        }
    };
    let (first, _) = first.map_err(|why| Unavailable::mendable(format!("the command '{line}': {why}"), mend))?;
    Ok(Box::new(External::new(origin, first, line.to_owned(), at)))
}

/// Keeps the last line of `out`, until it ends.
fn follow(out: impl Read, printed: &Mutex<Printed>) {
    let mut lines = BufReader::new(out);
    loop {
        let mut line = vec![];
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(0) | Err(_) => {
                printed.ended = true;
                return;
            }
            Ok(_) => {
                let now = Instant::now();
                printed.last = Some(Line::parse(&String::from_utf8_lossy(&line)).map(|line| (line, now)));
                printed.gaps.came(now);
            }
        }
    }
}

impl Origin {
    fn has_ended(&self) -> bool {
        match self {
            Origin::Command(_, printed) => printed.lock().unwrap_or_else(PoisonError::into_inner).ended,
            Origin::File(..) => false,
        }
    }

    /// How long it may say nothing, as of `now`.
    fn longest_gap(&self, now: Instant) -> Duration {
        match self {
            Origin::Command(_, printed) => printed.lock().unwrap_or_else(PoisonError::into_inner).gaps.longest(now),
            Origin::File(.., gaps) => gaps.longest(now),
        }
    }

    /// The last line, and when it came.
    fn latest(&mut self, at: Instant) -> Latest {
        match self {
            Origin::Command(child, printed) => {
                let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                match (&printed.last, printed.ended) {
                    (Some(Err(why)), _) => Err(why.clone()),
                    (_, true) => Err(match child.try_wait() {
                        Ok(Some(status)) => format!("it ended ({status})"),
                        _ => "it ended".into(),
                    }),
                    (Some(Ok(said)), false) => Ok(*said),
                    (None, false) => Err("it has printed nothing yet".into()),
                }
            }
            Origin::File(path, before, gaps) => {
                let told = |error: io::Error| format!("{}: {error}", path.display());
                let mut file = File::open(&*path).map_err(told)?;
                let metadata = file.metadata().map_err(told)?;
                let state = (metadata.len(), metadata.modified().ok());
                let text = last_line(&mut file, metadata.len()).map_err(told)?;
                let line = Line::parse(&text).map_err(|why| format!("{}: {why}", path.display()))?;
                let since = match before {
                    Some((same, since, was)) if *same == line && *was == state => *since,
                    _ => {
                        // Seen when somebody looks: the gap is as long as between two looks at least.
                        gaps.came(at);
                        at
                    }
                };
                *before = Some((line, since, state));
                Ok((line, since))
            }
        }
    }
}

/// The last line that ends, or all there is if none does.
fn last_line(file: &mut File, length: u64) -> io::Result<String> {
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
    let mut end = vec![];
    file.take(LONGEST_LINE).read_to_end(&mut end)?;
    let text = String::from_utf8_lossy(&end);
    let whole = match text.rfind('\n') {
        Some(at) => &text[..at],
        None => &text,
    };
    Ok(whole.trim_end().rsplit('\n').next().unwrap_or_default().to_owned())
}

impl External {
    fn new(origin: Origin, line: Line, detail: String, at: Instant) -> External {
        let way = match line {
            // What a meter's maker states of its error the user knows, and whit does not.
            Line::Watts(watts) => Way::Power(Integrator::new(watts, 0.0, at)),
            Line::Joules(joules) => Way::Energy(Counter::new((joules * 1e6) as u64, None, 1.0, at)),
        };
        External { origin, way, detail, gap: USUAL_GAP, remark: None }
    }
}

impl Source for External {
    fn name(&self) -> &'static str {
        match self.origin {
            Origin::File(..) => "file",
            Origin::Command(..) => "command",
        }
    }

    fn tier(&self) -> Tier {
        Tier::Wall
    }

    fn covers(&self) -> Covers {
        Covers::Machine
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn update_interval(&self) -> Duration {
        self.gap
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        let energy = self.energy(at);
        if let (Err(_), Way::Power(power)) = (&energy, &mut self.way) {
            power.miss();
        }
        self.gap = self.origin.longest_gap(at);
        Ok(Reading { energy: energy?, tier: Tier::Wall, at })
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

impl External {
    /// Energy since it was asked before with success.
    fn energy(&mut self, at: Instant) -> Result<Energy, SourceError> {
        let (line, came) = self.origin.latest(at).map_err(SourceError::Other)?;
        let silent = at.saturating_duration_since(came);
        if silent > STALE_AFTER {
            let sentence = format!("{} has said nothing new for {} s", self.detail, silent.as_secs());
            return Err(SourceError::Other(sentence));
        }
        match (&mut self.way, line) {
            (Way::Power(power), Line::Watts(watts)) => Ok(power.step(watts, at)),
            (Way::Energy(counter), Line::Joules(joules)) => {
                let (energy, step) = counter.step((joules * 1e6) as u64, at);
                if step == Step::Reset {
                    self.remark = Some(format!("{} began anew", self.detail));
                }
                Ok(energy)
            }
            _ => Err(SourceError::Other(format!("{} says watts and joules in turn", self.detail))),
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Origin::Command(child, _) = self {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Joules;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meter");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn refused(source: Result<Box<dyn Source>, Unavailable>) -> String {
        source.map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_watts_is_added_up() {
        let (_folder, path) = written("watts 10\nwatts 40\nwatts 9");
        let start = Instant::now();
        let mut meter = file(&path, start).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((meter.tier(), meter.covers(), meter.name()), (Tier::Wall, Covers::Machine, "file"));
        // The last line has not ended: it may have been 95.
        let energy = meter.read(start + Duration::from_secs(2)).unwrap().energy;
        assert_eq!(energy, Energy::exact(Joules::from_f64(80.0)));
        std::fs::write(&path, "watts 60\n").unwrap();
        let energy = meter.read(start + Duration::from_secs(3)).unwrap().energy;
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [40.0, 50.0, 60.0]);
    }

    #[test]
    fn a_file_of_joules_is_counted_and_may_begin_anew() {
        let (_folder, path) = written("joules 1000.5\n");
        let start = Instant::now();
        let mut meter = file(&path, start).unwrap_or_else(|why| panic!("{why}"));
        std::fs::write(&path, "joules 1000.5\njoules 1042.75\n").unwrap();
        let energy = meter.read(start + Duration::from_secs(1)).unwrap().energy;
        assert_eq!(energy, Energy::exact(Joules::from_f64(42.25)));
        std::fs::write(&path, "joules 3\n").unwrap();
        let energy = meter.read(start + Duration::from_secs(2)).unwrap().energy;
        assert_eq!(energy.low, Joules::from_f64(3.0));
        assert!(meter.remark().is_some_and(|remark| remark.ends_with("began anew")));
    }

    #[test]
    fn a_meter_that_says_nothing_new_is_broken() {
        let (_folder, path) = written("watts 10\n");
        let start = Instant::now();
        let mut meter = file(&path, start).unwrap_or_else(|why| panic!("{why}"));
        assert!(meter.read(start + Duration::from_secs(89)).is_ok());
        let why = meter.read(start + Duration::from_secs(91)).unwrap_err().to_string();
        assert!(why.ends_with("has said nothing new for 91 s"), "{why}");
    }

    #[test]
    fn how_often_a_meter_speaks_is_learned() {
        let (_folder, path) = written("joules 0\n");
        let start = Instant::now();
        let mut meter = file(&path, start).unwrap_or_else(|why| panic!("{why}"));
        let mut look = |ms: u64, joules: u64| {
            std::fs::write(&path, format!("joules {joules}\n")).unwrap();
            meter.read(start + Duration::from_millis(ms)).unwrap();
            meter.update_interval()
        };
        // Lines every 50 ms, seen every 50 ms: a second until some have come.
        assert_eq!(look(50, 1), Duration::from_secs(1));
        assert_eq!([100, 150, 200].map(|ms| look(ms, ms)).last(), Some(&Duration::from_millis(50)));
        // It grows quiet: what is not heard from now on is in doubt already, and the gap is remembered.
        meter.read(start + Duration::from_millis(20_200)).unwrap();
        assert_eq!(meter.update_interval(), Duration::from_secs(20));
        let mut look = |ms: u64, joules: u64| {
            std::fs::write(&path, format!("joules {joules}\n")).unwrap();
            meter.read(start + Duration::from_millis(ms)).unwrap();
            meter.update_interval()
        };
        assert_eq!(look(30_200, 30_200), Duration::from_secs(30));
        assert_eq!(look(30_250, 30_250), Duration::from_secs(30));
        let later: Vec<Duration> = (1..=16).map(|step| look(30_250 + 50 * step, 30_250 + step)).collect();
        assert_eq!(later.last(), Some(&Duration::from_millis(50)), "{later:?}");

        let lines = "while true; do echo watts 25; sleep 0.01; done";
        let mut meter = command(lines, Instant::now()).unwrap_or_else(|why| panic!("{why}"));
        std::thread::sleep(Duration::from_millis(300));
        meter.read(Instant::now()).unwrap();
        let gap = meter.update_interval();
        assert!((10..900).contains(&gap.as_millis()), "{gap:?}");
    }

    #[test]
    fn watts_that_were_not_told_for_a_time_may_have_been_any() {
        let (_folder, path) = written("watts 100\n");
        let start = Instant::now();
        let mut meter = file(&path, start).unwrap_or_else(|why| panic!("{why}"));
        std::fs::write(&path, "watts unknown\n").unwrap();
        assert!(meter.read(start + Duration::from_secs(1)).is_err());
        std::fs::write(&path, "watts 100\n").unwrap();
        let energy = meter.read(start + Duration::from_secs(3)).unwrap().energy;
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [0.0, 300.0, 600.0]);
    }

    #[test]
    fn what_is_no_line_of_a_meter_is_told() {
        for text in ["", "45\n", "watt 45\n", "watts many\n", "watts -3\n", "watts inf\n", "joules\n"] {
            let (_folder, path) = written(text);
            let why = refused(file(&path, Instant::now()));
            assert!(why.contains("neither 'watts NUMBER' nor 'joules NUMBER'") && why.contains("; have the"), "{why}");
        }
        assert!(refused(file(Path::new("/nowhere/meter"), Instant::now())).starts_with("/nowhere/meter: "));
    }

    #[test]
    fn a_command_of_known_power_is_read_right() {
        let start = Instant::now();
        let lines = "while true; do echo watts 25; sleep 0.01; done";
        let mut meter = command(lines, start).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((meter.name(), meter.detail().as_str()), ("command", lines));
        let energy = meter.read(start + Duration::from_secs(4)).unwrap().energy;
        assert_eq!(energy, Energy::exact(Joules::from_f64(100.0)));
    }

    #[test]
    fn a_command_that_fails_is_told() {
        let at = Instant::now();
        for (line, words) in
            [("exit 3", "it ended"), ("echo watts 5", "it ended"), ("echo hello", "'hello' is neither")]
        {
            let why = refused(command(line, at));
            assert!(why.starts_with(&format!("the command '{line}': ")) && why.contains(words), "{why}");
        }
    }
}
