//! Several models by name: loaded when they are asked for, unloaded when memory is needed or nobody asks.
//!
//! One model is loaded at a time. Requests wait for theirs; a model that has to go finishes what it answers, and who asks for
//! it meanwhile waits until it is its turn again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, Notify};
use whit_engine::brick::Job;
use whit_engine::{AdapterId, Engine, EngineError, MemoryPlan, Options, adapter_bytes, available_memory};
use whit_model::brick::Card;
use whit_model::{Adapter, Brick, ChatTemplate, Checkpoint, DecoderSpec, GenerationDefaults, ModelError, Tokenizer};

use crate::ServerError;
use crate::brick;
use crate::config::{AdapterConfig, Config, ModelConfig};
use crate::metering::Metering;
use crate::metrics::Metrics;
use crate::openai::ApiError;
use crate::openai::models::{ModelObject, ModelStatus};
use crate::service::{Loaded, Service};

/// Positions planned for where a model's configuration does not say: enough for a long chat, and small beside the weights.
const USUAL_CONTEXT: usize = 8192;

/// Finds models; what is above the server knows where they may come from.
pub trait Loader: Send + Sync + 'static {
    /// Where `source` lies on this machine; may take as long as a download.
    ///
    /// # Errors
    /// If there is no such model, with the mend.
    fn locate(&self, source: &str) -> Result<PathBuf, ServerError>;

    /// The brick at `source`, and the checkpoint it runs on: its own, or that of the model that it adapts. Unless a loader knows more, it is
    /// on disk and has its own.
    ///
    /// # Errors
    /// If there is no such brick or it cannot be read, with the mend.
    fn brick(&self, source: &str) -> Result<(Brick, Checkpoint), ServerError> {
        let brick = Brick::open(Path::new(source))?;
        let checkpoint = brick.checkpoint()?;
        Ok((brick, checkpoint))
    }

    /// `done` of `total` bytes of a model's weights are in memory.
    fn progress(&self, _model: &str, _done: u64, _total: u64) {}
}

/// A model on disk, opened, and how it will be loaded.
pub struct Opened {
    checkpoint: Checkpoint,
    spec: DecoderSpec,
    tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    makers: GenerationDefaults,
    /// With their names. A brick's own is the only one.
    adapters: Vec<(String, Adapter)>,
    brick: Option<brick::Brick>,
    options: Options,
    plan: MemoryPlan,
}

impl Opened {
    /// Finds and opens a model, and plans its memory: as many of the wanted sequences as there is room for with the wanted context.
    ///
    /// # Errors
    /// If it cannot be found or read, or does not fit.
    pub fn open(loader: &dyn Loader, config: &ModelConfig, memory: Option<u64>) -> Result<Opened, ServerError> {
        let (checkpoint, brick) = match config.is_brick {
            false => (Checkpoint::open(&loader.locate(&config.source)?)?, None),
            true => {
                let (brick, checkpoint) = loader.brick(&config.source)?;
                (checkpoint, Some(brick))
            }
        };
        let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
        let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
        let template = ChatTemplate::from_checkpoint(&checkpoint)?;
        let makers = GenerationDefaults::from_checkpoint(&checkpoint)?;
        let named =
            |adapter: &AdapterConfig| Adapter::open(&adapter.folder).map(|opened| (adapter.name.clone(), opened));
        let mut adapters = config.adapters.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        let brick = match brick {
            None => None,
            Some(opened) => {
                adapters.extend(opened.adapter()?.map(|adapter| (config.name.clone(), adapter)));
                let Card { name, version, .. } = opened.card().clone();
                Some(brick::Brick { job: Job::new(&opened, &checkpoint, &tokenizer)?, name, version })
            }
        };
        let kept = adapters.iter().map(|(_, adapter)| adapter_bytes(adapter, config.options.threads)).sum();
        let mut options = Options { memory, adapters: kept, ..config.options.clone() };
        if options.context.is_none() {
            let plan = Engine::plan(&checkpoint, &spec, &Options { sequences: 1, ..options.clone() })?;
            options.context = Some(plan.context_wanted.unwrap_or(plan.context).min(USUAL_CONTEXT));
        }
        let plan = loop {
            let plan = Engine::plan(&checkpoint, &spec, &options);
            let is_shortened = plan.as_ref().map_or(true, |plan| plan.context_wanted.is_some());
            if !is_shortened || options.sequences == 1 {
                break plan?;
            }
            options.sequences = options.sequences.div_ceil(2);
        };
        Ok(Opened { checkpoint, spec, tokenizer, template, makers, adapters, brick, options, plan })
    }

