//! `whit bench serve`: what a server makes of many requests at once.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use whit_bench::{
    Alone, Endpoint, Load, Percentiles, Prompts, Report, Scale, Server, Target, compare, read_trace, run as send,
};

use crate::failure::bad_input;
use crate::format::{duration, figures, range, significant};
use crate::progress::Progress;

/// The value of `--compare-alone` when no other server is named.
const SAME: &str = "the same";

#[derive(Args, Debug)]
#[command(after_help = "\
Any server of OpenAI's API will do. Answers are greedy and streamed, and as long as asked for where the server knows \
ignore_eos or min_tokens. Prompts are made of words whose tokens the server counts beforehand; those of one --seed are always the \
same, and begin differently, so that no cache helps: use another seed for the same server again.

Without --trace, --concurrency users each ask again as soon as they are answered. With it, requests are sent at the \
times of the file whether earlier ones are answered or not; --scale-time 1/4 sends four times as many a second.

'first token' is the time from a question to the first piece of its answer (TTFT), 'per token' that from the first to \
the last piece over the tokens after the first (TPOT), 'between' that between two pieces, 'answer' that from a question \
to its end. Ends with exit code 1 if a request failed, or an answer of --compare-alone is another.

Examples:
  whit bench serve http://127.0.0.1:8000
  whit bench serve http://127.0.0.1:8000 --concurrency 32 --requests 256 -p 512 -n 128 --json
  whit bench serve http://127.0.0.1:8000 --trace trace.csv --arrivals 500 --scale-lengths 1/8 --compare-alone")]
pub struct ServeArgs {
    /// The server, with or without /v1
    #[arg(value_name = "URL")]
    url: String,
    /// What it calls the model [default: the first that it lists]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Its key
    #[arg(long, value_name = "KEY", env = "WHIT_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Ask for chat completions instead of text completions
    #[arg(long)]
    chat: bool,
    /// Chooses the prompts
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Longest time for a whole answer
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Afterwards ask everything again, one after the other, and compare the texts byte for byte; of another server of
    /// the same model if one is named, which has nothing of this in its cache
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = SAME)]
    compare_alone: Option<String>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Requests under way at any time
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "So many at a time")]
    concurrency: usize,
    /// Requests in all
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "So many at a time")]
    requests: usize,
    /// Tokens of each prompt
    #[arg(short, long, value_name = "N", default_value_t = 128, help_heading = "So many at a time")]
    prompt: usize,
    /// Tokens of each answer
    #[arg(short = 'n', long, value_name = "N", default_value_t = 64, help_heading = "So many at a time")]
    generate: usize,
    /// Arrivals of a real service: a CSV file with TIMESTAMP,ContextTokens,GeneratedTokens
    #[arg(
        long, value_name = "FILE", help_heading = "As a trace has it",
        conflicts_with_all = ["concurrency", "requests", "prompt", "generate"]
    )]
    trace: Option<PathBuf>,
    /// The first so many arrivals [default: all]
    #[arg(long, value_name = "N", requires = "trace", help_heading = "As a trace has it")]
    arrivals: Option<usize>,
    /// Multiply the lengths of prompts and answers
    #[arg(
        long, value_name = "FACTOR", default_value = "1", value_parser = parse_factor, requires = "trace",
        help_heading = "As a trace has it"
    )]
    scale_lengths: f64,
    /// Multiply the times of arrival
    #[arg(
        long, value_name = "FACTOR", default_value = "1", value_parser = parse_factor, requires = "trace",
        help_heading = "As a trace has it"
    )]
    scale_time: f64,
}

/// `0.125` or `1/8`.
fn parse_factor(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let factor = match text.split_once('/') {
        Some((above, below)) => number(above).zip(number(below)).map(|(above, below)| above / below),
        None => number(text),
    };
    let factor = factor.filter(|factor| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "not a number above 0 such as 0.125 or 1/8".to_owned())
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Output {
    url: String,
    model: String,
    #[serde(flatten)]
    report: Report,
    alone: Option<Alone>,
}

/// `whit bench serve`.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let load = load(args)?;
    let output = measure(args, &load)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &output)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table(&output))?;
    }
    out.flush()?;
    verdict(&output)
}

fn load(args: &ServeArgs) -> anyhow::Result<Load> {
    let Some(path) = &args.trace else {
        if [args.concurrency, args.requests, args.prompt, args.generate].contains(&0) {
            return Err(bad_input(
                "nothing to measure: --concurrency, --requests, --prompt and --generate must be at least 1",
            ));
        }
        return Ok(Load::Closed {
            concurrency: args.concurrency,
            requests: args.requests,
            prompt_tokens: args.prompt,
            output_tokens: args.generate,
        });
    };
    let scale = Scale { lengths: args.scale_lengths, times: args.scale_time };
    let arrivals = read_trace(path, args.arrivals.unwrap_or(usize::MAX), scale)?;
    match arrivals.is_empty() {
        true => Err(bad_input(format!("nothing to measure: {} has no arrivals", path.display()))),
        false => Ok(Load::Open(arrivals)),
    }
}

