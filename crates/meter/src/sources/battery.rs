//! The discharge of batteries in `/sys/class/power_supply`: all that the machine draws, as long as it is not plugged
//! in.
//!
//! The attributes are in the kernel's `Documentation/ABI/testing/sysfs-class-power`: microwatts, or microamperes and
//! microvolts. Batteries renew them every few seconds to half a minute, so that single requests cannot be told apart.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::energy::{Reading, Tier};
use crate::files;
use crate::power::Integrator;
use crate::source::{Covers, Roots, Source, SourceError, Unavailable};

/// What it is called.
pub const NAME: &str = "battery";

/// How often laptops renew the figures, at worst: ACPI leaves it to the firmware.
const UPDATE_INTERVAL: Duration = Duration::from_secs(30);

/// The batteries of one machine.
pub struct Battery {
    batteries: Vec<(PathBuf, Integrator)>,
    detail: String,
}

/// Looks for batteries that are being discharged.
///
/// # Errors
/// If there are none, or the machine is plugged in.
pub fn open(roots: &Roots, at: Instant) -> Result<Box<dyn Source>, Unavailable> {
    let folder = roots.sys.join("class/power_supply");
    let mut names = files::names(&folder);
    // Those of mice and headsets say that their scope is a device.
    names.retain(|name| {
        let says = |file| files::text(&folder.join(name).join(file)).unwrap_or_default();
        says("type") == "Battery" && says("scope") != "Device" && says("present") != "0"
    });
    if names.is_empty() {
        return Err(Unavailable::hopeless("this machine has no battery"));
    }
    let discharging: Vec<&String> = names.iter().filter(|name| is_discharging(&folder.join(name))).collect();
    if discharging.is_empty() {
        let status = files::text(&folder.join(&names[0]).join("status")).unwrap_or_else(|_| "unknown".into());
        return Err(Unavailable::mendable(
            format!("{} is not being discharged (its status is {status})", names.join(", ")),
            "unplug the machine to measure it by its battery",
        ));
    }
    let detail = discharging.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    // Several batteries may take turns: all of them are looked at.
    let batteries = names.iter().map(|name| {
        let path = folder.join(name);
        let watts = watts(&path).map_err(|error| Unavailable::hopeless(error.to_string()))?;
        Ok((path, Integrator::new(watts, 0.0, at)))
    });
    Ok(Box::new(Battery { batteries: batteries.collect::<Result<_, Unavailable>>()?, detail }))
}

fn is_discharging(path: &Path) -> bool {
    files::text(&path.join("status")).is_ok_and(|status| status == "Discharging")
}

/// What a battery gives, in watts; nothing while it rests.
fn watts(path: &Path) -> Result<f64, SourceError> {
    if !is_discharging(path) {
        return Ok(0.0);
    }
    // Some drivers give the current of a discharge a minus.
    let micro = |file| files::number::<f64>(&path.join(file)).map(f64::abs);
    match (micro("power_now"), micro("current_now"), micro("voltage_now")) {
        (Some(microwatts), _, _) => Ok(microwatts * 1e-6),
        (None, Some(microamperes), Some(microvolts)) => Ok(microamperes * microvolts * 1e-12),
        _ => Err(SourceError::Other(format!("{} tells neither its power nor its current", path.display()))),
    }
}

impl Source for Battery {
    fn name(&self) -> &'static str {
        NAME
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
        UPDATE_INTERVAL
    }

    fn read(&mut self, at: Instant) -> Result<Reading, SourceError> {
        let now = match self.batteries.iter().any(|(path, _)| is_discharging(path)) {
            true => self.batteries.iter().map(|(path, _)| watts(path)).collect::<Result<Vec<f64>, _>>(),
            false => {
                Err(SourceError::Other("the machine was plugged in: its battery says nothing of what it draws".into()))
            }
        };
        if now.is_err() {
            self.batteries.iter_mut().for_each(|(_, power)| power.miss());
        }
        let energy = self.batteries.iter_mut().zip(now?).map(|((_, power), watts)| power.step(watts, at)).sum();
        Ok(Reading { energy, tier: Tier::Wall, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Joules;
    use crate::sources::tree::Tree;

    fn battery(tree: &Tree, name: &str, status: &str, files: &[(&str, &str)]) {
        let all = [("type", "Battery"), ("status", status)];
        for (file, text) in all.iter().chain(files) {
            tree.write(&[(&format!("sys/class/power_supply/{name}/{file}"), text)]);
        }
    }

    fn refused(tree: &Tree) -> String {
        open(&tree.roots(), Instant::now()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_discharge_is_all_that_the_machine_draws() {
        let (tree, start) = (Tree::new(), Instant::now());
        battery(&tree, "BAT0", "Discharging", &[("power_now", "12000000")]);
        battery(&tree, "BAT1", "Discharging", &[("current_now", "-1000000"), ("voltage_now", "8000000")]);
        battery(&tree, "hid-mouse", "Discharging", &[("scope", "Device"), ("power_now", "1")]);
        tree.write(&[("sys/class/power_supply/AC/type", "Mains"), ("sys/class/power_supply/AC/online", "0")]);
        let mut source = open(&tree.roots(), start).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((source.tier(), source.detail().as_str()), (Tier::Wall, "BAT0, BAT1"));
        let reading = source.read(start + Duration::from_secs(3)).unwrap();
        assert_eq!(reading.energy.joules, Joules::from_f64(60.0));

        // One of two rests: the other one gives all.
        battery(&tree, "BAT1", "Not charging", &[]);
        let reading = source.read(start + Duration::from_secs(4)).unwrap();
        assert_eq!([reading.energy.low, reading.energy.high].map(Joules::as_f64), [12.0, 20.0]);
        battery(&tree, "BAT0", "Charging", &[]);
        assert!(source.read(start + Duration::from_secs(5)).unwrap_err().to_string().contains("plugged in"));
    }

    #[test]
    fn plugged_in_it_says_so() {
        let tree = Tree::new();
        assert_eq!(refused(&tree), "this machine has no battery");
        battery(&tree, "BAT0", "Full", &[("power_now", "0")]);
        assert_eq!(
            refused(&tree),
            "BAT0 is not being discharged (its status is Full); unplug the machine to measure it by its battery"
        );
    }

    #[test]
    fn a_battery_without_figures_is_named() {
        let tree = Tree::new();
        battery(&tree, "BAT0", "Discharging", &[]);
        assert!(refused(&tree).ends_with("BAT0 tells neither its power nor its current"), "{}", refused(&tree));
    }
}
