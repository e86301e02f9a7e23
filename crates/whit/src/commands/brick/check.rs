//! `whit brick check`: what a brick's card claims, measured again.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};
use whit_engine::brick::Job;
use whit_model::Brick;
use whit_model::brick::Quality;
use whit_tune::{Answered, Example, Measure, Share, answer_all, calibration_error, read_examples};

use super::{percent, percents, title};
use crate::bricks::{self, BRICK_HELP, Ready};
use crate::failure::{Ended, bad_input};
use crate::format::{columns, grouped};
use crate::model_source::LoadArgs;
use crate::progress::Progress;

/// Bytes of a set.
const MOST_BYTES: usize = 16 << 20;
/// Sequences that the KV cache has room for at full length.
const SEQUENCES: usize = 16;

#[derive(Args, Debug)]
#[command(after_help = "\
Each set of examples that comes with the brick is answered, greedily and held to the contract, and what is right of it stands beside what the \
card claims, with intervals of 95 % (Wilson). The exit code is 1 if a share is below the low end of the interval that is claimed. \
Sets that are not in the brick, and measures other than \"exact match\", \"label NAME\" and \"field NAME\", are listed as they are claimed.

Examples:
  whit brick check assistant.brick
  whit brick check bricks/assistant --json | jq .checks")]
pub struct CheckArgs {
    #[arg(value_name = "BRICK", help = BRICK_HELP)]
    brick: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct Report<'a> {
    brick: &'a str,
    version: &'a str,
    /// No claim was found to be too high.
    reached: bool,
    checks: Vec<Check<'a>>,
}

/// A claim, and what was found.
#[derive(Serialize)]
struct Check<'a> {
    claimed: &'a Quality,
    /// `None` where it cannot be measured here.
    measured: Option<Measured>,
}

#[derive(Serialize)]
struct Measured {
    value: f64,
    low: f64,
    high: f64,
    right: u64,
    examples: u64,
    /// Of the confidence that the brick stated with its answers.
    expected_calibration_error: Option<f64>,
    /// Not below the low end of what is claimed.
    reached: bool,
}

/// `whit brick check`.
pub fn run(args: &CheckArgs) -> anyhow::Result<()> {
    let brick = bricks::open(&args.brick)?;
    let mut ready = bricks::prepare(&brick)?;
    let sets = Sets::read(&brick, &ready.job)?;
    let answers = sets.answer(args, &mut ready)?;
    let checks =
        brick.card().quality.iter().map(|claimed| Check { claimed, measured: sets.measure(claimed, &answers) });
    let checks: Vec<Check> = checks.collect();
    let reached = checks.iter().all(|check| check.measured.as_ref().is_none_or(|measured| measured.reached));
    let card = brick.card();
    let report = Report { brick: &card.name, version: &card.version, reached, checks };
    if args.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(anstream::stdout().lock(), "{}", table(&brick, &report))?;
    }
    match reached {
        true => Ok(()),
        false => {
            let sentence = format!("{}: a claim of its card was not reached again", title(&brick));
            Err(Ended { code: 1, sentence: Some(sentence) }.into())
        }
    }
}

/// A set that is in the brick: several claims may be about one.
struct Set<'a> {
    file: &'a str,
    examples: Vec<Example>,
    prompts: Vec<Vec<u32>>,
}

/// All of them.
struct Sets<'a>(Vec<Set<'a>>);

impl<'a> Sets<'a> {
    fn read(brick: &'a Brick, job: &Job) -> anyhow::Result<Sets<'a>> {
        let mut sets: Vec<Set> = vec![];
        for claimed in &brick.card().quality {
            let Some(file) = measurable(claimed).map(|(file, _)| file) else { continue };
            let (path, text) = brick.text(file, MOST_BYTES)?;
            let found: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            if claimed.sha256.as_ref().is_some_and(|wanted| *wanted != found) {
                return Err(bad_input(format!(
                    "{}: is not the set that the card's claim on {} is about (its SHA-256 is {found}); measure the brick anew, or put \
                     that set back",
                    path.display(),
                    claimed.on
                )));
            }
            if !sets.iter().any(|known| known.file == file) {
                let examples = read_examples(&path, text, job.contract())?;
                let prompts = examples.iter().map(|example| job.prompt(&example.input)).collect::<Result<_, _>>()?;
                sets.push(Set { file, examples, prompts });
            }
        }
        Ok(Sets(sets))
    }

    /// What the brick makes of each set.
    fn answer(&self, args: &CheckArgs, ready: &mut Ready) -> anyhow::Result<Vec<Vec<Answered>>> {
        let prompts = self.0.iter().flat_map(|set| &set.prompts);
        let (total, longest) =
            prompts.fold((0, 0), |(total, longest): (usize, usize), prompt| (total + 1, longest.max(prompt.len())));
        if total == 0 {
            return Ok(vec![]);
        }
        let mut engine = ready.load(&args.load, longest, SEQUENCES.min(total))?;
        let mut bar = Progress::steps("Checking");
        let mut before = 0;
        let mut answers = vec![];
        for set in &self.0 {
            let done = &mut |done: usize| bar.set((before + done) as u64, total as u64);
            answers.push(answer_all(&mut engine, &ready.job, &set.prompts, done)?);
            before += set.prompts.len();
        }
        Ok(answers)
    }

    fn measure(&self, claimed: &Quality, answers: &[Vec<Answered>]) -> Option<Measured> {
        let (file, measure) = measurable(claimed)?;
        let (set, answers) = self.0.iter().zip(answers).find(|(set, _)| set.file == file)?;
        let share = Share::of(&measure, answers, &set.examples);
        if share.of == 0 {
            return None;
        }
        let (low, high) = share.interval();
        // What is stated is stated of whole answers.
        let whole = answers.iter().zip(&set.examples).filter(|_| !matches!(measure, Measure::Field(_)));
        let stated = whole.filter_map(|(answer, example)| Some((answer.confidence?, measure.judge(answer, example)?)));
        Some(Measured {
            value: share.value(),
            low,
            high,
            right: share.right,
            examples: share.of,
            expected_calibration_error: calibration_error(stated),
            reached: share.value() >= claimed.low,
        })
    }
}

/// The file and the measure of a claim, if it can be measured again.
fn measurable(claimed: &Quality) -> Option<(&str, Measure)> {
    Some((claimed.file.as_deref()?, Measure::parse(&claimed.measure)?))
}

fn table(brick: &Brick, report: &Report) -> String {
    if report.checks.is_empty() {
        return format!("{} claims nothing\n", title(brick));
    }
    let head = ["set", "measure", "claimed", "", "of", "measured", "", "of", "confidence off by", ""].map(String::from);
    let line = |Check { claimed, measured }: &Check| {
        let own = vec![
            claimed.on.clone(),
            claimed.measure.clone(),
            percent(claimed.value),
            percents((claimed.low, claimed.high)),
            grouped(claimed.examples),
        ];
        let found = match measured {
            None => vec!["-".into(), "-".into(), "-".into(), "-".into(), "not measured".into()],
            Some(found) => vec![
                percent(found.value),
                percents((found.low, found.high)),
                grouped(found.examples),
                found.expected_calibration_error.map_or("-".into(), percent),
                if found.reached { "reached".into() } else { "NOT REACHED".into() },
            ],
        };
        [own, found].concat()
    };
    let lines: Vec<Vec<String>> = [head.to_vec()].into_iter().chain(report.checks.iter().map(line)).collect();
    format!("{}\n{}", title(brick), columns(&lines))
}