fn measure(args: &ServeArgs, load: &Load) -> anyhow::Result<Output> {
    let connect = |url: &str, model: Option<&str>| {
        Target::connect(Server {
            url: url.to_owned(),
            model: model.map(str::to_owned),
            api_key: args.api_key.clone(),
            endpoint: if args.chat { Endpoint::Chat } else { Endpoint::Completions },
            timeout: Duration::from_secs(args.timeout),
        })
    };
    let target = connect(&args.url, args.model.as_deref())?;
    let alone = match args.compare_alone.as_deref() {
        Some(SAME) => Some(target.clone()),
        Some(other) => Some(connect(other, args.model.as_deref())?),
        None => None,
    };
    let prompts = Prompts::measure(&target, args.seed)?;
    let mut bar = Progress::steps("Asking");
    let all = load.requests() as u64;
    bar.set(0, all);
    let measured = send(&target, &prompts, load, &mut |done| bar.set(done as u64, all));
    drop(bar);
    let report = Report::of(&measured);
    let alone = alone.map(|alone| {
        let mut bar = Progress::steps("Asking alone");
        compare(&alone, &prompts, &measured, &mut |done| bar.set(done as u64, all))
    });
    Ok(Output { url: target.url().to_owned(), model: target.model().to_owned(), report, alone })
}

/// A sentence where something is not as it should be.
fn verdict(output: &Output) -> anyhow::Result<()> {
    if let Some(first) = output.report.errors.first() {
        bail!("{} of {} requests failed; {}", output.report.failed, output.report.requests, first.message);
    }
    if let Some(alone) = &output.alone
        && let Some(first) = &alone.first_difference
    {
        bail!("{} of {} answers are others alone; {first}", alone.different, alone.compared);
    }
    Ok(())
}

fn table(output: &Output) -> String {
    let Output { report, .. } = output;
    let seconds = |seconds: f64| duration(Duration::from_secs_f64(seconds));
    let tokens = |tokens: usize, per_second: f64| format!("{tokens} tokens, {} tokens/s", figures(per_second));
    let energy = report.joules_per_output_token.as_ref().map_or(String::new(), |cost| {
        let sure = range(cost.joules_low, cost.joules_high);
        format!("energy        {} J per token of output   ({sure}, {})\n", significant(cost.joules), cost.tier)
    });
    let mut text = format!(
        "\
requests      {}, {} failed, up to {} at a time, in {}
output        {}
prompts       {}, {} of them cached
{energy}                     p50         p90         p99         max
",
        report.requests,
        report.failed,
        report.most_in_flight,
        seconds(report.seconds),
        tokens(report.output_tokens, report.output_tokens_per_second),
        tokens(report.prompt_tokens, report.prompt_tokens_per_second),
        report.cached_prompt_tokens,
    );
    let mut line = |label: &str, Percentiles { p50, p90, p99, max }: Percentiles| {
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(seconds);
        text += &format!("{label:<12}{p50:>12}{p90:>12}{p99:>12}{max:>12}\n");
    };
    line("first token", report.time_to_first_token_seconds);
    line("per token", report.time_per_output_token_seconds);
    line("between", report.inter_token_latency_seconds);
    line("answer", report.end_to_end_seconds);
    if report.lag_seconds.max > 0.0 {
        line("sent late", report.lag_seconds);
    }
    if report.prompts_of_other_length > 0 || report.answers_of_other_length > 0 {
        text += &format!(
            "lengths       {} prompts and {} answers are not as long as wanted\n",
            report.prompts_of_other_length, report.answers_of_other_length
        );
    }
    if let Some(alone) = &output.alone {
        text += &format!("alone         {} of {} answers differ\n", alone.different, alone.compared);
        if let Some(difference) = &alone.first_difference {
            text += &format!("              {difference}\n");
        }
    }
    for error in &report.errors {
        text += &format!("failed        {} times: {}\n", error.count, error.message);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_a_number_or_a_fraction() {
        assert_eq!(parse_factor("1/8"), Ok(0.125));
        assert_eq!(parse_factor("0.25"), Ok(0.25));
        for text in ["", "0", "-1", "1/0", "eight", "1/8/2", "nan"] {
            assert!(parse_factor(text).is_err(), "{text}");
        }
    }
}