    /// What there is to say about it.
    pub fn facts(&self) -> Facts {
        Facts {
            plan: self.plan.clone(),
            sequences: self.options.sequences,
            can_chat: self.template.is_some() || self.brick.is_some(),
        }
    }

    fn load(self, progress: &mut dyn FnMut(u64, u64)) -> Result<Loaded, EngineError> {
        let Opened { checkpoint, spec, tokenizer, template, makers, adapters, mut brick, options, .. } = self;
        let mut engine = Engine::load(&checkpoint, &spec, Some(tokenizer.clone()), &options, progress)?;
        let adapters = adapters.iter().map(|(name, adapter)| engine.add_adapter(name, adapter));
        let adapters = adapters.collect::<Result<Vec<_>, _>>()?;
        if let (Some(brick), Some(&adapter)) = (&mut brick, adapters.first()) {
            brick.job.adapt(adapter);
        }
        let DecoderSpec { architecture, vocab_size, hidden_size, .. } = spec;
        Ok(Loaded { engine, adapters, tokenizer, template, architecture, makers, vocab_size, hidden_size, brick })
    }
}

/// What a person may want to know about a model before or while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it takes in memory.
    pub plan: MemoryPlan,
    /// Sequences of full context the KV cache has room for.
    pub sequences: usize,
    /// Whether it has a chat template, or is a brick.
    pub can_chat: bool,
}

/// The models of a server.
pub struct Fleet {
    slots: Vec<Slot>,
    memory: Option<u64>,
    load_timeout: Duration,
    queue: usize,
    loader: Arc<dyn Loader>,
    metrics: Arc<Metrics>,
    metering: Option<Arc<Metering>>,
    /// Held by whoever loads or unloads.
    gate: Arc<AsyncMutex<()>>,
    /// A model was loaded.
    loaded: Notify,
    /// A model is used by one less, or somebody waits for one no more.
    returned: Arc<Notify>,
    created: u64,
}

struct Slot {
    config: ModelConfig,
    state: Mutex<State>,
    uses: Arc<Uses>,
    /// Who waits for it to be loaded.
    waiting: AtomicUsize,
    /// As it was loaded last.
    facts: Mutex<Option<Facts>>,
    /// When it could not be loaded last, and why.
    failed: Mutex<Option<(Instant, Arc<ServerError>)>>,
}

enum State {
    Unloaded,
    Loading,
    Loaded(Arc<Service>),
    /// Nobody new gets it; it goes when nobody uses it any more.
    Leaving(Arc<Service>),
}

/// Who uses a model.
struct Uses {
    count: AtomicUsize,
    last: Mutex<Instant>,
    /// That of the fleet.
    returned: Arc<Notify>,
}

impl Uses {
    fn new(returned: Arc<Notify>) -> Arc<Uses> {
        Arc::new(Uses { count: AtomicUsize::new(0), last: Mutex::new(Instant::now()), returned })
    }

    fn are_none(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }
}

/// A model stays in memory as long as this is held. It knows neither the model nor the fleet, so that the model's own thread may hold it.
pub struct Stay(Arc<Uses>);

impl Stay {
    fn new(uses: &Arc<Uses>) -> Stay {
        uses.count.fetch_add(1, Ordering::AcqRel);
        Stay(uses.clone())
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        *lock(&self.0.last) = Instant::now();
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.returned.notify_waiters();
    }
}

