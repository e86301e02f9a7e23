//! A packed copy on disk makes starts faster and changes nothing else, whatever happens to it.

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{load, logits};
use tempfile::TempDir;
use whit_engine::{Engine, Options, PackedCopies, WeightFormat, WeightsSource};
use whit_model::Checkpoint;

const MODELS: [&str; 4] = ["pocket", "pocket-f16.gguf", "pocket-q8_0.gguf", "pocket-q4_0.gguf"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn options(threads: usize, copies: Option<&PackedCopies>) -> Options {
    Options {
        threads: Some(threads),
        context: Some(64),
        memory: Some(1 << 32),
        packed_copies: copies.cloned(),
        ..Options::default()
    }
}

/// A folder of copies that does not exist yet, with room for all of them.
fn copies() -> (TempDir, PackedCopies) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("below/packed");
    (scratch, PackedCopies { folder, limit: 1 << 30 })
}

/// The bits of some logits.
fn bits(engine: &mut Engine) -> Vec<Vec<u32>> {
    let rows = logits(engine, &[5, 17, 80, 200, 44, 9, 301], 7);
    rows.iter().map(|row| row.iter().map(|logit| logit.to_bits()).collect()).collect()
}

/// Loads the model, and what became of the weights and of some tokens.
fn answer(model: &Path, copies: Option<&PackedCopies>) -> (WeightsSource, Vec<Vec<u32>>) {
    let mut engine = load(model, options(2, copies)).unwrap();
    (engine.weights_source().clone(), bits(&mut engine))
}

