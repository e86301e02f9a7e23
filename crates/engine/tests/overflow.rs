//! Numbers that leave the range of floats are found out, and cost nobody but whoever they belong to.

mod common;
#[path = "common/overflow.rs"]
mod overflow;

use common::{load, logits};
use overflow::{overflowing_at, overflowing_everywhere};
use whit_engine::{KvFormat, Options};

const KV_FORMATS: [KvFormat; 4] = [KvFormat::F16, KvFormat::BF16, KvFormat::Q8, KvFormat::F32];

fn options(kv_format: KvFormat) -> Options {
    Options { threads: Some(2), context: Some(128), kv_format, sequences: 6, memory: Some(1 << 32), ..Options::default() }
}

/// Some text without [`BAD`].
fn ids(n: usize, salt: u32) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i * 31 + i * 7 + salt * 101) % 300 + 5).collect()
}

/// A token that nobody says.
const BAD: u32 = 333;

#[test]
fn a_quantised_model_that_overflows_gives_no_logits() {
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model.gguf");
    overflowing_everywhere(&model);
    for kv_format in KV_FORMATS {
        let mut engine = load(&model, options(kv_format)).unwrap();
        for row in logits(&mut engine, &ids(40, 1), 8) {
            assert!(row.iter().all(|logit| logit.is_nan()), "{kv_format:?}: {:?}", &row[..4]);
        }
    }
}

#[test]
fn what_comes_after_an_overflow_has_no_logits_and_what_came_before_is_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    overflowing_at(BAD, scratch.path());
    for kv_format in KV_FORMATS {
        let mut engine = load(scratch.path(), options(kv_format)).unwrap();
        let mut tokens = ids(90, 2);
        let sound = logits(&mut engine, &tokens, 1);
        tokens[37] = BAD;
        for chunk in [1, 5, 64] {
            let rows = logits(&mut engine, &tokens, chunk);
            assert!(rows[..37] == sound[..37], "{kv_format:?}, chunks of {chunk}");
            let is_nan = |row: &Vec<f32>| row.iter().all(|logit| logit.is_nan());
            assert!(rows[37..].iter().all(is_nan), "{kv_format:?}, chunks of {chunk}");
        }
    }
}
