//! Apple's processors: the counters of IOReport, read through the library of macmon, which needs no rights.
//!
//! They count the processor, its graphics and its neural engine in one package, and the memory beside it.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use macmon::Sampler;

use crate::energy::{Energy, Joules, Reading, Tier};
use crate::source::{Covers, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "apple";

/// macmon gives the mean power between two samples so far apart.
const SAMPLES_EVERY: Duration = Duration::from_millis(250);

/// How long the first sample may take.
const FIRST_SAMPLE: Duration = Duration::from_secs(5);

/// What the sampling thread has counted since it was asked.
#[derive(Default)]
struct Counted {
    joules: f64,
    failed: Option<String>,
}

/// The processor of one machine.
pub struct Apple {
    counted: Arc<Mutex<Counted>>,
    name: String,
}

/// Begins to sample.
///
/// # Errors
/// If this is no machine with one of Apple's processors.
pub fn open(_: Instant) -> Result<Box<dyn Source>, Unavailable> {
    let counted: Arc<Mutex<Counted>> = Arc::default();
    let (ready, opened) = mpsc::channel();
    let shared = counted.clone();
    // The sampler holds objects of the system that stay on the thread that made them; a sample blocks.
    let sampling = move || {
        let mut sampler = match Sampler::new() {
            Ok(sampler) => sampler,
            Err(error) => return drop(ready.send(Err(error.to_string()))),
        };
        let _ = ready.send(Ok(sampler.get_soc_info().chip_name.clone()));
        // Ends when the source is dropped, which then is the only other owner.
        while Arc::strong_count(&shared) > 1 {
            let began = Instant::now();
            let sampled = sampler.get_metrics(SAMPLES_EVERY.as_millis() as u32);
            let mut counted = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match sampled {
                Ok(metrics) => {
                    let watts = f64::from(metrics.all_power + metrics.ram_power + metrics.gpu_ram_power);
                    counted.joules += watts * began.elapsed().as_secs_f64();
                    counted.failed = None;
                }
                Err(error) => counted.failed = Some(error.to_string()),
            }
        }
    };
    let spawned = std::thread::Builder::new().name("whit-meter-apple".into()).spawn(sampling);
    spawned.map_err(|error| Unavailable::hopeless(format!("no thread for the sampler: {error}")))?;
    let name = first(&opened).map_err(|why| Unavailable::hopeless(format!("IOReport cannot be read: {why}")))?;
    Ok(Box::new(Apple { counted, name }))
}

fn first(opened: &Receiver<Result<String, String>>) -> Result<String, String> {
    opened.recv_timeout(FIRST_SAMPLE).unwrap_or_else(|_| Err("it does not answer".into()))
}

impl Source for Apple {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tier(&self) -> Tier {
        Tier::Counter
    }

    fn covers(&self) -> Covers {
        Covers::Processor
    }

    fn detail(&self) -> String {
        format!("{}: processor, graphics, neural engine, memory (IOReport)", self.name)
    }

    fn update_interval(&self) -> Duration {
        SAMPLES_EVERY
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &counted.failed {
            return Err(SourceError::Other(format!("IOReport cannot be read: {why}")));
        }
        let joules = Joules::from_f64(counted.joules);
        // What rounding keeps back is counted next time.
        counted.joules -= joules.as_f64();
        Ok(Reading { energy: Energy::exact(joules), tier: Tier::Counter, at })
    }
}
