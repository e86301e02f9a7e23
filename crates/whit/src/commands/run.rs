//! `whit run`: one answer, or a chat.

use std::io::{IsTerminal, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use whit_engine::{AdapterId, Engine, Options, Request, Sampling, Speculation, adapter_bytes};
use whit_meter::Receipt;
use whit_model::template::ChatInput;
use whit_model::{Adapter, ChatTemplate, GenerationDefaults, Tokenizer};

use super::brick::{self, run::Question};
use crate::answer::{Answer, Finish, answer};
use crate::failure::{Interrupted, bad_input};
use crate::model_source::{LoadArgs, MODEL_HELP, Model};
use crate::sampling::SamplingArgs;
use crate::till::{CostArgs, Till};
use crate::{bricks, chat, say, stats};

/// Positions planned for when `--context` does not say: enough for a long chat, and small beside the weights.
const USUAL_CONTEXT: usize = 8192;
/// Room for an answer after a prompt that is itself longer than that.
const USUAL_ANSWER: usize = 1024;

const BRICK_OPTION_HELP: &str = "Answer PROMPT, which then stands alone, with a brick: its folder, a .brick file, or the name of one that is \
    in this program. The answer goes to standard output, and to standard error a line with its confidence, time and memory";
/// What a brick's card says, and nobody else.
const NOT_OF_A_BRICK: [&str; 9] =
    ["chat", "raw", "system", "adapter", "max_tokens", "stop", "context", "logprobs", "SamplingArgs"];

/// The values of `--speculation`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Guessing {
    Auto,
    Off,
    Always,
}

