//! One request to a server, streamed, with the times at which its answer came.

use std::io::{self, BufRead, BufReader};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ureq::http::Uri;
use ureq::{Agent, Body, RequestBuilder};

use crate::{BenchError, RequestError};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers close connections that are idle; some after five seconds.
const IDLE_AGE: Duration = Duration::from_secs(2);
/// Connections that are kept: more than one load has at a time.
const IDLE_CONNECTIONS: usize = 4096;
/// Fields that make a server go on after a token that ends an answer. None is OpenAI's: some servers refuse those they do not
/// know, and some do not know the one that others do.
const GOING_ON: [&[&str]; 3] = [&["ignore_eos", "min_tokens"], &["ignore_eos"], &[]];
/// How much is read of what a server says instead of an answer.
const LONGEST_MESSAGE: u64 = 64 << 10;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/completions`: a text is continued.
    Completions,
    /// `/v1/chat/completions`: a message is answered.
    Chat,
}

/// A server as a person names it.
#[derive(Clone, Debug)]
pub struct Server {
    /// `http://host:port`, with or without `/v1`.
    pub url: String,
    /// What it calls the model; the first that it lists if not said.
    pub model: Option<String>,
    /// Its key.
    pub api_key: Option<String>,
    /// What to ask.
    pub endpoint: Endpoint,
    /// Time for a whole answer.
    pub timeout: Duration,
}

/// A server that answers.
#[derive(Clone)]
pub struct Target {
    server: Server,
    /// `http://host:port/v1`.
    base: String,
    model: String,
    /// One of [`GOING_ON`].
    going_on: &'static [&'static str],
    agent: Agent,
    /// Makes a connection for every request.
    unpooled: Agent,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// All of it.
    pub text: String,
    /// Tokens of the prompt, if the server counts them.
    pub prompt_tokens: Option<usize>,
    /// Of these, those that it had in a cache, if it says so.
    pub cached_tokens: Option<usize>,
    /// Tokens of the answer: as the server counts, or else as many as were asked for where that is why it ended, or
    /// else one for each event.
    pub output_tokens: usize,
    /// What it cost, if the server says so.
    pub cost: Option<Cost>,
    /// From the question to the first piece of the answer.
    pub first_token: Duration,
    /// Between that and the following pieces. Mostly each is one token.
    pub gaps: Vec<Duration>,
    /// From the question to the end.
    pub whole: Duration,
}

/// Energy of an answer, its prompt included, as whit tells it in `usage.whit`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cost {
    /// Energy.
    pub joules: f64,
    /// It was not less.
    pub joules_low: f64,
    /// It was not more.
    pub joules_high: f64,
    /// How that is known: `wall`, `counter` or `modelled`.
    pub tier: String,
}

