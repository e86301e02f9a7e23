//! What energy, machines and other people's tokens cost: `[tariff]` of `whit.toml`. The formulas, with their units,
//! are in `docs/metering.md`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;

use crate::energy::Joules;

/// Joules of a kilowatt-hour.
const JOULES_PER_KWH: f64 = 3.6e6;

/// Hours of a year, on the average over four.
const HOURS_PER_YEAR: f64 = 24.0 * 365.25;

/// Prices and emissions. Without any, nothing costs anything and nothing is said of emissions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Tariff {
    /// Price of electricity, in dollars a kilowatt-hour.
    pub electricity: Option<Hourly>,
    /// Emissions of electricity, in grams of CO2 equivalents a kilowatt-hour.
    pub grid: Option<Hourly>,
    /// Power usage effectiveness: energy of the building over energy of its machines; 1 for a machine at home.
    pub pue: f64,
    /// What a busy second of the machine costs beside its electricity.
    pub machine: Option<Machine>,
    /// Prices of large models elsewhere, by name.
    pub upstream: BTreeMap<String, Upstream>,
}

/// A machine that costs something whether it runs or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Machine {
    /// Bought.
    Owned {
        /// Price in dollars.
        dollars: f64,
        /// Years of use.
        years: f64,
        /// Part of that time in which it works, above 0 and at most 1.
        utilisation: f64,
    },
    /// Paid by the hour.
    Rented {
        /// Dollars an hour.
        dollars_per_hour: f64,
    },
}

/// What tokens of another's model cost, in dollars a million.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Of the prompt.
    pub prompt_dollars_per_mtoken: f64,
    /// Of the prompt, where it was read before; as others if it is not said.
    pub cached_dollars_per_mtoken: Option<f64>,
    /// Of the answer.
    pub answer_dollars_per_mtoken: f64,
}

/// A figure that is the same all day, or one for each hour of the day from midnight on, local time.
#[derive(Clone, Debug, PartialEq)]
pub enum Hourly {
    /// The same all day.
    Constant(f64),
    /// By hour.
    ByHour([f64; 24]),
}

impl Hourly {
    /// The figure for an hour, 0 to 23.
    pub fn at(&self, hour: u8) -> f64 {
        match self {
            Hourly::Constant(value) => *value,
            Hourly::ByHour(values) => values[usize::from(hour) % 24],
        }
    }
}

/// What something costs. Costs of parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Dollars; `None` if the tariff has no price.
    pub dollars: Option<f64>,
    /// Grams of CO2 equivalents; `None` if the tariff does not say what the grid emits.
    pub grams_co2e: Option<f64>,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        let sum = |a: Option<f64>, b: Option<f64>| a.or(b).map(|_| a.unwrap_or(0.0) + b.unwrap_or(0.0));
        self.dollars = sum(self.dollars, other.dollars);
        self.grams_co2e = sum(self.grams_co2e, other.grams_co2e);
    }
}

impl Default for Tariff {
    /// Nothing is said of prices and emissions.
    fn default() -> Tariff {
        Tariff { electricity: None, grid: None, pue: 1.0, machine: None, upstream: BTreeMap::new() }
    }
}

impl Tariff {
    /// Whether energy or machine time has a price.
    pub fn has_price(&self) -> bool {
        self.electricity.is_some() || self.machine.is_some()
    }

    /// What an amount of energy and of machine time costs in an hour of the day, 0 to 23.
    pub fn cost(&self, energy: Joules, machine_seconds: f64, hour: u8) -> Cost {
        let kwh = energy.as_f64() * self.pue / JOULES_PER_KWH;
        let electricity = self.electricity.as_ref().map(|price| kwh * price.at(hour));
        let machine = self.machine.map(|machine| machine_seconds * machine.dollars_per_second());
        let dollars = match (electricity, machine) {
            (None, None) => None,
            (electricity, machine) => Some(electricity.unwrap_or(0.0) + machine.unwrap_or(0.0)),
        };
        Cost { dollars, grams_co2e: self.grid.as_ref().map(|grid| kwh * grid.at(hour)) }
    }

