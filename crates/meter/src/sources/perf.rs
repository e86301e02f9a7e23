//! The same RAPL counters by another door: perf's `power/` events, which a capability opens where files do not.
//!
//! `perf_event_open` is reached through the crate perf-event2, whose interface is safe. The events are described in
//! `/sys/bus/event_source/devices/power`: `cpumask` names one processor of each package, `events/NAME.scale` the
//! joules of one count (2^-32).

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::powercap::UPDATE_INTERVAL;
use crate::counter::{Bank, Show};
use crate::energy::{Reading, Tier};
use crate::files;
use crate::source::{Covers, Roots, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "perf";

/// A counter that the kernel keeps for us: counts since it was opened.
type Count = Box<dyn FnMut() -> io::Result<u64> + Send>;

/// Opens the event of a name on a processor, given the folder of its kind.
type Opener = dyn Fn(&Path, &str, usize) -> io::Result<Count>;

/// Events of one machine that do not contain each other.
pub struct Perf {
    bank: Bank,
    detail: String,
    covers: Covers,
}

/// Looks for the events and begins to count.
///
/// # Errors
/// If there are none, or they may not be opened.
pub fn open(roots: &Roots, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    Ok(Box::new(find(roots, &open_event, at)?))
}

fn find(roots: &Roots, opener: &Opener, at: Instant) -> Result<Perf, Unavailable> {
    let folder = roots.sys.join("bus/event_source/devices/power");
    let cpus = files::text(&folder.join("cpumask")).map_err(|_| {
        Unavailable::hopeless(format!("{} is not there: this kernel or processor has none", folder.display()))
    })?;
    let cpus = one_per_package(&cpu_list(&cpus), roots);
    let has = |name: &&str| folder.join("events").join(name).exists();
    // As in powercap: the platform contains the packages, a package its cores and its graphics, none its memory.
    let parts = || ["energy-cores", "energy-gpu"].into_iter().filter(has).collect::<Vec<_>>();
    let (events, covers) = match ["energy-psys", "energy-pkg"].map(|name| has(&name)) {
        [true, _] => (vec!["energy-psys"], Covers::Machine),
        [_, true] => (["energy-pkg", "energy-ram"].into_iter().filter(has).collect(), Covers::Processor),
        _ => ([parts(), ["energy-ram"].into_iter().filter(has).collect()].concat(), Covers::Processor),
    };
    if events.is_empty() || cpus.is_empty() {
        return Err(Unavailable::hopeless(format!("{} has no event that counts energy", folder.display())));
    }
    let counters = events.iter().flat_map(|event| cpus.iter().map(move |&cpu| (*event, cpu)));
    let counters = counters.map(|(event, cpu)| {
        let scale: f64 = files::number(&folder.join(format!("events/{event}.scale")))
            .ok_or_else(|| Unavailable::hopeless(format!("{event} does not say how much one of its counts is")))?;
        let mut count = opener(&folder, event, cpu).map_err(|error| refused(event, &error, roots))?;
        let show: Show = Box::new(move || {
            count().map_err(|error| SourceError::Other(format!("the perf event cannot be read: {error}")))
        });
        Ok((show, None, scale * 1e6))
    });
    let counters = counters.collect::<Result<Vec<_>, Unavailable>>()?;
    let bank = Bank::open(counters, at).map_err(|error| Unavailable::hopeless(error.to_string()))?;
    let packages = if cpus.len() == 1 { String::new() } else { format!(" of {} packages", cpus.len()) };
    Ok(Perf { bank, detail: format!("{}{packages}", events.join(", ")), covers })
}

impl Source for Perf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tier(&self) -> Tier {
        Tier::Counter
    }

    fn covers(&self) -> Covers {
        self.covers
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn update_interval(&self) -> Duration {
        UPDATE_INTERVAL
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        // The kernel's counts have 64 bits and begin at our opening them: they neither wrap nor are they set back.
        let energy = self.bank.read(at)?.0;
        Ok(Reading { energy, tier: Tier::Counter, at })
    }
}

#[cfg(target_os = "linux")]
fn open_event(folder: &Path, event: &str, cpu: usize) -> io::Result<Count> {
    use perf_event::Builder;
    use perf_event::events::Dynamic;

    let event = Dynamic::builder(folder)?.event(event)?.build().map_err(io::Error::other)?;
    // These counters belong to the package, not to a program: any process, one processor, and nothing excluded, which
    // the kernel would refuse.
    let mut builder = Builder::new(event);
    let mut counter = builder.any_pid().one_cpu(cpu).exclude_kernel(false).exclude_hv(false).build()?;
    counter.enable()?;
    Ok(Box::new(move || counter.read()))
}

#[cfg(not(target_os = "linux"))]
fn open_event(_: &Path, _: &str, _: usize) -> io::Result<Count> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Why an event cannot be opened, and the mend.
fn refused(event: &str, error: &io::Error, roots: &Roots) -> Unavailable {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Unavailable::hopeless(format!("the perf event power/{event} cannot be opened: {error}"));
    }
    let paranoid = files::text(&roots.proc.join("sys/kernel/perf_event_paranoid")).unwrap_or_else(|_| "unknown".into());
    let why = format!("the perf event power/{event} may not be opened (kernel.perf_event_paranoid is {paranoid})");
    let mend = if roots.container {
        "start the container with --cap-add PERFMON and a seccomp profile that allows perf_event_open"
    } else {
        "give whit the right: sudo setcap cap_perfmon+ep $(command -v whit); or everybody, until the next start: sudo sysctl \
         kernel.perf_event_paranoid=0"
    };
    Unavailable::mendable(why, mend)
}