/// Names of everything in the folder.
fn names(copies: &PackedCopies) -> Vec<String> {
    let entries = fs::read_dir(&copies.folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_second_start_maps_the_copy_and_computes_the_same_bits() {
    let (_scratch, copies) = copies();
    for model in MODELS.map(fixture) {
        let (source, expected) = answer(&model, None);
        assert_eq!(source, WeightsSource::Packed);
        assert_eq!(answer(&model, Some(&copies)), (WeightsSource::Packed, expected.clone()));
        for threads in [1, 2, 3] {
            let mut engine = load(&model, options(threads, Some(&copies))).unwrap();
            assert_eq!(*engine.weights_source(), WeightsSource::Copy);
            assert!(bits(&mut engine) == expected, "{} on {threads} threads", model.display());
        }
    }
    // One file of each of them and one note.
    assert_eq!(names(&copies).len(), 2 * MODELS.len());
    let list = copies.list();
    assert_eq!(list.len(), MODELS.len());
    for copy in list {
        assert!(copy.models.len() == 1 && copy.models[0].contains("pocket"), "{copy:?}");
        assert!(copy.layout.unwrap().1.ends_with(std::env::consts::ARCH));
        assert_eq!((copy.bytes, copy.content.len()), (fs::metadata(&copy.path).unwrap().len(), 32));
    }
    assert_eq!(copies.clear().unwrap().0, MODELS.len());
    assert_eq!((names(&copies).len(), copies.list().len()), (0, 0));
    assert_eq!(copies.clear().unwrap(), (0, 0));
}

#[test]
fn copies_of_one_model_rounded_to_different_formats_are_kept_apart() {
    let (_scratch, copies) = copies();
    let formats = [WeightFormat::AsIs, WeightFormat::Bf16, WeightFormat::Q8, WeightFormat::Q4]
        .map(|weights| move |threads| Options { weights, ..options(threads, None) });
    let expected = formats.map(|options| bits(&mut load(&fixture("pocket-f16.gguf"), options(1)).unwrap()));
    for source in [WeightsSource::Packed, WeightsSource::Copy] {
        for (options, expected) in formats.iter().zip(&expected) {
            let options = Options { packed_copies: Some(copies.clone()), ..options(3) };
            let mut engine = load(&fixture("pocket-f16.gguf"), options).unwrap();
            assert_eq!(*engine.weights_source(), source);
            assert!(bits(&mut engine) == *expected);
        }
    }
    assert_eq!(copies.list().len(), formats.len());
    // None of them computes the same.
    assert!((1..formats.len()).all(|i| !expected[..i].contains(&expected[i])));
}

#[test]
fn a_copy_damaged_anywhere_is_made_again() {
    let (_scratch, copies) = copies();
    let model = fixture("pocket-q4_0.gguf");
    let (_, expected) = answer(&model, Some(&copies));
    let path = copies.list().remove(0).path;
    let sound = fs::read(&path).unwrap();
    let footer = sound.len() - 130;
    let damages = (0..footer).step_by(4999).chain((footer..sound.len()).step_by(11)).map(|at| {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        damaged
    });
    let cut = [0, 1, 100, sound.len() / 2, sound.len() - 1].map(|len| sound[..len].to_vec());
    for damaged in damages.chain(cut).chain([[&sound[..], b"x"].concat()]) {
        fs::write(&path, &damaged).unwrap();
        let (source, got) = answer(&model, Some(&copies));
        assert!(matches!(source, WeightsSource::DamagedCopy { path: of, .. } if of == path));
        assert!(got == expected);
        assert!(fs::read(&path).unwrap() == sound);
    }
    assert_eq!(answer(&model, Some(&copies)), (WeightsSource::Copy, expected));
}

#[test]
fn a_copy_belongs_to_what_the_files_hold() {
    let (scratch, copies) = copies();
    let model = scratch.path().join("model.gguf");
    fs::copy(fixture("pocket-q8_0.gguf"), &model).unwrap();
    let (_, expected) = answer(&model, Some(&copies));

    // The same somewhere else, and the same with another time.
    let moved = scratch.path().join("moved.gguf");
    fs::copy(&model, &moved).unwrap();
    assert_eq!(answer(&moved, Some(&copies)), (WeightsSource::Copy, expected.clone()));
    let touch = |path: &Path, time| File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    touch(&model, SystemTime::now() - Duration::from_secs(1000));
    for _ in 0..2 {
        assert_eq!(answer(&model, Some(&copies)), (WeightsSource::Copy, expected.clone()));
    }
    assert_eq!(copies.list().len(), 1);
    assert_eq!(copies.list()[0].models.len(), 2);

    // Something else under the same name, of the same size and time.
    let time = fs::metadata(&model).unwrap().modified().unwrap();
    let mut bytes = fs::read(&model).unwrap();
    let (_, range) = Checkpoint::open(&model).unwrap().location("blk.0.attn_q.weight").unwrap();
    bytes[range.start + 5] ^= 0x7f;
    fs::write(&model, bytes).unwrap();
    touch(&model, time);
    let (_, changed) = answer(&model, None);
    assert!(changed != expected);
    for source in [WeightsSource::Packed, WeightsSource::Copy] {
        assert_eq!(answer(&model, Some(&copies)), (source, changed.clone()));
    }
    assert_eq!(copies.list().len(), 2);
}

#[test]
fn copies_keep_within_their_limit() {
    let (_scratch, copies) = copies();
    let models = ["pocket-q4_0.gguf", "pocket-q8_0.gguf"].map(fixture);
    answer(&models[0], Some(&copies));
    let first = copies.list().remove(0);
    let with_limit = |limit| PackedCopies { limit, ..copies.clone() };

    // No room for the second, even alone: the first stays.
    answer(&models[1], Some(&with_limit(first.bytes)));
    assert_eq!(copies.list(), std::slice::from_ref(&first));
    // Room for the second instead of the first.
    answer(&models[1], Some(&with_limit(2 * first.bytes)));
    let list = copies.list();
    assert!(list.len() == 1 && list[0].path != first.path);
    assert!(list[0].bytes > first.bytes && list[0].bytes <= 2 * first.bytes, "the fixtures' sizes");
    // Off: neither written nor read.
    assert_eq!(answer(&models[1], Some(&with_limit(0))).0, WeightsSource::Packed);
    assert_eq!(answer(&models[1], Some(&copies)).0, WeightsSource::Copy);
}

#[test]
fn a_start_with_a_smaller_limit_removes_other_copies_and_never_its_own() {
    let (_scratch, copies) = copies();
    let models = MODELS.map(fixture);
    let with_limit = |limit| PackedCopies { limit, ..copies.clone() };
    let bytes = || copies.list().iter().map(|copy| copy.bytes).sum::<u64>();
    models.iter().for_each(|model| drop(answer(model, Some(&copies))));
    let all = bytes();
    assert_eq!(copies.list().len(), models.len());
    for limit in [all - 1, all / 2, 1] {
        assert_eq!(answer(&models[0], Some(&with_limit(limit))).0, WeightsSource::Copy);
        assert!(bytes() <= limit || copies.list().len() == 1, "{} bytes of {limit}", bytes());
        assert!(copies.list().iter().any(|copy| copy.models[0].ends_with("pocket")));
    }
}

#[test]
fn models_that_start_at_once_keep_within_the_limit_together() {
    let (_scratch, copies) = copies();
    let models = ["pocket-q4_0.gguf", "pocket-q8_0.gguf"].map(fixture);
    models.iter().for_each(|model| drop(answer(model, Some(&copies))));
    // Room for either.
    let limit = copies.list().iter().map(|copy| copy.bytes).sum::<u64>() - 1;
    let limited = PackedCopies { limit, ..copies.clone() };
    for _ in 0..20 {
        copies.clear().unwrap();
        let engines = models.each_ref().map(|model| load(model, options(1, Some(&limited))).unwrap());
        // Each has looked for room, and waits to write until it is idle, or gone.
        let barrier = std::sync::Barrier::new(engines.len());
        std::thread::scope(|scope| {
            for engine in engines {
                scope.spawn(|| {
                    let engine = engine;
                    barrier.wait();
                    drop(engine);
                });
            }
        });
        let bytes: u64 = copies.list().iter().map(|copy| copy.bytes).sum();
        assert!(bytes <= limit, "{bytes} bytes of {limit}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_the_copy() {
    let (scratch, _) = copies();
    let model = fixture("pocket-q4_0.gguf");
    let expected = answer(&model, None);
    let file = scratch.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    for folder in [file.clone(), file.join("below")] {
        let copies = PackedCopies { folder, limit: 1 << 30 };
        assert_eq!(answer(&model, Some(&copies)), expected);
        assert!(copies.list().is_empty());
    }
    assert_eq!(fs::read(&file).unwrap(), b"not a folder");

    // Whoever may write anywhere leaves a copy here.
    let folder = scratch.path().join("read-only");
    fs::create_dir(&folder).unwrap();
    let mut permissions = fs::metadata(&folder).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&folder, permissions).unwrap();
    assert_eq!(answer(&model, Some(&PackedCopies { folder, limit: 1 << 30 })), expected);
}

#[test]
fn engines_that_start_at_once_all_answer_and_leave_one_copy() {
    let (_scratch, copies) = copies();
    let model = fixture("pocket-q8_0.gguf");
    let (_, expected) = answer(&model, None);
    for damaged in [false, true] {
        if damaged {
            fs::write(copies.list().remove(0).path, "damaged").unwrap();
        }
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert!(answer(&model, Some(&copies)).1 == expected);
                    }
                });
            }
        });
        assert_eq!(names(&copies).len(), 2, "{:?}", names(&copies));
        assert_eq!(answer(&model, Some(&copies)), (WeightsSource::Copy, expected.clone()));
    }
}

