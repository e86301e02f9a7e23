//! The dashboard of `deploy/` shows what `/metrics` says, and nothing that it does not say.

mod common;

use std::collections::BTreeSet;

use common::{Server, pocket};
use serde_json::{Value, json};
use whit_server::Config;
use whit_server::config::File;

fn dashboard() -> Value {
    serde_json::from_str(include_str!("../../../deploy/grafana/whit.json")).expect("valid JSON")
}

/// All queries of the panels.
fn queries(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets.map(|target| target["expr"].as_str().expect("a query")).collect()
}

/// The series that a query reads: every word with a colon, which functions and labels have none of, and whit's own.
fn series(query: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    query.split(move |c| !is_word(c)).filter(|word| word.contains(':') || word.starts_with("whit_"))
}

#[tokio::test]
async fn every_series_of_the_dashboard_is_there_and_every_metric_is_on_it() {
    let config = "[tariff]\nelectricity_dollars_per_kwh = 0.25\n[guarantee]\njoules_per_token = 0.5\n";
    let file: File = toml::from_str(config).expect("a configuration");
    let server = Server::start(Config { tariff: file.tariff, guarantee: file.guarantee, ..pocket() }).await;
    server.chat("Hello", json!({"max_tokens": 3})).await.ok();
    let text = server.get("/metrics").await.text();
    let printed: BTreeSet<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    let dashboard = dashboard();
    let mut read: Vec<&str> = queries(&dashboard).into_iter().flat_map(series).collect();
    read.extend(series(dashboard["templating"]["list"][1]["definition"].as_str().expect("the models' query")));
    for name in &read {
        assert!(printed.contains(name), "{name} is on the dashboard but not in\n{text}");
    }
    let metrics: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_whitespace().next()).collect();
    for metric in metrics {
        assert!(read.iter().any(|name| name.starts_with(metric)), "{metric} is not on the dashboard");
    }
}

#[test]
fn every_query_asks_the_chosen_data_source_about_the_chosen_models() {
    let dashboard = dashboard();
    for query in queries(&dashboard) {
        let chosen = query.matches("{model_name=~\"$model\"}").count() + query.matches("{model=~\"$model\"").count();
        // A promise and a ledger are the whole server's.
        let of_all = ["whit_guarantee", "whit_ledger_lost_total"];
        assert_eq!(chosen, series(query).filter(|name| !of_all.contains(name)).count(), "{query}");
    }
    let panels = dashboard["panels"].as_array().expect("panels");
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")) {
        assert_eq!(target["datasource"], chosen, "{target}");
    }
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
}
