//! Every recorded case of the folder `WHIT_TOKENIZERS`, against every vocabulary in it.
//!
//! * `NAME.gguf.inp` and `NAME.gguf.out`: texts between `__ggml_vocab_test__` lines, and a line of ids for each, as llama.cpp's
//!   own test has them: without BOS, control tokens not parsed.
//! * `cases-*.jsonl`: `tokenizer`, `text`, `tokens` (without BOS and EOS), `ids` (with them) and `decoded`.
//!
//! Which vocabulary a case was recorded with is found by content (each recorded id is written as recorded, or decodes to the
//! text) among those whose file or folder is named like it; so further cases and vocabularies need no change here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use whit_model::gguf;
use whit_model::tokenizer::Tokenizer;

/// A vocabulary that was found.
struct Vocabulary {
    /// Path in the data folder.
    name: String,
    tokenizer: Tokenizer,
}

/// What became of some cases.
#[derive(Default)]
struct Tally {
    agree: usize,
    failures: Vec<String>,
    /// Why cases were left out, or compared in part.
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    tokenizer: String,
    name: String,
    text: String,
    tokens: Vec<String>,
    ids: Vec<u32>,
    decoded: String,
}

#[test]
#[ignore = "needs recorded cases and vocabularies: WHIT_TOKENIZERS, or ../shared/data/tokenizers"]
fn recorded_cases_agree() {
    let root = std::env::var_os("WHIT_TOKENIZERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tokenizers"),
        |folder| {
            // A relative folder counts from the repository's root, where cargo is called, not from the crate.
            let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            repository.join(folder)
        },
    );
    let mut files = Vec::new();
    find_files(&root, &mut files);
    files.sort();
    assert!(!files.is_empty(), "{}: no files", root.display());

    let mut tally = Tally::default();
    let variants = tempfile::tempdir().expect("a folder for variants of merges");
    let vocabularies = find_vocabularies(&root, &files, variants.path(), &mut tally);
    for input in files.iter().filter(|file| file.extension().is_some_and(|e| e == "inp")) {
        check_pair(&root, input, &vocabularies, &mut tally);
    }
    let is_cases = |file: &&PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("cases-") && name.ends_with(".jsonl")
    };
    for file in files.iter().filter(is_cases) {
        check_cases(file, &vocabularies, &mut tally);
    }

    for note in &tally.notes {
        println!("  left out: {note}");
    }
    for failure in &tally.failures {
        println!("  FAILED: {failure}");
    }
    println!("{} agree, {} differ", tally.agree, tally.failures.len());
    assert!(tally.failures.is_empty(), "{} cases differ", tally.failures.len());
    assert!(tally.agree > 0, "nothing was compared");
}

fn find_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() { find_files(&path, files) } else { files.push(path) }
    }
}

/// Loads every GGUF file, every tokenizer.json, and every vocab.json with each merge list beside it.
fn find_vocabularies(root: &Path, files: &[PathBuf], variants: &Path, tally: &mut Tally) -> Vec<Vocabulary> {
    let mut found = Vec::new();
    for file in files {
        let relative = file.strip_prefix(root).unwrap_or(file);
        let folder = file.parent().expect("a file's folder");
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let start = Instant::now();
        let (name, loaded) = match &*name {
            _ if file.extension().is_some_and(|e| e == "gguf") => {
                let bytes = std::fs::read(file).expect("a readable file");
                let loaded = gguf::parse(file, &bytes).and_then(|h| Tokenizer::from_metadata(file, &h.metadata));
                (relative.display().to_string(), loaded)
            }
            "tokenizer.json" => (relative.display().to_string(), Tokenizer::from_folder(folder)),
            merges
                if merges.starts_with("merges") && merges.ends_with(".txt") && folder.join("vocab.json").is_file() =>
            {
                let variant = variants.join(found.len().to_string());
                copy_with_merges(folder, merges, &variant);
                (relative.display().to_string(), Tokenizer::from_folder(&variant))
            }
            _ => continue,
        };
        match loaded {
            Ok(tokenizer) => {
                println!("{name}: {} in {} ms", tokenizer.describe(), start.elapsed().as_millis());
                found.push(Vocabulary { name, tokenizer });
            }
            Err(error) => tally.failures.push(format!("{name} does not load: {error}")),
        }
    }
    found
}

/// A folder like `folder` whose merges.txt is `merges`.
fn copy_with_merges(folder: &Path, merges: &str, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "json") {
            std::fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
    std::fs::copy(folder.join(merges), to.join("merges.txt")).expect("a copy");
}

