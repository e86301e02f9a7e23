//! One loaded model: its engine on a thread of its own, spoken to over channels.
//!
//! The thread does nothing but take commands and run steps. Whoever asks holds an [`Answer`]; letting go of it cancels
//! whatever is still to come of it, within one step. What a step brought is sent as one [`Delta`] for each request that is
//! streamed; an answer wanted whole is put together on the thread and sent once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use whit_engine::{
    AdapterId, Constraint, ConstraintError, Constraints, Engine, EngineError, Event, FinishReason, Grammar, MemoryPlan,
    Occupancy, Request, RequestId, TokenLogprob, Usage,
};
use whit_model::{ChatTemplate, GenerationDefaults, Tokenizer};

use crate::account::Account;
use crate::brick::Brick;
use crate::fleet::Stay;
use crate::metering::Hand;
use crate::metrics::ModelMetrics;
use crate::tools::Syntax;

/// What is loaded beside the engine.
pub struct Loaded {
    /// The engine, ready to take requests.
    pub engine: Engine,
    /// Its adapters, in the order of the configuration.
    pub adapters: Vec<AdapterId>,
    /// The tokenizer it was loaded with.
    pub tokenizer: Arc<Tokenizer>,
    /// The chat template, if the model has one.
    pub template: Option<ChatTemplate>,
    /// The architecture's name.
    pub architecture: String,
    /// How the makers want it sampled.
    pub makers: GenerationDefaults,
    /// Tokens of the model's vocabulary.
    pub vocab_size: usize,
    /// Numbers of a text's vector.
    pub hidden_size: usize,
    /// If it is one.
    pub brick: Option<Brick>,
}

/// A loaded model that answers.
pub struct Service {
    /// The engine's adapters, in the order of the configuration.
    pub adapters: Vec<AdapterId>,
    /// To text and back.
    pub tokenizer: Arc<Tokenizer>,
    /// The chat template, if the model has one.
    pub template: Option<ChatTemplate>,
    /// How it writes tool calls.
    pub syntax: &'static Syntax,
    /// How the makers want it sampled.
    pub makers: GenerationDefaults,
    /// Tokens of the model's vocabulary.
    pub vocab_size: usize,
    /// Numbers of a text's vector.
    pub hidden_size: usize,
    /// If it is one.
    pub brick: Option<Arc<Brick>>,
    /// What it takes in memory.
    pub plan: MemoryPlan,
    /// Made when somebody first asks for a shape: most never do, and it takes a while.
    constraints: OnceLock<Result<Constraints, ConstraintError>>,
    commands: Option<std_mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    load: Arc<Load>,
}

/// How much is going on, shared with the thread.
struct Load {
    /// Requests taken and not over.
    open: AtomicUsize,
    /// Most of them.
    limit: usize,
    /// What an answer took of late, in microseconds.
    usual_micros: AtomicU64,
    /// Requests that took part in the last step.
    at_once: AtomicUsize,
    /// The engine is broken: a step panicked.
    broken: AtomicBool,
}

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue is full; worth another try after this long.
    Full(Duration),
    /// The model is gone.
    Gone,
}

/// The requests of one call, to be queued together.
pub struct Submission {
    /// Choice `i` is answered by request `i`.
    pub requests: Vec<Request>,
    /// Whether to send what each step brought, or each answer whole.
    pub stream: bool,
    /// When the call came in; times to the first token count from here.
    pub received: Instant,
    /// As many as there are requests. Each is given back when its request is over, unless somebody keeps a clone.
    pub places: Vec<Place>,
    /// The call's account.
    pub account: Arc<Account>,
    /// Let go of when all the requests are over, whether their client has taken the answers by then or not.
    pub held: Arc<Held>,
}

/// What a call holds as long as an engine works for it.
pub struct Held {
    /// Its model stays in memory.
    pub stay: Stay,
    /// It counts among the calls that the server has taken.
    pub admission: OwnedSemaphorePermit,
}

