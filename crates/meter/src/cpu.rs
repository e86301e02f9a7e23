//! What the system says of its processors: what they are, and how busy they are and with whom.

use std::path::Path;
use std::time::Duration;

use crate::source::Roots;

/// Linux counts processor time in hundredths of a second wherever a program can see it (`USER_HZ`, which is 100 on
/// all its architectures but Alpha and IA-64).
const TICKS_PER_SECOND: f64 = 100.0;

/// Time of all processors together since the system started, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// Of work.
    pub busy: f64,
    /// Of nothing to do, waiting for disks included.
    pub idle: f64,
    /// How many processors there are.
    pub processors: usize,
}

impl CpuTimes {
    /// Reads `/proc/stat`; `None` where there is none.
    pub fn read(roots: &Roots) -> Option<CpuTimes> {
        CpuTimes::parse(&std::fs::read_to_string(roots.proc.join("stat")).ok()?)
    }

    /// The fields are user, nice, system, idle, iowait, irq, softirq, steal, and guests, who are in user already
    /// (proc_stat(5)). Stolen time is somebody else's: neither ours nor idle.
    fn parse(text: &str) -> Option<CpuTimes> {
        let mut lines = text.lines();
        let all = lines.next()?.strip_prefix("cpu ")?;
        let ticks: Vec<f64> = all.split_whitespace().map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, waiting, irq, soft, ..] = ticks[..] else { return None };
        Some(CpuTimes {
            busy: (user + nice + system + irq + soft) / TICKS_PER_SECOND,
            idle: (idle + waiting) / TICKS_PER_SECOND,
            processors: lines.take_while(|line| line.starts_with("cpu")).count(),
        })
    }

    /// The part of the time since `earlier` that the processors were busy, and their busy time in seconds.
    pub fn load_since(&self, earlier: &CpuTimes) -> (f64, f64) {
        // Idle time may go back a little (proc_stat(5)).
        let busy = (self.busy - earlier.busy).max(0.0);
        let idle = (self.idle - earlier.idle).max(0.0);
        (if busy + idle > 0.0 { busy / (busy + idle) } else { 0.0 }, busy)
    }
}

/// Processor time of this process and its children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnTimes {
    /// Of this process, all threads.
    pub own: Duration,
    /// Of children that have ended and were waited for.
    pub children: Duration,
}

impl OwnTimes {
    /// Reads `/proc/self/stat`; `None` where there is none.
    pub fn read(roots: &Roots) -> Option<OwnTimes> {
        OwnTimes::parse(&std::fs::read_to_string(roots.proc.join("self/stat")).ok()?)
    }

    /// Fields 14 to 17 of proc_pid_stat(5); the name before them may hold anything, but ends with the last
    /// parenthesis.
    fn parse(text: &str) -> Option<OwnTimes> {
        let (_, fields) = text.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
        let mut next = || Some(Duration::from_secs_f64(times.next()?.max(0.0) / TICKS_PER_SECOND));
        Some(OwnTimes { own: next()? + next()?, children: next()? + next()? })
    }
}

/// A processor as far as its power can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub vendor: String,
    pub family: u32,
    pub model: u32,
    pub stepping: u32,
    pub name: String,
}

impl Identity {
    /// Reads `/proc/cpuinfo`, its first processor.
    pub fn read(roots: &Roots) -> Identity {
        let info = std::fs::read_to_string(roots.proc.join("cpuinfo")).unwrap_or_default();
        let field = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
        };
        let number = |name| field(name).and_then(|value| value.parse().ok()).unwrap_or_default();
        Identity {
            vendor: field("vendor_id").unwrap_or_default(),
            family: number("cpu family"),
            model: number("model"),
            stepping: number("stepping"),
            name: field("model name").unwrap_or_default(),
        }
    }
}

/// The machine's memory in bytes; 0 where the system does not say.
pub(crate) fn memory_bytes(roots: &Roots) -> u64 {
    let info = std::fs::read_to_string(roots.proc.join("meminfo")).unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// The mean frequency of the processors as a part of the highest they can have; `None` where the system does not say,
/// as in most virtual machines.
pub(crate) fn relative_frequency(policies: &[Policy]) -> Option<f64> {
    let parts: Vec<f64> = policies.iter().filter_map(Policy::relative).collect();
    (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64)
}

/// Processors that change their frequency together.
pub(crate) struct Policy {
    current: std::path::PathBuf,
    highest: f64,
}

impl Policy {
    /// All of them.
    pub fn all(roots: &Roots) -> Vec<Policy> {
        let folder = roots.sys.join("devices/system/cpu/cpufreq");
        let policies = crate::files::names(&folder);
        let of = |path: &Path| {
            let highest =
                crate::files::number::<f64>(&path.join("cpuinfo_max_freq")).filter(|kilohertz| *kilohertz > 0.0)?;
            Some(Policy { current: path.join("scaling_cur_freq"), highest })
        };
        policies.iter().filter(|name| name.starts_with("policy")).filter_map(|name| of(&folder.join(name))).collect()
    }

    fn relative(&self) -> Option<f64> {
        crate::files::number::<f64>(&self.current).map(|kilohertz| (kilohertz / self.highest).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_neither_busy_nor_idle() {
        let text =
            |user, idle, steal| format!("cpu  {user} 100 50 {idle} 20 5 5 {steal} 7 0\ncpu0 1\ncpu1 1\nintr 1\n");
        let first = CpuTimes::parse(&text(1000, 3000, 10)).unwrap();
        assert_eq!(first, CpuTimes { busy: 11.6, idle: 30.2, processors: 2 });
        let second = CpuTimes::parse(&text(1300, 3100, 900)).unwrap();
        let (load, busy) = second.load_since(&first);
        assert!((load - 0.75).abs() < 1e-9 && (busy - 3.0).abs() < 1e-9, "{load} {busy}");
        assert_eq!(first.load_since(&first), (0.0, 0.0));
        assert_eq!(CpuTimes::parse("cpu  1 2"), None);
    }

    #[test]
    fn the_name_of_a_program_does_not_confuse() {
        let stat = "77 (a) b 9 9) S 1 77 77 0 -1 4194560 100 0 0 0 150 50 30 20 20 0 4 0 100 1 2";
        let expected = OwnTimes { own: Duration::from_secs(2), children: Duration::from_millis(500) };
        assert_eq!(OwnTimes::parse(stat), Some(expected));
        assert_eq!(OwnTimes::parse("77 (a) S 1"), None);
    }

    #[test]
    fn this_machine_can_be_read() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let roots = Roots { sys: "/sys".into(), proc: "/proc".into(), container: false };
        assert!(CpuTimes::read(&roots).is_some_and(|times| times.processors > 0 && times.busy > 0.0));
        assert!(OwnTimes::read(&roots).is_some());
        assert!(memory_bytes(&roots) > 0);
    }
}
