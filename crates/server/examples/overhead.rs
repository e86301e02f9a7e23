//! What HTTP costs: the same greedy chat of a few tokens asked over sockets at a fixed rate, and of the engine alone.
//!
//!     cargo run --release -p whit-server --example overhead -- [MODEL] [REQUESTS PER SECOND] [SECONDS]
//!
//! Clients run in the same process, on the same cores.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use whit_engine::{Engine, Options, Request};
use whit_model::{Checkpoint, DecoderSpec, Tokenizer};
use whit_server::config::ModelConfig;
use whit_server::{App, Config, Loader, ServerError, listen, router};

const CLIENTS: usize = 16;
const TOKENS: usize = 4;

struct Path;

impl Loader for Path {
    fn locate(&self, source: &str) -> Result<PathBuf, ServerError> {
        Ok(source.into())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let source = words.next().unwrap_or_else(|| "fixtures/pocket-q8_0.gguf".into());
    let rate: f64 = words.next().map_or(Ok(1000.0), |word| word.parse())?;
    let seconds: f64 = words.next().map_or(Ok(5.0), |word| word.parse())?;
    let alone = engine_alone(&source, (rate * seconds) as usize)?;
    println!("engine alone  {}", percentiles(alone));

    let options = Options { sequences: 16, threads: Some(1), ..Options::default() };
    let model = ModelConfig { name: "m".into(), source, options, preload: true, is_brick: false, adapters: vec![] };
    let config = Config { models: vec![model], ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let times = runtime.block_on(async {
        let app = App::new(&config, Arc::new(Path))?;
        app.fleet.preload().await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(listen(listener, router(app.clone(), &[])?, None, app.limits.clone(), app.stop.clone()));
        let begin = Instant::now() + Duration::from_millis(100);
        let clients = (0..CLIENTS).map(|client| {
            let count = (rate * seconds) as usize / CLIENTS;
            let due = move |at: usize| begin + Duration::from_secs_f64((at * CLIENTS + client) as f64 / rate);
            tokio::spawn(client_of(address, count, due))
        });
        let mut times = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            times.extend(client.await??);
        }
        Ok::<_, Box<dyn std::error::Error>>(times)
    })?;
    println!("over HTTP     {}", percentiles(times));
    Ok(())
}

/// Asks `count` times over one connection, each time when it is due.
async fn client_of(
    address: SocketAddr,
    count: usize,
    due: impl Fn(usize) -> Instant,
) -> std::io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"Hello"}}],"temperature":0,"max_tokens":{TOKENS}}}"#
    );
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut times = Vec::with_capacity(count);
    let mut answer = vec![0; 4096];
    for at in 0..count {
        tokio::time::sleep_until(due(at).into()).await;
        let begun = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let mut read = 0;
        // The answer is one object; its end is the end of the body.
        while !answer[..read].ends_with(b"}}}") {
            read += stream.read(&mut answer[read..]).await?;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// The same requests, one after the other, without anything between.
fn engine_alone(source: &str, count: usize) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let checkpoint = Checkpoint::open(source.as_ref())?;
    let spec = DecoderSpec::from_checkpoint(&checkpoint)?;
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint)?);
    let options = Options { sequences: 16, threads: Some(1), ..Options::default() };
    let mut engine = Engine::load(&checkpoint, &spec, Some(tokenizer.clone()), &options, &mut |_, _| {})?;
    let prompt = tokenizer.encode_prompt("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        engine.submit(Request { max_tokens: Some(TOKENS), ..Request::new(prompt.clone()) })?;
        while !engine.is_idle() {
            engine.step(|_| {})?;
        }
        times.push(begun.elapsed());
    }
    Ok(times)
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("{:.3} ms p50, {:.3} ms p90, {:.3} ms p99, {} requests", at(0.5), at(0.9), at(0.99), times.len())
}
