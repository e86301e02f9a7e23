//! Which files of a repository make up the model.

use super::{HubError, HubModel};

/// Quantisations in the order in which whit prefers them: what most people want first (small, hardly worse than the
/// original), then neighbours above and below, then what is large.
const PREFERENCE: [&str; 18] = [
    "Q4_K_M", "Q4_0", "Q4_K_S", "IQ4_NL", "IQ4_XS", "Q4_1", "MXFP4", "Q5_K_M", "Q5_K_S", "Q5_0", "Q6_K", "Q8_0",
    "Q3_K_L", "Q3_K_M", "F16", "BF16", "F32", "Q2_K",
];

/// What a folder needs beside its weights, as far as it is there. Small files first: the weights come last.
const FOLDER_FILES: [&str; 10] = [
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
];

/// The files to have, in the order in which to fetch them.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// One GGUF file, or all parts of a split one, the first part first.
    Gguf(Vec<String>),
    /// A Hugging Face folder.
    Folder {
        /// Configuration and tokenizer; and the weights, if they are one file.
        files: Vec<String>,
        /// The file that names the shards, if the weights are several. It is one of `files`.
        index: Option<String>,
    },
}

impl Choice {
    /// Chooses among `files`, the names in the repository.
    ///
    /// # Errors
    /// If what was asked for is not there or there is nothing to run; the message lists what is there.
    pub fn new(model: &HubModel, files: &[String]) -> Result<Choice, HubError> {
        let ggufs: Vec<&str> = files.iter().map(String::as_str).filter(|file| is_model(file)).collect();
        if let Some(wanted) = &model.file {
            let exact = files.iter().map(String::as_str).find(|file| file == wanted && is_gguf(file));
            let gguf =
                exact.or_else(|| shortest(ggufs.iter().copied().filter(|file| names_quantisation(file, wanted))));
            return gguf.map(|file| Choice::Gguf(parts(file))).ok_or_else(|| {
                HubError::Refused(format!("{model}: there is no such file or quantisation; {}", what_there_is(&ggufs)))
            });
        }
        let preferred = PREFERENCE
            .iter()
            .find_map(|name| shortest(ggufs.iter().copied().filter(|file| names_quantisation(file, name))));
        if let Some(gguf) = preferred.or_else(|| shortest(ggufs.iter().copied())) {
            return Ok(Choice::Gguf(parts(gguf)));
        }
        let has = |name: &str| files.iter().any(|file| file == name);
        if !has("config.json") {
            return Err(HubError::Refused(format!(
                "{model}: there is neither a GGUF file nor a config.json in this repository"
            )));
        }
        let mut chosen: Vec<String> =
            FOLDER_FILES.iter().filter(|name| has(name)).map(|name| name.to_string()).collect();
        let (single, index) = ("model.safetensors", "model.safetensors.index.json");
        let index = if has(single) {
            chosen.push(single.into());
            None
        } else if has(index) {
            chosen.push(index.into());
            Some(index.to_owned())
        } else {
            return Err(HubError::Refused(format!(
                "{model}: there are no weights whit can read in this repository; it reads GGUF and safetensors (look for a '-GGUF' repository of the same model)"
            )));
        };
        Ok(Choice::Folder { files: chosen, index })
    }

    /// The files that are known already.
    pub fn files(&self) -> &[String] {
        match self {
            Choice::Gguf(parts) => parts,
            Choice::Folder { files, .. } => files,
        }
    }
}

fn is_gguf(file: &str) -> bool {
    file.to_ascii_lowercase().ends_with(".gguf")
}

/// A GGUF file that is a language model (and not a vision projector or an importance matrix), and a first part if split.
fn is_model(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
    is_gguf(file)
        && !name.starts_with("mmproj")
        && !name.contains("imatrix")
        && split_parts(file).is_none_or(|(_, part, _)| part == 1)
}

/// Whether the file's name has `quantisation` as a word of its own: `x-Q4_K_M.gguf` has Q4_K_M, but not Q4_K.
fn names_quantisation(file: &str, quantisation: &str) -> bool {
    let (file, wanted) = (file.to_ascii_uppercase(), quantisation.to_ascii_uppercase());
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !wanted.is_empty()
        && file
            .match_indices(&wanted)
            .any(|(at, _)| !file[..at].ends_with(of_a_word) && !file[at + wanted.len()..].starts_with(of_a_word))
}

/// The shortest name, the first in the alphabet of these: the plain one among variants.
fn shortest<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.min_by_key(|name| (name.len(), *name))
}

