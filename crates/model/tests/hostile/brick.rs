//! Bricks: as a folder, as an archive and in the program, sound ones and others.

use std::path::{Path, PathBuf};

use whit_model::brick::{Brick, Card, Contract, PromptForm, Weights};
use whit_model::{ChatTemplate, Checkpoint, DecoderSpec, GenerationDefaults, Tokenizer};

use crate::common::{Member, tar, write_all};
use crate::memory::peak_of;

const CARD: &str = r#"
format = 1
name = "yes-no"
version = "0.1.0"
licence = "MIT OR Apache-2.0"
description = "Says yes or no."

[model]
weights = "model.gguf"

[contract]
kind = "labels"
file = "labels.txt"

[prompt]
frame = "{input}\n"
max_tokens = 8

[confidence]
temperature = 1.3
expected_calibration_error = 0.021
examples = 1234

[[quality]]
on = "handwritten"
file = "set.jsonl"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
measure = "exact match"
value = 0.95
low = 0.9
high = 0.98
examples = 100

[training]
command = "none"
day = 2026-01-02
"#;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// A sound brick with the repository's model.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("brick.toml", CARD.into()),
        ("labels.txt", b"yes\nno\n".to_vec()),
        ("model.gguf", read("pocket-q8_0.gguf")),
        ("set.jsonl", vec![]),
    ]
}

fn members(files: &[(&str, Vec<u8>)]) -> Vec<Member> {
    files.iter().map(|(name, bytes)| Member::new(name, bytes)).collect()
}

/// A small one: of a model whose bytes are never looked at.
fn small() -> Vec<Member> {
    let mut files = files();
    files[2].1 = vec![7; 600];
    members(&files)
}

fn open_archive(bytes: &[u8]) -> Result<Brick, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.brick");
    std::fs::write(&path, bytes).unwrap();
    let (brick, peak) = peak_of(|| Brick::open(&path));
    // The card's parser keeps lists of its own.
    assert!(peak <= 8 * bytes.len() + (256 << 10), "{peak} bytes allocated for {}", bytes.len());
    brick.map_err(|error| error.to_string())
}

#[track_caller]
fn assert_sentence(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    let mends = [
        "pack",
        "rename",
        "put the file",
        "take ",
        "give",
        "mend",
        "use ",
        "make it",
        "write",
        "convert",
        "leave",
        "download",
        "check",
        "open that",
        "whit brick",
        "say it",
        "move it up",
    ];
    assert!(mends.iter().any(|mend| message.contains(mend)), "{message:?} does not say what to do");
    assert!(!message.contains(['\n', '\r', '\x1b']) && message.len() < 600, "{message:?} is no sentence");
}

#[track_caller]
fn refused(members: &[Member], parts: &[&str]) {
    let message = open_archive(&tar(members)).expect_err("the archive should be refused");
    assert_sentence(&message, &[&["some.brick"], parts].concat());
}

fn in_folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

/// A copy of `bytes` for as long as the program runs, at an odd address.
fn in_program(bytes: &[u8]) -> &'static [u8] {
    let mut padded = Vec::with_capacity(bytes.len() + 2);
    let at = usize::from((padded.as_ptr() as usize).is_multiple_of(2));
    padded.resize(at, 0);
    padded.extend_from_slice(bytes);
    &padded.leak()[at..]
}

