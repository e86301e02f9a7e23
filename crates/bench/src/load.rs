//! Many requests at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Answer, Arrival, Prompts, RequestError, Target};

/// When requests are sent.
#[derive(Clone, Debug)]
pub enum Load {
    /// So many at a time; whoever is answered asks again (a closed loop).
    Closed {
        /// Requests under way at any time.
        concurrency: usize,
        /// All of them together.
        requests: usize,
        /// Tokens of each prompt.
        prompt_tokens: usize,
        /// Tokens of each answer.
        output_tokens: usize,
    },
    /// At their times, whether earlier ones are answered or not (an open loop).
    Open(Vec<Arrival>),
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it was to be sent, and the lengths that were wanted.
    pub arrival: Arrival,
    /// How much later it was sent.
    pub lag: Duration,
    /// What came back.
    pub result: Result<Answer, RequestError>,
}

/// A load that was sent.
#[derive(Clone, Debug)]
pub struct Measured {
    /// In the order in which they were sent.
    pub exchanges: Vec<Exchange>,
    /// From the first question to the end of the last answer.
    pub time: Duration,
    /// Most requests that were under way at a time.
    pub most_in_flight: usize,
}

impl Load {
    /// Requests in it.
    pub fn requests(&self) -> usize {
        match self {
            Load::Closed { requests, .. } => *requests,
            Load::Open(arrivals) => arrivals.len(),
        }
    }

    /// Request number `index`, less than [`Load::requests`].
    pub fn arrival(&self, index: usize) -> Arrival {
        match self {
            &Load::Closed { prompt_tokens, output_tokens, .. } => {
                Arrival { at: Duration::ZERO, prompt_tokens, output_tokens }
            }
            Load::Open(arrivals) => arrivals[index],
        }
    }
}

/// Sends a load and waits until all of it is answered. `progress` hears after every answer how many there are.
pub fn run(target: &Target, prompts: &Prompts, load: &Load, progress: &mut dyn FnMut(usize)) -> Measured {
    let [next, in_flight, most_in_flight] = [0; 3].map(AtomicUsize::new);
    let start = Instant::now();
    let ask = |index: usize| {
        let arrival = load.arrival(index);
        let prompt = prompts.prompt(index, arrival.prompt_tokens);
        most_in_flight.fetch_max(1 + in_flight.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let lag = match load {
            Load::Closed { .. } => Duration::ZERO,
            Load::Open(_) => start.elapsed().saturating_sub(arrival.at),
        };
        let result = target.complete(&prompt, arrival.output_tokens);
        in_flight.fetch_sub(1, Ordering::Relaxed);
        Exchange { arrival, lag, result }
    };
    let mut exchanges: Vec<Option<Exchange>> = vec![None; load.requests()];
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        match load {
            &Load::Closed { concurrency, requests, .. } => {
                for _ in 0..concurrency.min(requests) {
                    let (tell, next, ask) = (tell.clone(), &next, &ask);
                    let user = move || {
                        loop {
                            let index = next.fetch_add(1, Ordering::Relaxed);
                            if index >= requests || tell.send((index, ask(index))).is_err() {
                                return;
                            }
                        }
                    };
                    // Without a thread for this one, the others ask everything.
                    let _ = thread::Builder::new().spawn_scoped(scope, user);
                }
                drop(tell);
            }
            Load::Open(arrivals) => {
                let ask = &ask;
                let clock = move || {
                    for (index, &arrival) in arrivals.iter().enumerate() {
                        thread::sleep(arrival.at.saturating_sub(start.elapsed()));
                        let answered = tell.clone();
                        let request = move || drop(answered.send((index, ask(index))));
                        if let Err(error) = thread::Builder::new().spawn_scoped(scope, request) {
                            let result = Err(RequestError::Thread(error.to_string()));
                            let _ = tell.send((index, Exchange { arrival, lag: Duration::ZERO, result }));
                        }
                    }
                };
                scope.spawn(clock);
            }
        }
        for (done, (index, exchange)) in told.iter().enumerate() {
            exchanges[index] = Some(exchange);
            progress(done + 1);
        }
    });
    let time = start.elapsed();
    let unsent = || RequestError::Thread("none could be started".to_owned());
    let exchanges = exchanges.into_iter().enumerate().map(|(index, exchange)| {
        exchange.unwrap_or_else(|| Exchange {
            arrival: load.arrival(index),
            lag: Duration::ZERO,
            result: Err(unsent()),
        })
    });
    Measured { exchanges: exchanges.collect(), time, most_in_flight: most_in_flight.load(Ordering::Relaxed) }
}
