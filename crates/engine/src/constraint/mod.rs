//! Grammars that answers must fit, as masks over the vocabulary.
//!
//! What may come next is worked out by llguidance: a lexer of derivatives of regular expressions under an Earley parser, walked along a
//! trie of the vocabulary's bytes. A grammar is compiled on the thread of whoever asks for it, under limits: schemas come from strangers.
//! The masks are computed beside the forward pass ([`masks`]).

mod budget;
mod masks;
mod matcher;
mod refusal;
mod schema;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::collections::VecDeque;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use llguidance::ParserFactory;
use llguidance::api::{GrammarWithLexer, ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{InferenceCapabilities, TokEnv};
use whit_model::Tokenizer;

use self::budget::Budget;
pub(crate) use self::masks::Masks;
use self::matcher::Matcher;
use self::refusal::refusal;
use self::schema::Spacing;
use self::vocabulary::Vocabulary;

/// Tokens that may come next: bit `i` for token `i`.
pub(crate) type Mask = llguidance::toktrie::SimpleVob;

/// Bytes of a grammar. The largest JSON Schema of maskbench has 332 KiB.
const MOST_BYTES: usize = 1 << 20;
/// Lines of a grammar in Lark, whose rules llguidance follows by recursion.
const MOST_LINES: usize = 10_000;
/// How long one may take to compile.
const LONGEST: Duration = Duration::from_secs(10);
/// Grammars compiled at once; one that was given up counts until its thread is through with it.
const AT_ONCE: usize = 4;
/// Stack of the thread that compiles: enough for [`schema::DEEPEST`] levels of a schema, and for [`MOST_LINES`] rules each of which is
/// the next. Only what is used of it takes memory.
const STACK: usize = 256 << 20;
/// States of the lexer of an answer that runs, of 1 to 2 KiB each by llguidance's own account: up to 40 MB for a hostile grammar, beside the
/// memory plan.
const LEXER_STATES: usize = 20_000;
/// Bytes of llguidance's reason that are passed on, and of each of its lines.
const LONGEST_REASON: usize = 300;
const LONGEST_LINE: usize = 100;

/// What an answer must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// A JSON text that is valid under this JSON Schema (the schema's own text).
    JsonSchema(String),
    /// The same without white space between its parts, so that there is mostly one way to write a value.
    CompactJson(String),
    /// Any JSON object.
    JsonObject,
    /// A text that this regular expression (of Rust's `regex`) matches from end to end.
    Regex(String),
    /// A text of this context-free grammar, in llguidance's dialect of Lark. `%json { .. }` in it stands for a JSON text under that
    /// schema, `<|name|>` for the control token of that name.
    Lark(String),
    /// One of these texts.
    Choice(Vec<String>),
}

impl Grammar {
    /// The same texts as a grammar in Lark, to be put together with others. Its first rule is `start`, but for one that was in Lark
    /// already: that stays as it is.
    ///
    /// # Errors
    /// If a schema is no JSON, or too large.
    pub fn to_lark(&self) -> Result<String, ConstraintError> {
        Ok(match self {
            Grammar::JsonSchema(text) => format!("start: %json {}\n", schema::read(text, Spacing::Usual)?),
            Grammar::CompactJson(text) => format!("start: %json {}\n", schema::read(text, Spacing::None)?),
            Grammar::JsonObject => format!("start: %json {}\n", schema::any_object()),
            Grammar::Regex(regex) => format!("start: /{}/\n", with_slashes_escaped(regex)),
            Grammar::Lark(text) => text.clone(),
            Grammar::Choice(texts) => lark_choice(texts),
        })
    }
}

/// Why a grammar cannot be enforced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConstraintError {
    /// It is wrong, or asks for what whit does not know.
    #[error("{0}")]
    Grammar(String),
    /// It is too large, or takes too long.
    #[error("{0}")]
    TooLarge(String),
    /// Others are being compiled: it may be tried again.
    #[error("the grammars of other requests are still being prepared: try again later")]
    Busy,
    /// Others take all the memory there is for grammars: it may be tried again.
    #[error("the grammars of other requests take all the memory there is for them: try again later")]
    Full,
    /// The tokenizer cannot be constrained.
    #[error("{0}")]
    Vocabulary(String),
}

/// Compiles grammars for one vocabulary. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Constraints(Arc<Compiler>);