#[test]
fn a_brick_is_the_same_as_a_folder_as_a_file_and_in_the_program() {
    let files = files();
    let archive = tar(&members(&files));
    let folder = in_folder(&files);
    std::fs::write(folder.path().join(".hidden"), "no part of it").unwrap();
    let bytes = in_program(&archive);
    assert_eq!(bytes.as_ptr() as usize % 2, 1);
    let bricks = [Brick::open(folder.path()).unwrap(), Brick::of_program("yes-no", bytes).unwrap()];
    let reference = Checkpoint::open(&fixture("pocket-q8_0.gguf")).unwrap();
    let opened = open_archive(&archive).unwrap();
    for brick in bricks.iter().chain([&opened]) {
        let card = brick.card();
        assert_eq!((card.name.as_str(), card.version.as_str()), ("yes-no", "0.1.0"));
        assert_eq!(card.model, Weights::Own { weights: "model.gguf".into() });
        assert_eq!(card.contract, Contract::Labels { file: "labels.txt".into() });
        assert_eq!(card.prompt.form, PromptForm::Frame { frame: "{input}\n".into() });
        assert_eq!(card.confidence.unwrap().temperature, 1.3);
        assert_eq!((card.quality.len(), card.quality[0].low), (1, 0.9));
        assert_eq!(card.training["day"], "2026-01-02");
        let listed: Vec<(&str, &[u8])> = brick.files().collect();
        assert_eq!(listed, files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect::<Vec<_>>());
        assert_eq!(brick.file("labels.txt"), Some(&b"yes\nno\n"[..]));
        assert_eq!(brick.file(".hidden"), None);

        let checkpoint = brick.checkpoint().unwrap();
        assert_eq!(checkpoint.path, brick.path().join("model.gguf"));
        let same = checkpoint.tensors().zip(reference.tensors()).all(|(a, b)| a.name == b.name && a.bytes == b.bytes);
        assert!(same && checkpoint.tensors().count() == reference.tensors().count());
        let (file, range) = checkpoint.location("output_norm.weight").unwrap();
        assert_eq!(&(*file).as_ref()[range], reference.tensor("output_norm.weight").unwrap().bytes);
        checkpoint.release("output_norm.weight");
        assert_eq!(DecoderSpec::from_checkpoint(&checkpoint).unwrap().layers.len(), 2);
        let tokenizer = Tokenizer::from_checkpoint(&checkpoint).unwrap();
        assert_eq!(tokenizer.vocab_size(), 448);
    }
    let on_disk = |brick: &Brick| brick.checkpoint().unwrap().files().map(|files| files[0].0.to_owned());
    assert_eq!(on_disk(&bricks[0]), Some(folder.path().join("model.gguf")));
    assert_eq!(on_disk(&bricks[1]), None, "there is no file to know again");
    assert_eq!((bricks[0].is_archive(), bricks[1].is_archive()), (false, true));
}

#[test]
fn a_model_as_hugging_face_has_it_opens_within_an_archive() {
    let card = CARD.replace("model.gguf", "model");
    let mut files: Vec<(&str, Vec<u8>)> = files();
    files.retain(|(name, _)| *name != "model.gguf");
    files[0].1 = card.into();
    let names = [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    let paths = names.map(|name| format!("model/{name}"));
    files.extend(paths.iter().zip(names).map(|(path, name)| (path.as_str(), read(&format!("pocket/{name}")))));
    let bytes = in_program(&tar(&members(&files)));
    let checkpoint = Brick::of_program("yes-no", bytes).unwrap().checkpoint().unwrap();
    let reference = Checkpoint::open(&fixture("pocket")).unwrap();
    for (tensor, expected) in checkpoint.tensors().zip(reference.tensors()) {
        assert_eq!((tensor.name, tensor.bytes), (expected.name, expected.bytes));
    }
    assert_eq!(DecoderSpec::from_checkpoint(&checkpoint).unwrap(), DecoderSpec::from_checkpoint(&reference).unwrap());
    let tokenizers = [&checkpoint, &reference].map(|from| Tokenizer::from_checkpoint(from).unwrap());
    let [ids, expected] =
        tokenizers.each_ref().map(|tokenizer| tokenizer.encode_prompt("Who has seen the wind?").unwrap());
    assert_eq!(ids, expected);
    assert_eq!(tokenizers[0].end_tokens(), tokenizers[1].end_tokens());
    let defaults = [&checkpoint, &reference].map(|from| GenerationDefaults::from_checkpoint(from).unwrap());
    assert_eq!(defaults[0], defaults[1]);
    assert!(defaults[0].temperature.is_some() && ChatTemplate::from_checkpoint(&checkpoint).unwrap().is_some());

    // What is wrong in it is named with the way to it.
    let at = files.iter().position(|(name, _)| *name == "model/config.json").unwrap();
    files[at].1 = b"{".to_vec();
    let brick = open_archive(&tar(&members(&files))).unwrap();
    let message = brick.checkpoint().unwrap_err().to_string();
    assert!(message.contains("some.brick/model/config.json: configuration: is not JSON"), "{message}");
}

#[test]
fn what_fuzzing_begins_from_is_sound() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/brick");
    for entry in std::fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().is_some_and(|extension| extension == "toml") {
            true => drop(Card::parse(&path, &std::fs::read(&path).unwrap()).unwrap()),
            false => drop(Brick::open(&path).unwrap()),
        }
    }
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let bytes = tar(&small());
    for end in (0..bytes.len()).step_by(128) {
        let message = open_archive(&bytes[..end]).expect_err("it should be refused");
        // An empty file is no brick's in particular.
        assert_sentence(&message, &["some.brick"]);
    }
    open_archive(&bytes).unwrap();
}

