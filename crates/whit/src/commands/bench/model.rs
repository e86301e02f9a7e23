//! `whit bench model`: how fast a model runs here, and how near that is to what the memory allows.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use whit_engine::{
    ArbitrarySequences, Constraint, Constraints, Engine, Event, Grammar, Options, Request, Sampling, Speculation,
};
use whit_kernels::Team;
use whit_meter::{Choice, Energy, Meter, Roots, Tier, open, rounded};

use super::{Spread, percentile, read_bandwidth};
use crate::failure::bad_input;
use crate::format::{bytes, figures, range, significant};
use crate::model_source::{LoadArgs, MODEL_HELP, Model};
use crate::process;
use crate::progress::Progress;

#[derive(Args, Debug)]
#[command(after_help = "\
The context is filled to --depth. Each repetition times the prefill of --prompt tokens from there, and --generate \
single decode steps; one repetition before the first is not counted. More decode steps follow until there \
are --steps of them, for the spread of their times: a person waits for the slow ones. Decoding is bound by memory: each token \
reads all weights it uses and its sequence's KV cache once. 'bytes per token' is that sum, and its share of \
the bandwidth is (bytes per token x median decode speed) / (read bandwidth measured in the same run). 'energy' is all that the \
machine used while it decoded, over the tokens, by the source that `whit meter` would choose. With --schema, \
answers at temperature 1 are timed as well, in turns with and without it, --generate tokens each time; one that ends \
is followed by another. With --adapter-rank, decoding and prefill are timed as well with an adapter of arbitrary numbers on all \
linear layers, in turns with and without it.

Examples:
  whit bench model model.gguf
  whit bench model model.gguf --schema answer.json
  whit bench model model.gguf -p 2048 -n 64 --batch 8 -t 4 --json")]
pub struct ModelArgs {
    #[arg(value_name = "MODEL", help = MODEL_HELP)]
    model: String,
    /// Tokens to prefill per sequence
    #[arg(short, long, value_name = "N", default_value_t = 512)]
    prompt: usize,
    /// Tokens to decode per sequence
    #[arg(short = 'n', long, value_name = "N", default_value_t = 128)]
    generate: usize,
    /// Sequences at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Tokens each sequence has before it is measured
    #[arg(long, value_name = "N", default_value_t = 0)]
    depth: usize,
    /// Repetitions
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    repetitions: usize,
    /// Decode steps to time, all repetitions together, for the spread of their times [default: 2000, or as many as
    /// half a minute has]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Time answers that must fit this JSON Schema, too, beside answers that need not
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Time steps with a LoRA adapter of this rank on all linear layers, too, beside steps without
    #[arg(long, value_name = "N")]
    adapter_rank: Option<usize>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Report {
    prefill_tokens_per_second: Spread,
    decode_tokens_per_second: Spread,
    /// Over all decode steps that were timed.
    decode_step_milliseconds: StepTimes,
    /// With `--schema`.
    answers: Option<Answers>,
    /// With `--adapter-rank`.
    adapter: Option<Adapted>,
    bytes_per_token: u64,
    read_bandwidth_gb_per_second: f64,
    share_of_bandwidth: f64,
    /// Of decoding, with what the machine takes beside it; `null` without a source of power figures.
    joules_per_token: Option<PerToken>,
    resident_bytes: u64,
    threads: usize,
    isa: &'static str,
    prompt_tokens: usize,
    generated_tokens: usize,
    batch: usize,
    depth: usize,
    repetitions: usize,
    architecture: String,
    parameters: u64,
    weights_bytes: u64,
}

/// Energy over tokens.
#[derive(Serialize)]
struct PerToken {
    joules: f64,
    joules_low: f64,
    joules_high: f64,
    tier: Tier,
}

/// What decoding used so far.
struct Decoding {
    meter: Option<Meter>,
    energy: Energy,
    tier: Option<Tier>,
    tokens: usize,
}

impl Decoding {
    /// As [`Engine::time_decode`], and counts what it uses.
    fn time(
        &mut self,
        engine: &mut Engine,
        sequences: &ArbitrarySequences,
        args: &ModelArgs,
        steps: usize,
    ) -> anyhow::Result<Vec<f64>> {
        let before = self.meter.as_ref().map(Meter::total_now);
        let seconds = engine.time_decode(sequences, steps)?;
        if let Some((meter, before)) = self.meter.as_ref().zip(before) {
            let used = before.until(&meter.total_now());
            self.energy += used.energy;
            self.tier = self.tier.max(Some(used.tier));
            self.tokens += args.batch * steps;
        }
        Ok(seconds)
    }

