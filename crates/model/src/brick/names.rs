//! What files in a brick may be called: the same on every file system, and never a way out of the folder.

use std::collections::HashSet;

use crate::error::shorten;

/// Files of one brick.
pub(super) const MOST_FILES: usize = 1024;
/// Bytes of a name: what a header of the archive holds.
pub(super) const LONGEST: usize = 100;
/// Folders within each other, and the file.
pub(super) const DEEPEST: usize = 5;

/// Checks a file's name and adds it to those `seen`, in small letters: its own and its folders', these with a `/` at the end.
pub(super) fn check(name: &str, seen: &mut HashSet<String>) -> Result<(), String> {
    if let Err(problem) = check_alone(name) {
        return Err(format!("the name {} {problem}; rename it", quoted(name)));
    }
    let lower = name.to_ascii_lowercase();
    let folders = || lower.match_indices('/').map(|(at, _)| &lower[..at]);
    if folders().any(|folder| seen.contains(folder)) || seen.contains(&format!("{lower}/")) {
        return Err(format!("{} is both a file and a folder; rename one of them", quoted(name)));
    }
    if seen.contains(&lower) {
        return Err(format!(
            "{} is there twice (small and capital letters count as the same); rename one of them",
            quoted(name)
        ));
    }
    seen.extend(folders().map(|folder| format!("{folder}/")));
    seen.insert(lower);
    Ok(())
}

/// Whether this can be the name of a file or a folder in a brick; if not, the end of a sentence on why.
pub(super) fn check_alone(name: &str) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    if name.split('/').count() > DEEPEST {
        return Err(format!("has more than {} folders within each other", DEEPEST - 1));
    }
    for part in name.split('/') {
        let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        if !part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') || !part.chars().all(is_usual) {
            return Err("is not one for a brick: parts of letters, digits, '.', '_', '-' and '+' with '/' between them, none of which \
                        begins with '.', '-' or '+'"
                .into());
        }
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", shorten(name))
}