struct Compiler {
    factory: ParserFactory,
    stop_tokens: Arc<[u32]>,
    under_way: Mutex<usize>,
    done: Condvar,
    budget: Arc<Budget>,
}

impl Constraints {
    /// Constraints for answers that `tokenizer` spells and that end with one of `stop_tokens`. Takes a while for a large
    /// vocabulary: one is enough for a model.
    ///
    /// # Errors
    /// [`ConstraintError::Vocabulary`] if the vocabulary is empty or too large, or has no such stop token.
    pub fn new(tokenizer: &Arc<Tokenizer>, stop_tokens: &[u32]) -> Result<Constraints, ConstraintError> {
        let vocabulary: TokEnv = Arc::new(Vocabulary::new(tokenizer.clone(), stop_tokens)?);
        let can = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&vocabulary, can, &slices)
            .map_err(|error| ConstraintError::Vocabulary(reason(&error.to_string())))?;
        factory.quiet();
        *factory.limits_mut() =
            ParserLimits { max_lexer_states: LEXER_STATES, verbose_errors: false, ..ParserLimits::default() };
        Ok(Constraints(Arc::new(Compiler {
            factory,
            stop_tokens: stop_tokens.into(),
            under_way: Mutex::new(0),
            done: Condvar::new(),
            budget: Budget::new(budget::MOST),
        })))
    }

    /// Compiles `grammar`, for one request; a clone of what comes back is for another one.
    ///
    /// # Errors
    /// If the grammar is wrong, cannot be enforced to the letter, or exceeds a limit.
    pub fn compile(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        check_size(grammar)?;
        if self.0.budget.is_spent() {
            return Err(ConstraintError::Full);
        }
        let until = Instant::now() + LONGEST;
        let permit = self.permit(until)?;
        let (tell, hear) = mpsc::channel();
        let (compiler, grammar) = (self.0.clone(), grammar.clone());
        let thread = std::thread::Builder::new().name("whit-grammar".into()).stack_size(STACK);
        thread
            .spawn(move || {
                // Nobody listens any more if it took too long.
                let _ = tell.send(compiler.compile(&grammar));
                drop(permit);
            })
            .map_err(|_| ConstraintError::Busy)?;
        match hear.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(constraint) => constraint,
            Err(RecvTimeoutError::Timeout) => Err(ConstraintError::TooLarge(format!(
                "the grammar takes more than {} s to prepare: make it simpler",
                LONGEST.as_secs()
            ))),
            Err(RecvTimeoutError::Disconnected) => {
                Err(ConstraintError::Grammar("the grammar cannot be compiled: make it simpler".into()))
            }
        }
    }

    fn permit(&self, until: Instant) -> Result<Permit, ConstraintError> {
        let compiler = &self.0;
        let under_way = compiler.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.saturating_duration_since(Instant::now());
        let waited = compiler.done.wait_timeout_while(under_way, left, |under_way| *under_way >= AT_ONCE);
        let (mut under_way, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *under_way >= AT_ONCE {
            return Err(ConstraintError::Busy);
        }
        *under_way += 1;
        Ok(Permit(compiler.clone()))
    }
}

impl std::fmt::Debug for Constraints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraints").field("stop_tokens", &self.0.stop_tokens).finish_non_exhaustive()
    }
}

/// The right to compile.
struct Permit(Arc<Compiler>);

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.done.notify_one();
    }
}

impl Compiler {
    fn compile(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        let refused = |said: &str| match said {
            matcher::TOO_MUCH => ConstraintError::Full,
            said => ConstraintError::Grammar(refusal(grammar, said)),
        };
        let parser = self.factory.create_parser(top_level(grammar)?).map_err(|error| refused(&error.to_string()))?;
        let mut matcher = Matcher::new(parser, &self.budget).map_err(|error| refused(&error))?;
        // What it says here it does not enforce.
        if let Some(warning) = matcher.warnings().into_iter().next() {
            return Err(refused(&warning));
        }
        // Here rather than beside the prompt's last pass: a grammar that nothing fits is refused.
        let begun = Instant::now();
        let mask = matcher.next_mask().map_err(|error| refused(&error))?;
        if self.budget.is_spent() {
            return Err(ConstraintError::Full);
        }
        Ok(Constraint {
            usual_time: begun.elapsed(),
            #[cfg(test)]
            delay: Duration::ZERO,
            end: mask.is_none().then_some(End::Complete),
            compiled: Arc::new(Mutex::new(matcher)),
            own: None,
            stop_tokens: self.stop_tokens.clone(),
            mask,
            forced: VecDeque::new(),
        })
    }
}

