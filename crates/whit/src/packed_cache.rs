//! Where packed copies of weights are kept, and how much of them.

use std::path::PathBuf;

use clap::Args;
use whit_engine::PackedCopies;

use crate::format;

/// Room for some models of each kind that whit is for.
const USUAL_SIZE: &str = "32GiB";

/// How much is kept.
#[derive(Args, Debug)]
pub struct CacheArgs {
    /// Room for packed copies of weights, which make the next start faster; 0 or none keeps none
    #[arg(long, value_name = "SIZE", env = "WHIT_CACHE_SIZE", hide_env_values = true, default_value = USUAL_SIZE)]
    #[arg(value_parser = parse_cache_size)]
    pub cache_size: u64,
}

impl CacheArgs {
    /// The copies; `None` if there is no folder to keep them in.
    pub fn copies(&self) -> Option<PackedCopies> {
        let folder = folder(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))?;
        Some(PackedCopies { folder, limit: self.cache_size })
    }
}

/// As [`format::parse_size`], and what turns it off.
fn parse_cache_size(text: &str) -> Result<u64, String> {
    if matches!(text.trim(), "0" | "none") { Ok(0) } else { format::parse_size(text) }
}

/// `WHIT_CACHE_DIR`, or else beside where the hub's models are by default.
fn folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let user = || variable("HOME").or_else(|| variable("USERPROFILE")).map(|home| home.join(".cache"));
    let usual = || Some(variable("XDG_CACHE_HOME").or_else(user)?.join("whit").join("packed"));
    variable("WHIT_CACHE_DIR").or_else(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_named_or_the_usual_one() {
        let folder = |variables: &[(&str, &str)]| {
            folder(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
        };
        assert_eq!(folder(&[("HOME", "/h")]), Some("/h/.cache/whit/packed".into()));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some("/x/whit/packed".into()));
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/x"), ("WHIT_CACHE_DIR", "/w")]), Some("/w".into()));
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn no_room_is_a_size_too() {
        assert_eq!((parse_cache_size("0"), parse_cache_size("none")), (Ok(0), Ok(0)));
        assert_eq!(parse_cache_size("2GiB"), Ok(2 << 30));
        assert!(parse_cache_size("off").is_err());
    }
}
