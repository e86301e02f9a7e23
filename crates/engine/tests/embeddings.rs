//! Vectors of texts: what they are of, and the same bits however they are computed.

mod common;

use std::path::Path;

use common::{exact, finish, load, logits, pocket, run};
use whit_engine::{Engine, FinishReason, Options, Pooling, Request, Task};
use whit_model::Checkpoint;

fn options(batch_rows: usize) -> Options {
    Options {
        threads: Some(2),
        context: Some(512),
        sequences: 66,
        memory: Some(1 << 32),
        batch_rows: Some(batch_rows),
        ..Options::default()
    }
}

fn ids(n: usize, salt: u32) -> Vec<u32> {
    (0..n as u32).map(|i| 5 + (i * i * 31 + i * 7 + salt * 101) % 400).collect()
}

fn embed(engine: &mut Engine, prompt: Vec<u32>, pooling: Pooling) -> Vec<f32> {
    let answer = run(engine, Request { task: Task::Embed(pooling), ..Request::new(prompt) });
    assert_eq!((answer.finish, answer.ids.len()), (Some(FinishReason::Stop), 0));
    answer.vector
}

#[test]
fn the_head_makes_the_logits_of_the_vector() {
    // Where activations are rounded, the head sees a little less of the vector.
    for (name, close) in [("pocket-f16.gguf", 1e-3), ("pocket-q8_0.gguf", 0.15)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
        let mut engine = load(&path, exact(64)).unwrap();
        let prompt = ids(20, 2);
        let vector = embed(&mut engine, prompt.clone(), Pooling::Last);
        let want = logits(&mut engine, &prompt, prompt.len()).pop().unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let named = |name: &str| checkpoint.tensors().find(|tensor| tensor.name == name);
        let head = named("output.weight").or(named("token_embd.weight")).unwrap();
        let mut weights = vec![0f32; head.shape.iter().product()];
        head.format.decode(head.bytes, &mut weights);
        for (row, want) in weights.chunks(vector.len()).zip(&want) {
            let got: f32 = row.iter().zip(&vector).map(|(weight, value)| weight * value).sum();
            assert!((got - want).abs() < close, "{name}: {got} is not {want}");
        }
    }
}

#[test]
fn a_mean_is_that_of_the_vectors_at_every_token() {
    let (mut engine, _) = pocket(&options(512));
    let prompt = ids(20, 1);
    let rows: Vec<Vec<f32>> =
        (1..=prompt.len()).map(|n| embed(&mut engine, prompt[..n].to_vec(), Pooling::Last)).collect();
    let mean = embed(&mut engine, prompt, Pooling::Mean);
    assert_eq!(mean.len(), 64);
    for (at, &value) in mean.iter().enumerate() {
        let want = rows.iter().map(|row| f64::from(row[at])).sum::<f64>() / rows.len() as f64;
        assert!((f64::from(value) - want).abs() < 1e-6, "{value} is not {want}");
    }
    assert!(rows.iter().all(|row| row.iter().any(|value| value.abs() > 0.1)), "they are something");
}

#[test]
fn a_vector_is_the_same_in_any_company_in_any_chunks_and_from_the_cache() {
    let bits = |vector: &[f32]| vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for pooling in [Pooling::Last, Pooling::Mean] {
        let prompts: Vec<Vec<u32>> = (0..66).map(|i| ids(1 + 7 * (i % 29), i as u32)).collect();
        let (mut alone, _) = pocket(&options(512));
        let want: Vec<_> = prompts.iter().map(|prompt| bits(&embed(&mut alone, prompt.clone(), pooling))).collect();
        for batch_rows in [5, 23, 512] {
            let (mut engine, _) = pocket(&options(batch_rows));
            // Answers beside them, and more of both than a step has rows of logits for.
            for salt in 0..5 {
                engine.submit(Request { max_tokens: Some(30), ..Request::new(ids(9, 100 + salt)) }).unwrap();
            }
            let requests: Vec<_> = prompts
                .iter()
                .map(|prompt| {
                    engine.submit(Request { task: Task::Embed(pooling), ..Request::new(prompt.clone()) }).unwrap()
                })
                .collect();
            for (answer, want) in finish(&mut engine, &requests).iter().zip(&want) {
                assert_eq!(&bits(&answer.vector), want, "{pooling:?} in rows of {batch_rows}");
            }
            // Now their beginnings are known.
            let again = embed(&mut engine, prompts[28].clone(), pooling);
            assert_eq!(bits(&again), want[28], "{pooling:?} again");
            assert_eq!(engine.occupancy().blocks_used, 0);
        }
    }
}

#[test]
fn a_text_to_embed_may_fill_the_context() {
    let (mut engine, _) = pocket(&options(512));
    assert_eq!(embed(&mut engine, ids(512, 3), Pooling::Last).len(), 64);
    let too_long = Request { task: Task::Embed(Pooling::Mean), ..Request::new(ids(513, 3)) };
    assert!(engine.submit(too_long).unwrap_err().to_string().contains("513 tokens"));
}