    fn per_token(&self) -> Option<PerToken> {
        let [joules_low, joules, joules_high] = [self.energy.low, self.energy.joules, self.energy.high]
            .map(|joules| rounded(joules.as_f64() / self.tokens.max(1) as f64));
        Some(PerToken { joules, joules_low, joules_high, tier: self.tier? })
    }
}

/// Percentiles.
#[derive(Serialize)]
struct StepTimes {
    p50: f64,
    p99: f64,
    p99_over_p50: f64,
    steps: usize,
}

/// Answers with a constraint beside answers without one.
#[derive(Serialize)]
struct Answers {
    free_tokens_per_second: Spread,
    constrained_tokens_per_second: Spread,
    /// Of each turn.
    constrained_over_free: Spread,
}

/// Steps with an adapter beside steps without one.
#[derive(Serialize)]
struct Adapted {
    rank: usize,
    /// By the median step of each repetition.
    decode_tokens_per_second: Spread,
    /// That step's time over that of the median step without.
    decode_over_plain: Spread,
    prefill_over_plain: Spread,
    /// What of it a step reads that decodes.
    bytes: u64,
}

/// Decode steps whose times are spread, and the time after which fewer will do.
const SPREAD_STEPS: usize = 2000;
const SPREAD_TIME: Duration = Duration::from_secs(30);

/// `whit bench model`.
pub fn run(args: &ModelArgs) -> anyhow::Result<()> {
    let report = measure(args)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table(&report))?;
    }
    Ok(())
}

fn measure(args: &ModelArgs) -> anyhow::Result<Report> {
    if [args.prompt, args.generate, args.batch, args.repetitions].contains(&0) {
        return Err(bad_input(
            "nothing to measure: --prompt, --generate, --batch and --repetitions must be at least 1",
        ));
    }
    let model = Model::open(&args.model)?;
    let context = args.depth.saturating_add(args.prompt.max(args.generate));
    // Those with an adapter are beside those without.
    let sequences = args.batch * if args.adapter_rank.is_some() { 2 } else { 1 };
    let options = Options { sequences, speculation: Speculation::Off, ..args.load.options(Some(context)) };
    let constraint = args.schema.as_ref().map(|schema| read_schema(schema, &model)).transpose()?;
    let mut engine = model.load(&options)?;
    let (architecture, parameters) = (model.spec.architecture.clone(), model.checkpoint.parameters());
    engine.finish_packed_copy();
    // The engine keeps what it needs of the file; the rest shall not count as memory in use.
    drop(model);
    let available = engine.memory_plan().context;
    if available < context {
        return Err(bad_input(format!(
            "{} sequences of {context} tokens do not fit the memory; {available} tokens each would (lower --prompt, --generate, --depth or --batch)",
            args.batch
        )));
    }
    let mut bar = Progress::steps("Measuring");
    bar.set(0, args.repetitions as u64 + 1);
    let sequences = engine.arbitrary_sequences(args.batch, args.depth, args.prompt.max(args.generate), None)?;
    let (mut prefill, mut decode, mut steps) = (vec![], vec![], vec![]);
    let source = open(&Choice::Auto, &Roots::of_this_machine()).ok();
    let meter = source.and_then(|source| Meter::start(source).ok());
    let mut decoding = Decoding { meter, energy: Energy::ZERO, tier: None, tokens: 0 };
    for repetition in 0..=args.repetitions {
        let seconds = engine.time_prefill(&sequences, args.prompt)?;
        let times = decoding.time(&mut engine, &sequences, args, args.generate)?;
        bar.set(repetition as u64 + 1, args.repetitions as u64 + 1);
        // The first brings pages and clocks up.
        if repetition > 0 {
            prefill.push((args.batch * args.prompt) as f64 / seconds);
            decode.push((args.batch * times.len()) as f64 / times.iter().sum::<f64>());
            steps.extend(times);
        }
    }
    drop(bar);
    let wanted = args.steps.unwrap_or(SPREAD_STEPS);
    let mut bar = Progress::steps("Timing steps");
    let start = Instant::now();
    while steps.len() < wanted && (args.steps.is_some() || start.elapsed() < SPREAD_TIME) {
        steps.extend(decoding.time(&mut engine, &sequences, args, args.generate.min(wanted - steps.len()))?);
        bar.set(steps.len() as u64, wanted as u64);
    }
    drop(bar);
    engine.forget(sequences);
    let answers = constraint.map(|constraint| time_answers(&mut engine, &constraint, args)).transpose()?;
    let adapter = args.adapter_rank.map(|rank| time_adapter(&mut engine, rank, args)).transpose()?;
    let decode = Spread::of(decode);
    let bytes_per_token = bytes_per_token(&engine, args);
    let resident_bytes = process::resident_bytes().unwrap_or_else(|| engine.memory_plan().total());
    let (threads, isa, weights_bytes) = (engine.threads(), engine.isa().name(), engine.memory_plan().weights);
    let (p50, p99) = (percentile(&mut steps, 0.50), percentile(&mut steps, 0.99));
    drop(engine);
    let bandwidth = read_bandwidth(&mut Team::new(Some(threads))?);
    Ok(Report {
        prefill_tokens_per_second: Spread::of(prefill),
        decode_tokens_per_second: decode,
        decode_step_milliseconds: StepTimes {
            p50: p50 * 1e3,
            p99: p99 * 1e3,
            p99_over_p50: p99 / p50,
            steps: steps.len(),
        },
        answers,
        adapter,
        bytes_per_token,
        read_bandwidth_gb_per_second: bandwidth / 1e9,
        joules_per_token: decoding.per_token(),
        share_of_bandwidth: bytes_per_token as f64 * decode.median / bandwidth,
        resident_bytes,
        threads,
        isa,
        prompt_tokens: args.prompt,
        generated_tokens: args.generate,
        batch: args.batch,
        depth: args.depth,
        repetitions: args.repetitions,
        architecture,
        parameters,
        weights_bytes,
    })
}