#[test]
fn a_changed_byte_of_a_header_is_seen_or_does_no_harm() {
    let bytes = tar(&small());
    let mut changed = bytes.clone();
    let (mut opened, mut refused) = (0, 0);
    for at in 0..512 {
        for value in [0, 0xff, b'/', bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
            changed[at] = value;
            match open_archive(&changed) {
                Ok(_) => opened += usize::from(changed != bytes),
                Err(message) => {
                    assert_sentence(&message, &["some.brick"]);
                    refused += 1;
                }
            }
        }
        changed[at] = bytes[at];
    }
    // All but the ends of the checksum, where a space is as good as a zero.
    assert!(refused > 2000 && opened < 8, "{opened} opened, {refused} refused");
}

#[test]
fn names_that_lead_elsewhere_or_are_not_the_same_everywhere() {
    let long = format!("a{}", "b".repeat(100));
    for name in [
        "../model.gguf",
        "/etc/passwd",
        "a/../../b",
        "./a",
        "a//b",
        "a/",
        "",
        "..",
        ".hidden",
        "a/.b",
        "a b",
        "a\\b",
        "c:d",
        "caf\u{e9}",
        "-rf",
        "a/b/c/d/e/f",
    ] {
        let mut members = small();
        members.push(Member::new(name, b"x"));
        refused(&members, &["header of file 5", "name"]);
    }
    let twice = |name: &str, what: &str| {
        let mut members = small();
        members.push(Member::new(name, b"x"));
        refused(&members, &["header of file 5", name, what]);
    };
    twice("labels.txt", "there twice");
    twice("LABELS.txt", "there twice");
    twice("model.gguf/x", "both a file and a folder");
    let mut members = small();
    members.extend([Member::new("sub/x", b"x"), Member::new("Sub", b"x")]);
    refused(&members, &["both a file and a folder"]);
    let folder = in_folder(&files());
    std::fs::write(folder.path().join(&long), "x").unwrap();
    assert_sentence(&Brick::open(folder.path()).unwrap_err().to_string(), &["longer than 100 bytes"]);
}

#[test]
fn what_is_no_plain_file() {
    for (kind, what) in [
        (b'1', "is a link"),
        (b'2', "is a link"),
        (b'5', "is a folder"),
        (0, "no plain file"),
        (b'x', "no plain file"),
        (b'g', "no plain file"),
        (b'L', "no plain file"),
        (b'S', "no plain file"),
        (b'3', "no plain file"),
        (b'6', "no plain file"),
    ] {
        let mut members = small();
        members.push(Member { kind, ..Member::new("more", b"") });
        refused(&members, &["header of file 5: more", what]);
    }
    let patched = |patch: (usize, &'static [u8]), what: &str| {
        let mut members = small();
        members[1].patches.push(patch);
        refused(&members, &["header of file 2", what]);
    };
    patched((257, b"ustar  \0"), "another kind of tar");
    patched((345, b"folder"), "longer than 100 bytes");
    patched((11, b"\0hidden"), "not plain text");
    patched((0, b"\xff"), "not plain text");
    patched((257, b"USTAR"), "not a file's header");
    for size in [
        &b"99999999999\0"[..],
        b"77777777777\0",
        b"\x80\0\0\0\0\0\0\0\0\0\0\x08",
        b"        \0\0\0\0",
        b"-0000000010\0",
        b"0000000010x\0",
    ] {
        let mut members = small();
        members[1].size = Some(size);
        let message = open_archive(&tar(&members)).unwrap_err();
        assert!(message.contains("its size is not a number") || message.contains("end past the end"), "{message}");
    }
    let mut members = small();
    members[1].damage = Some((100, b'7'));
    refused(&members, &["header of file 2", "checksum"]);
    let many: Vec<Member> = (0..1100).map(|n| Member::new(&format!("f{n}"), b"")).collect();
    refused(&many, &["header of file 1025", "at most 1024 files"]);
    let mut behind = tar(&small());
    behind.extend(b"more");
    assert_sentence(&open_archive(&behind).unwrap_err(), &["the archive's end", "belong to no file"]);
    let mut padding = tar(&small());
    let labels = 3 * 512 + CARD.len().next_multiple_of(512) - 512;
    padding[labels + 100] = 1;
    assert_sentence(&open_archive(&padding).unwrap_err(), &["labels.txt", "belong to no file"]);
}

