//! Damaged and malicious model files: every one is refused in one sentence that names the file, the item and the mend,
//! without a panic, and in memory bounded by the size of the files.

mod adapter;
mod brick;
#[path = "../common/mod.rs"]
mod common;
mod folder;
mod gguf;
mod memory;
mod safetensors;
mod split;

use std::path::Path;

use whit_model::Checkpoint;

/// Opens `path`, and reads every tensor of it. Fails the test if that panics or takes much more memory than there are bytes
/// in the file or the folder; 16 KiB are for the paths, the directory and the message.
fn open(path: &Path) -> Result<Checkpoint, String> {
    let size: u64 = if path.is_dir() {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    } else {
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    };
    let (result, peak) = memory::peak_of(|| Checkpoint::open(path));
    assert!(peak as u64 <= 8 * size + (16 << 10), "{peak} bytes allocated for {size} on disk");
    let checkpoint = result.map_err(|e| e.to_string())?;
    for tensor in checkpoint.tensors() {
        let mut values = vec![0.0; tensor.shape.iter().product()];
        tensor.format.decode(tensor.bytes, &mut values);
    }
    Ok(checkpoint)
}

/// Asserts that `message` is one sentence with everything a person needs: each of `parts` is in it, and so is a mend.
fn assert_sentence(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    let mends = ["download", "convert", "give", "check", "use ", "rename", "split the model again", "fetch", "update"];
    assert!(mends.iter().any(|mend| message.contains(mend)), "{message:?} does not say what to do");
    assert!(!message.contains(['\n', '\r', '\x1b']), "{message:?} is more than a line");
    assert!(message.len() < 600, "{message:?} is {} bytes long", message.len());
}

/// Asserts that a file of this name and content is refused, with these parts in the sentence beside the file's name.
fn assert_refused(name: &str, content: &[u8], parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let message = open(&path).expect_err("the file should be refused");
    assert_sentence(&message, &[&[name], parts].concat());
}

/// Every single byte of the first `len` of `content`, changed in several ways; `open_with` opens what came of it.
/// What may still open then must be sound, what may not must be refused in a sentence.
fn sweep(content: &[u8], len: usize, mut open_with: impl FnMut(&[u8]) -> Result<Checkpoint, String>) {
    let mut changed = content.to_vec();
    let (mut opened, mut refused) = (0, 0);
    for at in 0..len {
        let original = content[at];
        for value in [0, 0xff, 0x7f, original ^ 0x01, original ^ 0x80, original.wrapping_add(1)] {
            changed[at] = value;
            match open_with(&changed) {
                Ok(_) => opened += 1,
                Err(message) => {
                    assert_sentence(&message, &[]);
                    refused += 1;
                }
            }
        }
        changed[at] = original;
    }
    assert!(
        opened > 0 && refused > opened / 10,
        "{opened} opened, {refused} refused: is the sweep where it should be?"
    );
}