fn read_schema(path: &Path, model: &Model) -> anyhow::Result<Constraint> {
    let refused = |error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
    let schema = std::fs::read_to_string(path).map_err(|error| refused(&error))?;
    let constraints = Constraints::new(&model.tokenizer, model.tokenizer.end_tokens())?;
    constraints.compile(&Grammar::JsonSchema(schema)).map_err(|error| refused(&error))
}

/// Steps with and without an adapter, in turns: whatever else the machine does meets both.
fn time_adapter(engine: &mut Engine, rank: usize, args: &ModelArgs) -> anyhow::Result<Adapted> {
    let id = engine.add_arbitrary_adapter(rank)?;
    let mut bar = Progress::steps("Timing an adapter");
    let room = args.prompt.max(args.generate);
    let plain = engine.arbitrary_sequences(args.batch, args.depth, room, None)?;
    let adapted = engine.arbitrary_sequences(args.batch, args.depth, room, Some(id))?;
    let (mut speeds, mut decode, mut prefill) = (vec![], vec![], vec![]);
    for repetition in 0..=args.repetitions {
        let mut prefills = [0.0; 2];
        for (sequences, seconds) in [&plain, &adapted].into_iter().zip(&mut prefills) {
            *seconds = engine.time_prefill(sequences, args.prompt)?;
        }
        let mut decodes = [vec![], vec![]];
        for _ in 0..args.generate {
            for (sequences, seconds) in [&plain, &adapted].into_iter().zip(&mut decodes) {
                seconds.extend(engine.time_decode(sequences, 1)?);
            }
        }
        let [without, with] = decodes.map(|mut seconds| percentile(&mut seconds, 0.5));
        bar.set(repetition as u64 + 1, args.repetitions as u64 + 1);
        if repetition > 0 {
            prefill.push(prefills[1] / prefills[0]);
            decode.push(with / without);
            speeds.push(args.batch as f64 / with);
        }
    }
    engine.forget(plain);
    engine.forget(adapted);
    Ok(Adapted {
        rank,
        decode_tokens_per_second: Spread::of(speeds),
        decode_over_plain: Spread::of(decode),
        prefill_over_plain: Spread::of(prefill),
        bytes: engine.adapter_step_bytes(id)?,
    })
}

/// Answers with and without the constraint, in turns.
fn time_answers(engine: &mut Engine, constraint: &Constraint, args: &ModelArgs) -> anyhow::Result<Answers> {
    let mut bar = Progress::steps("Timing answers");
    let (mut free, mut constrained, mut ratios) = (vec![], vec![], vec![]);
    for repetition in 0..=args.repetitions {
        let seed = repetition as u64;
        let speeds = [None, Some(constraint)].map(|constraint| answers_per_second(engine, constraint, seed, args));
        let [without, with] = speeds;
        let (without, with) = (without?, with?);
        bar.set(repetition as u64 + 1, args.repetitions as u64 + 1);
        if repetition > 0 {
            free.push(without);
            constrained.push(with);
            ratios.push(with / without);
        }
    }
    Ok(Answers {
        free_tokens_per_second: Spread::of(free),
        constrained_tokens_per_second: Spread::of(constrained),
        constrained_over_free: Spread::of(ratios),
    })
}