#[test]
fn a_copy_that_is_removed_while_it_is_used_still_serves() {
    let (_scratch, copies) = copies();
    let model = fixture("pocket-q8_0.gguf");
    let (_, expected) = answer(&model, Some(&copies));
    let mut engine = load(&model, options(2, Some(&copies))).unwrap();
    assert_eq!(*engine.weights_source(), WeightsSource::Copy);
    if cfg!(unix) {
        copies.clear().unwrap();
    }
    assert!(bits(&mut engine) == expected);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_copy_is_replaced_and_what_it_leads_to_stays() {
    let (scratch, copies) = copies();
    let model = fixture("pocket-q8_0.gguf");
    let (_, expected) = answer(&model, Some(&copies));
    let path = copies.list().remove(0).path;
    let elsewhere = scratch.path().join("elsewhere");
    for target in [&elsewhere, &scratch.path().join("nowhere")] {
        let copy = fs::read(&path).unwrap();
        fs::write(&elsewhere, &copy).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(target, &path).unwrap();
        assert_eq!(answer(&model, Some(&copies)), (WeightsSource::Packed, expected.clone()));
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(answer(&model, Some(&copies)), (WeightsSource::Copy, expected.clone()));
        assert!(fs::read(&elsewhere).unwrap() == copy);
    }
}

#[test]
fn a_damaged_model_is_refused_with_copies_as_without() {
    let (scratch, copies) = copies();
    let model = scratch.path().join("model.gguf");
    fs::copy(fixture("pocket-f16.gguf"), &model).unwrap();
    answer(&model, Some(&copies));
    for tensor in ["token_embd.weight", "blk.0.attn_q.weight", "output_norm.weight"] {
        let mut bytes = fs::read(fixture("pocket-f16.gguf")).unwrap();
        let (_, range) = Checkpoint::open(&model).unwrap().location(tensor).unwrap();
        bytes[range.start..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
        fs::write(&model, bytes).unwrap();
        for _ in 0..2 {
            let error = load(&model, options(2, Some(&copies))).err().unwrap();
            assert!(error.contains(tensor) && error.contains("not a finite number"), "{error}");
        }
    }
    assert_eq!(copies.list().len(), 1);
}