/// All parts of a split file, or the file itself.
fn parts(file: &str) -> Vec<String> {
    match split_parts(file) {
        Some((stem, _, count)) => (1..=count).map(|part| format!("{stem}-{part:05}-of-{count:05}.gguf")).collect(),
        None => vec![file.to_owned()],
    }
}

/// `(STEM, I, N)` of `STEM-0000I-of-0000N.gguf`.
fn split_parts(file: &str) -> Option<(&str, u32, u32)> {
    let (rest, count) = file.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, part) = rest.rsplit_once('-')?;
    let number = |digits: &str| (digits.len() == 5).then(|| digits.parse::<u32>().ok()).flatten();
    Some((stem, number(part)?, number(count)?))
}

/// Ends the sentence about a file that is not there.
fn what_there_is(ggufs: &[&str]) -> String {
    match ggufs {
        [] => "there are no GGUF files in this repository; leave out the part after the colon if it is a safetensors model".into(),
        [..] if ggufs.len() <= 12 => format!("there are {}", ggufs.join(", ")),
        [first @ .., _] => format!("there are {} and {} more", first[..11].join(", "), ggufs.len() - 11),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(file: Option<&str>, files: &[&str]) -> Result<Choice, String> {
        let model = HubModel { repository: "o/n".into(), revision: "main".into(), file: file.map(str::to_owned) };
        let files: Vec<String> = files.iter().map(|file| file.to_string()).collect();
        Choice::new(&model, &files).map_err(|error| error.to_string())
    }

    fn gguf(name: &str) -> Result<Choice, String> {
        Ok(Choice::Gguf(vec![name.into()]))
    }

    #[test]
    fn q4_k_m_is_preferred_then_its_neighbours() {
        let all = [
            "README.md",
            "mmproj-F16.gguf",
            "m-BF16.gguf",
            "m-Q8_0.gguf",
            "m-Q4_K_S.gguf",
            "m-Q4_K_M.gguf",
            "m-Q4_0.gguf",
        ];
        assert_eq!(choose(None, &all), gguf("m-Q4_K_M.gguf"));
        assert_eq!(choose(None, &["m.f16.gguf", "m.q8_0.gguf"]), gguf("m.q8_0.gguf"));
        assert_eq!(choose(None, &["m-Q4_0_8_8.gguf", "m-Q8_0.gguf"]), gguf("m-Q8_0.gguf"));
        assert_eq!(choose(None, &["odd.gguf"]), gguf("odd.gguf"));
    }

    #[test]
    fn a_file_or_a_quantisation_can_be_named() {
        let all = ["m-Q4_K_M.gguf", "m-Q4_K_M-L.gguf", "m-Q8_0.gguf", "m-UD-Q4_K_XL.gguf"];
        assert_eq!(choose(Some("q8_0"), &all), gguf("m-Q8_0.gguf"));
        assert_eq!(choose(Some("Q4_K_M"), &all), gguf("m-Q4_K_M.gguf"));
        assert_eq!(choose(Some("m-Q4_K_M-L.gguf"), &all), gguf("m-Q4_K_M-L.gguf"));
        assert!(choose(Some("Q4_K"), &all).unwrap_err().contains("there are m-Q4_K_M.gguf, "));
        assert!(choose(Some("README.md"), &["README.md"]).unwrap_err().contains("no GGUF files"));
    }

    #[test]
    fn a_split_file_is_all_its_parts() {
        let all = ["q/m-Q8_0-00002-of-00002.gguf", "q/m-Q8_0-00001-of-00002.gguf"];
        let parts = Choice::Gguf(vec!["q/m-Q8_0-00001-of-00002.gguf".into(), "q/m-Q8_0-00002-of-00002.gguf".into()]);
        assert_eq!(choose(Some("Q8_0"), &all), Ok(parts));
    }

    #[test]
    fn a_folder_is_configuration_tokenizer_and_weights() {
        let folder = |files: &[&str], index: Option<&str>| {
            Ok(Choice::Folder { files: files.iter().map(|f| f.to_string()).collect(), index: index.map(str::to_owned) })
        };
        assert_eq!(
            choose(None, &["model.safetensors", "tokenizer.json", "config.json", "x.bin"]),
            folder(&["config.json", "tokenizer.json", "model.safetensors"], None)
        );
        let index = "model.safetensors.index.json";
        assert_eq!(
            choose(None, &[index, "config.json", "model-00001-of-00002.safetensors"]),
            folder(&["config.json", index], Some(index))
        );
        assert!(choose(None, &["config.json", "pytorch_model.bin"]).unwrap_err().contains("no weights whit can read"));
        assert!(choose(None, &["README.md"]).unwrap_err().contains("neither a GGUF file nor a config.json"));
    }
}
