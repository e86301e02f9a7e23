//! A call to a model on its way: what is asked of the engine, what comes of it, and what it took.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::OwnedSemaphorePermit;
use whit_engine::{Constraint, Grammar, Request};
use whit_model::Tokenizer;

use crate::account::{Account, Round};
use crate::app::App;
use crate::auth::Caller;
use crate::config::Limits;
use crate::fleet::{Fleet, Lease};
use crate::ledger::{Row, Texts};
use crate::openai::{ApiError, Ending, SamplingFields, Usage};
use crate::service::{Answer, Delta, Held, Place, Service, Submission, SubmitError};
use crate::span::RequestSpan;
use crate::stop::Open;
use crate::trace::{Record, RequestId};
use crate::{prompt, shape};

/// A call that the engine has. Dropping it cancels what is still to come.
pub struct Run {
    /// What comes of it.
    pub answer: Answer,
    /// The model's: the model itself is needed only until the engine is done.
    pub tokenizer: Arc<Tokenizer>,
    terms: Terms,
    batches: Option<Batches>,
    /// Choices that are not over.
    open_choices: usize,
    keeps_texts: bool,
    /// Dropped last: the server waits for it before it closes.
    _open: Open,
}

/// What requests are submitted with; a call in several batches keeps it from one to the next.
struct Batches {
    lease: Lease,
    held: Arc<Held>,
    places: Vec<Place>,
}

/// What all requests of a call have in common.
struct Terms {
    /// Who asks, and for whom.
    client: (u64, u64),
    /// When the answer is of no use any more.
    deadline: Instant,
    /// When the call came in.
    received: Instant,
    /// Whether to tell every step.
    stream: bool,
    /// Where it is written what they use.
    account: Arc<Account>,
    /// Most KV cache of all requests together, in bytes.
    max_bytes: Option<u64>,
}

impl Terms {
    fn submit(&self, batches: &Batches, mut requests: Vec<Request>) -> Result<Answer, ApiError> {
        let Batches { lease, held, places } = batches;
        let max_cache_bytes = self.max_bytes.map(|bytes| bytes / requests.len().max(1) as u64);
        for request in &mut requests {
            (request.client, request.user) = self.client;
            request.deadline = Some(self.deadline);
            request.account = self.account.id();
            request.max_cache_bytes = max_cache_bytes;
            request.adapter = lease.adapter();
        }
        let (stream, received, account) = (self.stream, self.received, self.account.clone());
        let (places, held) = (places.clone(), held.clone());
        let submission = Submission { requests, stream, received, places, account, held };
        lease.service().submit(submission).map_err(|error| not_taken(lease, &error))
    }
}

/// Why a model takes no requests.
fn not_taken(lease: &Lease, error: &SubmitError) -> ApiError {
    match error {
        SubmitError::Full(after) => {
            ApiError::busy(format!("{} has as many requests as it takes; come back later", lease.name()), *after)
        }
        SubmitError::Gone => {
            let message = format!("{} broke and will be loaded again; ask again", lease.name());
            ApiError::unavailable(message, Duration::from_secs(1))
        }
    }
}

/// A call as it came in.
pub struct Call {
    /// Counts it as open, until its answer is sent.
    pub open: Open,
    /// Counts it among the calls that the server has taken, until the engine is done with it.
    pub admission: OwnedSemaphorePermit,
    /// Its id.
    pub request_id: RequestId,
    /// What is told of it.
    pub span: RequestSpan,
    /// Its row in the ledger.
    pub row: Row,
    /// What its prompts say, if the ledger keeps that.
    pub prompt: Option<String>,
    /// When it came in.
    pub received: Instant,
    /// The same, by the clock.
    pub at: SystemTime,
    /// The room its body takes until the engine has what became of it.
    pub large_body: Option<OwnedSemaphorePermit>,
    /// Whose that is.
    pub caller: Caller,
}

impl Call {
    /// The model called `name`.
    ///
    /// # Errors
    /// Those of [`Fleet::acquire`].
    pub async fn lease(&self, fleet: &Arc<Fleet>, name: &str) -> Result<Lease, ApiError> {
        if fleet.serves(name) {
            self.row.asks(name);
        }
        fleet.acquire(name).await
    }