/// What a step brought to a choice; for an answer wanted whole, all of it.
#[derive(Debug, Default)]
pub struct Delta {
    /// Which of the submission's requests.
    pub choice: usize,
    /// Text that is certain.
    pub text: String,
    /// Tokens generated.
    pub tokens: usize,
    /// If log-probabilities were asked for: the tokens and theirs. Their text may come later.
    pub logprobs: Vec<(u32, TokenLogprob)>,
    /// If that was asked for: the vector of the text.
    pub vector: Vec<f32>,
    /// If that was asked for: the probability of the whole answer under its constraint, with the end; `None` if it was cut.
    pub confidence: Option<f64>,
    /// The choice is over.
    pub end: Option<Result<FinishReason, String>>,
}

/// What is to come of a submission. Letting go of it cancels the rest.
pub struct Answer {
    deltas: mpsc::UnboundedReceiver<Delta>,
}

impl Answer {
    /// The next piece; `None` when there is nothing left, or the engine broke.
    pub async fn next(&mut self) -> Option<Delta> {
        self.deltas.recv().await
    }

    /// As [`Answer::next`], for a body that is polled.
    pub fn poll_next(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<Delta>> {
        self.deltas.poll_recv(context)
    }
}

/// A submission on its way to the thread.
struct Command {
    submission: Submission,
    deltas: mpsc::UnboundedSender<Delta>,
}

/// A place among the open requests; given back when the last of its clones is dropped.
#[derive(Clone)]
pub struct Place {
    _taken: Arc<Taken>,
}

struct Taken(Arc<Load>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Service {
    /// Starts the thread. `limit` is the most requests that may run or wait at once; `hand` is the thread's in the books, if there are any.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        loaded: Loaded,
        name: &str,
        metrics: ModelMetrics,
        limit: usize,
        hand: Option<Hand>,
    ) -> std::io::Result<Service> {
        let Loaded { engine, adapters, tokenizer, template, architecture, makers, vocab_size, hidden_size, brick } =
            loaded;
        let syntax = Syntax::of(template.as_ref().map_or("", ChatTemplate::tool_source), &architecture);
        let plan = engine.memory_plan().clone();
        let load = Arc::new(Load {
            open: AtomicUsize::new(0),
            limit,
            usual_micros: AtomicU64::new(0),
            at_once: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        });
        let (commands, received) = std_mpsc::channel();
        let occupancy = engine.occupancy();
        let mut worker = Worker {
            engine,
            occupancy,
            commands: received,
            active: HashMap::new(),
            ended: vec![],
            metrics,
            load: load.clone(),
            hand,
        };
        let thread = std::thread::Builder::new().name(format!("engine {name}")).spawn(move || {
            let load = worker.load.clone();
            // A mistake in a step must not take the other models with it; this one is loaded anew when it is asked for.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run())).is_err() {
                load.broken.store(true, Ordering::Release);
            }
        })?;
        let (commands, thread) = (Some(commands), Some(thread));
        let constraints = OnceLock::new();
        Ok(Service {
            adapters,
            tokenizer,
            template,
            syntax,
            makers,
            vocab_size,
            hidden_size,
            brick: brick.map(Arc::new),
            plan,
            constraints,
            commands,
            thread,
            load,
        })
    }

    /// Places for so many requests.
    ///
    /// # Errors
    /// If the queue is full.
    pub fn places(&self, wanted: usize) -> Result<Vec<Place>, SubmitError> {
        let mut places = Vec::with_capacity(wanted);
        for _ in 0..wanted {
            let before = self.load.open.fetch_add(1, Ordering::AcqRel);
            places.push(Place { _taken: Arc::new(Taken(self.load.clone())) });
            if before >= self.load.limit {
                return Err(SubmitError::Full(self.retry_after(before)));
            }
        }
        Ok(places)
    }