    /// What a call of an upstream's model costs, in dollars; `None` if its prices are not in the tariff.
    /// `cached_tokens` are some of `prompt_tokens`.
    pub fn upstream_cost(
        &self,
        model: &str,
        prompt_tokens: u64,
        cached_tokens: u64,
        answer_tokens: u64,
    ) -> Option<f64> {
        let prices = self.upstream.get(model)?;
        let cached = cached_tokens.min(prompt_tokens);
        let cached_price = prices.cached_dollars_per_mtoken.unwrap_or(prices.prompt_dollars_per_mtoken);
        let dollars_per_million = (prompt_tokens - cached) as f64 * prices.prompt_dollars_per_mtoken
            + cached as f64 * cached_price
            + answer_tokens as f64 * prices.answer_dollars_per_mtoken;
        Some(dollars_per_million * 1e-6)
    }
}

impl Machine {
    /// Dollars for a second in which it works.
    pub fn dollars_per_second(&self) -> f64 {
        match *self {
            Machine::Owned { dollars, years, utilisation } => dollars / (years * HOURS_PER_YEAR * 3600.0 * utilisation),
            Machine::Rented { dollars_per_hour } => dollars_per_hour / 3600.0,
        }
    }
}

/// A figure that was worked out, with as many digits as it can have: nine that count. What stands in receipts and reports is rounded so;
/// what is added up or compared is not.
pub fn rounded(figure: f64) -> f64 {
    format!("{figure:.8e}").parse().unwrap_or(figure)
}

/// The hour of the day at `time`, 0 to 23, where this machine is.
pub fn hour_of_day(time: SystemTime) -> u8 {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.to_zoned(jiff::tz::TimeZone::system()).hour() as u8
}

/// `[tariff]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    electricity_dollars_per_kwh: Option<Figures>,
    grid_grams_co2e_per_kwh: Option<Figures>,
    pue: Option<f64>,
    owned: Option<Owned>,
    rented: Option<Rented>,
    #[serde(default)]
    upstream: BTreeMap<String, Upstream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owned {
    dollars: f64,
    years: f64,
    utilisation: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rented {
    dollars_per_hour: f64,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, or a list of 24 numbers, one for each hour of the day")]
enum Figures {
    One(f64),
    Many(Vec<f64>),
}

impl Figures {
    fn checked(self, key: &str) -> Result<Hourly, String> {
        match self {
            Figures::One(value) => Ok(Hourly::Constant(at_least_zero(key, value)?)),
            Figures::Many(values) => {
                values.iter().try_for_each(|&value| at_least_zero(key, value).map(drop))?;
                let count = values.len();
                let values = values.try_into().map_err(|_| {
                    format!("{key} has {count} numbers; it takes one, or 24: one for each hour of the day")
                })?;
                Ok(Hourly::ByHour(values))
            }
        }
    }
}

fn at_least_zero(key: &str, value: f64) -> Result<f64, String> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(format!("{key} = {value}: it cannot be negative")) }
}

fn above_zero(key: &str, value: f64) -> Result<f64, String> {
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(format!("{key} = {value}: it must be above 0")) }
}

/// A power usage effectiveness that can be.
///
/// # Errors
/// A sentence that begins with `name` and the value.
pub fn checked_pue(name: &str, pue: f64) -> Result<f64, String> {
    match (1.0..=10.0).contains(&pue) {
        true => Ok(pue),
        false => {
            Err(format!("{name} = {pue}: it is the energy of the building over that of its machines, from 1 to 10"))
        }
    }
}

impl TryFrom<Table> for Tariff {
    type Error = String;