fn check_size(grammar: &Grammar) -> Result<(), ConstraintError> {
    let (bytes, lines) = match grammar {
        Grammar::JsonObject => (0, 0),
        Grammar::JsonSchema(text) | Grammar::CompactJson(text) | Grammar::Regex(text) => (text.len(), 0),
        Grammar::Lark(text) => (text.len(), text.lines().count()),
        Grammar::Choice(texts) => (texts.iter().map(|text| text.len() + 3).sum(), 0),
    };
    if bytes > MOST_BYTES {
        return Err(ConstraintError::TooLarge(format!("the grammar has {bytes} bytes: use {MOST_BYTES} or fewer")));
    }
    if lines > MOST_LINES {
        return Err(ConstraintError::TooLarge(format!("the grammar has {lines} lines: use {MOST_LINES} or fewer")));
    }
    Ok(())
}

/// What llguidance compiles; what can be found wrong before, is.
fn top_level(grammar: &Grammar) -> Result<TopLevelGrammar, ConstraintError> {
    Ok(TopLevelGrammar::from_grammar(match grammar {
        Grammar::JsonSchema(text) => GrammarWithLexer::from_json_schema(schema::read(text, Spacing::Usual)?),
        Grammar::CompactJson(text) => GrammarWithLexer::from_json_schema(schema::read(text, Spacing::None)?),
        Grammar::JsonObject => GrammarWithLexer::from_json_schema(schema::any_object()),
        Grammar::Regex(regex) => GrammarWithLexer::from_regex(regex),
        Grammar::Lark(text) => GrammarWithLexer::from_lark(schema::with_schemas_checked(text)?),
        Grammar::Choice(texts) if texts.is_empty() => {
            return Err(ConstraintError::Grammar("a choice of nothing: give at least one text".into()));
        }
        Grammar::Choice(texts) => GrammarWithLexer::from_lark(lark_choice(texts)),
    }))
}

/// A regular expression as it stands between Lark's slashes: those of its own that are not escaped already, are.
fn with_slashes_escaped(regex: &str) -> String {
    let mut escaped = String::with_capacity(regex.len() + 8);
    let mut is_escaped = false;
    for c in regex.chars() {
        if c == '/' && !is_escaped {
            escaped.push('\\');
        }
        is_escaped = c == '\\' && !is_escaped;
        escaped.push(c);
    }
    escaped
}

/// One terminal of all the texts: the lexer decides between them as it goes.
fn lark_choice(texts: &[String]) -> String {
    // Lark's strings are JSON's.
    let quoted: Vec<String> = texts.iter().map(|text| serde_json::Value::from(text.as_str()).to_string()).collect();
    format!("start: CHOICE\nCHOICE: {}\n", quoted.join(" | "))
}

/// What llguidance says, on one line: of long lines, which quote, the beginning and the end.
fn reason(said: &str) -> String {
    let mut reason = String::new();
    // Some point at a place in the line above; that is not above any more.
    for line in said.lines().map(str::trim).filter(|line| !line.bytes().all(|byte| byte == b'^')) {
        // From here on it is about itself.
        if ["<non-verbose/>", "<state>", "<backtrace>"].contains(&line) || reason.len() > LONGEST_REASON {
            break;
        }
        if !reason.is_empty() {
            reason.push(' ');
        }
        if line.len() <= LONGEST_LINE {
            reason.push_str(line);
        } else {
            let start = line.floor_char_boundary(LONGEST_LINE / 2);
            let end = line.ceil_char_boundary(line.len() - LONGEST_LINE / 2);
            reason.extend([&line[..start], " .. ", &line[end..]]);
        }
    }
    reason
}

/// A compiled grammar, and how far one answer has come in it; see [`Constraints::compile`].
pub struct Constraint {
    /// As it was compiled: answers share it until they begin, so that many that wait take no more than one.
    compiled: Arc<Mutex<Matcher>>,
    /// Of an answer that has begun. It grows: what one answer finds out makes no other slower, or sooner at a limit.
    own: Option<Box<Matcher>>,
    /// Those it was compiled for.
    stop_tokens: Arc<[u32]>,
    /// What may come next, if that is known.
    mask: Option<Mask>,
    /// What comes next in any case; the matcher is past it.
    forced: VecDeque<u32>,
    end: Option<End>,
    /// What its masks take of late.
    usual_time: Duration,
    /// What a test adds to that.
    #[cfg(test)]
    delay: Duration,
}