impl Target {
    /// Asks a server what it calls its model, and learns what requests it takes.
    ///
    /// # Errors
    /// If the address is none, or nobody answers there.
    pub fn connect(server: Server) -> Result<Target, BenchError> {
        let url = server.url.trim_end_matches('/').to_owned();
        let wrong = || BenchError::Url(server.url.clone());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong());
        }
        let agent = |kept: usize| -> Agent {
            let mut config = Agent::config_builder()
                .http_status_as_error(false)
                .user_agent(concat!("whit-bench/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .timeout_global(Some(server.timeout))
                .max_idle_age(IDLE_AGE)
                .max_idle_connections(kept)
                .max_idle_connections_per_host(kept);
            if is_loopback(host) {
                // No proxy of the environment is between this machine and itself.
                config = config.proxy(None);
            }
            config.build().into()
        };
        let (agent, unpooled) = (agent(IDLE_CONNECTIONS), agent(0));
        let base = if url.ends_with("/v1") { url } else { format!("{url}/v1") };
        let model = server.model.clone().unwrap_or_default();
        let mut target = Target { server, base, model, going_on: &[], agent, unpooled };
        let failed = |source| BenchError::Server { url: target.server.url.clone(), source };
        if target.server.model.is_none() {
            target.model = target.first_model().map_err(failed)?;
        }
        let mut answered = Ok(None);
        for fields in GOING_ON {
            target.going_on = fields;
            answered = target.count("Hello");
            if !matches!(answered, Err(RequestError::Status { status: 400..=422, .. })) {
                break;
            }
        }
        answered.map_err(failed)?;
        Ok(target)
    }

    /// The server's address, as it was given.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// What it calls its model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Tokens of `prompt` with all that the server puts around it, if it says so.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn count(&self, prompt: &str) -> Result<Option<usize>, RequestError> {
        let body = self.send(&self.body(prompt, 1, false))?;
        Ok(count(&self.json(body)?["usage"]["prompt_tokens"]))
    }

    /// Continues or answers `prompt` greedily with `tokens` tokens, or fewer where the server ends by itself.
    ///
    /// # Errors
    /// If the server does not answer, or not with a stream of completions.
    pub fn complete(&self, prompt: &str, tokens: usize) -> Result<Answer, RequestError> {
        let request = self.body(prompt, tokens, true);
        let start = Instant::now();
        let body = self.send(&request)?;
        let mut reader = BufReader::new(body.into_reader());
        let mut line = String::new();
        let mut stream = Stream::default();
        while !stream.is_done {
            line.clear();
            let read = reader.read_line(&mut line).map_err(|error| self.failed(error.into()))?;
            if read == 0 {
                break;
            }
            // Other lines are comments, which keep a connection alive, or name the event, which OpenAI's API does not.
            if let Some(data) = line.strip_prefix("data:") {
                stream.take(data.trim(), start.elapsed())?;
            }
        }
        let whole = start.elapsed();
        // The rest, so that the connection can be used again.
        let _ = io::copy(&mut reader, &mut io::sink());
        stream.answer(whole, tokens)
    }

    fn body(&self, prompt: &str, tokens: usize, stream: bool) -> Value {
        let mut body = json!({"model": self.model, "max_tokens": tokens, "temperature": 0, "stream": stream});
        match self.server.endpoint {
            Endpoint::Completions => body["prompt"] = prompt.into(),
            Endpoint::Chat => body["messages"] = json!([{"role": "user", "content": prompt}]),
        }
        if stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        for &field in self.going_on {
            body[field] = if field == "min_tokens" { tokens.into() } else { true.into() };
        }
        body
    }

    /// Sends a request and waits for the head of its answer.
    fn send(&self, body: &Value) -> Result<Body, RequestError> {
        let path = match self.server.endpoint {
            Endpoint::Completions => "completions",
            Endpoint::Chat => "chat/completions",
        };
        let ask = |agent: &Agent| {
            let request = self.with_key(agent.post(format!("{}/{path}", self.base)));
            request.content_type("application/json").send(body.to_string())
        };
        let response = match ask(&self.agent) {
            // It may have closed the connection just when it was used again, and not have seen the request.
            Err(ureq::Error::Io(error)) if is_closed(&error) => ask(&self.unpooled),
            response => response,
        };
        self.accepted(response)
    }

    /// The first model of the list.
    fn first_model(&self) -> Result<String, RequestError> {
        let body = self.accepted(self.with_key(self.agent.get(format!("{}/models", self.base))).call())?;
        let list = self.json(body)?;
        let model = list["data"][0]["id"].as_str();
        model.map(str::to_owned).ok_or_else(|| RequestError::Shape("it lists no models; name one".to_owned()))
    }

    fn with_key<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.server.api_key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        }
    }

    fn accepted(&self, response: Result<ureq::http::Response<Body>, ureq::Error>) -> Result<Body, RequestError> {
        let response = response.map_err(|error| self.failed(error))?;
        let status = response.status();
        let mut body = response.into_body();
        if status.is_success() {
            return Ok(body);
        }
        let said = body.with_config().limit(LONGEST_MESSAGE).lossy_utf8(true).read_to_string().unwrap_or_default();
        let json: Value = serde_json::from_str(&said).unwrap_or_default();
        Err(RequestError::Status { status: status.as_u16(), message: one_line(message(&json).unwrap_or(&said)) })
    }

    fn json(&self, mut body: Body) -> Result<Value, RequestError> {
        let text = body.read_to_string().map_err(|error| self.failed(error))?;
        serde_json::from_str(&text).map_err(|_| RequestError::Shape(one_line(&text)))
    }

    fn failed(&self, error: ureq::Error) -> RequestError {
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect) => RequestError::Connection("nobody answers".to_owned()),
            ureq::Error::Timeout(_) => RequestError::Timeout(self.server.timeout),
            ureq::Error::Io(error) => RequestError::Connection(error.to_string()),
            error => RequestError::Connection(error.to_string()),
        }
    }
}

