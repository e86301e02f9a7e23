//! A model for machines that show no power at all, as virtual ones: watts from processor time, frequency and memory.
//!
//! Its figures are an interval first, and a figure in it second. The coefficients are of whole servers, their memory,
//! fans and power supplies included, and come from published measurements:
//!
//! * Watts of a hardware thread, idle and at full load, by family: SPECpower_ssj2008 results as collected by Cloud
//!   Carbon Footprint (github.com/cloud-carbon-footprint/cloud-carbon-coefficients, commit dda7621,
//!   `SPECpower-full-results.csv`; families as in its `data/`). The middle is their mean, which Cloud Carbon
//!   Footprint publishes as its coefficient; the ends are the 5th and 95th percentile of the same results.
//! * Between idle and full load the middle and the low end are straight lines, as Cloud Carbon Footprint has it; the
//!   high end follows the curve that Boavizta takes from Teads' measurements (32 %, 75 % and 102 % of the design
//!   power at loads of 10 %, 50 % and 100 %, from 12 %; doc.api.boavizta.org, "CPU, power consumption profile").
//! * Memory beyond what those servers have for each thread: 0.284 W/GB (Boavizta, "RAM"), 0.392 W/GB (Cloud Carbon
//!   Footprint, "Memory"), 0.4083 W/GB (Micron's TN-40-07, cited there).
//! * Frequency: what load adds is switching power, C V^2 f. With the voltage constant it falls as f, with the voltage
//!   proportional to f as f^3: these are the ends, and f^2 is the middle.

use std::time::{Duration, Instant};

use crate::cpu::{CpuTimes, Identity, Policy, memory_bytes, relative_frequency};
use crate::energy::{Energy, Joules, Reading, Tier};
use crate::source::{Covers, Roots, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "modelled";

/// How often Linux counts processor time where a program can see it.
const UPDATE_INTERVAL: Duration = Duration::from_millis(10);

/// Low end, middle and high end of a coefficient.
type Range = [f64; 3];

/// Servers with processors of one family.
#[derive(Debug, PartialEq)]
struct Family {
    name: &'static str,
    /// Watts of a hardware thread with nothing to do.
    idle: Range,
    /// The same at full load.
    full: Range,
    /// Memory for each thread of those servers, in GB.
    memory: f64,
}

const fn family(name: &'static str, idle: Range, full: Range, memory: f64) -> Family {
    Family { name, idle, full, memory }
}

const EPYC_1: Family = family("EPYC of the 1st generation", [0.61, 0.82, 1.61], [2.09, 2.55, 4.34], 1.5);
const EPYC_2: Family = family("EPYC of the 2nd generation", [0.32, 0.47, 0.68], [1.53, 1.69, 1.95], 1.0);
const EPYC_3: Family = family("EPYC of the 3rd generation", [0.31, 0.45, 0.56], [1.78, 2.02, 2.29], 1.0);
const SANDY_BRIDGE: Family = family("Sandy Bridge", [1.47, 2.17, 4.00], [5.94, 8.58, 13.28], 1.2);
const IVY_BRIDGE: Family = family("Ivy Bridge", [1.30, 3.04, 5.72], [5.41, 8.25, 11.75], 1.0);
const HASWELL: Family = family("Haswell", [0.56, 1.90, 2.38], [3.67, 6.01, 8.72], 1.1);
const BROADWELL: Family = family("Broadwell", [0.47, 0.71, 1.95], [2.76, 3.69, 6.91], 1.8);
const SKYLAKE: Family = family("Skylake", [0.38, 0.64, 1.45], [3.20, 4.19, 5.59], 1.6);
const CASCADE_LAKE: Family = family("Cascade Lake", [0.42, 0.64, 0.89], [3.00, 3.97, 4.46], 1.9);
const COFFEE_LAKE: Family = family("Coffee Lake", [0.83, 1.14, 1.67], [3.33, 5.42, 7.76], 1.5);

/// Any other: the mean, the least and the most of all 232 results with families of 2016 and later.
const UNKNOWN: Family = family("a family without published figures", [0.28, 0.63, 3.18], [1.48, 3.53, 9.00], 1.6);

/// Watts for each GB of memory beyond [`Family::memory`].
const MEMORY: Range = [0.284, 0.392, 0.4083];

/// Part of what full load adds that is there at a load of 0, 10, 50 and 100 %.
const CONCAVE: [(f64, f64); 4] = [(0.0, 0.0), (0.1, 0.20 / 0.90), (0.5, 0.63 / 0.90), (1.0, 1.0)];

impl Family {
    /// By vendor, family and model as in Linux's `arch/x86/include/asm/intel-family.h`, and AMD's revision guides.
    fn of(processor: &Identity) -> &'static Family {
        let epyc = processor.name.contains("EPYC");
        match (processor.vendor.as_str(), processor.family, processor.model) {
            ("GenuineIntel", 6, 42 | 45) => &SANDY_BRIDGE,
            ("GenuineIntel", 6, 58 | 62) => &IVY_BRIDGE,
            ("GenuineIntel", 6, 60 | 63 | 69 | 70) => &HASWELL,
            ("GenuineIntel", 6, 61 | 71 | 79 | 86) => &BROADWELL,
            ("GenuineIntel", 6, 78 | 94) => &SKYLAKE,
            // One number for three: Cooper Lake has steppings 10 and 11.
            ("GenuineIntel", 6, 85) if processor.stepping <= 4 => &SKYLAKE,
            ("GenuineIntel", 6, 85) if processor.stepping <= 7 => &CASCADE_LAKE,
            ("GenuineIntel", 6, 158) if processor.stepping >= 10 => &COFFEE_LAKE,
            ("AuthenticAMD", 23, 1) if epyc => &EPYC_1,
            ("AuthenticAMD", 23, 49) if epyc => &EPYC_2,
            ("AuthenticAMD", 25, 1) if epyc => &EPYC_3,
            _ => &UNKNOWN,
        }
    }

    /// Watts of a machine of `threads` hardware threads at a load of 0 to 1, at a part of their highest frequency,
    /// with so much memory in GB.
    fn watts(&self, threads: usize, load: f64, frequency: f64, memory: f64) -> Range {
        let threads = threads as f64;
        let beyond = (memory - threads * self.memory).max(0.0);
        let loads = [load, load, concave(load)];
        let slowed = [frequency.powi(3), frequency.powi(2), frequency];
        std::array::from_fn(|end| {
            let added = loads[end] * slowed[end] * (self.full[end] - self.idle[end]);
            threads * (self.idle[end] + added) + beyond * MEMORY[end]
        })
    }
}