    /// Who asks, for taking turns: its party, and within that the `user`.
    pub fn client(&self, user: Option<&str>) -> (u64, u64) {
        let mut hasher = DefaultHasher::new();
        user.hash(&mut hasher);
        (self.caller.party(), hasher.finish())
    }
}

/// The grammar that an answer must fit, compiled where it may take its time; the lease comes back with it. `is_of_tools`: it is about
/// tools, for whoever is told what is wrong.
///
/// # Errors
/// 400 with the reason if it cannot be enforced, 429 if too many others are being compiled.
pub async fn constrain(
    lease: Lease,
    grammar: Option<Grammar>,
    is_of_tools: bool,
) -> Result<(Lease, Option<Constraint>), ApiError> {
    let Some(grammar) = grammar else { return Ok((lease, None)) };
    let compiled = tokio::task::spawn_blocking(move || {
        let constraint = lease.service().constraint(&grammar);
        (lease, constraint)
    });
    let Ok((lease, constraint)) = compiled.await else {
        return Err(ApiError::internal("whit made a mistake with this grammar; please report it"));
    };
    let constraint = constraint.map_err(|error| shape::refused(&error, is_of_tools))?;
    Ok((lease, Some(constraint)))
}

/// The engine's requests for a call: for each prompt as many as there are choices.
///
/// # Errors
/// If that is more answers than one call may have or the queue ever takes, or a token with a bias is none.
pub fn requests(
    service: &Service,
    limits: &Limits,
    sampling: &SamplingFields,
    prompts: Vec<Vec<u32>>,
    max_tokens: Option<usize>,
    logprobs: Option<usize>,
    constraint: Option<&Constraint>,
) -> Result<Vec<Request>, ApiError> {
    let choices = sampling.choices();
    let most = limits.choices.min(limits.queue);
    if prompts.len() * choices > most {
        let message = format!("{} answers are more than the {most} of one call", prompts.len() * choices);
        return Err(ApiError::invalid(message).param("n"));
    }
    let biased: Vec<u32> = sampling.logit_bias.iter().flatten().filter_map(|(id, _)| id.parse().ok()).collect();
    prompt::check_tokens(service, &biased, "logit_bias")?;
    let seed = sampling.first_seed();
    let max_tokens = max_tokens.into_iter().chain(limits.answer_tokens).min();
    let all = prompts.into_iter().flat_map(|prompt| std::iter::repeat_n(prompt, choices)).enumerate();
    let requests = all.map(|(choice, prompt)| Request {
        max_tokens,
        logprobs,
        constraint: constraint.cloned(),
        ..sampling.request(prompt, choice, &service.makers, service.tokenizer.end_tokens(), seed)
    });
    Ok(requests.collect())
}

impl Run {
    /// Hands the requests to the engine: for each prompt, as many as `sampling` wants. `goes_on`: others may follow.
    ///
    /// # Errors
    /// 429 if the queue is full, 503 if the model broke; those of [`Account::open`], and 400 if the prompts alone take more memory than the
    /// call may.
    pub fn start(
        call: Call,
        lease: Lease,
        requests: Vec<Request>,
        sampling: &SamplingFields,
        stream: bool,
        goes_on: bool,
        app: &App,
    ) -> Result<Run, ApiError> {
        let client = call.client(sampling.user.as_deref());
        let Call { open, admission, request_id, span, row, prompt, received, at, large_body, caller, .. } = call;
        let key = caller.key;
        let asked = sampling.timeout.map(Duration::from_secs_f32);
        let deadline = received + asked.unwrap_or(app.limits.answer_timeout).min(app.limits.answer_timeout);
        let (open_choices, choices_per_prompt) = (requests.len(), sampling.choices());
        let places = lease.service().places(open_choices).map_err(|error| not_taken(&lease, &error))?;
        // Only vectors are made in several batches.
        let answers = if goes_on { 0 } else { open_choices };
        let record = Record {
            request_id: request_id.0,
            model: lease.name().to_owned(),
            key: key.as_ref().and_then(|key| key.own_name()),
            user: sampling.user.clone(),
            received,
            at,
            usage: Usage::default(),
            rounds: vec![Round::default()],
            endings: vec![],
            is_complete: false,
            error: None,
            texts: prompt.map(|prompt| Texts { prompt, answers: vec![String::new(); answers] }),
            span,
            row,
        };
        let keeps_texts = record.texts.is_some();
        let budget = sampling.budget.unwrap_or_default();
        let of_key = key.as_ref().and_then(|key| key.limits.max_bytes);
        let max_bytes = budget.max_bytes.into_iter().chain(of_key).min();
        let needed = requests.iter().map(|request| lease.service().plan.cache_bytes(request.prompt.len())).sum::<u64>();
        if let Some(most) = max_bytes.filter(|&most| needed > most) {
            let message = format!(
                "the prompt takes {needed} bytes of KV cache, and this request may take {most}: shorten it or allow more"
            );
            return Err(match budget.max_bytes == Some(most) {
                true => ApiError::invalid(message).param("whit.max_bytes").code("budget_exceeded"),
                false => ApiError::spent(message),
            });
        }
        let prompts = requests.iter().step_by(choices_per_prompt).map(|request| request.prompt.len());
        let account = Account::open(app.metering.clone(), key, &budget, prompts.sum(), choices_per_prompt, record)?;
        let terms = Terms { client, deadline, received, stream, account: Arc::new(account), max_bytes };
        let held = Arc::new(Held { stay: lease.stay(), admission });
        let tokenizer = lease.service().tokenizer.clone();
        let batches = Batches { lease, held, places };
        let answer = terms.submit(&batches, requests)?;
        terms.account.begin();
        drop(large_body);
        let batches = goes_on.then_some(batches);
        Ok(Run { answer, tokenizer, terms, batches, open_choices, keeps_texts, _open: open })
    }

