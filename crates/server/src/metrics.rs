//! Counters under the names that vLLM's dashboards know.
//! Names and labels: <https://docs.vllm.ai/en/stable/usage/metrics/>. Counters end in `_total`, as they do in vLLM's own output.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use whit_engine::{FinishReason, Occupancy, Usage};
use whit_meter::Verdict;

/// From a prompt found in the cache to a long one on a slow machine.
const FIRST_TOKEN_SECONDS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.75, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0];
/// From small models alone to large ones in company; `--max-stall` is 0.1 by default.
const BETWEEN_TOKENS_SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5];
/// From a word to a book.
const REQUEST_SECONDS: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 240.0, 480.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    model_name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FinishLabels {
    model_name: String,
    finished_reason: &'static str,
}

/// Of what was used, which is not vLLM's. Idle time is of no model.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UseLabels {
    model: String,
    phase: &'static str,
    tier: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabels {
    verdict: &'static str,
}

/// Buckets of a histogram.
#[derive(Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// All counters of a server.
pub struct Metrics {
    registry: Registry,
    running: Family<Labels, Gauge>,
    waiting: Family<Labels, Gauge>,
    kv_cache: Family<Labels, Gauge<f64, AtomicU64>>,
    preemptions: Family<Labels, Counter>,
    prompt_tokens: Family<Labels, Counter>,
    generation_tokens: Family<Labels, Counter>,
    prefix_queries: Family<Labels, Counter>,
    prefix_hits: Family<Labels, Counter>,
    finished: Family<FinishLabels, Counter>,
    first_token: Family<Labels, Histogram, Buckets>,
    between_tokens: Family<Labels, Histogram, Buckets>,
    request: Family<Labels, Histogram, Buckets>,
    joules: Family<UseLabels, Counter<f64, AtomicU64>>,
    dollars: Family<UseLabels, Counter<f64, AtomicU64>>,
    guarantee: Family<VerdictLabels, Gauge>,
    ledger_lost: Counter,
}

/// The counters of one model: no look-up and no shared lock on a token's way.
#[derive(Clone)]
pub struct ModelMetrics {
    running: Gauge,
    waiting: Gauge,
    kv_cache: Gauge<f64, AtomicU64>,
    preemptions: Counter,
    prompt_tokens: Counter,
    generation_tokens: Counter,
    prefix_queries: Counter,
    prefix_hits: Counter,
    stopped: Counter,
    cut: Counter,
    late: Counter,
    beyond_grammar: Counter,
    over_budget: Counter,
    aborted: Counter,
    failed: Counter,
    first_token: Histogram,
    between_tokens: Histogram,
    request: Histogram,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::default(),
            running: Family::default(),
            waiting: Family::default(),
            kv_cache: Family::default(),
            preemptions: Family::default(),
            prompt_tokens: Family::default(),
            generation_tokens: Family::default(),
            prefix_queries: Family::default(),
            prefix_hits: Family::default(),
            finished: Family::default(),
            first_token: Family::new_with_constructor(Buckets(&FIRST_TOKEN_SECONDS)),
            between_tokens: Family::new_with_constructor(Buckets(&BETWEEN_TOKENS_SECONDS)),
            request: Family::new_with_constructor(Buckets(&REQUEST_SECONDS)),
            joules: Family::default(),
            dollars: Family::default(),
            guarantee: Family::default(),
            ledger_lost: Counter::default(),
        };
        // The encoder ends a counter's name in `_total`, and every help text in a full stop.
        let r = &mut metrics.registry;
        r.register(
            "vllm:num_requests_running",
            "Requests that take part in the model's steps",
            metrics.running.clone(),
        );
        r.register("vllm:num_requests_waiting", "Requests that wait for room", metrics.waiting.clone());
        r.register(
            "vllm:kv_cache_usage_perc",
            "Share of the KV cache in use, 1 is all of it",
            metrics.kv_cache.clone(),
        );
        r.register(
            "vllm:num_preemptions",
            "Times that a request lost its room in the KV cache to another and waited for it again",
            metrics.preemptions.clone(),
        );
        r.register("vllm:prompt_tokens", "Tokens of prompts", metrics.prompt_tokens.clone());
        r.register("vllm:generation_tokens", "Tokens generated", metrics.generation_tokens.clone());
        r.register("vllm:prefix_cache_queries", "Tokens of prompts looked up", metrics.prefix_queries.clone());
        r.register("vllm:prefix_cache_hits", "Tokens of prompts found in the cache", metrics.prefix_hits.clone());
        r.register("vllm:request_success", "Answers that came to their end, by why", metrics.finished.clone());
        r.register("vllm:time_to_first_token_seconds", "From request to first token", metrics.first_token.clone());
        r.register("vllm:inter_token_latency_seconds", "From token to token", metrics.between_tokens.clone());
        r.register("vllm:e2e_request_latency_seconds", "From request to the last token", metrics.request.clone());
        r.register("whit_joules", "Energy, in joules, by what it was for and how it is known", metrics.joules.clone());
        r.register("whit_dollars", "Price of energy and machine time, in dollars", metrics.dollars.clone());
        r.register("whit_guarantee", "1 at what can be said of the guarantee", metrics.guarantee.clone());
        r.register("whit_ledger_lost", "Requests that are missing in the ledger", metrics.ledger_lost.clone());
        metrics
    }
}