#[test]
fn what_is_no_brick() {
    for bytes in [&b"hello"[..], &read("pocket-q8_0.gguf"), b"PK\x03\x04"] {
        assert_sentence(&open_archive(bytes).unwrap_err(), &["is no brick"]);
    }
    let empty = tempfile::tempdir().unwrap();
    assert_sentence(&Brick::open(empty.path()).unwrap_err().to_string(), &["brick.toml is missing"]);
    assert_sentence(&Brick::open(&empty.path().join("none")).unwrap_err().to_string(), &["is missing"]);
    refused(&small()[1..], &["brick.toml is missing"]);
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &[("some.brick", &tar(&small()))]);
    let message = Checkpoint::open(&folder.path().join("some.brick")).unwrap_err().to_string();
    assert_sentence(&message, &["is a brick", "whit run --brick"]);
}

#[cfg(unix)]
#[test]
fn links_and_odd_things_in_a_folder() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    let folder = in_folder(&files());
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("set2.jsonl")).unwrap();
    assert_sentence(&Brick::open(folder.path()).unwrap_err().to_string(), &["set2.jsonl", "is a link"]);
    let folder = in_folder(&files());
    std::os::unix::fs::symlink(outside.path(), folder.path().join("sub")).unwrap();
    assert_sentence(&Brick::open(folder.path()).unwrap_err().to_string(), &["sub", "is a link"]);
    let folder = in_folder(&files());
    std::fs::create_dir_all(folder.path().join("1/2/3/4/5")).unwrap();
    assert_sentence(&Brick::open(folder.path()).unwrap_err().to_string(), &["1/2/3/4/5", "lies in 4 folders"]);
    let folder = in_folder(&files());
    (0..1100).for_each(|n| std::fs::write(folder.path().join(format!("f{n}")), "").unwrap());
    assert_sentence(&Brick::open(folder.path()).unwrap_err().to_string(), &["too many files"]);
}

