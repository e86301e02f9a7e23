//! What large bodies take in memory, however many come at once.

mod common;

use common::{Server, with_limits};
use whit_server::config::Limits;

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().strip_suffix(" kB").expect("kB").parse::<u64>().expect("a number") * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn many_large_bodies_at_once_take_the_memory_of_a_few() {
    whit_engine::share_heaps();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("threads").block_on(async {
        let server = Server::start(with_limits(Limits::default())).await;
        // 38 MB as values.
        let body = format!("{{\"x\": [{}0]}}", "0,".repeat((512 << 10) - 1));
        server.post_text("/v1/completions", body.clone()).await.refused(400, Some("model"));
        let before = peak();
        let asks: Vec<_> = (0..64)
            .map(|_| {
                let (server, body) = (server.clone(), body.clone());
                tokio::spawn(async move { server.post_text("/v1/completions", body).await })
            })
            .collect();
        for asked in asks {
            asked.await.expect("an answer").refused(400, Some("model"));
        }
        let more = peak() - before;
        assert!(more < 900 << 20, "{} MiB for 64 bodies of 1 MiB", more >> 20);
    });
}