/// [`CONCAVE`] at a load of 0 to 1.
fn concave(load: f64) -> f64 {
    let piece = CONCAVE.windows(2).find(|piece| load <= piece[1].0);
    piece.map_or(1.0, |piece| {
        let [(from, low), (to, high)] = [piece[0], piece[1]];
        low + (load - from) / (to - from) * (high - low)
    })
}

/// The model of one machine.
pub struct Modelled {
    roots: Roots,
    family: &'static Family,
    processor: String,
    /// In GB.
    memory: f64,
    policies: Vec<Policy>,
    times: CpuTimes,
    load: f64,
    at: Instant,
}

/// Looks at what the machine is made of, and begins to watch its load.
///
/// # Errors
/// If the system does not say how busy its processors are.
pub fn open(roots: &Roots, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    Ok(Box::new(Modelled::new(roots, at)?))
}

impl Modelled {
    fn new(roots: &Roots, at: Instant) -> Result<Modelled, Unavailable> {
        let times = CpuTimes::read(roots).filter(|times| times.processors > 0).ok_or_else(|| {
            Unavailable::hopeless(format!(
                "{} does not say how busy the processors are",
                roots.proc.join("stat").display()
            ))
        })?;
        let identity = Identity::read(roots);
        Ok(Modelled {
            roots: roots.clone(),
            family: Family::of(&identity),
            processor: if identity.name.is_empty() { "an unnamed processor".into() } else { identity.name },
            memory: memory_bytes(roots) as f64 * 1e-9,
            policies: Policy::all(roots),
            load: times.load_since(&CpuTimes::default()).0,
            times,
            at,
        })
    }

    /// Watts now, from the load since the last time.
    fn watts(&mut self) -> Result<Range, SourceError> {
        let times = CpuTimes::read(&self.roots)
            .ok_or_else(|| SourceError::Other("the system no longer says how busy its processors are".into()))?;
        let moved = (times.busy, times.idle) != (self.times.busy, self.times.idle);
        // Between two ticks nothing is known but what was before.
        if moved {
            self.load = times.load_since(&self.times).0;
            self.times = times;
        }
        let frequency = relative_frequency(&self.policies).unwrap_or(1.0);
        Ok(self.family.watts(times.processors, self.load, frequency, self.memory))
    }
}

impl Source for Modelled {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tier(&self) -> Tier {
        Tier::Modelled
    }

    fn covers(&self) -> Covers {
        Covers::Machine
    }

    fn detail(&self) -> String {
        let threads = match self.times.processors {
            1 => "1 thread".to_owned(),
            count => format!("{count} threads"),
        };
        let frequency = if self.policies.is_empty() { ", at an unknown frequency" } else { "" };
        format!("{threads} of {} ({}), {:.1} GB{frequency}", self.processor, self.family.name, self.memory)
    }

