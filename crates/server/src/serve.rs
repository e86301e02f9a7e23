//! A whole server, from its configuration to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::app::{App, cors, router};
use crate::config::{Config, ModelConfig};
use crate::fleet::{Facts, Loader, Opened};
use crate::listen::listen;
use crate::{ServerError, ledger, metering, tls};

/// Threads that read requests and write answers. The engine's team has the cores; these only pass on what it says.
const HTTP_THREADS: usize = 2;

/// What a person is told when a server is ready.
pub struct Started {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// Its models, by name; those that were wanted from the start are loaded.
    pub models: Vec<(String, Option<Facts>)>,
    /// What it meters with, in a line.
    pub meter: String,
}

/// Checks a configuration as far as that goes without loading a model: every one is found, opened and planned for. Comes with what would
/// be metered with, in a line.
///
/// # Errors
/// The first thing that would keep the server from starting or a model from loading.
pub fn check(config: &Config, loader: &dyn Loader) -> Result<(Vec<(String, Facts)>, String), ServerError> {
    config.check()?;
    config.tls.as_ref().map(tls::acceptor).transpose()?;
    cors(&config.cors_origins).map(drop)?;
    let open = |model: &ModelConfig| Ok((model.name.clone(), Opened::open(loader, model, config.memory)?.facts()));
    let models = config.models.iter().map(open).collect::<Result<_, ServerError>>()?;
    ledger::check(config)?;
    Ok((models, metering::check(config)?))
}

/// Runs a server until it is told to stop: `SIGTERM` or Ctrl-C lets answers end and refuses new requests, a second one closes at once.
/// `started` is called when the models are loaded.
///
/// # Errors
/// If the configuration is wrong, the address cannot be had, or a model that is wanted from the start cannot be loaded.
pub fn serve(config: &Config, loader: Arc<dyn Loader>, started: impl FnOnce(&Started)) -> Result<(), ServerError> {
    // Grammars are compiled on threads of their own, which come and go.
    whit_engine::share_heaps();
    let app = App::new(config, loader)?;
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(HTTP_THREADS).enable_all().build();
    let runtime = runtime.map_err(ServerError::system("threads for connections"))?;
    let ended = runtime.block_on(run(config, app.clone(), tls, started));
    if let Some(ledger) = &app.ledger {
        ledger::close(ledger, app.stop.is_cut());
    }
    if app.stop.is_cut() {
        // Nothing is waited for: neither a load that is under way nor an engine that ends. They go with the process.
        runtime.shutdown_background();
        std::mem::forget(app);
    }
    ended
}

async fn run(
    config: &Config,
    app: Arc<App>,
    tls: Option<TlsAcceptor>,
    started: impl FnOnce(&Started),
) -> Result<(), ServerError> {
    let router = router(app.clone(), &config.cors_origins)?;
    let address = SocketAddr::new(config.host, config.port);
    let what = format!("{address} cannot be listened on; choose another address with --host and --port");
    let listener = TcpListener::bind(address).await.map_err(ServerError::system(what))?;
    let address = listener.local_addr().unwrap_or(address);
    let is_tls = tls.is_some();
    let signals = tokio::spawn(obey_signals(app.clone())?);
    // Before the models: whoever asks early is told that they are on their way.
    let mut listening = tokio::spawn(listen(listener, router, tls, app.limits.clone(), app.stop.clone()));
    let mut preload = std::pin::pin!(app.fleet.preload());
    let preloaded = tokio::select! {
        preloaded = &mut preload => preloaded,
        // Told to stop before it began: what is loading is waited for, but not for ever.
        _ = &mut listening => {
            tokio::select! {
                _ = preload => {}
                () = app.stop.cut() => {}
            }
            Ok(())
        }
    };
    if let Err(error) = preloaded {
        app.stop.now();
        let _ = listening.await;
        return Err(error);
    }
    if !listening.is_finished() {
        app.set_ready();
        started(&Started {
            address,
            is_tls,
            models: app.fleet.facts(),
            meter: metering::line(app.metering.as_deref()),
        });
    }
    let idle = config.idle_unload.map(|idle| {
        let app = app.clone();
        tokio::spawn(async move {
            // Often enough that nobody notices the difference.
            let mut ticks = tokio::time::interval((idle / 8).max(std::time::Duration::from_millis(100)));
            loop {
                ticks.tick().await;
                app.fleet.unload_idle(idle).await;
            }
        })
    });
    if !listening.is_finished() {
        let _ = listening.await;
    }
    if let Some(idle) = idle {
        idle.abort();
    }
    tokio::select! {
        () = app.fleet.unload_all() => {}
        // In time, or by the second signal.
        () = app.stop.cut() => {}
    }
    signals.abort();
    info!("stopped");
    Ok(())
}

/// The first signal drains, the second closes.
#[cfg(unix)]
fn obey_signals(app: Arc<App>) -> Result<impl Future<Output = ()>, ServerError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = || ServerError::system("signals cannot be heard");
    let mut terminate = signal(SignalKind::terminate()).map_err(failed())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed())?;
    Ok(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        info!(open = app.stop.open(), "stopping when what is open has been answered; a second signal stops at once");
        app.stop.drain(app.limits.drain_timeout);
        next().await;
        app.stop.now();
    })
}

/// As on Unix, with Ctrl-C.
#[cfg(not(unix))]
fn obey_signals(app: Arc<App>) -> Result<impl Future<Output = ()>, ServerError> {
    Ok(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            app.stop.drain(app.limits.drain_timeout);
            let _ = tokio::signal::ctrl_c().await;
            app.stop.now();
        }
    })
}