/// The letters a name begins with, without owner and common prefixes: `Xenova/llama3-tokenizer` and
/// `ggml-vocab-llama-bpe.gguf` are both `llama`.
fn family(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).trim_start_matches("ggml-vocab-").to_lowercase();
    name.chars().take_while(char::is_ascii_alphabetic).collect()
}

fn is_of_family(vocabulary: &Vocabulary, family: &str) -> bool {
    let name = vocabulary.name.to_lowercase().replace("ggml-vocab-", "").replace("llamacpp-vocab", "");
    !family.is_empty() && name.contains(family)
}

/// The vocabularies named like `name` that `agrees` with; or why there is none.
fn matching<'a>(
    name: &str,
    vocabularies: &'a [Vocabulary],
    agrees: impl Fn(&Tokenizer) -> bool,
) -> Result<Vec<&'a Vocabulary>, String> {
    let family = family(name);
    let agreeing: Vec<&Vocabulary> = vocabularies.iter().filter(|v| agrees(&v.tokenizer)).collect();
    let (named, others): (Vec<_>, Vec<_>) = agreeing.into_iter().partition(|v| is_of_family(v, &family));
    if !named.is_empty() {
        return Ok(named);
    }
    let others: Vec<&str> = others.iter().map(|v| v.name.as_str()).collect();
    Err(match others.is_empty() {
        true => "its vocabulary is not here".to_owned(),
        false => format!("its vocabulary is not here ({} has these ids, but is another tokenizer)", others.join(", ")),
    })
}

fn check_pair(root: &Path, input: &Path, vocabularies: &[Vocabulary], tally: &mut Tally) {
    const SEPARATOR: &str = "\n__ggml_vocab_test__\n";
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let name = input.strip_prefix(root).unwrap_or(input).with_extension("").display().to_string();
    let texts = read(input);
    let texts: Vec<&str> = texts.strip_suffix(SEPARATOR).unwrap_or(&texts).split(SEPARATOR).collect();
    let ids: Vec<Vec<u32>> = read(&input.with_extension("out"))
        .lines()
        .map(|line| line.split_whitespace().map(|id| id.parse().expect("an id")).collect())
        .collect();
    assert_eq!(texts.len(), ids.len(), "{name}: texts and lines of ids");

    // A text that ends in the middle of a word decodes to it, but for a space that SentencePiece puts first.
    let decodes = |tokenizer: &Tokenizer| {
        texts.iter().zip(&ids).all(|(text, ids)| {
            ids.iter().all(|&id| tokenizer.token(id).is_some()) && tokenizer.decode(ids, false) == *text
        })
    };
    let own = vocabularies.iter().find(|v| v.name == name);
    let against = match own {
        Some(own) => Ok(vec![own]),
        None => matching(&name, vocabularies, decodes),
    };
    match against {
        Err(reason) => tally.notes.push(format!("{name}.inp, {} texts: {reason}", texts.len())),
        Ok(against) => {
            for vocabulary in against {
                let mut agree = 0;
                for (text, ids) in texts.iter().zip(&ids) {
                    let found = vocabulary.tokenizer.encode(text, false, false).map_err(|e| e.to_string());
                    let decoded = vocabulary.tokenizer.decode(ids, false);
                    if found.as_ref() != Ok(ids) {
                        tally.failures.push(format!(
                            "{name}.inp with {}: {text:?} gives {found:?}, not {ids:?}",
                            vocabulary.name
                        ));
                    } else if decoded != *text {
                        tally.failures.push(format!(
                            "{name}.inp with {}: {ids:?} decodes to {decoded:?}, not {text:?}",
                            vocabulary.name
                        ));
                    } else {
                        agree += 1;
                    }
                    check_stream(vocabulary, ids, tally);
                }
                println!("{name}.inp with {}: {agree} of {} texts agree", vocabulary.name, texts.len());
                tally.agree += agree;
            }
        }
    }
}

fn check_cases(file: &Path, vocabularies: &[Vocabulary], tally: &mut Tally) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut groups: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        groups.entry(case.tokenizer.clone()).or_default().push(case);
    }
    for (name, cases) in groups {
        // Nearly all: a file may have lost a token in a hundred thousand (no-break spaces turned to spaces by an editor).
        let written = |tokenizer: &Tokenizer| {
            let misspelt = cases.iter().filter(|case| case.misspelt(tokenizer).is_some()).count();
            misspelt * 10 <= cases.len()
        };
        match matching(&name, vocabularies, written) {
            Err(reason) => tally.notes.push(format!("{name}, {} cases: {reason}", cases.len())),
            Ok(against) => {
                for vocabulary in against {
                    check_group(&name, &cases, vocabulary, tally);
                }
            }
        }
    }
}

