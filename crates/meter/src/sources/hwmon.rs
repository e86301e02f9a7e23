//! Linux's hardware monitors in `/sys/class/hwmon`, as far as it is known what they measure.
//!
//! Hundreds of drivers have power and energy channels, and nothing in them says which channel contains which. So only
//! these are taken: `power_meter`, the ACPI power meter of a server's power supplies (the whole machine); the energy
//! of the sockets that `amd_energy` counts; and the input rail `VDD_IN` that NVIDIA's Jetson boards have on an
//! `ina3221` (the whole board). Channels of others are named, so that a user who knows them can read them with
//! `file:` or `command:`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::counter::{Bank, Show, Step};
use crate::energy::{Reading, Tier};
use crate::files::{self, Gauge};
use crate::power::Integrator;
use crate::source::{Covers, Roots, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "hwmon";

/// The power meter of ACPI averages over so long unless it says otherwise in `power1_average_interval`.
const AVERAGE_INTERVAL: Duration = Duration::from_secs(1);

/// How a monitor is read.
enum Way {
    /// Microjoules.
    Energy(Bank),
    /// Watts of each channel.
    Power(Vec<(Channel, Integrator)>),
}

/// A channel of power.
enum Channel {
    /// Microwatts.
    Power(Gauge),
    /// Milliamperes and millivolts.
    Product(Gauge, Gauge),
}

impl Channel {
    fn watts(&mut self) -> Result<f64, SourceError> {
        match self {
            Channel::Power(gauge) => Ok(gauge.read::<f64>()? * 1e-6),
            Channel::Product(amperes, volts) => Ok(amperes.read::<f64>()? * volts.read::<f64>()? * 1e-6),
        }
    }
}

/// One monitor, or several of one kind.
pub struct Hwmon {
    way: Way,
    detail: String,
    covers: Covers,
    update_interval: Duration,
    remark: Option<String>,
}

/// Looks for a monitor of a known kind.
///
/// # Errors
/// If there is none; the channels of unknown kinds are named.
pub fn open(roots: &Roots, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    let folder = roots.sys.join("class/hwmon");
    let monitors: Vec<(String, PathBuf)> = files::names(&folder)
        .iter()
        .filter_map(|id| Some((files::text(&folder.join(id).join("name")).ok()?, folder.join(id))))
        .collect();
    let called = |wanted: &str| -> Vec<&PathBuf> {
        monitors.iter().filter(|(name, _)| name == wanted).map(|(_, path)| path).collect()
    };
    let told = |error: SourceError| {
        let path = match &error {
            SourceError::File { path, .. } => path.clone(),
            _ => folder.clone(),
        };
        files::unreadable(&path, &error, &path.display().to_string(), "/sys/class/hwmon", roots)
    };
    let meters = called("power_meter");
    if !meters.is_empty() {
        return power_meter(&meters, at).map_err(told);
    }
    let rails: Vec<Channel> = called("ina3221").into_iter().filter_map(|path| input_rail(path)).collect();
    if !rails.is_empty() {
        let way = power(rails, at).map_err(told)?;
        let detail = "VDD_IN (ina3221)".into();
        let update_interval = Duration::from_millis(100);
        return Ok(Box::new(Hwmon { way, detail, covers: Covers::Machine, update_interval, remark: None }));
    }
    let sockets: Vec<PathBuf> = called("amd_energy").into_iter().flat_map(|path| sockets(path)).collect();
    if !sockets.is_empty() {
        return amd_energy(sockets, at).map_err(told);
    }
    let others = unknown(&monitors);
    Err(match others.is_empty() {
        true => Unavailable::hopeless(format!("{} has no monitor of power or energy", folder.display())),
        false => Unavailable::mendable(
            format!("it is not known what these measure: {}", others.join(", ")),
            "if you know, name one with command:, a command that prints 'watts NUMBER' again and again",
        ),
    })
}

fn power_meter(meters: &[&PathBuf], at: Instant) -> Result<Box<dyn Source>, SourceError> {
    // An average misses nothing between two looks; a momentary figure may.
    let gauges = meters.iter().map(|path| match Gauge::open(path.join("power1_average")) {
        Ok(gauge) => Ok(Channel::Power(gauge)),
        Err(SourceError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Gauge::open(path.join("power1_input")).map(Channel::Power)
        }
        Err(error) => Err(error),
    });
    let interval = meters.iter().filter_map(|path| files::number(&path.join("power1_average_interval"))).max();
    Ok(Box::new(Hwmon {
        way: power(gauges.collect::<Result<_, _>>()?, at)?,
        detail: format!("the machine's power supply (power_meter, {})", plural(meters.len(), "meter")),
        covers: Covers::Machine,
        update_interval: interval.map_or(AVERAGE_INTERVAL, Duration::from_millis),
        remark: None,
    }))
}

fn amd_energy(sockets: Vec<PathBuf>, at: Instant) -> Result<Box<dyn Source>, SourceError> {
    let count = sockets.len();
    let counters = sockets.into_iter().map(|path| {
        let mut gauge = Gauge::open(path)?;
        let show: Show = Box::new(move || gauge.read());
        // The driver itself sees to it that they do not wrap.
        Ok((show, None, 1.0))
    });
    Ok(Box::new(Hwmon {
        way: Way::Energy(Bank::open(counters.collect::<Result<Vec<_>, SourceError>>()?, at)?),
        detail: format!("{} (amd_energy)", plural(count, "socket")),
        covers: Covers::Processor,
        update_interval: super::powercap::UPDATE_INTERVAL,
        remark: None,
    }))
}

fn power(channels: Vec<Channel>, at: Instant) -> Result<Way, SourceError> {
    let channels = channels.into_iter().map(|mut channel| {
        let watts = channel.watts()?;
        // The drivers state no error.
        Ok((channel, Integrator::new(watts, 0.0, at)))
    });
    Ok(Way::Power(channels.collect::<Result<_, SourceError>>()?))
}

/// The channels of `path` that are labelled so.
fn labelled(path: &Path, label: impl Fn(&str) -> bool) -> Vec<String> {
    let names = files::names(path);
    let channels = names.iter().filter_map(|name| name.strip_suffix("_label"));
    channels
        .filter(|channel| files::text(&path.join(format!("{channel}_label"))).is_ok_and(|text| label(&text)))
        .map(str::to_owned)
        .collect()
}

/// What `amd_energy` counts for whole sockets: cores are parts of them.
fn sockets(path: &Path) -> Vec<PathBuf> {
    let sockets = labelled(path, |label| label.starts_with("Esocket"));
    sockets.into_iter().map(|channel| path.join(format!("{channel}_input"))).collect()
}

/// The rail that feeds a Jetson board: `inN` in millivolts and `currN` in milliamperes, of the same number.
fn input_rail(path: &Path) -> Option<Channel> {
    let channel = labelled(path, |label| label == "VDD_IN").into_iter().find(|channel| channel.starts_with("in"))?;
    let number = channel.strip_prefix("in")?;
    let amperes = Gauge::open(path.join(format!("curr{number}_input"))).ok()?;
    Some(Channel::Product(amperes, Gauge::open(path.join(format!("in{number}_input"))).ok()?))
}

/// Channels of power and energy of monitors that are not known: `amdgpu power1_average`.
fn unknown(monitors: &[(String, PathBuf)]) -> Vec<String> {
    let is_power = |name: &String| {
        (name.starts_with("power") && (name.ends_with("_average") || name.ends_with("_input")))
            || (name.starts_with("energy") && name.ends_with("_input"))
    };
    let of = |(name, path): &(String, PathBuf)| -> Vec<String> {
        files::names(path).into_iter().filter(is_power).map(|channel| format!("{name} {channel}")).collect()
    };
    monitors.iter().flat_map(of).collect()
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

impl Source for Hwmon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tier(&self) -> Tier {
        match self.covers {
            Covers::Machine => Tier::Wall,
            _ => Tier::Counter,
        }
    }

    fn covers(&self) -> Covers {
        self.covers
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn update_interval(&self) -> Duration {
        self.update_interval
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        let energy = match &mut self.way {
            Way::Energy(bank) => {
                let (energy, step) = bank.read(at)?;
                if step == Step::Reset {
                    self.remark = Some(format!("a counter of {} was set back", self.detail));
                }
                energy
            }
            Way::Power(channels) => {
                let watts: Result<Vec<f64>, _> = channels.iter_mut().map(|(channel, _)| channel.watts()).collect();
                if watts.is_err() {
                    channels.iter_mut().for_each(|(_, power)| power.miss());
                }
                let watts = watts?;
                channels.iter_mut().zip(watts).map(|((_, power), watts)| power.step(watts, at)).sum()
            }
        };
        Ok(Reading { energy, tier: self.tier(), at })
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Energy, Joules};
    use crate::sources::tree::Tree;

    fn opened(tree: &Tree, at: Instant) -> Box<dyn Source> {
        open(&tree.roots(), at).unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn a_power_meter_is_the_whole_machine() {
        let (tree, start) = (Tree::new(), Instant::now());
        tree.write(&[
            ("sys/class/hwmon/hwmon0/name", "coretemp"),
            ("sys/class/hwmon/hwmon3/name", "power_meter"),
            ("sys/class/hwmon/hwmon3/power1_average", "250000000"),
            ("sys/class/hwmon/hwmon3/power1_average_interval", "500"),
        ]);
        let mut source = opened(&tree, start);
        assert_eq!((source.tier(), source.covers()), (Tier::Wall, Covers::Machine));
        assert_eq!(source.update_interval(), Duration::from_millis(500));
        tree.write(&[("sys/class/hwmon/hwmon3/power1_average", "350000000")]);
        let energy = source.read(start + Duration::from_secs(2)).unwrap().energy;
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [500.0, 600.0, 700.0]);
    }

    #[test]
    fn an_average_that_is_there_and_cannot_be_read_is_told() {
        let tree = Tree::new();
        // Root may read what others may not: a folder is nothing that anybody can read.
        tree.write(&[
            ("sys/class/hwmon/hwmon3/name", "power_meter"),
            ("sys/class/hwmon/hwmon3/power1_average/nothing", ""),
        ]);
        let why = || open(&tree.roots(), Instant::now()).map(|_| ()).unwrap_err().to_string();
        assert!(why().contains("hwmon3/power1_average: "), "{}", why());
        // One that is not there is another thing: then there is the momentary figure.
        std::fs::remove_dir_all(tree.path("sys/class/hwmon/hwmon3/power1_average")).unwrap();
        assert!(why().contains("hwmon3/power1_input: "), "{}", why());
        tree.write(&[("sys/class/hwmon/hwmon3/power1_input", "250000000")]);
        assert_eq!(opened(&tree, Instant::now()).tier(), Tier::Wall);
    }

    #[test]
    fn what_could_not_be_read_for_a_time_is_in_the_next_reading() {
        let (tree, start) = (Tree::new(), Instant::now());
        let power = "sys/class/hwmon/hwmon3/power1_average";
        tree.write(&[("sys/class/hwmon/hwmon3/name", "power_meter"), (power, "100000000")]);
        let mut source = opened(&tree, start);
        tree.write(&[(power, "unknown")]);
        assert!(source.read(start + Duration::from_secs(1)).is_err());
        tree.write(&[(power, "100000000")]);
        let energy = source.read(start + Duration::from_secs(3)).unwrap().energy;
        assert_eq!([energy.low, energy.joules, energy.high].map(Joules::as_f64), [0.0, 300.0, 600.0]);
    }

    #[test]
    fn sockets_are_counted_and_their_cores_are_not() {
        let (tree, start) = (Tree::new(), Instant::now());
        tree.write(&[("sys/class/hwmon/hwmon1/name", "amd_energy")]);
        for (channel, label, shows) in [(1, "Ecore000", "5"), (2, "Ecore001", "6"), (3, "Esocket0", "1000000")] {
            tree.write(&[
                (&format!("sys/class/hwmon/hwmon1/energy{channel}_label"), label),
                (&format!("sys/class/hwmon/hwmon1/energy{channel}_input"), shows),
            ]);
        }
        let mut source = opened(&tree, start);
        assert_eq!((source.detail().as_str(), source.tier()), ("1 socket (amd_energy)", Tier::Counter));
        tree.write(&[("sys/class/hwmon/hwmon1/energy3_input", "9000000")]);
        let energy = source.read(start + Duration::from_secs(1)).unwrap().energy;
        assert_eq!(energy, Energy::exact(Joules::from_f64(8.0)));
    }

    #[test]
    fn a_board_is_measured_at_its_input() {
        let (tree, start) = (Tree::new(), Instant::now());
        tree.write(&[("sys/class/hwmon/hwmon2/name", "ina3221")]);
        for (number, label, millivolts, milliamperes) in
            [(1, "VDD_IN", "5000", "1600"), (2, "VDD_CPU_GPU_CV", "5000", "900")]
        {
            tree.write(&[
                (&format!("sys/class/hwmon/hwmon2/in{number}_label"), label),
                (&format!("sys/class/hwmon/hwmon2/in{number}_input"), millivolts),
                (&format!("sys/class/hwmon/hwmon2/curr{number}_input"), milliamperes),
            ]);
        }
        let mut source = opened(&tree, start);
        assert_eq!((source.tier(), source.covers()), (Tier::Wall, Covers::Machine));
        let energy = source.read(start + Duration::from_secs(1)).unwrap().energy;
        assert_eq!(energy, Energy::exact(Joules::from_f64(8.0)));
    }

    #[test]
    fn what_nobody_knows_is_named_and_not_added_up() {
        let tree = Tree::new();
        let why = || open(&tree.roots(), Instant::now()).map(|_| ()).unwrap_err().to_string();
        assert!(why().contains("has no monitor of power"), "{}", why());
        tree.write(&[
            ("sys/class/hwmon/hwmon0/name", "amdgpu"),
            ("sys/class/hwmon/hwmon0/power1_average", "1"),
            ("sys/class/hwmon/hwmon0/temp1_input", "1"),
        ]);
        assert!(
            why().starts_with("it is not known what these measure: amdgpu power1_average; if you know"),
            "{}",
            why()
        );
    }
}