impl From<Guessing> for Speculation {
    fn from(guessing: Guessing) -> Speculation {
        match guessing {
            Guessing::Auto => Speculation::Auto,
            Guessing::Off => Speculation::Off,
            Guessing::Always => Speculation::Always,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
A request in plain words that stands alone, or on standard input, is answered by the brick 'assistant' that is in this \
program: with a call of an everyday tool as JSON, or null.

Without PROMPT, whit chats with MODEL if standard input is a terminal (Ctrl-C stops an answer, Ctrl-D leaves, /help \
says more), and otherwise takes all of standard input as the prompt. Only the answer goes to standard \
output, byte for byte; everything else goes to standard error.

Examples:
  whit run \"remind me to call Ana tomorrow at nine\"
  whit run model.gguf \"Why is the sky blue?\"
  whit run hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF
  whit run hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q8_0 --temperature 0 --stats \"Name three rivers.\"
  whit run ./SmolLM2-135M --raw --max-tokens 50 \"Once upon a time\"
  whit run model.gguf --adapter ./my-adapter \"Turn the lights off.\"
  whit run model.gguf --system \"Summarise in one sentence.\" < article.txt
  whit run --brick assistant.brick \"set a timer for twenty minutes\"")]
pub struct RunArgs {
    #[arg(value_name = "MODEL", help = MODEL_HELP)]
    model: Option<String>,
    /// What to answer; with --raw, what to continue ("" continues from nothing)
    prompt: Option<String>,
    #[arg(long, value_name = "BRICK", help = BRICK_OPTION_HELP, conflicts_with_all = NOT_OF_A_BRICK)]
    brick: Option<String>,
    /// Chat although standard input is not a terminal: each of its lines is a message
    #[arg(long, conflicts_with_all = ["prompt", "json"])]
    chat: bool,
    /// Give the prompt to the model as it is, without its chat template
    #[arg(long, conflicts_with = "system")]
    raw: bool,
    /// What to tell the model before the conversation
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Answer with this adapter on the model: a folder with adapter_config.json and adapter_model.safetensors, as PEFT saves LoRA
    #[arg(long, value_name = "FOLDER")]
    adapter: Option<PathBuf>,
    /// Longest answer, in tokens [default: until the context is full]
    #[arg(short = 'n', long, value_name = "N")]
    max_tokens: Option<usize>,
    /// End the answer before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Longest conversation, in tokens; 0 for all the model was trained for [default: 8192, or what the model and the memory allow]
    #[arg(short, long, value_name = "N", help_heading = "Memory and threads")]
    context: Option<usize>,
    /// Print tokens, times, speeds, peak memory and what the answer cost to standard error
    #[arg(long, help_heading = "Output")]
    stats: bool,
    /// Print one JSON object when the answer is complete, instead of the text
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// With --json: the log-probability of each token and of the N most likely ones
    #[arg(long, value_name = "N", requires = "json", help_heading = "Output")]
    logprobs: Option<usize>,
    /// Guess tokens ahead from what was said before: while it pays, never, or always; the answer is the same
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Memory and threads")]
    speculation: Guessing,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    cost: CostArgs,
}

impl RunArgs {
    /// Whether something is said that no brick is told ([`NOT_OF_A_BRICK`]).
    fn is_of_a_model(&self) -> bool {
        self.chat
            || self.raw
            || self.system.is_some()
            || self.adapter.is_some()
            || self.max_tokens.is_some()
            || !self.stop.is_empty()
            || self.context.is_some()
            || self.logprobs.is_some()
            || !self.sampling.is_silent()
    }
}

/// A model in memory and how it is to answer.
pub struct Session {
    tokenizer: Arc<Tokenizer>,
    engine: Engine,
    adapter: Option<AdapterId>,
    template: Option<ChatTemplate>,
    sampling: Sampling,
    max_tokens: Option<usize>,
    stop: Vec<String>,
    logprobs: Option<usize>,
    stats: bool,
    /// If somebody wants to know what answers cost.
    till: Option<Till>,
}

/// `whit run`.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let begun = Instant::now();
    if let Some(brick) = &args.brick {
        return ask_brick(args, brick, begun);
    }
    let model = match &args.model {
        Some(word) if args.prompt.is_some() || args.is_of_a_model() || !is_request(word) => word,
        None if args.is_of_a_model() => return Err(bad_input("which model? Give one, or a brick with --brick")),
        _ => return ask_usual_brick(args, begun),
    };
    let prompt = match &args.prompt {
        Some(prompt) => Some(prompt.clone()),
        None if args.chat || stdin().is_terminal() => None,
        None => Some(prompt_from_stdin()?),
    };
    if prompt.is_none() && args.json {
        return Err(bad_input("--json needs a prompt: give it after the model or on standard input"));
    }
    let model = Model::open(model)?;
    let adapter = args.adapter.as_deref().map(Adapter::open).transpose()?;
    let adapters = adapter.as_ref().map_or(0, |adapter| adapter_bytes(adapter, args.load.threads));
    let options = |context| Options { adapters, ..args.load.options(context) };
    let template = if args.raw { None } else { ChatTemplate::from_checkpoint(&model.checkpoint)? };
    if template.is_none() && !args.raw {
        say("this model has no chat template; the prompt is given to it as it is, as with --raw");
        if args.system.is_some() {
            return Err(bad_input(
                "--system needs a chat template, which this model does not have; put the text before the prompt",
            ));
        }
    }
    let sampling = args.sampling.resolve(&GenerationDefaults::from_checkpoint(&model.checkpoint)?);
    let mut messages: Vec<Value> = args.system.iter().map(|text| json!({"role": "system", "content": text})).collect();
    let prompt_ids = match &prompt {
        Some(prompt) => {
            messages.push(json!({"role": "user", "content": prompt}));
            let ids = prompt_ids(&model.tokenizer, template.as_ref(), &messages)?;
            if ids.is_empty() {
                return Err(bad_input(
                    "the prompt is empty, and this model does not begin a text by itself; give it some words",
                ));
            }
            Some(ids)
        }
        None => None,
    };
    let context = match args.context {
        Some(0) => model.spec.context_length,
        Some(context) => context,
        None => usual_context(&model, args, &options(None), prompt_ids.as_ref().map_or(0, Vec::len))?,
    };
    // Before the model: a file of prices that is none need not wait for it.
    let till = if args.stats || args.json { Till::open(&args.cost)? } else { None };
    let mut engine = model.load(&Options { speculation: args.speculation.into(), ..options(Some(context)) })?;
    let adapter = adapter.map(|adapter| engine.add_adapter("adapter", &adapter)).transpose()?;
    let mut session = Session {
        tokenizer: model.tokenizer.clone(),
        engine,
        adapter,
        template,
        sampling,
        max_tokens: args.max_tokens,
        stop: args.stop.clone(),
        logprobs: args.logprobs,
        stats: args.stats,
        till,
    };
    // The engine keeps what it needs of the file.
    drop(model);
    match prompt_ids {
        Some(ids) if args.json => session.print_json(ids),
        Some(ids) => session.print_text(ids),
        None => chat::chat(&mut session, messages),
    }
}