impl Case {
    /// The first token that the vocabulary writes in another way.
    fn misspelt(&self, tokenizer: &Tokenizer) -> Option<String> {
        let (_, ids, _) = self.split_ids();
        ids.iter().zip(&self.tokens).find(|&(&id, token)| tokenizer.token(id).as_ref() != Some(token)).map(
            |(&id, token)| {
                format!("id {id} is {:?} there, recorded as {token:?}", tokenizer.token(id).unwrap_or_default())
            },
        )
    }

    /// The ids before, of and after `tokens`.
    fn split_ids(&self) -> (&[u32], &[u32], &[u32]) {
        // What surrounds a text is BOS before and rarely EOS after, so one more than the tokens is BOS.
        let more = self.ids.len().saturating_sub(self.tokens.len());
        let (before, rest) = self.ids.split_at(more.min(1));
        let (ids, after) = rest.split_at(self.tokens.len().min(rest.len()));
        (before, ids, after)
    }
}

fn check_group(name: &str, cases: &[Case], vocabulary: &Vocabulary, tally: &mut Tally) {
    let tokenizer = &vocabulary.tokenizer;
    let (mut agree, mut cleaned) = (0, 0);
    let mut foreign_bos = 0;
    for case in cases {
        if let Some(misspelt) = case.misspelt(tokenizer) {
            tally.notes.push(format!("{name} {} with {}: {misspelt}", case.name, vocabulary.name));
            continue;
        }
        let mut wrong = |what: &str, found: String, expected: String| {
            tally
                .failures
                .push(format!("{name} {} with {}: {what} {found}, not {expected}", case.name, vocabulary.name));
        };
        let (before, ids, after) = case.split_ids();
        let plain = tokenizer.encode(&case.text, false, true).unwrap_or_default();
        let tokens: Vec<String> = plain.iter().map(|&id| tokenizer.token(id).unwrap_or_default()).collect();
        if tokens != case.tokens {
            wrong("tokens", format!("{tokens:?}"), format!("{:?}", case.tokens));
            continue;
        }
        // A vocabulary whose files do not name BOS, recorded with a configuration that does.
        let is_foreign = tokenizer.bos().is_none() && !before.is_empty();
        let full = tokenizer.encode(&case.text, true, true).unwrap_or_default();
        let expected = if is_foreign { ids } else { &case.ids };
        if full != expected {
            wrong("ids", format!("{full:?}"), format!("{expected:?}"));
            continue;
        }
        let decoded = tokenizer.decode(expected, false);
        let recorded = match is_foreign && after.is_empty() {
            // The written form of the BOS that is not in these files.
            true => case.decoded.find('>').map_or(case.decoded.as_str(), |end| &case.decoded[end + 1..]),
            false => &case.decoded,
        };
        if decoded == recorded {
            agree += 1;
        } else if clean_up(&decoded) == recorded {
            agree += 1;
            cleaned += 1;
        } else {
            wrong("text", format!("{decoded:?}"), format!("{recorded:?}"));
        }
        foreign_bos += usize::from(is_foreign);
        check_stream(vocabulary, &case.ids, tally);
    }
    let mut line = format!("{name} with {}: {agree} of {} cases agree", vocabulary.name, cases.len());
    if cleaned > 0 {
        let _ = write!(
            line,
            ", {cleaned} of them after transformers' clean_up_tokenization_spaces, which whit leaves to others"
        );
    }
    if foreign_bos > 0 {
        let _ = write!(line, ", {foreign_bos} of them without the BOS that these files do not name");
    }
    println!("{line}");
    tally.agree += agree;
}

/// transformers' `clean_up_tokenization`.
fn clean_up(text: &str) -> String {
    let pairs = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// One id at a time gives what all at once give, and the bytes of the tokens are the bytes of the text.
fn check_stream(vocabulary: &Vocabulary, ids: &[u32], tally: &mut Tally) {
    let tokenizer = &vocabulary.tokenizer;
    for skip_special in [false, true] {
        let mut decoder = tokenizer.decoder(skip_special);
        let mut text: String = ids.iter().map(|&id| decoder.push(id)).collect();
        text += &decoder.finish();
        if text != tokenizer.decode(ids, skip_special) {
            tally.failures.push(format!("{}: {ids:?} streams as {text:?}", vocabulary.name));
        }
    }
    let bytes: Vec<u8> = ids.iter().flat_map(|&id| tokenizer.token_bytes(id)).collect();
    let text = tokenizer.decode(ids, true);
    let joined = String::from_utf8_lossy(&bytes);
    if joined != text && joined.strip_prefix(' ') != Some(&text) {
        tally.failures.push(format!("{}: {ids:?} are the bytes {joined:?}, but decode to {text:?}", vocabulary.name));
    }
}
