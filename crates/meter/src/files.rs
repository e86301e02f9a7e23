//! Small files of the system that hold a number or a word, and what to do about those that may not be read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::source::{Roots, SourceError, Unavailable};

/// What a small file holds, without white space around it.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned())
}

/// The number in a file; `None` if there is none.
pub(crate) fn number<N: std::str::FromStr>(path: &Path) -> Option<N> {
    text(path).ok()?.parse().ok()
}

/// The names in a folder, sorted as people count: `cpu2` before `cpu10`. None if there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_by_key(|name| {
        let parts = name.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let numbers: Vec<u64> = parts.filter_map(|digits| digits.parse().ok()).collect();
        (name.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':').to_owned(), numbers)
    });
    names
}

/// A file with a number that changes. It stays open: the system writes it anew whenever it is read from its
/// beginning.
pub(crate) struct Gauge {
    path: PathBuf,
    file: File,
}

impl Gauge {
    /// Opens it, and sees whether there is a number in it.
    pub fn open(path: PathBuf) -> Result<Gauge, SourceError> {
        match File::open(&path) {
            Ok(file) => {
                let mut gauge = Gauge { path, file };
                gauge.read::<f64>()?;
                Ok(gauge)
            }
            Err(source) => Err(SourceError::File { path, source }),
        }
    }

    /// The number as it is now.
    pub fn read<N: std::str::FromStr>(&mut self) -> Result<N, SourceError> {
        // No number of 64 bits is longer.
        let mut bytes = [0; 32];
        let read = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.read(&mut bytes));
        let length = read.map_err(|source| SourceError::File { path: self.path.clone(), source })?;
        let text = String::from_utf8_lossy(&bytes[..length]);
        text.trim().parse().map_err(|_| SourceError::Number { path: self.path.clone(), text: text.trim().to_owned() })
    }
}

/// Why `path` cannot be read, and the mend. `all` names all files like it, as a shell would; `mount` is what a
/// container must be given to see them.
pub(crate) fn unreadable(path: &Path, error: &SourceError, all: &str, mount: &str, roots: &Roots) -> Unavailable {
    match error {
        SourceError::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            let (mode, group) = owner(path);
            let why = format!("{} may not be read (mode {:04o}, group {group})", path.display(), mode & 0o7777);
            let mend = if roots.container {
                format!("start the container with -v {mount}:{mount}:ro and as a user who may read it on the host")
            } else if mode & 0o040 != 0 && group != "root" {
                format!("join its group and log in again: sudo usermod -aG {group} $USER")
            } else {
                format!(
                    "let everybody read it until the next start: sudo chmod a+r {all} (docs/metering.md has the rule that \
                     lasts); or give whit alone the right: sudo setcap cap_dac_read_search+ep $(command -v whit)"
                )
            };
            Unavailable::mendable(why, mend)
        }
        error => Unavailable::hopeless(error.to_string()),
    }
}

/// The mode of a file and the name of its group.
#[cfg(unix)]
fn owner(path: &Path) -> (u32, String) {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(path) else { return (0, "unknown".into()) };
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let named = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(metadata.gid())).then(|| name.to_owned())
    });
    (metadata.mode(), named.unwrap_or_else(|| metadata.gid().to_string()))
}

#[cfg(not(unix))]
fn owner(_: &Path) -> (u32, String) {
    (0, "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_reads_what_is_there_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("energy_uj");
        std::fs::write(&path, "18446744073709551615\n").unwrap();
        let mut gauge = Gauge::open(path.clone()).unwrap();
        assert_eq!(gauge.read::<u64>().unwrap(), u64::MAX);
        std::fs::write(&path, "12\n").unwrap();
        assert_eq!(gauge.read::<u64>().unwrap(), 12);
        std::fs::write(&path, "none\n").unwrap();
        assert_eq!(gauge.read::<u64>().unwrap_err().to_string(), format!("{}: 'none' is no number", path.display()));
        assert!(Gauge::open(folder.path().join("missing")).is_err());
    }

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["intel-rapl:10", "intel-rapl:2:1", "intel-rapl:2", "intel-rapl", "intel-rapl-mmio:0"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let expected = ["intel-rapl", "intel-rapl:2", "intel-rapl:2:1", "intel-rapl:10", "intel-rapl-mmio:0"];
        assert_eq!(names(folder.path()), expected);
        assert!(names(&folder.path().join("missing")).is_empty());
    }

    #[test]
    fn what_may_not_be_read_comes_with_the_mend() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("energy_uj");
        std::fs::write(&path, "1").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        let denied = SourceError::File { path: path.clone(), source: io::ErrorKind::PermissionDenied.into() };
        let mut roots = Roots { sys: "/sys".into(), proc: "/proc".into(), container: false };
        let told = |roots: &Roots| unreadable(&path, &denied, "/sys/*/energy_uj", "/sys/devices", roots).to_string();
        let sentence = told(&roots);
        assert!(sentence.contains("mode 0400") && sentence.contains("sudo chmod a+r /sys/*/energy_uj"), "{sentence}");
        assert!(sentence.contains("cap_dac_read_search"), "{sentence}");
        roots.container = true;
        assert!(told(&roots).contains("-v /sys/devices:/sys/devices:ro"), "{}", told(&roots));
        let other = SourceError::Other("it broke".into());
        assert_eq!(unreadable(&path, &other, "", "", &roots), Unavailable::hopeless("it broke"));
    }
}