/// `whit run --brick`: what stands alone is the prompt.
fn ask_brick(args: &RunArgs, brick: &str, begun: Instant) -> anyhow::Result<()> {
    let from_stdin;
    let input = match (&args.model, &args.prompt) {
        (Some(_), Some(_)) => {
            return Err(bad_input("a brick has its own model: with --brick, give only what to answer"));
        }
        (Some(input), None) => input,
        _ if stdin().is_terminal() => {
            return Err(bad_input("nothing to answer: give it after --brick, or on standard input"));
        }
        _ => {
            from_stdin = prompt_from_stdin()?;
            &from_stdin
        }
    };
    let RunArgs { load, cost, json, stats, .. } = args;
    brick::run::run(&Question { brick, input, load, cost, json: *json, stats: *stats }, begun)
}

/// `whit run` without a model: what stands alone, if anything does, is the prompt.
fn ask_usual_brick(args: &RunArgs, begun: Instant) -> anyhow::Result<()> {
    let usual = bricks::USUAL;
    if !bricks::built_in().any(|name| name == usual) {
        let word =
            args.model.as_ref().map_or("no model is named".into(), |word| format!("{word}: no such file or folder"));
        return Err(bad_input(format!(
            "{word}, and this whit was built without the brick {usual}, which takes plain requests: name a model (whit run MODEL PROMPT) \
             or a brick (--brick), or build whit with its feature bricks where bricks/{usual}.brick is"
        )));
    }
    if args.model.is_none() && stdin().is_terminal() {
        return Err(bad_input(
            "what is to be done? Ask something in plain words (whit run \"set a timer for twenty minutes\"), ask a model (whit run MODEL \
             PROMPT), or chat with one (whit run MODEL)",
        ));
    }
    ask_brick(args, usual, begun)
}

/// Whether a word that stands alone is a request, and no model.
fn is_request(word: &str) -> bool {
    let is_path = word.contains(['/', '\\']) && !word.contains(char::is_whitespace);
    let is_model = is_path || word.starts_with("hf:") || word.ends_with(".gguf") || word.ends_with(".brick");
    // What cannot be looked for, such as a name that is too long, is not there.
    !is_model && !Path::new(word).try_exists().unwrap_or(false)
}

/// The context when `--context` does not say: the engine's default, but not more than is usual, and enough for this prompt.
fn usual_context(model: &Model, args: &RunArgs, options: &Options, prompt: usize) -> anyhow::Result<usize> {
    let plan = Engine::plan(&model.checkpoint, &model.spec, options)?;
    let usual = plan.context_wanted.unwrap_or(plan.context).min(USUAL_CONTEXT);
    let needed = prompt.saturating_add(args.max_tokens.unwrap_or(USUAL_ANSWER));
    Ok(usual.max(needed).min(model.spec.context_length))
}

fn prompt_from_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    stdin().read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        bad_input(format!(
            "standard input is not UTF-8 text (byte {}); convert it, for example with iconv",
            error.utf8_error().valid_up_to()
        ))
    })?;
    // The last line break belongs to the file, not to what it says.
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(bad_input(
            "no prompt: give one after the model, or on standard input, or run whit in a terminal to chat",
        ));
    }
    Ok(text.to_owned())
}

/// The ids of a conversation; without a template, of its last message alone.
fn prompt_ids(tokenizer: &Tokenizer, template: Option<&ChatTemplate>, messages: &[Value]) -> anyhow::Result<Vec<u32>> {
    let text = match template {
        Some(template) => template.render(&ChatInput {
            messages: messages.to_vec(),
            add_generation_prompt: true,
            ..ChatInput::default()
        })?,
        None => messages.last().and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned(),
    };
    Ok(tokenizer.encode_prompt(&text)?)
}

impl Session {
    /// Whether the model knows what a conversation is.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Positions there are.
    pub fn context(&self) -> usize {
        self.engine.memory_plan().context
    }

    /// Answers a conversation, streaming the text to standard output.
    pub fn reply(&mut self, messages: &[Value]) -> anyhow::Result<Answer> {
        let ids = prompt_ids(&self.tokenizer, self.template.as_ref(), messages)?;
        let answer = self.stream(ids);
        // The same words said again need not be answered with the same words.
        self.sampling.seed = self.sampling.seed.wrapping_add(1);
        answer
    }