/// A model that is used, and stays in memory as long as this is held.
pub struct Lease {
    // Dropped before the stay: the last one to let go of a service waits for its thread, and that must not be here.
    service: Arc<Service>,
    stay: Stay,
    fleet: Arc<Fleet>,
    at: usize,
    /// Which of its adapters was asked for.
    adapter: Option<usize>,
}

impl Lease {
    /// The same model, with one of its adapters.
    fn with(mut self, adapter: Option<usize>) -> Lease {
        self.adapter = adapter;
        self
    }

    /// The model.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What keeps the model in memory for whoever has no need of the lease any more.
    pub fn stay(&self) -> Stay {
        Stay::new(&self.stay.0)
    }

    /// What requests call it, with the adapter that was asked for.
    pub fn name(&self) -> &str {
        let config = &self.fleet.slots[self.at].config;
        self.adapter.map_or(&config.name, |adapter| &config.adapters[adapter].name)
    }

    /// The adapter that was asked for, or that the brick is.
    pub fn adapter(&self) -> Option<AdapterId> {
        match self.adapter {
            Some(adapter) => Some(self.service().adapters[adapter]),
            None => self.service().brick.as_ref().and_then(|brick| brick.job.adapter()),
        }
    }
}

/// Counts somebody who waits for a model to be loaded.
struct Waiting<'f>(&'f Fleet, usize);

impl<'f> Waiting<'f> {
    fn new(fleet: &'f Fleet, at: usize) -> Waiting<'f> {
        fleet.slots[at].waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(fleet, at)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.slots[self.1].waiting.fetch_sub(1, Ordering::AcqRel);
        self.0.returned.notify_waiters();
    }
}

impl Fleet {
    /// The models of `config`, none of them loaded.
    pub fn new(
        config: &Config,
        loader: Arc<dyn Loader>,
        metrics: Arc<Metrics>,
        metering: Option<Arc<Metering>>,
    ) -> Fleet {
        let returned = Arc::new(Notify::new());
        let slots = config.models.iter().map(|model| Slot {
            config: model.clone(),
            state: Mutex::new(State::Unloaded),
            uses: Uses::new(returned.clone()),
            waiting: AtomicUsize::new(0),
            facts: Mutex::new(None),
            failed: Mutex::new(None),
        });
        Fleet {
            slots: slots.collect(),
            memory: config.memory,
            load_timeout: config.limits.load_timeout,
            queue: config.limits.queue,
            loader,
            metrics,
            metering,
            gate: Arc::default(),
            loaded: Notify::new(),
            returned,
            created: crate::openai::now(),
        }
    }

    /// The model called `name`, loaded if need be; if an adapter is called so, the model that it is on.
    ///
    /// # Errors
    /// 404 if there is none, 503 if it cannot be loaded or that takes too long.
    pub async fn acquire(self: &Arc<Self>, name: &str) -> Result<Lease, ApiError> {
        let (at, adapter) = self.place(name)?;
        if let Some(lease) = self.lease(at) {
            return Ok(lease.with(adapter));
        }
        match tokio::time::timeout(self.load_timeout, self.load(at)).await {
            Ok(Ok(lease)) => Ok(lease.with(adapter)),
            Ok(Err(error)) => {
                tracing::error!(model = name, %error, "the model cannot be loaded");
                let message = format!("the model {name} cannot be loaded: {}", told(&error));
                Err(ApiError::unavailable(message, Duration::from_secs(30)))
            }
            Err(_) => {
                let message = format!("the model {name} is still being loaded");
                Err(ApiError::unavailable(message, Duration::from_secs(10)))
            }
        }
    }