#[test]
fn cards_that_break_the_rules() {
    let cases: [(&str, &str, &[&str]); 40] = [
        ("format = 1", "format = 2", &["key format", "is 2", "format = 1"]),
        ("format = 1", "", &["key format", "not given"]),
        ("format = 1", "format = \"1\"", &["key format"]),
        ("format = 1", "format =", &["card", "line 2"]),
        ("name = \"yes-no\"", "name = \"Yes\"", &["key name"]),
        ("name = \"yes-no\"", "name = \"-no\"", &["key name"]),
        ("name = \"yes-no\"", "name = \"a/b\"", &["key name"]),
        ("name = \"yes-no\"", "name = \"\"", &["key name"]),
        ("name = \"yes-no\"", "name = 7", &["line 3"]),
        ("name = \"yes-no\"", "name = \"a\"\nname = \"b\"", &["line 4"]),
        ("version = \"0.1.0\"", "version = \"\"", &["key version"]),
        ("version = \"0.1.0\"", "version = \"a b\"", &["key version"]),
        ("version = \"0.1.0\"", "colour = \"red\"", &["colour"]),
        ("licence = \"MIT OR Apache-2.0\"", "licence = \"\"", &["key licence"]),
        ("\"Says yes or no.\"", "\"Two\\nlines\"", &["key description"]),
        ("\"Says yes or no.\"", "\"\\u001b[31m\"", &["key description"]),
        ("weights = \"model.gguf\"", "", &["key model", "either weights"]),
        ("weights = \"model.gguf\"", "weights = \"../model.gguf\"", &["key model.weights"]),
        ("weights = \"model.gguf\"", "weights = \"other.gguf\"", &["the file other.gguf is missing"]),
        ("weights = \"model.gguf\"", "weights = \"model.gguf\"\nbase = \"hf:a/b\"", &["key model"]),
        ("weights = \"model.gguf\"", "base = \"hf:a/b\"\nadapter = \"adapter\"", &["the file adapter is missing"]),
        (
            "weights = \"model.gguf\"",
            "base = \"hf:a/b\"\nadapter = \"adapter\"\nbase_hash = \"sha1:00\"",
            &["key model.base_hash"],
        ),
        ("kind = \"labels\"", "kind = \"calls\"", &["line 12", "calls"]),
        ("kind = \"labels\"", "kind = \"text\"", &["key contract.file"]),
        ("file = \"labels.txt\"", "", &["key contract.file"]),
        ("file = \"labels.txt\"", "file = \"labels\"", &["the file labels is missing"]),
        ("frame = \"{input}\\n\"", "frame = \"hello\"", &["key prompt.frame"]),
        ("frame = \"{input}\\n\"", "frame = \"{input}{input}\"", &["key prompt.frame"]),
        ("frame = \"{input}\\n\"", "frame = \"{input}\"\nchat = true", &["key prompt"]),
        ("frame = \"{input}\\n\"", "system = \"Be brief.\"", &["key prompt"]),
        ("max_tokens = 8", "max_tokens = 0", &["key prompt.max_tokens"]),
        ("max_tokens = 8", "max_tokens = -1", &["line 17"]),
        ("temperature = 1.3", "temperature = nan", &["key confidence.temperature"]),
        ("temperature = 1.3", "temperature = inf", &["key confidence.temperature"]),
        ("expected_calibration_error = 0.021", "expected_calibration_error = -0.1", &["key confidence.expected"]),
        ("sha256 = \"e3b0", "sha256 = \"E3B0", &["key quality.sha256"]),
        ("value = 0.95", "value = nan", &["key quality.value"]),
        ("low = 0.9", "low = 0.96", &["key quality.value", "between"]),
        ("file = \"set.jsonl\"", "file = \"missing.jsonl\"", &["the file missing.jsonl is missing", "quality"]),
        ("examples = 100", "examples = 0", &["key quality.examples"]),
    ];
    for (from, to, parts) in cases {
        assert_eq!(CARD.matches(from).count(), 1, "{from}");
        let mut members = small();
        members[0].bytes = CARD.replace(from, to).into();
        refused(&members, parts);
    }
    let mut members = small();
    members[0].bytes = [CARD.as_bytes(), &vec![b'\n'; 256 << 10]].concat();
    refused(&members, &["brick.toml", "at most"]);
    members[0].bytes = vec![0xff];
    refused(&members, &["brick.toml", "not UTF-8"]);
    // What a line of the parser's own lists takes is bounded by what a card may have.
    for hostile in ["[", "{ a = ", "[[a]]\n", "a.", "\"", "x = 1\n"] {
        let card = format!("format = 1\nx = {}", hostile.repeat(60_000 / hostile.len()));
        let (card, peak) =
            peak_of(|| Card::parse(Path::new("brick.toml"), card.as_bytes()).map_err(|error| error.to_string()));
        assert_sentence(&card.unwrap_err(), &["brick.toml"]);
        assert!(peak < 16 << 20, "{peak} bytes allocated for {hostile:?}");
    }
    members[0].bytes = format!("{CARD}x = {}1{}", "{ a = ".repeat(60), " }".repeat(60)).into();
    open_archive(&tar(&members)).unwrap();
}

#[test]
fn an_adapter_has_no_weights_of_its_own() {
    let mut members = small();
    members[0].bytes = CARD
        .replace("weights = \"model.gguf\"", "base = \"hf:Qwen/Qwen2.5-0.5B-Instruct\"\nadapter = \"adapter\"")
        .into();
    members.push(Member::new("adapter/adapter_config.json", b"{}"));
    let brick = open_archive(&tar(&members)).unwrap();
    let message = brick.checkpoint().unwrap_err().to_string();
    assert_sentence(&message, &["some.brick", "an adapter on hf:Qwen/Qwen2.5-0.5B-Instruct"]);
    // A folder whose name only begins like the adapter's is none.
    members.last_mut().unwrap().name = b"adapter-2/adapter_config.json".to_vec();
    refused(&members, &["the file adapter is missing"]);
}