    /// Goes on with further requests of the same call, no more than before, once all choices are over.
    ///
    /// # Errors
    /// 503 if the model broke.
    pub fn go_on(&mut self, requests: Vec<Request>) -> Result<(), ApiError> {
        self.open_choices = requests.len();
        self.record().rounds.push(Round::default());
        let batches = self.batches.as_mut().expect("a call that goes on was begun as one");
        batches.places.truncate(requests.len());
        let answer = self.terms.submit(batches, requests);
        self.answer = answer.map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Notes what a step brought.
    ///
    /// # Errors
    /// What the engine said instead of finishing the choice.
    pub fn note(&mut self, delta: &Delta) -> Result<(), ApiError> {
        if self.keeps_texts {
            self.record().texts.iter_mut().for_each(|texts| texts.said(delta.choice, &delta.text));
        }
        match &delta.end {
            None => {}
            Some(Ok(_)) => self.open_choices -= 1,
            Some(Err(message)) => return Err(self.failed(ApiError::internal(message.clone()))),
        }
        Ok(())
    }

    /// Notes the error that its client is told.
    pub fn failed(&self, error: ApiError) -> ApiError {
        self.record().error = Some(error.name());
        error
    }

    /// The model has broken; the error to tell.
    pub fn broke(&self) -> ApiError {
        self.failed(ApiError::internal("the model broke while it was answering; ask again"))
    }

    /// Counts tokens of thinking among those of the answer.
    pub fn thought(&mut self, tokens: usize) {
        self.record().usage.completion_tokens_details.get_or_insert_default().reasoning_tokens += tokens;
    }

    /// Notes how a choice ended.
    pub fn ended(&mut self, ending: Ending) {
        self.record().endings.push(ending);
    }

    /// Whether all choices are over.
    pub fn is_over(&self) -> bool {
        self.open_choices == 0
    }

    /// What all of it took, with its receipt; it was not given up.
    pub fn complete(&mut self) -> Usage {
        self.terms.account.complete()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.terms.account.record()
    }

    /// Takes everything there is, piece by piece, until all choices are over.
    ///
    /// # Errors
    /// If the engine gave up or broke.
    pub async fn collect(mut self, take: impl FnMut(&mut Run, Delta)) -> Result<Usage, ApiError> {
        self.exhaust(take).await?;
        Ok(self.complete())
    }

    /// As [`Run::collect`], of a call that goes on.
    ///
    /// # Errors
    /// If the engine gave up or broke.
    pub async fn exhaust(&mut self, mut take: impl FnMut(&mut Run, Delta)) -> Result<(), ApiError> {
        while !self.is_over() {
            let delta = self.answer.next().await;
            let delta = delta.ok_or_else(|| self.broke())?;
            self.note(&delta)?;
            take(self, delta);
        }
        Ok(())
    }
}
