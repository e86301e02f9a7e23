//! What is planned is what is taken.

mod common;

use std::path::{Path, PathBuf};

use common::{exact, folder};
use whit_engine::{Engine, EngineError, Options};
use whit_model::{Checkpoint, DecoderSpec};

fn pocket() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf")
}

fn open(path: &Path) -> (Checkpoint, DecoderSpec) {
    let checkpoint = Checkpoint::open(path).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    (checkpoint, spec)
}

fn check_workspace(path: &Path) {
    for options in [exact(64), Options { sequences: 4, ..exact(300) }, Options { batch_rows: Some(16), ..exact(256) }] {
        let (checkpoint, spec) = open(path);
        let plan = Engine::plan(&checkpoint, &spec, &options).unwrap();
        let engine = Engine::load(&checkpoint, &spec, None, &options, &mut |_, _| {}).unwrap();
        assert_eq!(engine.workspace_bytes(), plan.workspace, "{}", path.display());
        assert_eq!(engine.memory_plan(), &plan);
    }
}

#[test]
fn work_space_is_as_planned() {
    check_workspace(&pocket());
}

#[test]
#[ignore = "needs models that are not in the repository: WHIT_FIXTURES, default ../shared/fixtures"]
fn work_space_is_as_planned_for_every_architecture() {
    for entry in std::fs::read_dir(folder("WHIT_FIXTURES", "../shared/fixtures")).expect("set WHIT_FIXTURES") {
        let path = entry.unwrap().path();
        if path.join("config.json").is_file() {
            check_workspace(&path);
        }
    }
}

#[test]
fn the_context_is_shortened_to_fit_and_never_beyond_use() {
    let (checkpoint, spec) = open(&pocket());
    let plan = |memory| Engine::plan(&checkpoint, &spec, &Options { memory: Some(memory), ..Options::default() });
    let whole = plan(1 << 30).unwrap();
    assert_eq!((whole.context, whole.context_wanted), (spec.context_length, None));
    let less = plan(whole.total() - whole.kv_cache / 2).unwrap();
    assert!(less.context < whole.context && less.total() <= whole.total() - whole.kv_cache / 2);
    assert_eq!(less.context_wanted, Some(whole.context));
    let Err(EngineError::DoesNotFit(sentence)) = plan(1000) else { panic!("1000 bytes are not enough") };
    assert!(sentence.contains("context of 256") && sentence.contains("1 KiB"), "{sentence}");
}

#[test]
fn as_many_rows_at_once_as_are_asked_for_or_fit() {
    let (checkpoint, spec) = open(&pocket());
    let rows = |batch_rows| Engine::plan(&checkpoint, &spec, &Options { batch_rows, ..exact(600) }).unwrap().batch_rows;
    assert_eq!([rows(None), rows(Some(23))], [512, 23]);
}

#[test]
fn a_context_beyond_the_trained_one_is_refused_with_the_mend() {
    let (checkpoint, spec) = open(&pocket());
    let options = Options { context: Some(spec.context_length + 1), ..Options::default() };
    let error = Engine::plan(&checkpoint, &spec, &options).unwrap_err().to_string();
    assert!(error.contains(&format!("--context {}", spec.context_length)), "{error}");
}
