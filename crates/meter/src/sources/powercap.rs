//! Linux's powercap: the running average power limit (RAPL) counters of Intel and AMD processors, in
//! `/sys/class/powercap`.
//!
//! Which counter holds which part is in the kernel's `Documentation/power/powercap/powercap.rst` and in Intel's
//! Software Developer's Manual, volume 3B, "Package RAPL Domain" and on: `package-N` is a processor and contains its
//! `core` and `uncore`; `dram` is the memory beside it; `psys` is the platform and contains all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::counter::{Bank, Show, Step};
use crate::energy::{Energy, Joules, Reading, Tier};
use crate::files::{self, Gauge};
use crate::source::{Covers, Roots, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "powercap";

/// "Updated approximately every 1 ms" (Intel's manual, volume 3B, "RAPL Interfaces").
pub(crate) const UPDATE_INTERVAL: Duration = Duration::from_millis(1);

/// How long a counter is watched for a first movement.
const FIRST_MOVE: Duration = Duration::from_millis(100);

/// A platform's counter that stands still for so long while its packages count is a dummy.
const DUMMY_AFTER: Duration = Duration::from_secs(1);

/// Two counters that show the same to this many microjoules are one: a package draws less in the time between two
/// reads.
const SAME_COUNTER: u64 = 1_000_000;

/// What a zone counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Domain {
    Platform,
    Package {
        package: u32,
        die: Option<u32>,
    },
    Memory,
    /// Cores, or what is beside them on the package: parts of it.
    Part,
}

/// A counter in the tree.
#[derive(Clone, Debug)]
struct Zone {
    folder: PathBuf,
    /// `intel-rapl`, `intel-rapl-mmio`.
    control: String,
    /// As the kernel names it: `package-0`, `dram`.
    name: String,
    /// Name of the zone it is in, if it is in one.
    parent: Option<String>,
    domain: Domain,
}

/// Counters of one machine that do not contain each other.
pub struct Powercap {
    bank: Bank,
    detail: String,
    covers: Covers,
    /// What is below a platform's counter, in case that one is a dummy.
    below: Option<Below>,
    remark: Option<String>,
}

struct Below {
    bank: Bank,
    detail: String,
    /// What it counted since the platform's counter moved.
    unseen: Energy,
}

/// Looks for the counters and begins to count.
///
/// # Errors
/// If there are none, they may not be read, or they do not move.
pub fn open(roots: &Roots, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    let mut source = find(roots, at)?;
    source.wait_for_a_move(at)?;
    Ok(Box::new(source))
}

/// Looks for the counters, whether they move or not.
fn find(roots: &Roots, at: Instant) -> Result<Powercap, Unavailable> {
    let folder = roots.sys.join("class/powercap");
    let (platform, packages) = choose(zones(&folder, roots)?, &Vendor::of(roots));
    let bank = |zones: &[Zone]| {
        let counters = zones.iter().map(|zone| {
            let mut gauge = Gauge::open(zone.folder.join("energy_uj"))?;
            let show: Show = Box::new(move || gauge.read());
            Ok((show, files::number(&zone.folder.join("max_energy_range_uj")), 1.0))
        });
        let counters: Result<Vec<_>, SourceError> = counters.collect();
        counters.and_then(|counters| Bank::open(counters, at)).map_err(|error| {
            let path = match &error {
                SourceError::File { path, .. } => path.as_path(),
                _ => &folder,
            };
            let all = folder.join("*/energy_uj").display().to_string();
            files::unreadable(path, &error, &all, "/sys/devices/virtual/powercap", roots)
        })
    };
    let (top, covers) = match platform.is_empty() {
        true => (&packages, Covers::Processor),
        false => (&platform, Covers::Machine),
    };
    let below = match platform.is_empty() || packages.is_empty() {
        true => None,
        // Where they cannot be read, there is the platform's counter alone.
        false => bank(&packages).ok().map(|bank| Below { bank, detail: described(&packages), unseen: Energy::ZERO }),
    };
    Ok(Powercap { bank: bank(top)?, detail: described(top), covers, below, remark: None })
}