/// `0,24-25` as numbers.
fn cpu_list(text: &str) -> Vec<usize> {
    let ranges = text.split(',').filter_map(|range| {
        let (first, last) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

/// The first processor of each package: some kernels name one for every die of a package that has but one counter.
fn one_per_package(cpus: &[usize], roots: &Roots) -> Vec<usize> {
    let intel = files::text(&roots.proc.join("cpuinfo")).is_ok_and(|info| info.contains("GenuineIntel"));
    let mut seen = vec![];
    let package = |cpu: usize| {
        files::number::<u32>(&roots.sys.join(format!("devices/system/cpu/cpu{cpu}/topology/physical_package_id")))
    };
    cpus.iter()
        .copied()
        .filter(|&cpu| match package(cpu) {
            Some(package) if !intel => {
                !seen.contains(&package) && {
                    seen.push(package);
                    true
                }
            }
            _ => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::energy::{Energy, Joules};
    use crate::sources::tree::Tree;

    fn machine(events: &[&str], cpumask: &str) -> Tree {
        let tree = Tree::new();
        tree.write(&[("sys/bus/event_source/devices/power/cpumask", cpumask)]);
        for event in events {
            let event = format!("sys/bus/event_source/devices/power/events/{event}");
            tree.write(&[(&event, "event=0x02"), (&format!("{event}.scale"), "2.3283064365386962890625e-10")]);
        }
        tree
    }

    /// Opens what is asked for; all of it shows `shown`.
    fn find_with(tree: &Tree, shown: &Arc<AtomicU64>, at: Instant) -> (Perf, Vec<String>) {
        let opened = Arc::new(Mutex::new(vec![]));
        let (log, shown) = (opened.clone(), shown.clone());
        let opener = move |_: &Path, event: &str, cpu: usize| -> io::Result<Count> {
            log.lock().unwrap().push(format!("{event} on {cpu}"));
            let shown = shown.clone();
            Ok(Box::new(move || Ok(shown.load(Ordering::SeqCst))))
        };
        let perf = find(&tree.roots(), &opener, at).unwrap_or_else(|why| panic!("{why}"));
        let opened = opened.lock().unwrap().clone();
        (perf, opened)
    }

    #[test]
    fn events_are_added_up_where_none_contains_another() {
        let start = Instant::now();
        let shown = Arc::new(AtomicU64::new(0));
        let all = ["energy-cores", "energy-gpu", "energy-pkg", "energy-psys", "energy-ram"];
        for (events, expected) in [
            (&all[..], vec!["energy-psys on 0"]),
            (&all[..3], vec!["energy-pkg on 0"]),
            (&["energy-pkg", "energy-ram"], vec!["energy-pkg on 0", "energy-ram on 0"]),
            (&["energy-cores", "energy-ram"], vec!["energy-cores on 0", "energy-ram on 0"]),
        ] {
            assert_eq!(find_with(&machine(events, "0"), &shown, start).1, expected);
        }
        // 2^32 counts are one joule.
        let (mut perf, _) = find_with(&machine(&["energy-pkg"], "0"), &shown, start);
        shown.store(3 << 32, Ordering::SeqCst);
        let reading = perf.read(start + Duration::from_secs(1)).unwrap();
        assert_eq!(reading.energy, Energy::exact(Joules::from_f64(3.0)));
    }

    #[test]
    fn packages_are_told_from_dies() {
        let (start, shown) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let tree = machine(&["energy-pkg"], "0,8,64-65");
        for (cpu, package) in [(0, "0"), (8, "0"), (64, "1"), (65, "1")] {
            tree.write(&[(&format!("sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id"), package)]);
        }
        assert_eq!(find_with(&tree, &shown, start).1, ["energy-pkg on 0", "energy-pkg on 64"]);
        tree.write(&[("proc/cpuinfo", "vendor_id\t: GenuineIntel")]);
        assert_eq!(find_with(&tree, &shown, start).1.len(), 4);
    }

    #[test]
    fn what_may_not_be_opened_comes_with_the_mend() {
        let tree = machine(&["energy-pkg"], "0");
        tree.write(&[("proc/sys/kernel/perf_event_paranoid", "2")]);
        let why = |roots: &Roots, kind: io::ErrorKind| {
            let opener = move |_: &Path, _: &str, _: usize| -> io::Result<Count> { Err(kind.into()) };
            find(roots, &opener, Instant::now()).map(|_| ()).unwrap_err().to_string()
        };
        let mut roots = tree.roots();
        let told = why(&roots, io::ErrorKind::PermissionDenied);
        assert!(told.contains("perf_event_paranoid is 2") && told.contains("cap_perfmon+ep"), "{told}");
        roots.container = true;
        assert!(why(&roots, io::ErrorKind::PermissionDenied).contains("--cap-add PERFMON"));
        assert!(why(&roots, io::ErrorKind::Unsupported).contains("cannot be opened"));
        assert!(why(&Tree::new().roots(), io::ErrorKind::Other).contains("is not there"));
    }
}