    fn try_from(table: Table) -> Result<Tariff, String> {
        let machine = match (table.owned, table.rented) {
            (Some(_), Some(_)) => {
                return Err("there is [tariff.owned] and [tariff.rented]: a machine is one or the other".into());
            }
            (Some(owned), None) => {
                let utilisation = above_zero("owned.utilisation", owned.utilisation)?;
                if utilisation > 1.0 {
                    return Err(format!("owned.utilisation = {utilisation}: it is a part of the time, at most 1"));
                }
                let dollars = at_least_zero("owned.dollars", owned.dollars)?;
                Some(Machine::Owned { dollars, years: above_zero("owned.years", owned.years)?, utilisation })
            }
            (None, Some(rented)) => {
                let dollars_per_hour = at_least_zero("rented.dollars_per_hour", rented.dollars_per_hour)?;
                Some(Machine::Rented { dollars_per_hour })
            }
            (None, None) => None,
        };
        let pue = checked_pue("pue", table.pue.unwrap_or(1.0))?;
        for (name, prices) in &table.upstream {
            let all = [
                ("prompt", Some(prices.prompt_dollars_per_mtoken)),
                ("cached", prices.cached_dollars_per_mtoken),
                ("answer", Some(prices.answer_dollars_per_mtoken)),
            ];
            for (what, price) in all {
                at_least_zero(&format!("upstream.{name}.{what}_dollars_per_mtoken"), price.unwrap_or(0.0))?;
            }
        }
        let hourly = |figures: Option<Figures>, key| figures.map(|figures| figures.checked(key)).transpose();
        Ok(Tariff {
            electricity: hourly(table.electricity_dollars_per_kwh, "electricity_dollars_per_kwh")?,
            grid: hourly(table.grid_grams_co2e_per_kwh, "grid_grams_co2e_per_kwh")?,
            pue,
            machine,
            upstream: table.upstream,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(text: &str) -> Tariff {
        toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(text: &str) -> String {
        toml::from_str::<Tariff>(text).unwrap_err().message().to_owned()
    }

    fn dollars_per_mtoken(tariff: &Tariff, joules: f64, seconds: f64) -> f64 {
        tariff.cost(Joules::from_f64(joules * 1e6), seconds * 1e6, 12).dollars.expect("a price")
    }

    #[test]
    fn what_is_told_has_nine_digits() {
        for (figure, told) in [
            (0.000030371967518791034, "0.0000303719675"),
            (1.0 - 0.95, "0.05"),
            (12.314751000000001, "12.314751"),
            (0.0, "0"),
            (-1234567890.12, "-1234567890"),
        ] {
            assert_eq!(rounded(figure).to_string(), told);
        }
        assert!(rounded(f64::NAN).is_nan() && rounded(f64::INFINITY).is_infinite());
    }

    #[test]
    fn electricity_of_a_token() {
        // 0.0702 J/token x 1.2 / 3.6 MJ/kWh x 0.10 $/kWh = 2.34e-9 $/token.
        let tariff = tariff("electricity_dollars_per_kwh = 0.10\npue = 1.2\n");
        let dollars = dollars_per_mtoken(&tariff, 0.0702, 0.0);
        assert_eq!(format!("{dollars:.4}"), "0.0023");
        assert!((dollars - 0.00234).abs() < 1e-12);
    }

    #[test]
    fn a_rented_machine_for_a_token() {
        // 2.99 $/h / 3600 s/h / 9806 tokens/s = 8.47e-8 $/token.
        let tariff = tariff("[rented]\ndollars_per_hour = 2.99\n");
        let dollars = dollars_per_mtoken(&tariff, 1.0, 1.0 / 9806.0);
        assert_eq!(format!("{dollars:.3}"), "0.085");
    }

    #[test]
    fn a_machine_of_ones_own_is_paid_in_the_time_that_it_works() {
        // 1461 $ over 4 years of 8766 h, half of them at work: 1461 / 17532 h = 1/12 $/h.
        let tariff = tariff("[owned]\ndollars = 1461\nyears = 4\nutilisation = 0.5\n");
        let hour = tariff.cost(Joules::ZERO, 3600.0, 0).dollars.expect("a price");
        assert!((hour - 1.0 / 12.0).abs() < 1e-12);
        // Its electricity comes on top.
        let both = Tariff { electricity: Some(Hourly::Constant(0.3)), ..tariff };
        let hour = both.cost(Joules::from_f64(3.6e6), 3600.0, 0).dollars.expect("a price");
        assert!((hour - (1.0 / 12.0 + 0.3)).abs() < 1e-12);
    }

    #[test]
    fn prices_and_emissions_by_the_hour() {
        let hours: Vec<String> = (0..24).map(|hour| format!("{}", 100 + hour)).collect();
        let tariff =
            tariff(&format!("electricity_dollars_per_kwh = 1\ngrid_grams_co2e_per_kwh = [{}]\n", hours.join(",")));
        let kwh = Joules::from_f64(3.6e6);
        assert_eq!(tariff.cost(kwh, 0.0, 0).grams_co2e, Some(100.0));
        assert_eq!(tariff.cost(kwh, 0.0, 23), Cost { dollars: Some(1.0), grams_co2e: Some(123.0) });
    }

    #[test]
    fn without_a_tariff_nothing_is_claimed() {
        assert_eq!(Tariff::default().cost(Joules::from_f64(1e9), 1e6, 0), Cost::default());
        assert_eq!(tariff(""), Tariff::default());
        let mut sum = Cost::default();
        sum += Cost { dollars: Some(1.0), grams_co2e: None };
        sum += Cost { dollars: Some(2.0), grams_co2e: None };
        assert_eq!(sum, Cost { dollars: Some(3.0), grams_co2e: None });
    }

    #[test]
    fn tokens_of_others() {
        let tariff = tariff(
            "[upstream.large]\nprompt_dollars_per_mtoken = 2.5\ncached_dollars_per_mtoken = 1.25\n\
             answer_dollars_per_mtoken = 10\n[upstream.plain]\nprompt_dollars_per_mtoken = 1\nanswer_dollars_per_mtoken = 2\n",
        );
        let cost = tariff.upstream_cost("large", 3000, 1000, 500).expect("known");
        assert!((cost - (2000.0 * 2.5 + 1000.0 * 1.25 + 500.0 * 10.0) * 1e-6).abs() < 1e-15);
        assert_eq!(tariff.upstream_cost("plain", 1_000_000, 1_000_000, 0), Some(1.0));
        assert_eq!(tariff.upstream_cost("other", 1, 0, 1), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("electricity = 0.1", "unknown field `electricity`, expected one of `electricity_dollars_per_kwh`"),
            ("[owned]\ndollars = 1\nyears = 1\nutilization = 1", "unknown field `utilization`"),
            ("electricity_dollars_per_kwh = -0.1", "electricity_dollars_per_kwh = -0.1: it cannot be negative"),
            ("grid_grams_co2e_per_kwh = [1, 2]", "grid_grams_co2e_per_kwh has 2 numbers; it takes one, or 24"),
            ("grid_grams_co2e_per_kwh = \"low\"", "a list of 24 numbers"),
            ("pue = 0.9", "pue = 0.9"),
            ("[owned]\ndollars = 1\nyears = 0\nutilisation = 1", "owned.years = 0: it must be above 0"),
            ("[owned]\ndollars = 1\nyears = 1\nutilisation = 70", "owned.utilisation = 70"),
            ("[rented]\ndollars_per_hour = 1\n[owned]\ndollars = 1\nyears = 1\nutilisation = 1", "one or the other"),
            (
                "[upstream.x]\nprompt_dollars_per_mtoken = -1\nanswer_dollars_per_mtoken = 1",
                "upstream.x.prompt_dollars",
            ),
        ] {
            let sentence = refused(text);
            assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        }
    }

    #[test]
    fn an_hour_is_one_of_24() {
        assert!(hour_of_day(SystemTime::now()) < 24);
    }
}