impl Metrics {
    /// The counters of the model called `name`; they begin at 0 the first time.
    pub fn model(&self, name: &str) -> ModelMetrics {
        let model_name = escaped(name);
        let labels = Labels { model_name: model_name.clone() };
        let finished = |finished_reason| {
            self.finished.get_or_create_owned(&FinishLabels { model_name: model_name.clone(), finished_reason })
        };
        ModelMetrics {
            running: self.running.get_or_create_owned(&labels),
            waiting: self.waiting.get_or_create_owned(&labels),
            kv_cache: self.kv_cache.get_or_create_owned(&labels),
            preemptions: self.preemptions.get_or_create_owned(&labels),
            prompt_tokens: self.prompt_tokens.get_or_create_owned(&labels),
            generation_tokens: self.generation_tokens.get_or_create_owned(&labels),
            prefix_queries: self.prefix_queries.get_or_create_owned(&labels),
            prefix_hits: self.prefix_hits.get_or_create_owned(&labels),
            stopped: finished("stop"),
            cut: finished("length"),
            late: finished("deadline"),
            beyond_grammar: finished("constraint"),
            over_budget: finished("budget"),
            aborted: finished("abort"),
            failed: finished("error"),
            first_token: self.first_token.get_or_create_owned(&labels),
            between_tokens: self.between_tokens.get_or_create_owned(&labels),
            request: self.request.get_or_create_owned(&labels),
        }
    }

    /// So much was used, and cost so much if it has a price.
    pub fn used(&self, model: &str, phase: &'static str, tier: &'static str, joules: f64, dollars: Option<f64>) {
        let labels = UseLabels { model: escaped(model), phase, tier };
        self.joules.get_or_create(&labels).inc_by(joules);
        if let Some(dollars) = dollars {
            self.dollars.get_or_create(&labels).inc_by(dollars);
        }
    }

    /// What can be said of the guarantee now.
    pub fn verdict(&self, now: Verdict) {
        for verdict in [Verdict::NotYetKnown, Verdict::Held, Verdict::Modelled, Verdict::Breached] {
            let labels = VerdictLabels { verdict: verdict.name() };
            self.guarantee.get_or_create(&labels).set(i64::from(verdict == now));
        }
    }

    /// So many requests are missing in the ledger, since the server was started.
    pub fn lost(&self, requests: u64) {
        // It never goes down, whoever else tells it at the same time.
        self.ledger_lost.inner().fetch_max(requests, Ordering::Relaxed);
    }

