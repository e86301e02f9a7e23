//! `whit brick pack`: one file of a folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use whit_model::Brick;

use super::title;
use crate::failure::bad_input;
use crate::format;

#[derive(Args, Debug)]
#[command(after_help = "\
A .brick file is the folder as an uncompressed tar archive: the same files give the same bytes, and tar xf unpacks it. Files whose \
names begin with a point are left out. docs/bricks.md has the format.

Examples:
  whit brick pack bricks/assistant
  whit brick pack bricks/assistant -o assistant.brick")]
pub struct PackArgs {
    /// The folder, with its brick.toml
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where to write the file; one that is there is replaced [default: NAME.brick, with the brick's name]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `whit brick pack`.
pub fn run(args: &PackArgs) -> anyhow::Result<()> {
    let folder = &args.folder;
    if folder.try_exists().unwrap_or(true) && !folder.is_dir() {
        return Err(bad_input(format!("{}: is no folder; give the folder that is to be packed", folder.display())));
    }
    let brick = Brick::open(folder)?;
    let file = args.output.clone().unwrap_or_else(|| Path::new(&brick.card().name).with_extension("brick"));
    let packed = whit_tune::pack(&brick, &file)?;
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "{}: {}, {} files, {}, sha256 {}",
        file.display(),
        title(&brick),
        packed.files,
        format::bytes(packed.bytes),
        packed.sha256
    )?;
    Ok(())
}