    /// Loads the models that are wanted from the start, as long as they fit beside each other.
    ///
    /// # Errors
    /// Those of the first that cannot be loaded.
    pub async fn preload(self: &Arc<Self>) -> Result<(), ServerError> {
        for at in 0..self.slots.len() {
            if !self.slots[at].config.preload || self.lease(at).is_some() {
                continue;
            }
            let gate = self.gate.clone().lock_owned().await;
            let opened = self.open(at).await?;
            if self.in_memory() + opened.plan.total() <= self.memory.unwrap_or(u64::MAX) {
                self.start(at, opened).await?;
            }
            drop(gate);
        }
        Ok(())
    }

    /// Unloads what nobody has asked for since `idle`.
    pub async fn unload_idle(&self, idle: Duration) {
        let Ok(_gate) = self.gate.try_lock() else { return };
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            let is_idle = || slot.uses.are_none() && lock(&slot.uses.last).elapsed() >= idle;
            self.unload_if(at, is_idle).await;
        }
    }

    /// Lets go of all models.
    pub async fn unload_all(&self) {
        let _gate = self.gate.lock().await;
        for at in 0..self.slots.len() {
            self.unload(at).await;
        }
    }

    /// The models by name, with what is known of those that were loaded.
    pub fn facts(&self) -> Vec<(String, Option<Facts>)> {
        self.slots.iter().map(|slot| (slot.config.name.clone(), lock(&slot.facts).clone())).collect()
    }

    /// What there is to ask.
    pub fn list(&self) -> Vec<ModelObject> {
        let all = self.slots.iter().flat_map(|slot| {
            let adapters = (0..slot.config.adapters.len()).map(Some);
            std::iter::once(None).chain(adapters).map(move |adapter| (slot, adapter))
        });
        all.map(|(slot, adapter)| self.object(slot, adapter)).collect()
    }

    /// Whether there is a model called `name`, or one with an adapter that is.
    pub fn serves(&self, name: &str) -> bool {
        self.slots.iter().any(|slot| slot.config.names().any(|other| other == name))
    }

    /// Whether there is a brick called `name`.
    pub fn is_brick(&self, name: &str) -> bool {
        self.slots.iter().any(|slot| slot.config.is_brick && slot.config.name == name)
    }

    /// The model called `name`, as [`Fleet::list`] has it.
    ///
    /// # Errors
    /// 404 if there is none.
    pub fn find(&self, name: &str) -> Result<ModelObject, ApiError> {
        self.place(name).map(|(at, adapter)| self.object(&self.slots[at], adapter))
    }

    /// Where the model called `name` is, and which of its adapters is called so.
    fn place(&self, name: &str) -> Result<(usize, Option<usize>), ApiError> {
        let of_slot = |slot: &Slot| slot.config.names().position(|other| other == name);
        let place = self.slots.iter().enumerate().find_map(|(at, slot)| Some((at, of_slot(slot)?.checked_sub(1))));
        place.ok_or_else(|| {
            let known: Vec<&str> = self.slots.iter().flat_map(|slot| slot.config.names()).collect();
            ApiError::no_model(name, &known)
        })
    }

    fn object(&self, slot: &Slot, adapter: Option<usize>) -> ModelObject {
        let (status, memory_bytes) = match &*lock(&slot.state) {
            State::Unloaded => (ModelStatus::Unloaded, None),
            State::Loading => (ModelStatus::Loading, None),
            State::Loaded(service) | State::Leaving(service) => (ModelStatus::Loaded, Some(service.plan.total())),
        };
        let config = &slot.config;
        ModelObject {
            id: adapter.map_or(&config.name, |adapter| &config.adapters[adapter].name).clone(),
            object: "model",
            created: self.created,
            owned_by: "whit",
            status,
            max_model_len: lock(&slot.facts).as_ref().map(|facts| facts.plan.context),
            memory_bytes: memory_bytes.filter(|_| adapter.is_none()),
            parent: adapter.map(|_| config.name.clone()),
        }
    }

    /// The model at `at` if it is loaded and may stay.
    fn lease(self: &Arc<Self>, at: usize) -> Option<Lease> {
        let slot = &self.slots[at];
        match &*lock(&slot.state) {
            State::Loaded(service) if service.is_alive() => {
                let (service, stay) = (service.clone(), Stay::new(&slot.uses));
                Some(Lease { service, stay, fleet: self.clone(), at, adapter: None })
            }
            _ => None,
        }
    }