    fn update_interval(&self) -> Duration {
        UPDATE_INTERVAL
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        let watts = self.watts()?;
        let seconds = at.saturating_duration_since(self.at).as_secs_f64();
        self.at = at;
        let [low, joules, high] = watts.map(|watts| Joules::from_f64(watts * seconds));
        Ok(Reading { energy: Energy::within(low, joules, high), tier: Tier::Modelled, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::tree::Tree;

    const ALL: [&Family; 11] = [
        &EPYC_1,
        &EPYC_2,
        &EPYC_3,
        &SANDY_BRIDGE,
        &IVY_BRIDGE,
        &HASWELL,
        &BROADWELL,
        &SKYLAKE,
        &CASCADE_LAKE,
        &COFFEE_LAKE,
        &UNKNOWN,
    ];

    fn processor(vendor: &str, family: u32, model: u32, stepping: u32, name: &str) -> Identity {
        Identity { vendor: vendor.into(), family, model, stepping, name: name.into() }
    }

    #[test]
    fn a_figure_lies_in_its_interval_whatever_the_machine_does() {
        for family in ALL {
            for load in [0.0, 0.05, 0.3, 0.5, 0.9, 1.0] {
                for frequency in [0.2, 0.7, 1.0] {
                    let [low, middle, high] = family.watts(4, load, frequency, 32.0);
                    assert!(0.0 < low && low < middle && middle < high, "{} {load} {frequency}", family.name);
                }
            }
        }
    }

    #[test]
    fn the_middle_is_what_cloud_carbon_footprint_says() {
        // Its methodology: minimum watts + load x (maximum - minimum), and 0.392 W for each further GB.
        let watts = CASCADE_LAKE.watts(8, 0.5, 1.0, 8.0 * 1.9 + 10.0)[1];
        assert!((watts - (8.0 * (0.64 + 0.5 * (3.97 - 0.64)) + 3.92)).abs() < 1e-9);
        assert_eq!(EPYC_2.watts(1, 1.0, 1.0, 0.0)[1], 1.69);
    }

    #[test]
    fn power_rises_faster_at_low_load_where_it_is_not_known_better() {
        assert_eq!([0.0, 0.1, 0.5, 1.0].map(|load| (concave(load) * 90.0).round()), [0.0, 20.0, 63.0, 90.0]);
        assert!(concave(0.3) > 0.3);
    }

    #[test]
    fn processors_are_known_by_their_numbers() {
        for (identity, expected) in [
            (processor("GenuineIntel", 6, 85, 4, "Xeon Platinum 8175M"), &SKYLAKE),
            (processor("GenuineIntel", 6, 85, 7, "Xeon Platinum 8259CL"), &CASCADE_LAKE),
            (processor("GenuineIntel", 6, 85, 11, "Xeon Platinum 8375"), &UNKNOWN),
            (processor("AuthenticAMD", 23, 49, 0, "AMD EPYC 7R32"), &EPYC_2),
            (processor("AuthenticAMD", 25, 1, 1, "AMD EPYC 7R13"), &EPYC_3),
            (processor("AuthenticAMD", 25, 17, 1, "AMD EPYC 9R14"), &UNKNOWN),
            (processor("AuthenticAMD", 23, 1, 1, "AMD Ryzen 7 1800X"), &UNKNOWN),
            (Identity::default(), &UNKNOWN),
        ] {
            assert_eq!(Family::of(&identity), expected, "{identity:?}");
        }
    }

    #[test]
    fn load_frequency_and_memory_of_a_machine_become_joules() {
        let (tree, start) = (Tree::new(), Instant::now());
        let stat = |busy: u32, idle: u32| format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 0\ncpu1 0\nintr 0");
        tree.write(&[
            ("proc/stat", &stat(100, 100)),
            (
                "proc/cpuinfo",
                "vendor_id : AuthenticAMD\ncpu family : 25\nmodel : 1\nmodel name : AMD EPYC 7763\nstepping : 1",
            ),
            ("proc/meminfo", "MemTotal:       4000000 kB"),
            ("sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "3000000"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1500000"),
        ]);
        let mut model = Modelled::new(&tree.roots(), start).unwrap();
        assert_eq!(model.detail(), "2 threads of AMD EPYC 7763 (EPYC of the 3rd generation), 4.1 GB");
        tree.write(&[("proc/stat", &stat(250, 150))]);
        let reading = model.read(start + Duration::from_secs(1)).unwrap();
        assert_eq!(reading.tier, Tier::Modelled);
        let beyond = 4.096 - 2.0;
        let expected = [
            2.0 * (0.31 + 0.75 / 8.0 * 1.47) + beyond * 0.284,
            2.0 * (0.45 + 0.75 / 4.0 * 1.57) + beyond * 0.392,
            2.0 * (0.56 + concave(0.75) / 2.0 * 1.73) + beyond * 0.4083,
        ];
        let energy = [reading.energy.low, reading.energy.joules, reading.energy.high];
        for (got, expected) in energy.into_iter().zip(expected) {
            assert!((got.as_f64() - expected).abs() < 1e-6, "{got:?} {expected}");
        }
        // No tick since: the load is taken to be as it was.
        let again = model.read(start + Duration::from_secs(2)).unwrap();
        assert_eq!(again.energy, reading.energy);
    }

    #[test]
    fn without_a_load_there_is_no_model() {
        let why = Modelled::new(&Tree::new().roots(), Instant::now()).map(|_| ()).unwrap_err().to_string();
        assert!(why.ends_with("proc/stat does not say how busy the processors are"), "{why}");
    }
}