/// How an answer's way through its grammar ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It fits, and nothing can follow.
    Complete,
    /// A limit was reached, or no token fits.
    Failed,
}

/// Says of whole answers whether they fit a grammar; see [`Constraint::checker`].
pub struct Checker {
    compiled: Arc<Mutex<Matcher>>,
    own: Matcher,
}

impl Checker {
    /// Whether an answer of these tokens, with one at the end that stops it, fits.
    pub fn fits(&mut self, answer: &[u32]) -> bool {
        if self.own.admits(answer) {
            return true;
        }
        // The answers before may have brought it to a limit.
        self.own = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).deep_clone();
        self.own.admits(answer)
    }
}

impl Constraint {
    /// Who says of whole answers whether they fit.
    pub fn checker(&self) -> Checker {
        let own = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).deep_clone();
        Checker { compiled: self.compiled.clone(), own }
    }

    /// Its matcher, for an answer that begins.
    fn own(&mut self) -> &mut Matcher {
        let compiled = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner).deep_clone();
        self.own.get_or_insert_with(|| Box::new(compiled()))
    }

    /// Whether there is something to work out before the next token can be chosen: a mask, or a matcher of its own.
    pub(crate) fn wants_mask(&self) -> bool {
        (self.mask.is_none() || self.own.is_none()) && self.forced.is_empty() && self.end.is_none()
    }

    /// Computes what may come next.
    pub(crate) fn compute_mask(&mut self) {
        let begun = Instant::now();
        #[cfg(test)]
        std::thread::sleep(self.delay);
        let is_known = self.mask.is_some();
        let matcher = self.own();
        if !is_known {
            match matcher.next_mask() {
                Ok(Some(mask)) => self.mask = Some(mask),
                Ok(None) => self.end = Some(End::Complete),
                Err(_) => self.end = Some(End::Failed),
            }
        }
        // One that was slow is not taken for quick before several were.
        self.usual_time = begun.elapsed().max(self.usual_time / 2);
    }

    /// What a mask of it takes, to go by those before.
    pub(crate) fn usual_time(&self) -> Duration {
        self.usual_time
    }

    /// Whether it is of a vocabulary with so many tokens.
    pub(crate) fn is_of(&self, tokens: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask.len() == tokens)
    }

    /// What may come next; none if that is not known, or the end has come.
    pub(crate) fn mask(&self) -> Option<&Mask> {
        self.mask.as_ref()
    }

    /// How it ended, once all that is forced was taken.
    pub(crate) fn end(&self) -> Option<End> {
        self.end.filter(|_| self.forced.is_empty())
    }

    /// The next token, if it can only be this one.
    pub(crate) fn take_forced(&mut self) -> Option<u32> {
        self.forced.pop_front()
    }

    /// The tokens that end an answer where it is complete.
    pub(crate) fn stop_tokens(&self) -> &[u32] {
        &self.stop_tokens
    }

    /// The answer goes on with `id`, which the mask allows.
    pub(crate) fn consume(&mut self, id: u32) {
        self.mask = None;
        let matcher = self.own();
        let mut forced = matcher.consume(&[id]).and_then(|()| match matcher.stopped() {
            None => matcher.forced(),
            Some(_) => Ok(vec![]),
        });
        if let Ok(ids) = &forced
            && !ids.is_empty()
            && let Err(error) = matcher.consume(ids)
        {
            // What is forced may be what failed.
            forced = Err(error);
        }
        match forced {
            Ok(ids) => {
                self.end = matcher.stopped().map(|fits| if fits { End::Complete } else { End::Failed });
                self.forced.extend(ids);
            }
            Err(_) => self.end = Some(End::Failed),
        }
    }
}

impl Clone for Constraint {
    /// For another answer; as soon as one of them begins, they share nothing that grows.
    fn clone(&self) -> Constraint {
        Constraint {
            compiled: self.compiled.clone(),
            own: self.own.as_ref().map(|own| Box::new(own.deep_clone())),
            stop_tokens: self.stop_tokens.clone(),
            mask: self.mask.clone(),
            forced: self.forced.clone(),
            end: self.end,
            usual_time: self.usual_time,
            #[cfg(test)]
            delay: self.delay,
        }
    }
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").field("forced", &self.forced).field("end", &self.end).finish_non_exhaustive()
    }
}
