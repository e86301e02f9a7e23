//! An adapter answers as its base would with it merged in, and everybody as if alone, whoever is answered with what adapter beside them.

#[path = "common/adapter.rs"]
mod adapter;
mod common;

use std::path::{Path, PathBuf};

use adapter::{Update, updates, write_adapter, write_merged};
use common::{Answer, exact, finish, folder, largest_difference, load, run};
use serde_json::{Value, json};
use whit_engine::{
    AdapterId, Engine, EngineError, Event, Options, Pooling, Request, Sampling, SequenceWork, Speculation, Task,
    adapter_bytes,
};
use whit_model::Adapter;

/// Of adapters in single precision, which are kept in half of it.
const TOLERANCE: f32 = 1e-3;
/// Of those that half precision holds: only the order of sums is another one.
const EXACT: f32 = 5e-5;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// The repository's own model, float and quantised.
fn models() -> [PathBuf; 4] {
    ["pocket", "pocket-f16.gguf", "pocket-q8_0.gguf", "pocket-q4_0.gguf"].map(fixture)
}

/// Some text: ids that wander over a small vocabulary.
fn ids(n: usize, salt: u32) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i * 31 + i * 7 + salt * 101) % 400 + 5).collect()
}

fn adapted_logits(engine: &mut Engine, adapter: Option<AdapterId>, tokens: &[u32], chunk: usize) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    engine.adapted_logits(adapter, tokens, chunk, &mut |_, row| rows.push(row.to_vec())).unwrap();
    rows
}

/// Ways to write an adapter: the rank of each module, what its configuration says of it, and the scale that makes of it.
struct Way {
    rank: fn(&str) -> usize,
    config: fn() -> Value,
    scale: fn(&Update) -> f32,
}

const WAYS: [Way; 3] = [
    Way { rank: |_| 8, config: || json!({}), scale: |_| 2.0 },
    Way {
        rank: |_| 16,
        config: || json!({"r": 16, "use_rslora": true, "lora_alpha": 6}),
        scale: |update| 6.0 / (update.rank as f32).sqrt(),
    },
    // Some modules only, some of another rank, some with another scale.
    Way {
        rank: |module| match module {
            _ if module.contains("layers.0.") => 5,
            _ if module.ends_with("down_proj") || module.ends_with("dense") => 0,
            _ => 24,
        },
        config: || {
            let ranks = json!({"layers.0.self_attn.q_proj": 5, "^nothing": 7, "q_proj": 24});
            let mut ranks = ranks.as_object().unwrap().clone();
            let stems = [
                "self_attn.k_proj",
                "self_attn.v_proj",
                "self_attn.o_proj",
                "self_attn.out_proj",
                "self_attn.dense",
                "self_attn.qkv_proj",
                "attention.query_key_value",
                "attention.dense",
                "mlp.gate_proj",
                "mlp.up_proj",
                "mlp.down_proj",
                "mlp.gate_up_proj",
                "mlp.fc1",
                "mlp.fc2",
                "mlp.dense_h_to_4h",
                "mlp.dense_4h_to_h",
                "mlp.gate",
                "feed_forward.w1",
                "feed_forward.w2",
                "feed_forward.w3",
                "conv.in_proj",
                "conv.out_proj",
            ];
            ranks.extend(stems.map(|stem| (format!("layers.0.{stem}"), json!(5))));
            json!({"r": 24, "lora_alpha": 24, "rank_pattern": ranks, "alpha_pattern": {"up_proj": 48, "lm_head": 12}})
        },
        scale: |update| {
            let alpha = match &*update.module {
                module if module.ends_with("up_proj") && !module.ends_with("gate_up_proj") => 48.0,
                module if module.ends_with("lm_head") => 12.0,
                _ => 24.0,
            };
            alpha / update.rank as f32
        },
    },
];

