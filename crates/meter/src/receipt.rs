//! What a request cost, as it is told to whoever asked.

use serde::Serialize;

use crate::attribution::{Account, Share};
use crate::energy::{Joules, Tier};
use crate::tariff::{Cost, Tariff, rounded};

/// A receipt. The names of its fields are promised: they stand in `usage.whit` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Receipt {
    /// Energy.
    pub joules: f64,
    /// It was not less.
    pub joules_low: f64,
    /// It was not more.
    pub joules_high: f64,
    /// How that was obtained.
    pub tier: Tier,
    /// Price; `null` without a tariff.
    pub dollars: Option<f64>,
    /// Emissions, in grams of CO2 equivalents; `null` without a tariff.
    pub grams_co2e: Option<f64>,
    /// Most memory that was held for it at once, in bytes.
    pub bytes_peak: u64,
    /// From its arrival to its end, in seconds.
    pub seconds: f64,
    /// The part of its prompt.
    pub prefill: Part,
    /// The part of its answer.
    pub decode: Part,
}

/// A part of a receipt: one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// Energy.
    pub joules: f64,
    /// It was not less.
    pub joules_low: f64,
    /// It was not more.
    pub joules_high: f64,
    /// Price; `null` without a tariff.
    pub dollars: Option<f64>,
    /// Emissions, in grams of CO2 equivalents; `null` without a tariff.
    pub grams_co2e: Option<f64>,
    /// How long the phase lasted, in seconds.
    pub seconds: f64,
}

/// What a receipt needs to know beside the account.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// How the source obtains its figures, at the worst moment of the request.
    pub tier: Tier,
    /// Doubt of the source at the beginning and the end of the request ([`Measured::edges`](crate::Measured::edges)).
    pub edges: Joules,
    /// Most memory held at once, in bytes.
    pub bytes_peak: u64,
    /// Seconds from arrival to end, waiting included.
    pub seconds: f64,
    /// Seconds of the prefill.
    pub prefill_seconds: f64,
    /// Seconds of the decode.
    pub decode_seconds: f64,
    /// Hour of the day, 0 to 23, for tariffs that go by it.
    pub hour: u8,
}

impl Receipt {
    /// For what `account` has used. If a model was loaded on its account, that is in the total and in neither part.
    pub fn new(account: &Account, of: &Circumstances, tariff: &Tariff) -> Receipt {
        let total = account.total();
        let whole = part(total, of.seconds, tariff, of.hour);
        let energy = total.energy.widened(of.edges);
        Receipt {
            joules: whole.joules,
            joules_low: energy.low.as_f64(),
            joules_high: energy.high.as_f64(),
            tier: of.tier,
            dollars: whole.dollars,
            grams_co2e: whole.grams_co2e,
            bytes_peak: of.bytes_peak,
            seconds: of.seconds,
            prefill: part(account.prefill, of.prefill_seconds, tariff, of.hour),
            decode: part(account.decode, of.decode_seconds, tariff, of.hour),
        }
    }
}

fn part(share: Share, seconds: f64, tariff: &Tariff, hour: u8) -> Part {
    let Cost { dollars, grams_co2e } = tariff.cost(share.energy.joules, share.machine_micros as f64 * 1e-6, hour);
    let [joules_low, joules, joules_high] =
        [share.energy.low, share.energy.joules, share.energy.high].map(|joules| joules.as_f64());
    let [dollars, grams_co2e] = [dollars, grams_co2e].map(|amount| amount.map(rounded));
    Part { joules, joules_low, joules_high, dollars, grams_co2e, seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Energy;

    #[test]
    fn a_receipt_is_the_sum_of_its_parts() {
        let share = |low: f64, joules: f64, high: f64, machine_micros| {
            let [low, joules, high] = [low, joules, high].map(Joules::from_f64);
            Share { energy: Energy { joules, low, high }, machine_micros }
        };
        let account = Account {
            prefill: share(1.0, 2.0, 3.0, 250_000),
            decode: share(4.0, 5.0, 6.5, 750_000),
            ..Account::default()
        };
        let of = Circumstances {
            tier: Tier::Counter,
            edges: Joules::from_f64(0.5),
            bytes_peak: 1 << 20,
            seconds: 2.0,
            prefill_seconds: 0.3,
            decode_seconds: 1.5,
            hour: 0,
        };
        let tariff: Tariff =
            toml::from_str("grid_grams_co2e_per_kwh = 360\n[rented]\ndollars_per_hour = 3.6\n").unwrap();
        let receipt = Receipt::new(&account, &of, &tariff);
        assert_eq!((receipt.joules, receipt.joules_low, receipt.joules_high), (7.0, 4.5, 10.0));
        let close = |a: Option<f64>, b: f64| (a.expect("known") - b).abs() < 1e-12;
        assert!(close(receipt.dollars, 0.001) && close(receipt.grams_co2e, 7.0 / 3.6e6 * 360.0));
        // 0.0001 and 0.00025000000000000006 are worked out of the latter.
        let told = [receipt.grams_co2e, receipt.prefill.dollars, receipt.decode.grams_co2e].map(|told| told.unwrap());
        assert!(told.iter().all(|told| told.to_string().len() <= 12), "{told:?}");
        assert!(close(receipt.prefill.dollars, 0.00025) && close(receipt.decode.dollars, 0.00075));
        let json = serde_json::to_value(receipt).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        let expected = [
            "joules",
            "joules_low",
            "joules_high",
            "tier",
            "dollars",
            "grams_co2e",
            "bytes_peak",
            "seconds",
            "prefill",
            "decode",
        ];
        assert_eq!(keys, expected);
        assert_eq!(json["tier"], "counter");
    }
}