impl Powercap {
    /// Counters that never move are of no use: some virtual machines have such.
    fn wait_for_a_move(&mut self, at: Instant) -> Result<(), Unavailable> {
        let dead = |error: SourceError| Unavailable::hopeless(error.to_string());
        let began = Instant::now();
        let mut below_moved = false;
        while began.elapsed() < FIRST_MOVE {
            std::thread::sleep(2 * UPDATE_INTERVAL);
            let now = at + began.elapsed();
            if self.bank.read(now).map_err(dead)?.1 != Step::Still {
                return Ok(());
            }
            if let Some(below) = &mut self.below {
                match below.bank.read(now) {
                    Ok((_, step)) => below_moved |= step != Step::Still,
                    Err(_) => self.below = None,
                }
            }
        }
        if below_moved && self.below.is_some() {
            self.give_up_platform();
            return Ok(());
        }
        Err(Unavailable::mendable(
            format!("the counters of {} stand still", self.detail),
            "in a virtual machine measure on its host, or name a meter of your own (file:PATH or command:LINE)",
        ))
    }

    /// From now on what is below counts. Returns what that counted unseen.
    fn give_up_platform(&mut self) -> Energy {
        let Some(below) = self.below.take() else { return Energy::ZERO };
        self.remark = Some(format!("{} stands still: {} are counted instead", self.detail, below.detail));
        (self.bank, self.detail, self.covers) = (below.bank, below.detail, Covers::Processor);
        below.unseen
    }
}