/// How the base at `path` with an adapter differs from the base with it merged in; and how the adapter differs from nothing. `bfloat`: the
/// adapter's numbers are such that half precision holds them.
fn compare(path: &Path, way: &Way, bfloat: bool, gguf: Option<&Path>) -> (f32, f32) {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, merged) = (scratch.path().join("adapter"), scratch.path().join("merged"));
    std::fs::create_dir(&merged).unwrap();
    let mut updates = updates(path, way.rank, 1, 0.01);
    for value in updates.iter_mut().flat_map(|update| update.down.iter_mut().chain(&mut update.up)).filter(|_| bfloat) {
        *value = f32::from_bits(value.to_bits() & 0xffff_0000);
    }
    write_adapter(&folder, &updates, (way.config)());
    write_merged(path, &merged, &updates, way.scale);
    let tokens = ids(90, 3).into_iter().map(|id| id % 200).collect::<Vec<_>>();
    let expected = common::logits(&mut load(&merged, exact(90)).unwrap(), &tokens, 64);

    let mut engine = load(gguf.unwrap_or(path), exact(90)).unwrap();
    let id = engine.add_adapter("a", &Adapter::open(&folder).unwrap()).unwrap();
    let found = adapted_logits(&mut engine, Some(id), &tokens, 64);
    for chunk in [1, 7] {
        assert!(adapted_logits(&mut engine, Some(id), &tokens, chunk) == found, "{}: {chunk}", path.display());
    }
    (
        largest_difference(&found, &expected),
        largest_difference(&adapted_logits(&mut engine, None, &tokens, 64), &expected),
    )
}

#[test]
fn an_adapter_answers_as_if_it_were_merged() {
    let pocket = fixture("pocket");
    for (at, way) in WAYS.iter().enumerate() {
        // From llama.cpp's names too, where the rows of Q and K lie in another order.
        for gguf in [None, Some(fixture("pocket-f16.gguf"))] {
            for (bfloat, tolerance) in [(true, EXACT), (false, TOLERANCE)] {
                let (to_merged, to_base) = compare(&pocket, way, bfloat, gguf.as_deref());
                assert!(to_merged <= tolerance && to_base > 0.5, "way {at}, {gguf:?}: {to_merged:e}, {to_base:e}");
            }
        }
    }
}