/// An answer while it comes in.
#[derive(Default)]
struct Stream {
    text: String,
    prompt_tokens: Option<usize>,
    cached_tokens: Option<usize>,
    output_tokens: Option<usize>,
    cost: Option<Cost>,
    finish_reason: Option<String>,
    first: Option<Duration>,
    last: Duration,
    gaps: Vec<Duration>,
    is_done: bool,
}

impl Stream {
    /// Takes an event that came so long after the question.
    fn take(&mut self, data: &str, at: Duration) -> Result<(), RequestError> {
        if data == "[DONE]" {
            self.is_done = true;
            return Ok(());
        }
        let event: Value = serde_json::from_str(data).map_err(|_| RequestError::Shape(one_line(data)))?;
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(RequestError::Broken(one_line(message(&event).unwrap_or(data))));
        }
        let choice = &event["choices"][0];
        let delta = &choice["delta"];
        // What a model thinks are tokens too.
        let pieces = [&choice["text"], &delta["reasoning_content"], &delta["content"]].map(Value::as_str);
        let text: String = pieces.into_iter().flatten().collect();
        // A token may have no text, or not yet; events that only begin or end an answer have none either.
        let is_frame = delta["role"].is_string() || choice["finish_reason"].is_string();
        if !text.is_empty() || (pieces.iter().any(Option::is_some) && !is_frame) {
            match self.first {
                None => self.first = Some(at),
                Some(_) => self.gaps.push(at - self.last),
            }
            self.last = at;
        }
        self.text += &text;
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish_reason = Some(reason.to_owned());
        }
        let usage = &event["usage"];
        self.prompt_tokens = count(&usage["prompt_tokens"]).or(self.prompt_tokens);
        self.cached_tokens = count(&usage["prompt_tokens_details"]["cached_tokens"]).or(self.cached_tokens);
        self.output_tokens = count(&usage["completion_tokens"]).or(self.output_tokens);
        self.cost = Cost::deserialize(&usage["whit"]).ok().or(self.cost.take());
        Ok(())
    }

    /// The whole answer, if it is one.
    fn answer(self, whole: Duration, asked: usize) -> Result<Answer, RequestError> {
        if !self.is_done && self.finish_reason.is_none() {
            return Err(RequestError::Broken("the stream stops before its end".to_owned()));
        }
        let events = usize::from(self.first.is_some()) + self.gaps.len();
        let uncounted = if self.finish_reason.as_deref() == Some("length") { asked } else { events };
        Ok(Answer {
            text: self.text,
            prompt_tokens: self.prompt_tokens,
            cached_tokens: self.cached_tokens,
            output_tokens: self.output_tokens.unwrap_or(uncounted),
            cost: self.cost,
            first_token: self.first.unwrap_or(whole),
            gaps: self.gaps,
            whole,
        })
    }
}

/// What went wrong, in OpenAI's shape or another that is known.
fn message(body: &Value) -> Option<&str> {
    let error = &body["error"];
    error["message"].as_str().or(error.as_str()).or(body["message"].as_str()).or(body["detail"].as_str())
}

fn count(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|count| usize::try_from(count).ok())
}

/// A stranger's words, fit for a terminal.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// Whether a connection was closed from the other side before anything came.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
