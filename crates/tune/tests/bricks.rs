//! A brick that was packed is the brick that it was, and is measured by what it answers.

use std::path::Path;
use std::sync::Arc;

use whit_engine::brick::Job;
use whit_engine::{Engine, Options};
use whit_model::{Brick, DecoderSpec, Tokenizer};
use whit_tune::{Example, Measure, TuneError, answer_all, calibrate, pack, read_examples};

const CARD: &str = "format = 1\nname = \"echo\"\nversion = \"0.1.0\"\nlicence = \"MIT\"\ndescription = \"Answers by heart.\"\n\
    [model]\nweights = \"weights/model.gguf\"\n[contract]\nkind = \"text\"\n[prompt]\nchat = true\nmax_tokens = 40\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pocket-q8_0.gguf");
    std::fs::create_dir(folder.path().join("weights")).unwrap();
    std::fs::copy(model, folder.path().join("weights/model.gguf")).unwrap();
    std::fs::write(folder.path().join("brick.toml"), CARD).unwrap();
    std::fs::write(folder.path().join("README.md"), "").unwrap();
    std::fs::write(folder.path().join(".draft"), "left out").unwrap();
    folder
}

#[test]
fn the_same_files_give_the_same_bytes_and_tar_unpacks_them() {
    let (first, second) = (folder(), folder());
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("echo.brick");
    let packed = pack(&Brick::open(first.path()).unwrap(), &to).unwrap();
    let bytes = std::fs::read(&to).unwrap();
    assert_eq!((packed.files, packed.bytes, packed.sha256.len()), (3, bytes.len() as u64, 64));
    // Written again, from an archive, over itself.
    assert_eq!(pack(&Brick::open(&to).unwrap(), &to).unwrap(), packed);
    assert_eq!(pack(&Brick::open(second.path()).unwrap(), &to).unwrap(), packed);
    assert_eq!(std::fs::read(&to).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "nothing is left beside it");

    let brick = Brick::open(&to).unwrap();
    let names: Vec<&str> = brick.files().map(|(name, _)| name).collect();
    assert_eq!(names, ["README.md", "brick.toml", "weights/model.gguf"]);
    let mut archive = tar::Archive::new(&bytes[..]);
    let unpacked = tempfile::tempdir().unwrap();
    archive.unpack(unpacked.path()).unwrap();
    for (name, content) in brick.files() {
        assert_eq!(std::fs::read(unpacked.path().join(name)).unwrap(), content);
        assert_eq!(content.as_ptr() as usize % 512, 0, "where its map begins at a page");
    }
    Brick::open(unpacked.path()).unwrap();
}

#[test]
fn a_brick_is_not_packed_into_itself_nor_where_nothing_can_be_written() {
    let folder = folder();
    let brick = Brick::open(folder.path()).unwrap();
    let inside = pack(&brick, &folder.path().join("weights/echo.brick")).unwrap_err();
    assert!(matches!(inside, TuneError::Inside(_)), "{inside}");
    let nowhere = pack(&brick, &folder.path().join("../none/here.brick")).unwrap_err();
    assert!(matches!(nowhere, TuneError::Write { .. }), "{nowhere}");
    assert!(nowhere.to_string().contains("here.brick: cannot be written"), "{nowhere}");
}

fn ready(brick: &Brick) -> (Engine, Job) {
    let checkpoint = brick.checkpoint().unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    let job = Job::new(brick, &checkpoint, &tokenizer).unwrap();
    let spec = DecoderSpec::from_checkpoint(&checkpoint).unwrap();
    let options = Options { context: Some(128), sequences: 4, memory: Some(1 << 32), ..Options::default() };
    let engine = Engine::load(&checkpoint, &spec, Some(tokenizer), &options, &mut |_, _| {}).unwrap();
    (engine, job)
}

fn prompts(job: &Job, examples: &[Example]) -> Vec<Vec<u32>> {
    examples.iter().map(|example| job.prompt(&example.input).unwrap()).collect()
}