    /// Waits until the model at `at` is loaded, or loads it when it is its turn. If that fails, it fails for all who have been waiting.
    async fn load(self: &Arc<Self>, at: usize) -> Result<Lease, Arc<ServerError>> {
        let waiting = Waiting::new(self, at);
        let began = Instant::now();
        // Kept from round to round, for its place in the queue.
        let mut turn = std::pin::pin!(self.gate.clone().lock_owned());
        let gate = loop {
            let mut loaded = std::pin::pin!(self.loaded.notified());
            // From here on nothing is missed.
            loaded.as_mut().enable();
            if let Some(lease) = self.lease(at) {
                return Ok(lease);
            }
            tokio::select! {
                gate = &mut turn => break gate,
                () = loaded => {}
            }
        };
        if let Some(lease) = self.lease(at) {
            return Ok(lease);
        }
        if let Some((_, error)) = lock(&self.slots[at].failed).as_ref().filter(|(when, _)| *when >= began) {
            return Err(error.clone());
        }
        drop(waiting);
        // A task of its own: who asked may go away, others wait for the same model.
        let fleet = self.clone();
        let task = tokio::spawn(async move {
            let _gate = gate;
            if let Err(error) = fleet.load_now(at).await {
                let error = Arc::new(error);
                *lock(&fleet.slots[at].failed) = Some((Instant::now(), error.clone()));
                return Err(error);
            }
            let lease = fleet.lease(at);
            // Whoever waited for it has it before it may have to go again.
            fleet.until_returned(|| fleet.slots[at].waiting.load(Ordering::Acquire) == 0).await;
            lease.ok_or_else(|| Arc::new(ServerError::Config("it broke as soon as it was loaded".into())))
        });
        let mistake = || ServerError::Config("whit made a mistake while loading it".into());
        task.await.unwrap_or_else(|_| Err(Arc::new(mistake())))
    }

    /// Loads the model at `at`; others go where there is no room beside them.
    async fn load_now(&self, at: usize) -> Result<(), ServerError> {
        let opened = self.open(at).await?;
        self.make_room(opened.plan.total()).await;
        self.start(at, opened).await
    }

    /// Opens the model at `at`; without a set memory, unloads others if it does not fit beside them, but would in their place.
    async fn open(&self, at: usize) -> Result<Opened, ServerError> {
        // What is left of a model that broke.
        self.unload(at).await;
        let open = |memory: Option<u64>| {
            let (config, loader) = (self.slots[at].config.clone(), self.loader.clone());
            blocking(move || Opened::open(&*loader, &config, memory))
        };
        let does_not_fit =
            |opened: &Result<_, _>| matches!(opened, Err(ServerError::Engine(EngineError::DoesNotFit(_))));
        let mut opened = open(self.memory).await;
        if self.memory.is_some() || !does_not_fit(&opened) {
            return opened;
        }
        let all = available_memory().map(|free| free + self.in_memory());
        if does_not_fit(&open(all).await) {
            return opened;
        }
        while does_not_fit(&opened) && self.unload_oldest().await {
            opened = open(None).await;
        }
        opened
    }