    /// Queues the requests.
    ///
    /// # Errors
    /// If the engine has broken.
    pub fn submit(&self, submission: Submission) -> Result<Answer, SubmitError> {
        let (sender, deltas) = mpsc::unbounded_channel();
        let command = Command { submission, deltas: sender };
        match &self.commands {
            Some(commands) if self.is_alive() => commands.send(command).map_err(|_| SubmitError::Gone)?,
            _ => return Err(SubmitError::Gone),
        }
        Ok(Answer { deltas })
    }

    /// Compiles a grammar for this model's vocabulary; blocks for as long as that takes.
    ///
    /// # Errors
    /// If it cannot be enforced, or too many others are being compiled.
    pub fn constraint(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        let constraints =
            self.constraints.get_or_init(|| Constraints::new(&self.tokenizer, self.tokenizer.end_tokens()));
        constraints.as_ref().map_err(Clone::clone)?.compile(grammar)
    }

    /// The control token of this name, if the vocabulary has one.
    pub fn control_token(&self, name: &str) -> Option<u32> {
        self.tokenizer.id(name).filter(|&id| self.tokenizer.is_special(id))
    }

    /// Whether the engine still runs.
    pub fn is_alive(&self) -> bool {
        !self.load.broken.load(Ordering::Acquire)
    }

    /// Positions a prompt and its answer may have together.
    pub fn context(&self) -> usize {
        self.plan.context
    }

    /// When a place should be free: what an answer usually takes, for each of those before it that run at once.
    fn retry_after(&self, open: usize) -> Duration {
        let usual = self.load.usual_micros.load(Ordering::Relaxed);
        let at_once = self.load.at_once.load(Ordering::Relaxed).max(1);
        let micros = usual.saturating_mul((open / at_once + 1) as u64);
        Duration::from_micros(micros).clamp(Duration::from_secs(1), Duration::from_secs(60))
    }
}

impl Drop for Service {
    /// Waits until what is being answered is over, and the engine's memory is free.
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if there was one, has been told.
            let _ = thread.join();
        }
    }
}

/// What the engine's thread has.
struct Worker {
    engine: Engine,
    /// What the metrics were told last.
    occupancy: Occupancy,
    commands: std_mpsc::Receiver<Command>,
    active: HashMap<RequestId, Active>,
    /// Those that ended with the step at hand.
    ended: Vec<Active>,
    metrics: ModelMetrics,
    load: Arc<Load>,
    hand: Option<Hand>,
}

/// A request that the engine knows.
struct Active {
    deltas: mpsc::UnboundedSender<Delta>,
    stream: bool,
    /// What has not been sent yet.
    delta: Delta,
    received: Instant,
    last_token: Option<Instant>,
    account: Arc<Account>,
    held: Arc<Held>,
    _place: Place,
}

impl Active {
    /// It took this.
    fn took(&self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.account.took(self.delta.choice, &usage);
        }
    }

    /// Sends what there is; it is over.
    fn end(self) {
        let Active { deltas, delta, account, held, .. } = self;
        // Before whoever asked hears of it: so the account is closed by them, not here.
        drop((account, held));
        // They may be gone already.
        let _ = deltas.send(delta);
    }
}

impl Worker {
    /// Until nobody can ask any more and all is answered.
    fn run(&mut self) {
        loop {
            if self.engine.is_idle() {
                self.tell_occupancy();
                match self.commands.recv() {
                    Ok(command) => self.take(command),
                    Err(_) => return,
                }
            }
            while let Ok(command) = self.commands.try_recv() {
                self.take(command);
            }
            self.cancel_abandoned();
            self.step();
            self.tell_occupancy();
        }
    }

    fn tell_occupancy(&mut self) {
        let before = std::mem::replace(&mut self.occupancy, self.engine.occupancy());
        self.load.at_once.store(self.occupancy.running, Ordering::Relaxed);
        self.metrics.occupied(self.occupancy, before);
    }