    /// All of them, in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// As a label has it: the encoder writes labels as they are.
fn escaped(name: &str) -> String {
    name.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

impl ModelMetrics {
    /// How busy the engine is, and how busy it was when this was told last.
    pub fn occupied(&self, occupancy: Occupancy, before: Occupancy) {
        self.running.set(occupancy.running as i64);
        self.waiting.set(occupancy.waiting as i64);
        self.kv_cache.set(occupancy.blocks_used as f64 / occupancy.blocks.max(1) as f64);
        self.preemptions.inc_by(occupancy.preemptions - before.preemptions);
    }

    /// A first token came, `after` the request.
    pub fn first_token(&self, after: Duration) {
        self.generation_tokens.inc();
        self.first_token.observe(after.as_secs_f64());
    }

    /// Another token came, `after` the one before.
    pub fn next_token(&self, after: Duration) {
        self.generation_tokens.inc();
        self.between_tokens.observe(after.as_secs_f64());
    }

    /// An answer came to its end, `after` the request.
    pub fn finished(&self, reason: FinishReason, usage: &Usage, after: Duration) {
        match reason {
            FinishReason::Stop => self.stopped.inc(),
            FinishReason::Length => self.cut.inc(),
            FinishReason::Deadline => self.late.inc(),
            FinishReason::Constraint => self.beyond_grammar.inc(),
            FinishReason::NotFinite => self.failed.inc(),
            FinishReason::Budget => self.over_budget.inc(),
        };
        self.read(usage);
        self.request.observe(after.as_secs_f64());
    }

    /// A client went away before the end. `usage` is what it took until then; its prompt counts if the reading of it was begun.
    pub fn aborted(&self, usage: Option<&Usage>) {
        self.aborted.inc();
        if let Some(usage) = usage.filter(|usage| usage.peak_cache_bytes > 0) {
            self.read(usage);
        }
    }

    fn read(&self, usage: &Usage) {
        self.prompt_tokens.inc_by(usage.prompt_tokens as u64);
        self.prefix_queries.inc_by(usage.prompt_tokens as u64);
        self.prefix_hits.inc_by(usage.cached_tokens as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_those_that_dashboards_know() {
        let metrics = Metrics::default();
        let model = metrics.model("m");
        let usage = Usage { prompt_tokens: 5, cached_tokens: 3, ..Usage::default() };
        model.first_token(Duration::from_millis(3));
        model.next_token(Duration::from_millis(2));
        model.finished(FinishReason::Stop, &usage, Duration::from_millis(9));
        let occupancy = Occupancy { running: 1, waiting: 2, blocks_used: 1, blocks: 4, preemptions: 3 };
        model.occupied(occupancy, Occupancy::default());
        model.occupied(Occupancy { preemptions: 5, ..occupancy }, occupancy);
        metrics.lost(7);
        metrics.lost(6);
        let text = metrics.text();
        for line in [
            "vllm:num_requests_running{model_name=\"m\"} 1",
            "vllm:num_requests_waiting{model_name=\"m\"} 2",
            "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.25",
            "vllm:num_preemptions_total{model_name=\"m\"} 5",
            "vllm:prompt_tokens_total{model_name=\"m\"} 5",
            "vllm:generation_tokens_total{model_name=\"m\"} 2",
            "vllm:prefix_cache_queries_total{model_name=\"m\"} 5",
            "vllm:prefix_cache_hits_total{model_name=\"m\"} 3",
            "vllm:request_success_total{model_name=\"m\",finished_reason=\"stop\"} 1",
            "vllm:time_to_first_token_seconds_bucket{le=\"0.005\",model_name=\"m\"} 1",
            "vllm:inter_token_latency_seconds_count{model_name=\"m\"} 1",
            "vllm:e2e_request_latency_seconds_sum{model_name=\"m\"} 0.009",
            "whit_ledger_lost_total 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_prompt_that_was_read_counts_also_if_its_client_went_away() {
        let metrics = Metrics::default();
        let model = metrics.model("m");
        model.aborted(Some(&Usage { prompt_tokens: 5, cached_tokens: 3, peak_cache_bytes: 1, ..Usage::default() }));
        model.aborted(Some(&Usage { prompt_tokens: 90, ..Usage::default() }));
        model.aborted(None);
        let text = metrics.text();
        for line in [
            "vllm:prompt_tokens_total{model_name=\"m\"} 5",
            "vllm:prefix_cache_hits_total{model_name=\"m\"} 3",
            "vllm:request_success_total{model_name=\"m\",finished_reason=\"abort\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn answers_that_were_cut_count_by_what_cut_them() {
        let metrics = Metrics::default();
        let model = metrics.model("m");
        for reason in [FinishReason::Length, FinishReason::Deadline, FinishReason::Constraint] {
            model.finished(reason, &Usage::default(), Duration::ZERO);
        }
        let text = metrics.text();
        for reason in ["length", "deadline", "constraint"] {
            let line = format!("vllm:request_success_total{{model_name=\"m\",finished_reason=\"{reason}\"}} 1");
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_models_name_does_not_end_its_label() {
        let metrics = Metrics::default();
        metrics.model("a\"} 1\nb\\");
        metrics.used("a\"} 1\nb\\", "load", "wall", 3.0, None);
        let text = metrics.text();
        for line in [
            r#"vllm:num_requests_running{model_name="a\"} 1\nb\\"} 0"#,
            r#"whit_joules_total{model="a\"} 1\nb\\",phase="load",tier="wall"} 3.0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