#[test]
fn a_set_is_answered_and_each_answer_is_right_or_wrong() {
    let folder = folder();
    let (mut engine, job) = ready(&Brick::open(folder.path()).unwrap());
    let right = "{\"input\": \"What is 2 + 2?\", \"output\": \"Four.\"}\n".repeat(70);
    let wrong = "{\"input\": \"What is 2 + 2?\", \"output\": \"Five.\"}\n";
    let examples = read_examples(Path::new("set"), &format!("{right}{wrong}"), job.contract()).unwrap();
    let mut heard = vec![];
    let mut prompts = prompts(&job, &examples);
    let answers = answer_all(&mut engine, &job, &prompts, &mut |done| heard.push(done)).unwrap();
    let judged =
        answers.iter().zip(&examples).filter_map(|(answer, example)| Measure::ExactMatch.judge(answer, example));
    let rights: Vec<bool> = judged.collect();
    assert_eq!(rights.iter().filter(|right| **right).count(), 70);
    assert!(!rights[70] && answers[70].output == Some("Four.".into()));
    assert_eq!(answers[0].confidence, None, "any text has no probability under a contract");
    assert_eq!(heard.last(), Some(&71));
    assert!(heard.windows(2).all(|pair| pair[0] <= pair[1]));
    prompts.truncate(1);
    prompts.push(vec![5; 128]);
    let answers = answer_all(&mut engine, &job, &prompts, &mut |_| {}).unwrap();
    assert!(answers[0].output.is_some() && answers[1].output.is_none(), "what does not fit is not answered");
}

#[test]
fn a_brick_that_is_too_sure_is_calibrated_to_how_often_it_is_right() {
    let folder = folder();
    let set = |right: usize, wrong: usize| {
        "{\"input\": \"What is 2 + 2?\", \"output\": \"Four.\"}\n".repeat(right)
            + &"{\"input\": \"What is 2 + 2?\", \"output\": \"Five.\"}\n".repeat(wrong)
    };
    let (mut engine, job) = ready(&Brick::open(folder.path()).unwrap());
    let examples = read_examples(Path::new("set"), &set(1, 1), job.contract()).unwrap();
    assert_eq!(
        calibrate(&mut engine, &job, &prompts(&job, &examples), &examples, &mut |_| {}).unwrap(),
        None,
        "any text has no confidence"
    );

    let card = CARD.replace("kind = \"text\"", "kind = \"labels\"\nfile = \"labels.txt\"");
    std::fs::write(folder.path().join("brick.toml"), &card).unwrap();
    std::fs::write(folder.path().join("labels.txt"), "Four.\nFive.\n").unwrap();
    let (mut engine, job) = ready(&Brick::open(folder.path()).unwrap());
    let examples = read_examples(Path::new("set"), &set(15, 5), job.contract()).unwrap();
    let mut heard = 0;
    let asked = prompts(&job, &examples);
    let found = calibrate(&mut engine, &job, &asked, &examples, &mut |done| heard = done).unwrap().unwrap();
    assert_eq!((heard, found.examples), (20, 20));
    assert!(found.temperature > 1.0 && found.expected_calibration_error < 0.05, "{found:?}");

    // In the card, it is what the brick states.
    let confidence =
        format!("[confidence]\ntemperature = {}\nexpected_calibration_error = 0.1\nexamples = 20\n", found.temperature);
    std::fs::write(folder.path().join("brick.toml"), card + &confidence).unwrap();
    let (mut engine, job) = ready(&Brick::open(folder.path()).unwrap());
    let answers = answer_all(&mut engine, &job, &asked, &mut |_| {}).unwrap();
    let stated = answers[0].confidence.unwrap();
    assert!(((stated - 0.75).abs() - found.expected_calibration_error).abs() < 1e-6, "{stated} and {found:?}");
}