    fn take(&mut self, command: Command) {
        let Command { submission, deltas } = command;
        let Submission { requests, stream, received, places, account, held } = submission;
        for ((choice, request), place) in requests.into_iter().enumerate().zip(places) {
            let delta = Delta { choice, ..Delta::default() };
            let (deltas, account, held) = (deltas.clone(), account.clone(), held.clone());
            let mut active = Active { deltas, stream, delta, received, last_token: None, account, held, _place: place };
            match self.engine.submit(request) {
                Ok(id) => {
                    self.active.insert(id, active);
                }
                Err(error) => {
                    active.delta.end = Some(Err(error.to_string()));
                    active.end();
                }
            }
        }
    }

    /// Drops the requests whose clients went away.
    fn cancel_abandoned(&mut self) {
        let (engine, metrics) = (&mut self.engine, &self.metrics);
        self.active.retain(|&id, active| {
            let abandoned = active.deltas.is_closed();
            if abandoned {
                let usage = engine.cancel(id);
                metrics.aborted(usage.as_ref());
                active.took(usage);
            }
            !abandoned
        });
    }

    fn step(&mut self) {
        let (active, ended, metrics, load) = (&mut self.active, &mut self.ended, &self.metrics, &self.load);
        if let Some(hand) = &mut self.hand {
            hand.begin();
        }
        let stepped = self.engine.step(|event| match event {
            Event::Token { request, id, text, logprobs } => {
                let Some(active) = active.get_mut(&request) else { return };
                let now = Instant::now();
                match active.last_token.replace(now) {
                    None => metrics.first_token(now - active.received),
                    Some(before) => metrics.next_token(now - before),
                }
                active.delta.text.push_str(text);
                active.delta.tokens += 1;
                active.delta.logprobs.extend(logprobs.map(|logprobs| (id, logprobs.clone())));
            }
            Event::Embedding { request, vector } => {
                if let Some(active) = active.get_mut(&request) {
                    active.delta.vector = vector.to_vec();
                }
            }
            Event::Finished { request, text, reason, usage, confidence } => {
                let Some(mut active) = active.remove(&request) else { return };
                let took = active.received.elapsed();
                metrics.finished(reason, &usage, took);
                load.note(took);
                active.took(Some(usage));
                active.delta.text.push_str(text);
                active.delta.confidence = confidence.first().copied();
                active.delta.end = Some(match reason {
                    FinishReason::NotFinite => {
                        let error = EngineError::NotFinite;
                        tracing::error!(%error, "one answer is given up");
                        Err(error.to_string())
                    }
                    _ => Ok(reason),
                });
                ended.push(active);
            }
        });
        if let Some(hand) = &mut self.hand {
            hand.did(self.engine.work());
        }
        // Now that their last step is in the books.
        self.ended.drain(..).for_each(Active::end);
        for (&id, active) in &self.active {
            if active.account.is_spent() {
                self.engine.stop(id);
            }
        }
        match stepped {
            Ok(()) => {
                for active in self.active.values_mut().filter(|active| active.stream && active.delta.tokens > 0) {
                    let next = Delta { choice: active.delta.choice, ..Delta::default() };
                    // If nobody listens, the next round cancels.
                    let _ = active.deltas.send(std::mem::replace(&mut active.delta, next));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a step of the engine failed; what it was answering is given up");
                for (id, mut active) in self.active.drain() {
                    active.took(self.engine.cancel(id));
                    active.delta.end = Some(Err(error.to_string()));
                    active.end();
                }
            }
        }
    }
}

impl Load {
    /// Moves the usual time of an answer towards what one just took.
    fn note(&self, took: Duration) {
        let (took, usual) = (took.as_micros() as u64, self.usual_micros.load(Ordering::Relaxed));
        let usual = if usual == 0 { took } else { usual - usual / 8 + took / 8 };
        self.usual_micros.store(usual, Ordering::Relaxed);
    }
}
