//! The sources of power figures, one file each.

pub mod battery;
pub mod external;
pub mod hwmon;
pub mod modelled;
pub mod nvml;
pub mod perf;
pub mod powercap;

#[cfg(target_os = "macos")]
pub mod apple;

/// The names that a user may ask for, beside `auto`, `file:` and `command:`.
pub(crate) const NAMES: &[&str] = &[
    powercap::NAME,
    perf::NAME,
    hwmon::NAME,
    battery::NAME,
    #[cfg(target_os = "macos")]
    apple::NAME,
    nvml::NAME,
    modelled::NAME,
];

#[cfg(test)]
pub(crate) mod tree {
    //! Trees of files that look like a machine's `/sys` and `/proc`.

    use std::path::PathBuf;

    use crate::source::Roots;

    pub struct Tree {
        folder: tempfile::TempDir,
    }

    impl Tree {
        pub fn new() -> Tree {
            Tree { folder: tempfile::tempdir().expect("a folder") }
        }

        pub fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Writes files below it: their paths and what is in them.
        pub fn write(&self, files: &[(&str, &str)]) {
            for (name, text) in files {
                let path = self.path(name);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                std::fs::write(path, format!("{text}\n")).expect("written");
            }
        }

        pub fn roots(&self) -> Roots {
            Roots { sys: self.path("sys"), proc: self.path("proc"), container: false }
        }
    }
}
