//! What hostile grammars take in memory is bounded, whatever their number, and comes back. Alone in its process: its memory is looked at.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use std::time::{Duration, Instant};

use common::{pocket, run};
use whit_engine::{Constraints, Grammar, Options, Request, Sampling};

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn what_hostile_grammars_take_is_bounded_and_comes_back() {
    let options =
        Options { threads: Some(1), context: Some(1024), sequences: 16, memory: Some(1 << 32), ..Options::default() };
    let (mut engine, tokenizer) = pocket(&options);
    let constraints = Constraints::new(&tokenizer, tokenizer.end_tokens()).unwrap();
    // Automata of 2^40 states and more; letters, so that none of them is at a limit at once.
    let request = |i: u64| {
        let grammar = Grammar::Regex(format!("([a-z ]*[ab][a-z ]{{{}}})+X", 40 + i));
        let constraint = constraints.compile(&grammar).ok();
        let sampling = Sampling { temperature: 1.5, seed: i, ..Sampling::default() };
        Request { constraint, sampling, max_tokens: Some(900), ..Request::new(vec![5 + i as u32]) }
    };
    run(&mut engine, Request { constraint: None, ..request(0) });
    let before = resident();
    let (mut most, mut asked) = (0, 0);
    let begun = Instant::now();
    while asked < 64 {
        for _ in 0..16 {
            engine.submit(request(asked)).unwrap();
            asked += 1;
        }
        while !engine.is_idle() {
            engine.step(|_| {}).unwrap();
            most = resident().saturating_sub(before).max(most);
        }
    }
    println!("at most {} MiB in {:?}", most >> 20, begun.elapsed());
    assert!(most < 200 << 20, "{} MiB", most >> 20);
    let until = Instant::now() + Duration::from_secs(10);
    let is_back = || resident() < before + (24 << 20);
    while !is_back() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{} MiB left", resident().saturating_sub(before) >> 20);
    assert!(is_back(), "{} MiB are left", resident().saturating_sub(before) >> 20);
}
