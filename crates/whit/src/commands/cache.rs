//! `whit cache`: the packed copies of weights on disk.

use std::io::Write;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde::Serialize;
use whit_engine::{PackedCopies, PackedCopy};

use crate::failure::bad_input;
use crate::format;
use crate::packed_cache::CacheArgs;

#[derive(Subcommand, Debug)]
pub enum CacheCommand {
    /// List the packed copies of weights
    List(ListArgs),
    /// Remove all packed copies of weights; models stay
    Clear(ClearArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "\
The first start of a model packs its weights for this machine and leaves a copy; the next starts map it. A copy \
belongs to the content of the model's files, not to their names, and is checked byte by byte at every start: if it \
is damaged, it is removed and made again. When room is short, the copies not used for longest go.

They lie in WHIT_CACHE_DIR, or else in whit/packed below XDG_CACHE_HOME or ~/.cache.

Examples:
  whit cache list
  whit cache list --json | jq .total_bytes")]
pub struct ListArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Args, Debug)]
pub struct ClearArgs {
    /// Print one JSON object instead of a sentence
    #[arg(long)]
    json: bool,
}

/// What `whit cache list --json` prints; the keys are promised.
#[derive(Serialize)]
struct ListJson {
    folder: String,
    limit_bytes: u64,
    total_bytes: u64,
    copies: Vec<CopyJson>,
}

#[derive(Serialize)]
struct CopyJson {
    file: String,
    bytes: u64,
    /// Seconds since 1970; to the hour.
    last_used: u64,
    content: String,
    layout_version: Option<u32>,
    instruction_set: Option<String>,
    models: Vec<String>,
}

/// What `whit cache clear --json` prints; the keys are promised.
#[derive(Serialize)]
struct ClearJson {
    folder: String,
    copies_removed: usize,
    bytes_freed: u64,
}

impl CacheCommand {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<()> {
        match self {
            CacheCommand::List(args) => list(args),
            CacheCommand::Clear(args) => clear(args),
        }
    }
}

fn copies(cache: &CacheArgs) -> anyhow::Result<PackedCopies> {
    cache.copies().ok_or_else(|| bad_input("there is no home folder to keep copies in; set WHIT_CACHE_DIR to a folder"))
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let copies = copies(&args.cache)?;
    let found = copies.list();
    let total = found.iter().map(|copy| copy.bytes).sum();
    if args.json {
        let report = ListJson {
            folder: copies.folder.display().to_string(),
            limit_bytes: copies.limit,
            total_bytes: total,
            copies: found.into_iter().map(CopyJson::of).collect(),
        };
        return print_json(&report);
    }
    let mut out = anstream::stdout().lock();
    for copy in &found {
        let layout = match &copy.layout {
            Some((version, isa)) => format!("{isa}, layout {version}"),
            None => "damaged".into(),
        };
        let models = if copy.models.is_empty() { "(model unknown)".into() } else { copy.models.join(", ") };
        let content = copy.content.get(..12).unwrap_or_default();
        let size = format::bytes(copy.bytes);
        writeln!(out, "{size:>9}  {content}  {layout}  used {:<14}  {models}", ago(copy.last_used))?;
    }
    writeln!(
        out,
        "{} in {} ({} of {})",
        copies_word(found.len()),
        copies.folder.display(),
        format::bytes(total),
        if copies.limit == 0 { "none kept".into() } else { format::bytes(copies.limit) },
    )?;
    Ok(())
}

fn clear(args: &ClearArgs) -> anyhow::Result<()> {
    // The limit does not matter here.
    let copies = copies(&CacheArgs { cache_size: 0 })?;
    let (removed, bytes) = copies.clear()?;
    let folder = copies.folder.display().to_string();
    if args.json {
        return print_json(&ClearJson { folder, copies_removed: removed, bytes_freed: bytes });
    }
    let mut out = anstream::stdout().lock();
    writeln!(out, "removed {} from {folder}: {} freed", copies_word(removed), format::bytes(bytes))?;
    Ok(())
}

fn copies_word(count: usize) -> String {
    match count {
        0 => "no packed copies".into(),
        1 => "1 packed copy".into(),
        _ => format!("{count} packed copies"),
    }
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    Ok(writeln!(out)?)
}

impl CopyJson {
    fn of(copy: PackedCopy) -> CopyJson {
        let since_1970 = copy.last_used.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (layout_version, instruction_set) = copy.layout.unzip();
        CopyJson {
            file: copy.path.display().to_string(),
            bytes: copy.bytes,
            last_used: since_1970.as_secs(),
            content: copy.content,
            layout_version,
            instruction_set,
            models: copy.models,
        }
    }
}

/// `3 days ago`; no finer than the hour, which is how exactly the last use is noted.
fn ago(time: SystemTime) -> String {
    let hours = time.elapsed().unwrap_or(Duration::ZERO).as_secs() / 3600;
    match hours {
        0 => "this hour".into(),
        1 => "1 hour ago".into(),
        2..48 => format!("{hours} hours ago"),
        _ => format!("{} days ago", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_use_is_told_as_exactly_as_it_is_known() {
        let told = |hours: u64| ago(SystemTime::now() - Duration::from_secs(3600 * hours + 60));
        let expected = ["this hour", "1 hour ago", "47 hours ago", "2 days ago", "30 days ago"];
        assert_eq!([0, 1, 47, 48, 720].map(told), expected);
        assert_eq!(ago(SystemTime::now() + Duration::from_secs(9000)), "this hour");
    }
}