impl Source for Powercap {
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
        let mut counted = self.bank.read(at);
        if let Some(below) = &mut self.below {
            match (below.bank.read(at), &counted) {
                (Ok((more, _)), Ok((_, Step::Still)) | Err(SourceError::StandsStill { .. })) => below.unseen += more,
                (Ok(_), _) => below.unseen = Energy::ZERO,
                // What stands still or cannot be read takes no platform's place.
                (Err(_), Err(_)) => {}
                (Err(_), Ok(_)) => self.below = None,
            }
            let counts = self.below.as_ref().is_some_and(|below| below.unseen.joules > Joules::ZERO);
            if counts && self.bank.still_for(at) >= DUMMY_AFTER {
                counted = Ok((self.give_up_platform(), Step::Counted));
            }
        }
        let (energy, step) = counted?;
        match step {
            Step::Reset => self.remark = Some(format!("a counter of {} was set back", self.detail)),
            Step::Lost => {
                self.remark = Some(format!("{} may have gone round unseen since the last reading", self.detail));
            }
            Step::Counted | Step::Still => {}
        }
        Ok(Reading { energy, tier: Tier::Counter, at })
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

/// All zones with a counter, those of `intel-rapl` first.
fn zones(folder: &Path, roots: &Roots) -> Result<Vec<Zone>, Unavailable> {
    let module = "load the kernel's driver: sudo modprobe intel_rapl_msr (it serves AMD too)";
    let virtual_machine = || {
        let why = "this is a virtual machine, whose host keeps its power counters to itself";
        Unavailable::mendable(why, "measure on the host, or name a meter of your own (file:PATH or command:LINE)")
    };
    let names = files::names(folder);
    if names.is_empty() {
        return Err(match folder.is_dir() {
            _ if roots.is_virtual() => virtual_machine(),
            true => Unavailable::mendable(format!("{} is empty", folder.display()), module),
            false => Unavailable::mendable(format!("there is no {}", folder.display()), module),
        });
    }
    let mut zones: Vec<Zone> = names.iter().filter_map(|id| zone(folder, id)).collect();
    if zones.is_empty() {
        let hidden = names.iter().find(|name| name.contains(':') && !folder.join(name).exists());
        return Err(match hidden {
            // The links are there and what they point to is not: container runtimes mask it (CVE-2020-8694).
            Some(name) => Unavailable::mendable(
                format!("{} points to nothing: a container hides the counters", folder.join(name).display()),
                "start the container with -v /sys/devices/virtual/powercap:/sys/devices/virtual/powercap:ro",
            ),
            None if roots.is_virtual() => virtual_machine(),
            None => Unavailable::mendable(format!("{} has no zone that counts energy", folder.display()), module),
        });
    }
    zones.sort_by_key(|zone| zone.control != "intel-rapl");
    Ok(zones)
}

/// The zone in `folder/id`, if it is one that counts energy.
fn zone(folder: &Path, id: &str) -> Option<Zone> {
    let (control, numbers) = id.split_once(':')?;
    let path = folder.join(id);
    let name = files::text(&path.join("name")).ok()?;
    if !path.join("energy_uj").exists() {
        return None;
    }
    let parent = match numbers.rsplit_once(':') {
        Some((parent, _)) => Some(files::text(&folder.join(format!("{control}:{parent}")).join("name")).ok()?),
        None => None,
    };
    let domain = match name.split('-').collect::<Vec<_>>()[..] {
        ["psys", ..] => Domain::Platform,
        ["package", package] => Domain::Package { package: package.parse().ok()?, die: None },
        ["package", package, "die", die] => {
            Domain::Package { package: package.parse().ok()?, die: Some(die.parse().ok()?) }
        }
        ["dram", ..] => Domain::Memory,
        ["core" | "uncore", ..] => Domain::Part,
        _ => return None,
    };
    Some(Zone { folder: path, control: control.into(), name, parent, domain })
}

/// Whose processors these are; it decides whether the dies of a package have counters of their own.
#[derive(Debug, PartialEq, Eq)]
enum Vendor {
    Intel,
    Amd,
    Unknown,
}

impl Vendor {
    fn of(roots: &Roots) -> Vendor {
        let info = std::fs::read_to_string(roots.proc.join("cpuinfo")).unwrap_or_default();
        let name = info.lines().find_map(|line| line.strip_prefix("vendor_id")).unwrap_or_default();
        match name.trim_start_matches(['\t', ' ', ':']).trim() {
            "GenuineIntel" => Vendor::Intel,
            "AuthenticAMD" | "HygonGenuine" => Vendor::Amd,
            _ => Vendor::Unknown,
        }
    }
}

/// The zones to add up, none of which contains another: those of the platform, and those of packages and memory.
fn choose(zones: Vec<Zone>, vendor: &Vendor) -> (Vec<Zone>, Vec<Zone>) {
    // The same domain may be shown by several control types (`intel-rapl` and `intel-rapl-mmio`): the first one
    // counts.
    let mut seen = BTreeSet::new();
    let mut zones: Vec<Zone> =
        zones.into_iter().filter(|zone| seen.insert((zone.name.clone(), zone.parent.clone()))).collect();
    let copies = copied_dies(&zones, vendor);
    zones.retain(|zone| !copies.contains(&zone.name) && !zone.parent.as_ref().is_some_and(|p| copies.contains(p)));

    let of = |wanted: fn(&Domain) -> bool| zones.iter().filter(move |zone| wanted(&zone.domain)).cloned();
    let platform = of(|domain| *domain == Domain::Platform).collect();
    let mut packages: Vec<Zone> = of(|domain| matches!(domain, Domain::Package { .. })).collect();
    if packages.is_empty() {
        packages.extend(of(|domain| *domain == Domain::Part));
    }
    packages.extend(of(|domain| *domain == Domain::Memory));
    (platform, packages)
}

/// Names of dies that show the counter of another die. AMD has one for a package, but Linux 6.9 to 6.12 shows it once
/// for each die (mended by "perf/x86/rapl: Fix the energy-pkg event for AMD CPUs"); Intel has one for each die.
fn copied_dies(zones: &[Zone], vendor: &Vendor) -> BTreeSet<String> {
    let mut firsts: Vec<(u32, Option<u64>)> = vec![];
    let mut copies = BTreeSet::new();
    for zone in zones {
        let Domain::Package { package, die: Some(_) } = zone.domain else { continue };
        let shows = files::number::<u64>(&zone.folder.join("energy_uj"));
        let same = |first: Option<u64>| match vendor {
            Vendor::Intel => false,
            Vendor::Amd => true,
            Vendor::Unknown => matches!((first, shows), (Some(a), Some(b)) if a.abs_diff(b) < SAME_COUNTER),
        };
        if firsts.iter().any(|&(of, first)| of == package && same(first)) {
            copies.insert(zone.name.clone());
        } else {
            firsts.push((package, shows));
        }
    }
    copies
}

/// `package-0, dram (intel-rapl)`.
fn described(zones: &[Zone]) -> String {
    let name = |zone: &Zone| match &zone.parent {
        Some(parent) => format!("{} of {parent}", zone.name),
        None => zone.name.clone(),
    };
    let names: Vec<String> = zones.iter().map(name).collect();
    let controls: BTreeSet<&str> = zones.iter().map(|zone| zone.control.as_str()).collect();
    format!("{} ({})", names.join(", "), controls.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::tree::Tree;

    /// A zone of `class/powercap`: its folder, its name, what its counter shows.
    fn zone_files(tree: &Tree, id: &str, name: &str, microjoules: u64) {
        tree.write(&[
            (&format!("sys/class/powercap/{id}/name"), name),
            (&format!("sys/class/powercap/{id}/energy_uj"), &microjoules.to_string()),
            (&format!("sys/class/powercap/{id}/max_energy_range_uj"), "262143328850"),
        ]);
    }

    fn show(tree: &Tree, id: &str, microjoules: u64) {
        tree.write(&[(&format!("sys/class/powercap/{id}/energy_uj"), &microjoules.to_string())]);
    }

    fn vendor(tree: &Tree, name: &str) {
        tree.write(&[("proc/cpuinfo", &format!("processor\t: 0\nvendor_id\t: {name}\nflags\t\t: fpu vme"))]);
    }

    /// A machine with one package of everything.
    fn laptop() -> Tree {
        let tree = Tree::new();
        vendor(&tree, "GenuineIntel");
        tree.write(&[("sys/class/powercap/intel-rapl/enabled", "1")]);
        zone_files(&tree, "intel-rapl:0", "package-0", 1_000_000);
        zone_files(&tree, "intel-rapl:0:0", "core", 400_000);
        zone_files(&tree, "intel-rapl:0:1", "uncore", 100_000);
        zone_files(&tree, "intel-rapl:0:2", "dram", 200_000);
        tree
    }

    fn opened(tree: &Tree, at: Instant) -> Powercap {
        find(&tree.roots(), at).unwrap_or_else(|why| panic!("{why}"))
    }

    fn read(source: &mut Powercap, start: Instant, seconds: f64) -> Energy {
        source.read(start + Duration::from_secs_f64(seconds)).expect("read").energy
    }

    fn joules(joules: f64) -> Energy {
        Energy::exact(Joules::from_f64(joules))
    }

    #[test]
    fn a_package_contains_its_cores_and_not_its_memory() {
        let (tree, start) = (laptop(), Instant::now());
        let mut source = opened(&tree, start);
        assert_eq!(source.detail(), "package-0, dram of package-0 (intel-rapl)");
        assert_eq!((source.covers(), source.tier()), (Covers::Processor, Tier::Counter));
        for (id, shows) in [("0", 11_000_000), ("0:0", 9_000_000), ("0:1", 8_000_000), ("0:2", 2_200_000)] {
            show(&tree, &format!("intel-rapl:{id}"), shows);
        }
        assert_eq!(read(&mut source, start, 1.0), joules(12.0));
    }

    #[test]
    fn the_platform_contains_the_packages() {
        let (tree, start) = (laptop(), Instant::now());
        zone_files(&tree, "intel-rapl:1", "psys", 5_000_000);
        let mut source = opened(&tree, start);
        assert_eq!((source.detail().as_str(), source.covers()), ("psys (intel-rapl)", Covers::Machine));
        show(&tree, "intel-rapl:0", 11_000_000);
        show(&tree, "intel-rapl:1", 25_000_000);
        assert_eq!(read(&mut source, start, 1.0), joules(20.0));
        assert_eq!(source.remark(), None);
    }

    #[test]
    fn a_platform_that_stands_still_gives_way_to_its_packages_without_losing_a_joule() {
        let (tree, start) = (laptop(), Instant::now());
        zone_files(&tree, "intel-rapl:1", "psys", 0);
        let mut source = opened(&tree, start);
        show(&tree, "intel-rapl:0", 11_000_000);
        assert_eq!(read(&mut source, start, 0.5).joules, Joules::ZERO);
        show(&tree, "intel-rapl:0", 21_000_000);
        assert_eq!(read(&mut source, start, 1.0).joules, Joules::from_f64(20.0));
        let remark = source.remark().expect("a remark");
        assert!(remark.contains("psys (intel-rapl) stands still: package-0"), "{remark}");
        assert_eq!(source.covers(), Covers::Processor);
        show(&tree, "intel-rapl:0", 22_000_000);
        assert_eq!(read(&mut source, start, 2.0), joules(1.0));
    }

    #[test]
    fn a_platform_counts_on_where_its_packages_do_not() {
        // They stand still, longer than a counter may; or they cannot be read any more.
        for shows in [None, Some("")] {
            let (tree, start) = (laptop(), Instant::now());
            zone_files(&tree, "intel-rapl:1", "psys", 0);
            let mut source = opened(&tree, start);
            for second in 1..=4 {
                show(&tree, "intel-rapl:1", second * 20_000_000);
                if let Some(text) = shows {
                    tree.write(&[("sys/class/powercap/intel-rapl:0/energy_uj", text)]);
                }
                assert_eq!(read(&mut source, start, second as f64), joules(20.0), "{shows:?} after {second} s");
            }
            assert_eq!((source.remark(), source.covers()), (None, Covers::Machine));
        }
        // They can never be read.
        let (tree, start) = (laptop(), Instant::now());
        zone_files(&tree, "intel-rapl:1", "psys", 0);
        tree.write(&[("sys/class/powercap/intel-rapl:0/energy_uj", "none")]);
        let mut source = opened(&tree, start);
        show(&tree, "intel-rapl:1", 20_000_000);
        assert_eq!(read(&mut source, start, 1.0), joules(20.0));
    }

    #[test]
    fn two_ways_to_one_counter_are_counted_once() {
        let (tree, start) = (laptop(), Instant::now());
        zone_files(&tree, "intel-rapl-mmio:0", "package-0", 1_000_000);
        zone_files(&tree, "intel-rapl-mmio:0:0", "dram", 200_000);
        let mut source = opened(&tree, start);
        for control in ["intel-rapl", "intel-rapl-mmio"] {
            show(&tree, &format!("{control}:0"), 11_000_000);
        }
        assert_eq!(read(&mut source, start, 1.0), joules(10.0));
    }

    #[test]
    fn packages_add_up_and_so_do_the_dies_of_intel() {
        let (tree, start) = (Tree::new(), Instant::now());
        vendor(&tree, "GenuineIntel");
        for (zone, name) in
            ["package-0-die-0", "package-0-die-1", "package-1-die-0", "package-1-die-1"].iter().enumerate()
        {
            zone_files(&tree, &format!("intel-rapl:{zone}"), name, 0);
        }
        let mut source = opened(&tree, start);
        (0..4).for_each(|zone| show(&tree, &format!("intel-rapl:{zone}"), 10_000_000));
        assert_eq!(read(&mut source, start, 1.0), joules(40.0));
    }

    #[test]
    fn dies_that_show_the_counter_of_their_package_are_counted_once() {
        // AMD always; processors of nobody in particular if their counters show the same.
        for (name, second, expected) in
            [("AuthenticAMD", 77_000_100, 10.0), ("Unheard", 77_000_100, 10.0), ("Unheard", 99_000_000, 20.0)]
        {
            let (tree, start) = (Tree::new(), Instant::now());
            vendor(&tree, name);
            zone_files(&tree, "intel-rapl:0", "package-0-die-0", 77_000_000);
            zone_files(&tree, "intel-rapl:1", "package-0-die-1", second);
            zone_files(&tree, "intel-rapl:1:0", "dram", 0);
            let mut source = opened(&tree, start);
            show(&tree, "intel-rapl:0", 87_000_000);
            show(&tree, "intel-rapl:1", second + 10_000_000);
            assert_eq!(read(&mut source, start, 1.0), joules(expected), "{name}");
        }
    }

    #[test]
    fn without_a_package_its_parts_are_counted() {
        let (tree, start) = (laptop(), Instant::now());
        std::fs::remove_file(tree.path("sys/class/powercap/intel-rapl:0/energy_uj")).unwrap();
        let mut source = opened(&tree, start);
        assert_eq!(source.detail(), "core of package-0, uncore of package-0, dram of package-0 (intel-rapl)");
        show(&tree, "intel-rapl:0:0", 1_400_000);
        show(&tree, "intel-rapl:0:1", 1_100_000);
        show(&tree, "intel-rapl:0:2", 1_200_000);
        assert_eq!(read(&mut source, start, 1.0), joules(3.0));
    }

    #[test]
    fn it_counts_on_when_a_counter_wraps_and_says_when_one_was_reset() {
        let (tree, start) = (laptop(), Instant::now());
        show(&tree, "intel-rapl:0", 262_143_328_850 - 1_000_000);
        let mut source = opened(&tree, start);
        show(&tree, "intel-rapl:0", 4_000_000);
        assert_eq!(read(&mut source, start, 1.0), joules(5.0));
        assert_eq!(source.remark(), None);
        show(&tree, "intel-rapl:0", 1_000_000);
        let energy = read(&mut source, start, 2.0);
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [1.0, 5.0, 6.0]);
        assert_eq!(
            source.remark().as_deref(),
            Some("a counter of package-0, dram of package-0 (intel-rapl) was set back")
        );
    }

    #[test]
    fn counters_that_do_not_move_are_told_and_not_used() {
        let why = open(&laptop().roots(), Instant::now()).map(|_| ()).unwrap_err().to_string();
        assert!(why.starts_with("the counters of package-0, dram of package-0 (intel-rapl) stand still; "), "{why}");
    }

    fn refused(tree: &Tree) -> String {
        find(&tree.roots(), Instant::now()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_missing_comes_with_its_mend() {
        let tree = Tree::new();
        vendor(&tree, "GenuineIntel");
        assert!(refused(&tree).ends_with("load the kernel's driver: sudo modprobe intel_rapl_msr (it serves AMD too)"));
        tree.write(&[("sys/class/powercap/dtpm/enabled", "1")]);
        assert!(
            refused(&tree).contains("has no zone that counts energy; load the kernel's driver"),
            "{}",
            refused(&tree)
        );
        std::os::unix::fs::symlink("/nowhere/intel-rapl:0", tree.path("sys/class/powercap/intel-rapl:0")).unwrap();
        let why = refused(&tree);
        assert!(
            why.contains("a container hides the counters; start the container with -v /sys/devices/virtual"),
            "{why}"
        );
    }

    #[test]
    fn a_virtual_machine_is_told_that_it_is_one() {
        let tree = Tree::new();
        tree.write(&[("proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor lahf_lm")]);
        assert!(
            refused(&tree).starts_with("this is a virtual machine, whose host keeps its power counters to itself; ")
        );
    }
}
