//! How a server ends that is busy loading. The only test of its program: it sends signals to itself.
#![cfg(unix)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use whit_engine::Options;
use whit_server::config::{Limits, ModelConfig};
use whit_server::{Config, Loader, ServerError};

/// Takes longer to find a model than anybody waits.
struct Slow;

impl Loader for Slow {
    fn locate(&self, _: &str) -> Result<PathBuf, ServerError> {
        thread::sleep(Duration::from_secs(600));
        Err(ServerError::Locate("there is none".into()))
    }
}

/// A server that is loading; what becomes of it.
fn loading(drain_timeout: Duration) -> JoinHandle<Result<(), ServerError>> {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let model = ModelConfig {
        name: "m".into(),
        source: "m".into(),
        options: Options::default(),
        preload: true,
        is_brick: false,
        adapters: vec![],
    };
    let limits = Limits { drain_timeout, ..Limits::default() };
    let config = Config { models: vec![model], port: free.port(), limits, ..Config::default() };
    let server = thread::spawn(move || whit_server::serve(&config, Arc::new(Slow), |_| {}));
    wait(|| listens(free));
    signal();
    // The first signal has been heard when nobody is let in any more.
    wait(|| !listens(free));
    server
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

fn wait(until: impl Fn() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it takes too long");
        thread::sleep(Duration::from_millis(5));
    }
}

fn signal() {
    assert!(Command::new("kill").arg(std::process::id().to_string()).status().expect("kill runs").success());
}

#[test]
fn a_server_that_is_loading_ends_in_time_and_at_a_second_signal() {
    let server = loading(Duration::from_millis(300));
    wait(|| server.is_finished());
    server.join().expect("no panic").expect("it was told to stop");

    let server = loading(Duration::from_secs(600));
    thread::sleep(Duration::from_millis(100));
    assert!(!server.is_finished(), "what is loading is waited for");
    signal();
    wait(|| server.is_finished());
    server.join().expect("no panic").expect("it was told to stop");
}
