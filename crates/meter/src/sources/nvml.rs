//! NVIDIA's graphics cards, through NVML, which is loaded when it is there and never needed otherwise.
//!
//! Volta and later count energy (`nvmlDeviceGetTotalEnergyConsumption`, in millijoules since the driver was loaded).
//! Where a card does not, its power is looked at now and then.

#![cfg_attr(not(any(target_os = "linux", windows)), allow(dead_code))]

use std::time::{Duration, Instant};

use crate::counter::{Counter, Step};
use crate::energy::{Energy, Reading, Tier};
use crate::power::Integrator;
use crate::source::{Covers, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "nvml";

/// A100 and H100 renew their figures every 100 ms (Yang, Adamek, Armour, "Part-time Power Measurements: nvidia-smi's
/// Lack of Attention", SC 2024); older cards are faster.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);

/// "Accurate to within +/- 5 % of current power draw" (NVIDIA's NVML manual, `nvmlDeviceGetPowerUsage`).
const POWER_ERROR: f64 = 0.05;

/// What a card can be asked.
trait Card: Send {
    /// Millijoules since the driver was loaded; `None` if it does not count them.
    fn millijoules(&self) -> Option<u64>;
    /// Milliwatts now.
    fn milliwatts(&self) -> Result<u32, String>;
}

/// How one of them is measured.
enum Way {
    Energy(Counter),
    Power(Integrator),
}

/// The cards of one machine.
pub struct Nvml {
    cards: Vec<(Box<dyn Card>, Way)>,
    detail: String,
    remark: Option<String>,
}

impl Nvml {
    fn of(cards: Vec<(Box<dyn Card>, String)>, at: Instant) -> Result<Nvml, Unavailable> {
        let detail: Vec<String> = cards.iter().map(|(_, name)| name.clone()).collect();
        let measured = cards.into_iter().map(|(card, name)| {
            let way = match (card.millijoules(), card.milliwatts()) {
                (Some(shown), _) => Way::Energy(Counter::new(shown, None, 1000.0, at)),
                (None, Ok(milliwatts)) => Way::Power(Integrator::new(f64::from(milliwatts) * 1e-3, POWER_ERROR, at)),
                (None, Err(why)) => {
                    return Err(Unavailable::hopeless(format!("{name} tells neither energy nor power: {why}")));
                }
            };
            Ok((card, way))
        });
        let cards = measured.collect::<Result<Vec<_>, Unavailable>>()?;
        Ok(Nvml { cards, detail: detail.join(", "), remark: None })
    }
}

impl Source for Nvml {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tier(&self) -> Tier {
        Tier::Counter
    }

    fn covers(&self) -> Covers {
        Covers::Gpu
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn update_interval(&self) -> Duration {
        UPDATE_INTERVAL
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        let lost = |what: String| SourceError::Other(format!("a graphics card does not answer: {what}"));
        let asked = self.cards.iter().map(|(card, way)| match way {
            Way::Energy(_) => card.millijoules().ok_or_else(|| lost("its energy counter is gone".into())),
            Way::Power(_) => card.milliwatts().map(u64::from).map_err(lost),
        });
        // All or none: what one card has counted is not lost because another does not answer.
        let shown: Result<Vec<u64>, SourceError> = asked.collect();
        if shown.is_err() {
            for (_, way) in &mut self.cards {
                if let Way::Power(power) = way {
                    power.miss();
                }
            }
        }
        let mut energy = Energy::ZERO;
        for ((_, way), shown) in self.cards.iter_mut().zip(shown?) {
            energy += match way {
                Way::Energy(counter) => {
                    let (energy, step) = counter.step(shown, at);
                    if step == Step::Reset {
                        self.remark = Some("the energy counter of a graphics card was set back".into());
                    }
                    // The counter is fed by the sensor whose error NVIDIA states.
                    energy.widened(crate::energy::Joules::from_f64(energy.joules.as_f64() * POWER_ERROR))
                }
                Way::Power(power) => power.step(shown as f64 * 1e-3, at),
            };
        }
        Ok(Reading { energy, tier: Tier::Counter, at })
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

/// Loads NVML, looks for cards and begins to count.
///
/// # Errors
/// If the driver is not there, or shows no card.
#[cfg(any(target_os = "linux", windows))]
pub fn open(at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    driver::open(at)
}

/// There is no NVML on this system.
///
/// # Errors
/// Always.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn open(_: Instant) -> Result<Box<dyn Source>, Unavailable> {
    Err(Unavailable::hopeless("NVIDIA has no driver for this system"))
}

#[cfg(any(target_os = "linux", windows))]
mod driver {
    use std::sync::OnceLock;

    use nvml_wrapper::error::NvmlError;
    use nvml_wrapper::{Device, Nvml as Library};

    use super::*;

    /// Loaded once for the whole process: cards borrow from it.
    static LIBRARY: OnceLock<Result<Library, Unavailable>> = OnceLock::new();

    impl Card for Device<'static> {
        fn millijoules(&self) -> Option<u64> {
            self.total_energy_consumption().ok()
        }

        fn milliwatts(&self) -> Result<u32, String> {
            self.power_usage().map_err(|error| error.to_string())
        }
    }

    pub fn open(at: Instant) -> Result<Box<dyn Source>, Unavailable> {
        let library = LIBRARY.get_or_init(load).as_ref().map_err(Clone::clone)?;
        let count = library.device_count().map_err(|error| unavailable(&error))?;
        let cards = (0..count).map(|index| {
            let card = library.device_by_index(index).map_err(|error| unavailable(&error))?;
            let name = card.name().unwrap_or_else(|_| format!("card {index}"));
            Ok((Box::new(card) as Box<dyn Card>, name))
        });
        let cards = cards.collect::<Result<Vec<_>, Unavailable>>()?;
        if cards.is_empty() {
            return Err(Unavailable::hopeless("the NVIDIA driver is there and shows no card"));
        }
        Ok(Box::new(Nvml::of(cards, at)?))
    }

    /// Drivers install the name with the number; the bare one comes with the developers' files only.
    fn load() -> Result<Library, Unavailable> {
        let numbered = Library::builder().lib_path("libnvidia-ml.so.1".as_ref()).init();
        match numbered {
            Err(NvmlError::LibloadingError(_)) => Library::init(),
            other => other,
        }
        .map_err(|error| unavailable(&error))
    }

    fn unavailable(error: &NvmlError) -> Unavailable {
        match error {
            NvmlError::LibloadingError(_) => Unavailable::mendable(
                "there is no NVIDIA driver (libnvidia-ml cannot be loaded)",
                "if there is an NVIDIA card, install its driver; start a container with --gpus all",
            ),
            NvmlError::DriverNotLoaded => {
                Unavailable::mendable("the NVIDIA driver is installed and not loaded", "sudo modprobe nvidia")
            }
            NvmlError::NoPermission => Unavailable::mendable(
                "this user may not talk to the NVIDIA driver",
                "see who owns /dev/nvidiactl (ls -l /dev/nvidia*) and join that group",
            ),
            NvmlError::LibRmVersionMismatch => Unavailable::mendable(
                "the NVIDIA driver and its library are of different versions",
                "start the machine anew, so that both are those that were installed last",
            ),
            error => Unavailable::hopeless(format!("NVML says: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::energy::Joules;

    /// What the counter of a card shows that does not answer.
    const MUTE: u64 = u64::MAX;

    struct Fake {
        millijoules: Option<Arc<AtomicU64>>,
        milliwatts: Result<u32, String>,
    }

    impl Card for Fake {
        fn millijoules(&self) -> Option<u64> {
            self.millijoules.as_ref().map(|shown| shown.load(Ordering::SeqCst)).filter(|&shown| shown != MUTE)
        }
        fn milliwatts(&self) -> Result<u32, String> {
            self.milliwatts.clone()
        }
    }

    fn nvml(cards: Vec<Fake>, at: Instant) -> Result<Nvml, Unavailable> {
        Nvml::of(cards.into_iter().map(|card| (Box::new(card) as Box<dyn Card>, "H200".to_owned())).collect(), at)
    }

    #[test]
    fn energy_is_counted_where_there_is_a_counter_and_power_added_up_where_not() {
        let start = Instant::now();
        let shown = Arc::new(AtomicU64::new(5_000));
        let counting = Fake { millijoules: Some(shown.clone()), milliwatts: Ok(1) };
        let sampled = Fake { millijoules: None, milliwatts: Ok(70_000) };
        let mut cards = nvml(vec![counting, sampled], start).unwrap();
        shown.store(205_000, Ordering::SeqCst);
        let reading = cards.read(start + Duration::from_secs(2)).unwrap();
        assert_eq!(reading.energy.joules, Joules::from_f64(200.0 + 140.0));
        assert_eq!(reading.energy.low, Joules::from_f64(190.0 + 133.0));
        assert_eq!(reading.energy.high, Joules::from_f64(210.0 + 147.0));
        shown.store(1_000, Ordering::SeqCst);
        cards.read(start + Duration::from_secs(3)).unwrap();
        assert!(cards.remark().is_some_and(|remark| remark.contains("set back")));
    }

    #[test]
    fn what_a_card_counted_is_not_lost_because_another_does_not_answer() {
        let start = Instant::now();
        let [first, second] = [0, 0].map(|shown| Arc::new(AtomicU64::new(shown)));
        let card = |shown: &Arc<AtomicU64>| Fake { millijoules: Some(shown.clone()), milliwatts: Ok(1) };
        let mut cards = nvml(vec![card(&first), card(&second)], start).unwrap();
        first.store(100_000, Ordering::SeqCst);
        second.store(MUTE, Ordering::SeqCst);
        assert!(cards.read(start + Duration::from_secs(1)).is_err());
        second.store(40_000, Ordering::SeqCst);
        let energy = cards.read(start + Duration::from_secs(2)).unwrap().energy;
        assert_eq!(energy.joules, Joules::from_f64(140.0));
    }

    #[test]
    fn a_card_that_tells_nothing_is_named() {
        let mute = Fake { millijoules: None, milliwatts: Err("not supported".into()) };
        let why = nvml(vec![mute], Instant::now()).map(|_| ()).unwrap_err();
        assert_eq!(why.why, "H200 tells neither energy nor power: not supported");
    }

    #[test]
    fn without_a_driver_there_is_a_sentence() {
        // On a machine with a card this finds it.
        if let Err(why) = open(Instant::now()) {
            assert!(!why.to_string().is_empty());
        }
    }
}