/// Tokens per second of `--batch` answers at a time, from the first token until `--generate` of each have come on average.
fn answers_per_second(
    engine: &mut Engine,
    constraint: Option<&Constraint>,
    seed: u64,
    args: &ModelArgs,
) -> anyhow::Result<f64> {
    let mut seeds = seed << 32..;
    let mut submit = |engine: &mut Engine| {
        let sampling = Sampling { temperature: 1.0, seed: seeds.next().unwrap_or_default(), ..Sampling::default() };
        engine.submit(Request {
            sampling,
            constraint: constraint.cloned(),
            max_tokens: Some(args.generate),
            ..Request::new(vec![0])
        })
    };
    let mut running = vec![];
    for _ in 0..args.batch {
        running.push(submit(engine)?);
    }
    let (mut tokens, mut start) = (0, None);
    while tokens < args.batch * args.generate {
        let mut ended = vec![];
        let mut came = 0;
        engine.step(|event| match event {
            Event::Token { .. } => came += 1,
            Event::Finished { request, .. } => ended.push(request),
            Event::Embedding { .. } => {}
        })?;
        // The first step reads the prompts.
        match start {
            Some(_) => tokens += came,
            None => start = Some(Instant::now()),
        }
        for id in ended {
            running.retain(|running| *running != id);
            running.push(submit(engine)?);
        }
    }
    let seconds = start.map_or(f64::INFINITY, |start| start.elapsed().as_secs_f64());
    for id in running {
        engine.cancel(id);
    }
    Ok(tokens as f64 / seconds)
}

/// The weights are read once for the whole batch, the KV cache once per sequence; its length is that of the middle step.
fn bytes_per_token(engine: &Engine, args: &ModelArgs) -> u64 {
    let step = engine.step_bytes(args.depth + args.generate / 2);
    step.weights / args.batch as u64 + step.kv_cache
}

fn table(report: &Report) -> String {
    let rate = |spread: &Spread| {
        format!("{:>8} tokens/s   ({} to {})", figures(spread.median), figures(spread.min), figures(spread.max))
    };
    let answers = report.answers.as_ref().map_or_else(String::new, |answers| {
        let ratio = answers.constrained_over_free;
        format!(
            "answers    {}   {:.3} times as fast ({:.3} to {:.3}) as those that need not fit\n",
            rate(&answers.constrained_tokens_per_second),
            ratio.median,
            ratio.min,
            ratio.max,
        )
    });
    let adapter = report.adapter.as_ref().map_or_else(String::new, |adapter| {
        let Adapted { rank, decode_over_plain: decode, prefill_over_plain: prefill, .. } = adapter;
        format!(
            "adapter    {}   {:.3} times as long ({:.3} to {:.3}) as without, prefill {:.3}; rank {rank}, {}\n",
            rate(&adapter.decode_tokens_per_second),
            decode.median,
            decode.min,
            decode.max,
            prefill.median,
            bytes(adapter.bytes),
        )
    });
    let energy = report.joules_per_token.as_ref().map_or(String::new(), |per_token| {
        let PerToken { joules, joules_low, joules_high, tier } = per_token;
        let sure = range(*joules_low, *joules_high);
        format!("energy     {:>8} J per token decoded   ({sure}, {})\n", significant(*joules), tier.name())
    });
    format!(
        "\
prefill    {}   {} tokens, batch of {}, after {}
decode     {}   {} tokens, batch of {}, after {}
step       {:>8} ms p50, {} ms p99 ({:.2} times as long), {} steps
reads      {:>8} per token, {} GB/s of {} GB/s ({:.0} %)
{energy}{answers}{adapter}resident   {}
threads    {} ({})
",
        rate(&report.prefill_tokens_per_second),
        report.prompt_tokens,
        report.batch,
        report.depth,
        rate(&report.decode_tokens_per_second),
        report.generated_tokens,
        report.batch,
        report.depth,
        figures(report.decode_step_milliseconds.p50),
        figures(report.decode_step_milliseconds.p99),
        report.decode_step_milliseconds.p99_over_p50,
        report.decode_step_milliseconds.steps,
        bytes(report.bytes_per_token),
        figures(report.share_of_bandwidth * report.read_bandwidth_gb_per_second),
        figures(report.read_bandwidth_gb_per_second),
        100.0 * report.share_of_bandwidth,
        bytes(report.resident_bytes),
        report.threads,
        report.isa,
    )
}