    /// Continues `ids`, streaming the text to standard output.
    fn stream(&mut self, ids: Vec<u32>) -> anyhow::Result<Answer> {
        let mut out = stdout();
        let answer = self.generate(ids, &mut |piece| {
            out.write_all(piece.as_bytes())?;
            Ok(out.flush()?)
        });
        if out.is_terminal() && !matches!(&answer, Ok(answer) if answer.text.ends_with('\n')) {
            // A line of its own for whatever comes next, be it the shell's prompt or an error.
            writeln!(out)?;
        }
        let answer = answer?;
        if self.stats {
            say(&stats::table(&answer, self.engine.threads(), self.sampling.seed));
        }
        Ok(answer)
    }

    fn generate(
        &mut self,
        prompt: Vec<u32>,
        on_text: &mut dyn FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Answer> {
        let request = Request {
            sampling: self.sampling.clone(),
            max_tokens: self.max_tokens,
            stop_tokens: self.tokenizer.end_tokens().to_vec(),
            stop: self.stop.clone(),
            logprobs: self.logprobs,
            adapter: self.adapter,
            ..Request::new(prompt)
        };
        answer(&mut self.engine, request, self.till.as_mut(), on_text)
    }

    fn print_text(&mut self, ids: Vec<u32>) -> anyhow::Result<()> {
        ended(&self.stream(ids)?)
    }

    fn print_json(&mut self, ids: Vec<u32>) -> anyhow::Result<()> {
        let answer = self.generate(ids.clone(), &mut |_| Ok(()))?;
        let token = |id: u32| self.tokenizer.token(id).unwrap_or_default();
        let logprobs = self.logprobs.map(|_| {
            let chosen = answer.ids.iter().zip(&answer.logprobs);
            let top = |list: &[(u32, f32)]| {
                list.iter().map(|&(id, logprob)| TokenJson { id, token: token(id), logprob, top: None }).collect()
            };
            chosen
                .map(|(&id, l)| TokenJson { id, token: token(id), logprob: l.logprob, top: Some(top(&l.top)) })
                .collect()
        });
        let usage = &answer.usage;
        let report = AnswerJson {
            text: &answer.text,
            finish_reason: answer.finish,
            usage: UsageJson {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: usage.cached_tokens,
                generated_tokens: usage.generated_tokens,
                guessed_tokens: usage.guessed_tokens,
                guessed_right: usage.guessed_right,
            },
            timings: stats::Timings::of(&answer),
            receipt: answer.receipt,
            seed: self.sampling.seed,
            prompt_ids: &ids,
            ids: &answer.ids,
            logprobs,
        };
        let mut out = stdout().lock();
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
        if self.stats {
            say(&stats::table(&answer, self.engine.threads(), self.sampling.seed));
        }
        ended(&answer)
    }
}

fn ended(answer: &Answer) -> anyhow::Result<()> {
    if answer.finish == Finish::Interrupted { Err(Interrupted.into()) } else { Ok(()) }
}

/// What `--json` prints; the keys are promised.
#[derive(Serialize)]
struct AnswerJson<'a> {
    text: &'a str,
    finish_reason: Finish,
    usage: UsageJson,
    timings: stats::Timings,
    /// What it cost, unless nothing is metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
    seed: u64,
    prompt_ids: &'a [u32],
    ids: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<TokenJson>>,
}

#[derive(Serialize)]
struct UsageJson {
    prompt_tokens: usize,
    cached_tokens: usize,
    generated_tokens: usize,
    guessed_tokens: usize,
    guessed_right: usize,
}

/// A token and its natural log-probability, and the most likely ones in its place.
#[derive(Serialize)]
struct TokenJson {
    id: u32,
    token: String,
    logprob: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Vec<TokenJson>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_a_request_and_what_looks_like_a_model_is_none() {
        let long = "wind ".repeat(1000);
        for request in ["remind me to call Ana", "hello", "what is 5/8 in decimals", &long, "it costs 3.gguf or so"] {
            assert!(is_request(request), "{request}");
        }
        for model in ["small.gguf", "./small", "models\\small", "a/b", "hf:a/b", "my model.gguf", "src", "x.brick"] {
            assert!(!is_request(model), "{model}");
        }
    }
}