    /// Loads what was opened.
    async fn start(&self, at: usize, opened: Opened) -> Result<(), ServerError> {
        let slot = &self.slots[at];
        *lock(&slot.state) = State::Loading;
        let (name, loader, queue) = (slot.config.name.clone(), self.loader.clone(), self.queue);
        let (metrics, metering) = (self.metrics.model(&name), self.metering.clone());
        *lock(&slot.facts) = Some(opened.facts());
        let begun = Instant::now();
        let started = blocking(move || {
            let mut loading = metering.as_ref().map(|metering| metering.load(&name));
            let loaded = opened.load(&mut |done, total| {
                loader.progress(&name, done, total);
                if let Some(loading) = &mut loading {
                    loading.progress(done);
                }
            })?;
            drop(loading);
            let hand = metering.map(|metering| metering.hand());
            Service::start(loaded, &name, metrics, queue, hand).map_err(ServerError::system("a thread for the engine"))
        });
        let (state, result) = match started.await {
            Ok(service) => (State::Loaded(Arc::new(service)), Ok(())),
            Err(error) => (State::Unloaded, Err(error)),
        };
        *lock(&slot.uses.last) = Instant::now();
        *lock(&slot.state) = state;
        if result.is_ok() {
            self.loaded.notify_waiters();
            tracing::info!(model = slot.config.name, seconds = begun.elapsed().as_secs_f64(), "loaded");
        }
        result
    }

    /// Unloads, longest unused first, until `bytes` more fit into the memory.
    async fn make_room(&self, bytes: u64) {
        let Some(memory) = self.memory else { return };
        while self.in_memory() + bytes > memory && self.unload_oldest().await {}
    }

    /// Waits for something that becomes true when a use or a wait ends.
    async fn until_returned(&self, is_so: impl Fn() -> bool) {
        loop {
            let mut returned = std::pin::pin!(self.returned.notified());
            // From here on nothing is missed.
            returned.as_mut().enable();
            if is_so() {
                return;
            }
            returned.await;
        }
    }

    fn in_memory(&self) -> u64 {
        let plans = self.slots.iter().map(|slot| match &*lock(&slot.state) {
            State::Loaded(service) | State::Leaving(service) => service.plan.total(),
            State::Unloaded | State::Loading => 0,
        });
        plans.sum()
    }

    /// Whether there was one to unload.
    async fn unload_oldest(&self) -> bool {
        let loaded = |slot: &&(usize, &Slot)| matches!(*lock(&slot.1.state), State::Loaded(_));
        let slots: Vec<(usize, &Slot)> = self.slots.iter().enumerate().collect();
        // Those at work go last.
        let oldest =
            slots.iter().filter(loaded).min_by_key(|(_, slot)| (!slot.uses.are_none(), *lock(&slot.uses.last)));
        let Some(&(at, _)) = oldest else { return false };
        self.unload(at).await;
        true
    }

    /// Waits until nobody uses the model at `at`, and unloads it.
    async fn unload(&self, at: usize) {
        self.unload_if(at, || true).await;
    }

    /// The same, if it `may` be: as long as that is being judged, nobody is lent it.
    async fn unload_if(&self, at: usize, may: impl FnOnce() -> bool) {
        let slot = &self.slots[at];
        {
            let mut state = lock(&slot.state);
            if !may() {
                return;
            }
            match std::mem::replace(&mut *state, State::Unloaded) {
                State::Loaded(service) | State::Leaving(service) => *state = State::Leaving(service),
                State::Unloaded | State::Loading => return,
            }
        }
        self.until_returned(|| slot.uses.are_none()).await;
        let state = std::mem::replace(&mut *lock(&slot.state), State::Unloaded);
        if let State::Loaded(service) | State::Leaving(service) = state {
            // Its thread ends and its memory is freed before anything else is loaded.
            blocking(move || drop(service)).await;
            tracing::info!(model = slot.config.name, "unloaded");
        }
    }
}

/// Why a model cannot be loaded, for clients: without where it lies.
fn told(error: &ServerError) -> String {
    match error {
        ServerError::Model(error) | ServerError::Engine(EngineError::Model(error)) => match error {
            ModelError::Malformed { item, problem, .. } | ModelError::Unsupported { item, problem, .. } => {
                format!("{item}: {problem}")
            }
            ModelError::Missing { item, .. } => format!("{item} is missing"),
            _ => "its files cannot be read".into(),
        },
        ServerError::Engine(error @ EngineError::DoesNotFit(_)) => error.to_string(),
        _ => "the server's log says why".into(),
    }
}

/// Runs `work` where it may take its time.
async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
