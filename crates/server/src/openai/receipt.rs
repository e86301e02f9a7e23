//! `usage.whit`: the receipt of an answer, for the schema; [`whit_meter::Receipt`] writes it.

use serde::Serialize;
use utoipa::ToSchema;

/// What an answer cost, and how that is known.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
#[allow(dead_code, reason = "only its schema is used")]
pub struct ReceiptSchema {
    /// Energy.
    joules: f64,
    /// It was not less.
    joules_low: f64,
    /// It was not more.
    joules_high: f64,
    /// How the energy is known.
    tier: TierSchema,
    /// Price of energy and machine; null where the server knows none.
    #[schema(required = true)]
    dollars: Option<f64>,
    /// Emissions, in grams of CO2 equivalents; null where the server does not know the grid's.
    #[schema(required = true)]
    grams_co2e: Option<f64>,
    /// Most KV cache that was held for it at once, in bytes.
    bytes_peak: u64,
    /// From its arrival to its end.
    seconds: f64,
    /// The part of the prompt.
    prefill: PartSchema,
    /// The part of the answer.
    decode: PartSchema,
}

/// One phase's part of a receipt.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiptPart)]
#[allow(dead_code, reason = "only its schema is used")]
struct PartSchema {
    /// Energy.
    joules: f64,
    /// It was not less.
    joules_low: f64,
    /// It was not more.
    joules_high: f64,
    /// Price of energy and machine; null where the server knows none.
    #[schema(required = true)]
    dollars: Option<f64>,
    /// Emissions, in grams of CO2 equivalents; null where the server does not know the grid's.
    #[schema(required = true)]
    grams_co2e: Option<f64>,
    /// How long it lasted.
    seconds: f64,
}

/// How an energy is known.
#[derive(Serialize, ToSchema)]
#[schema(as = Tier)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum TierSchema {
    /// Measured where the power comes in.
    Wall,
    /// Counted by the hardware.
    Counter,
    /// Worked out from the load and published coefficients.
    Modelled,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use whit_meter::{Account, Circumstances, Joules, Receipt, Tariff, Tier};

    use super::*;

    #[test]
    fn the_schema_has_what_a_receipt_has() {
        let of = Circumstances {
            tier: Tier::Counter,
            edges: Joules::ZERO,
            bytes_peak: 0,
            seconds: 0.0,
            prefill_seconds: 0.0,
            decode_seconds: 0.0,
            hour: 0,
        };
        let receipt = json!(Receipt::new(&Account::default(), &of, &Tariff::default()));
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let whole = json!(<ReceiptSchema as utoipa::PartialSchema>::schema());
        let part = json!(<PartSchema as utoipa::PartialSchema>::schema());
        assert_eq!(keys(&whole["properties"]), keys(&receipt));
        assert_eq!(whole["required"], json!(keys(&receipt)));
        assert_eq!(keys(&part["properties"]), keys(&receipt["decode"]));
        assert_eq!(part["required"], json!(keys(&receipt["decode"])));
        let tiers = json!(<TierSchema as utoipa::PartialSchema>::schema());
        assert_eq!(tiers["enum"], json!([Tier::Wall, Tier::Counter, Tier::Modelled]));
    }
}
