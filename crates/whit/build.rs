//! Puts the repository's bricks into the program: `bricks/NAME.brick`, as many of them as there are.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new("../../bricks");
    let mut bricks: Vec<PathBuf> = Vec::new();
    // A folder that is not there would be looked for anew at every build.
    if folder.is_dir() {
        println!("cargo:rerun-if-changed={}", folder.display());
        if env::var_os("CARGO_FEATURE_BRICKS").is_some() {
            for entry in fs::read_dir(folder)? {
                bricks.push(entry?.path());
            }
        }
    }
    bricks.retain(|path| path.extension().is_some_and(|extension| extension == "brick"));
    bricks.sort();
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    let mut list = fs::File::create(out.join("bricks.rs"))?;
    writeln!(list, "[")?;
    for path in bricks {
        let path = fs::canonicalize(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(list, "    ({name:?}, include_bytes!({:?}) as &[u8]),", path.to_string_lossy())?;
    }
    writeln!(list, "]")
}