#[test]
#[ignore = "needs reference models that are not in the repository: WHIT_FIXTURES, default ../shared/fixtures"]
fn every_fixture_answers_with_an_adapter_as_if_it_were_merged() {
    let root = folder("WHIT_FIXTURES", "../shared/fixtures");
    let mut fixtures: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|e| panic!("{}: {e}: set WHIT_FIXTURES", root.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.safetensors").is_file())
        .collect();
    fixtures.sort();
    assert!(fixtures.len() >= 17);
    let python = std::env::var("WHIT_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert_to_gguf.py");
    let scratch = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    println!("{:<12} {:>10} {:>10} {:>10} {:>10}", "", "bfloat16", "as GGUF", "single", "to base");
    for fixture in fixtures {
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        let gguf = scratch.path().join("model.gguf");
        let status = std::process::Command::new(&python).arg(&script).args([&fixture, &gguf]).output().unwrap();
        assert!(status.status.success(), "{name}: {}: set WHIT_PYTHON", String::from_utf8_lossy(&status.stderr));
        for way in &WAYS {
            let (exact, _) = compare(&fixture, way, true, None);
            let (of_gguf, _) = compare(&fixture, way, true, Some(&gguf));
            let (single, to_base) = compare(&fixture, way, false, None);
            println!("{name:<12} {exact:>10.2e} {of_gguf:>10.2e} {single:>10.2e} {to_base:>10.2e}");
            if exact.max(of_gguf) > EXACT || single > TOLERANCE || to_base < 1000.0 * single {
                failures.push(name.clone());
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

fn options(threads: usize, sequences: usize) -> Options {
    Options { threads: Some(threads), sequences, memory: Some(1 << 32), ..Options::default() }
}

/// Eight adapters of different ranks.
fn eight() -> (tempfile::TempDir, Vec<Adapter>) {
    let scratch = tempfile::tempdir().unwrap();
    let adapters = (0..8)
        .map(|i| {
            let rank = [8, 1, 16, 17, 32, 3, 64, 8][i];
            let folder = scratch.path().join(i.to_string());
            let updates = updates(&fixture("pocket"), |_| rank, 10 + i as u64, 0.08);
            write_adapter(&folder, &updates, json!({"r": rank}));
            Adapter::open(&folder).unwrap()
        })
        .collect();
    (scratch, adapters)
}

fn with_adapters(model: &Path, options: Options, adapters: &[Adapter]) -> (Engine, Vec<AdapterId>) {
    let mut engine = load(model, options).unwrap();
    let ids =
        adapters.iter().enumerate().map(|(i, adapter)| engine.add_adapter(&i.to_string(), adapter).unwrap()).collect();
    (engine, ids)
}

/// What requests are told, all bits of it: ids, log-probabilities, vectors.
fn told(engine: &mut Engine, requests: &[Request]) -> Vec<Vec<(u32, Vec<u32>)>> {
    let (mut waiting, mut submitted, mut told) = (requests.iter(), vec![], vec![vec![]; requests.len()]);
    while submitted.len() < requests.len() || !engine.is_idle() {
        submitted.extend(waiting.next().map(|request| engine.submit(request.clone()).unwrap()));
        let step = engine.step(|event| {
            let at = |id| submitted.iter().position(|other| *other == id).unwrap();
            match event {
                Event::Token { request, id, logprobs, .. } => {
                    let bits = logprobs.unwrap().top.iter().map(|(_, logprob)| logprob.to_bits()).collect();
                    told[at(request)].push((id, bits));
                }
                Event::Embedding { request, vector } => {
                    told[at(request)].push((0, vector.iter().map(|value| value.to_bits()).collect()));
                }
                Event::Finished { .. } => {}
            }
        });
        step.unwrap();
    }
    told
}

#[test]
fn eight_sequences_with_eight_adapters_and_two_with_none_say_the_same_as_alone() {
    let (_scratch, adapters) = eight();
    for model in models() {
        let (_, ids_of) = with_adapters(&model, options(1, 1), &adapters);
        let requests: Vec<Request> = (0..10)
            .map(|i| Request {
                adapter: ids_of.get(i).copied(),
                max_tokens: Some(4 + 5 * (i % 4)),
                logprobs: Some(448),
                sampling: Sampling { temperature: [0.0, 0.9][i % 2], seed: i as u64, ..Sampling::default() },
                // The last reads a text and gives its vector.
                task: if i == 9 { Task::Embed(Pooling::Mean) } else { Task::Generate },
                // Longer than a block of rows that are adapted together.
                ..Request::new(ids([3, 150, 40, 9, 33, 70, 1, 64, 20, 90][i], i as u32))
            })
            .collect();
        let alone: Vec<_> = requests
            .iter()
            .map(|request| {
                told(&mut with_adapters(&model, options(1, 1), &adapters).0, std::slice::from_ref(request)).remove(0)
            })
            .collect();
        let distinct: std::collections::HashSet<_> = alone.iter().map(|told| told[0].1.clone()).collect();
        assert_eq!(distinct.len(), 10, "adapters differ");
        for (threads, batch_rows) in [(1, 512), (2, 512), (3, 16), (2, 100)] {
            let options = Options { batch_rows: Some(batch_rows), ..options(threads, 10) };
            let mut engine = with_adapters(&model, options, &adapters).0;
            assert!(told(&mut engine, &requests) == alone, "{}: {threads} threads, {batch_rows}", model.display());
        }
    }
}

#[test]
fn a_base_that_has_adapters_gives_the_bits_of_one_that_has_none() {
    let (_scratch, adapters) = eight();
    for model in models() {
        let tokens = ids(130, 1);
        let plain = common::logits(&mut load(&model, options(2, 1)).unwrap(), &tokens, 64);
        let (mut engine, ids) = with_adapters(&model, options(2, 1), &adapters);
        assert!(adapted_logits(&mut engine, Some(ids[2]), &tokens, 64) != plain);
        assert!(adapted_logits(&mut engine, None, &tokens, 64) == plain);
    }
}

#[test]
fn a_prefix_is_found_by_those_of_its_adapter_alone() {
    let (_scratch, adapters) = eight();
    let (mut engine, adapter_ids) = with_adapters(&models()[2], options(2, 4), &adapters[..2]);
    let request = |adapter| Request { adapter, max_tokens: Some(12), ..Request::new(ids(70, 3)) };
    let all = [None, Some(adapter_ids[0]), Some(adapter_ids[1])];
    let cached = |engine: &mut Engine, request: Request| {
        engine.submit(request).unwrap();
        let (mut ids, mut found) = (vec![], None);
        while !engine.is_idle() {
            let step = engine.step(|event| match event {
                Event::Token { id, .. } => ids.push(id),
                Event::Finished { usage, .. } => found = Some(usage.cached_tokens),
                Event::Embedding { .. } => {}
            });
            step.unwrap();
        }
        (ids, found.unwrap())
    };
    let first = all.map(|adapter| cached(&mut engine, request(adapter)));
    assert!(first.iter().all(|(_, cached)| *cached == 0), "{first:?}");
    let again = all.map(|adapter| cached(&mut engine, request(adapter)));
    for ((first, _), (again, cached)) in first.iter().zip(&again) {
        assert_eq!((first, *cached), (again, 64));
    }
    // Of those that come together, one waits only for what it can use.
    let mut engine = with_adapters(&models()[2], options(2, 4), &adapters[..2]).0;
    let together: Vec<_> = all.iter().map(|&adapter| engine.submit(request(adapter)).unwrap()).collect();
    engine.step(|_| {}).unwrap();
    assert_eq!(engine.occupancy().waiting, 0);
    let answers = finish(&mut engine, &together);
    assert!(answers.iter().zip(&first).all(|(answer, (ids, _))| ids.ends_with(&answer.ids)));
}

#[test]
fn what_gave_way_goes_on_with_its_adapter() {
    let (_scratch, adapters) = eight();
    let requests = |ids_of: &[AdapterId]| -> Vec<Request> {
        let adapter = |i: usize| ids_of.get(i).copied();
        (0..4).map(|i| Request { adapter: adapter(i), ..Request::new(ids(30 + i, i as u32)) }).collect()
    };
    let options = |sequences| Options { context: Some(256), ..options(2, sequences) };
    let (mut engine, ids_of) = with_adapters(&models()[3], options(2), &adapters[..3]);
    let submitted: Vec<_> = requests(&ids_of).into_iter().map(|request| engine.submit(request).unwrap()).collect();
    let together = finish(&mut engine, &submitted);
    assert!(engine.occupancy().preemptions > 0);
    for (request, answer) in requests(&ids_of).into_iter().zip(together) {
        let alone = run(&mut with_adapters(&models()[3], options(1), &adapters[..3]).0, request);
        assert_eq!((alone.ids, alone.finish), (answer.ids, answer.finish));
    }
}

#[test]
fn an_adapter_in_use_is_not_removed_and_one_that_was_is_not_there() {
    let (_scratch, adapters) = eight();
    let (mut engine, adapter_ids) = with_adapters(&models()[2], options(1, 1), &adapters[..2]);
    let request = |adapter| Request { adapter: Some(adapter), max_tokens: Some(5), ..Request::new(ids(70, 1)) };
    let first = run(&mut engine, request(adapter_ids[0]));
    // One runs, one waits.
    let requests = [0, 0].map(|_| engine.submit(request(adapter_ids[0])).unwrap());
    engine.step(|_| {}).unwrap();
    let refused = |result: Result<(), EngineError>, part: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    refused(engine.remove_adapter(adapter_ids[0]), "2 requests are being answered");
    engine.remove_adapter(adapter_ids[1]).unwrap();
    let told = finish(&mut engine, &requests);
    assert!(told.iter().all(|answer| first.ids.ends_with(&answer.ids)), "{told:?} {first:?}");
    engine.remove_adapter(adapter_ids[0]).unwrap();
    refused(engine.remove_adapter(adapter_ids[0]), "was removed");
    refused(engine.submit(request(adapter_ids[0])).map(drop), "was removed");
    assert_eq!(engine.adapters().count(), 0);

    // Another one in its place has nothing of it, not even what the cache remembers.
    let other = engine.add_adapter("0", &adapters[1]).unwrap();
    assert!(adapter_ids.iter().all(|id| *id != other));
    let (mut fresh, fresh_ids) = with_adapters(&models()[2], options(1, 1), &adapters[1..2]);
    let Answer { ids: wanted, .. } = run(&mut fresh, request(fresh_ids[0]));
    assert_eq!(run(&mut engine, request(other)).ids, wanted);
    refused(engine.add_adapter("0", &adapters[0]).map(drop), "an adapter called 0 is there already");
}

#[test]
fn memory_for_adapters_is_planned_counted_and_bounded() {
    let (_scratch, adapters) = eight();
    let kept: u64 = adapters.iter().map(|adapter| adapter_bytes(adapter, Some(2))).sum();
    let mut engine = load(&models()[2], Options { adapters: kept, ..options(2, 1) }).unwrap();
    let planned = engine.memory_plan().total();
    assert_eq!(engine.memory_plan().adapters, kept);
    for (i, adapter) in adapters.iter().enumerate() {
        engine.add_adapter(&i.to_string(), adapter).unwrap();
    }
    assert_eq!(engine.memory_plan().total(), planned, "what was kept free is enough");

    // Where nothing was kept free, they are refused when the memory is full.
    let context = Some(64);
    let plain = load(&models()[2], Options { context, ..options(2, 1) }).unwrap().memory_plan().total();
    let room = adapter_bytes(&adapters[0], Some(2)) + adapter_bytes(&adapters[1], Some(2));
    let memory = Some(plain + room);
    let mut engine = load(&models()[2], Options { context, memory, ..options(2, 1) }).unwrap();
    let first = engine.add_adapter("first", &adapters[0]).unwrap();
    assert!(engine.memory_plan().adapters > 0 && engine.memory_plan().adapters <= adapter_bytes(&adapters[0], Some(2)));
    let message = engine.add_adapter("large", &adapters[6]).unwrap_err().to_string();
    for part in ["the adapter large needs", "KiB", "--memory", "fewer adapters"] {
        assert!(message.contains(part), "{message}");
    }
    engine.remove_adapter(first).unwrap();
    engine.add_adapter("second", &adapters[1]).unwrap();
}

#[test]
fn what_an_adapter_makes_a_request_read_and_compute_is_counted() {
    let (_scratch, adapters) = eight();
    let options = Options { speculation: Speculation::Off, ..options(1, 4) };
    let (mut engine, ids_of) = with_adapters(&models()[2], options, &adapters[..3]);
    let work = |engine: &mut Engine, adapters: &[Option<AdapterId>]| -> Vec<SequenceWork> {
        let requests: Vec<_> = (0..)
            .zip(adapters)
            .map(|(account, &adapter)| {
                let request = Request { account, adapter, max_tokens: Some(3), ..Request::new(ids(10, 1)) };
                engine.submit(request).unwrap()
            })
            .collect();
        engine.step(|_| {}).unwrap();
        engine.step(|_| {}).unwrap();
        let mut work = engine.work().to_vec();
        work.sort_by_key(|work| work.account);
        for request in requests {
            engine.cancel(request);
        }
        work
    };
    let plain = work(&mut engine, &[None])[0];
    let alone = work(&mut engine, &[Some(ids_of[0])])[0];
    let own = engine.adapter_step_bytes(ids_of[0]).unwrap();
    assert_eq!(alone.bytes, plain.bytes + own);
    // Of rank 8 in both layers: columns of A in panels of sixteen rows, which are half full, and rows of B, two bytes each.
    let (cols, rows) = (6 * 64 + 96, 3 * 64 + 2 * 32 + 2 * 96);
    assert_eq!(own, 2 * 2 * (16 * cols + 8 * rows));
    assert_eq!(alone.operations - plain.operations, 2 * 2 * 8 * (cols + rows));
    // Two of one adapter share its bytes, one of another has all of its own.
    let four = work(&mut engine, &[Some(ids_of[0]), Some(ids_of[0]), Some(ids_of[2]), None]);
    let other = engine.adapter_step_bytes(ids_of[2]).unwrap();
    let added: Vec<u64> = four.iter().map(|work| work.bytes - four[3].bytes).collect();
    assert_eq!(added, [own / 2, own / 2, other, 0]);
    let operations: Vec<u64> = four.iter().map(|work| work.operations - four[3].operations).collect();
    assert_eq!(operations[0], alone.operations - plain.operations);
    assert!(operations[2] == 2 * operations[0], "twice the rank: {operations:?}");
}

#[test]
fn an_adapter_of_another_model_is_refused_in_a_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    let mut engine = load(&models()[2], options(1, 1)).unwrap();
    let mut refused = |name: &str, change: &dyn Fn(&mut Update), parts: &[&str]| {
        let mut updates = updates(&fixture("pocket"), |_| 8, 1, 0.1);
        change(&mut updates[3]);
        let folder = scratch.path().join(name);
        write_adapter(&folder, &updates, json!({}));
        let message = engine.add_adapter(name, &Adapter::open(&folder).unwrap()).unwrap_err().to_string();
        for part in [&["adapter_model.safetensors: tensor base_model.model.model.layers.0."], parts].concat() {
            assert!(message.contains(part), "{name}: {message}");
        }
        assert!(message.len() < 600 && !message.contains('\n'), "{message}");
    };
    refused("rows", &|update| update.up.truncate(8 * 16), &["16 x ", "trained on another", "give it its own base"]);
    refused("columns", &|update| update.down.truncate(8 * 16), &[" x 16", "give it its own base"]);
    refused("name", &|update| update.module += "_x", &["no such module", "give it its own base"]);
    refused(
        "expert",
        &|update| update.module = "model.layers.0.mlp.experts.1.up_proj".into(),
        &["for an expert", "train the adapter without"],
    );
}
