//! The archive that a `.brick` file is: an uncompressed tar of plain files, in the form that POSIX calls ustar.
//!
//! ```text
//! byte 0    a header of 512 bytes for each file    name (100), mode (8), owner (8), group (8), size (12, octal), time (12),
//!                                                  checksum (8, octal), type (1: '0'), link (100), "ustar\0" "00",
//!                                                  owner's name (32), group's name (32), device (16), prefix (155: empty)
//!           its bytes, padded with zeros to a multiple of 512
//!           two blocks of 512 zeros or more
//! ```
//!
//! Nothing else of tar is read: no folders, links, long names or extensions, so that an archive has one meaning, which is the one
//! `tar xf` finds in it too. Source: POSIX.1-2024, pax, "ustar Interchange Format".

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use super::names::{self, MOST_FILES};
use crate::ModelError;
use crate::error::shorten;

const BLOCK: usize = 512;
/// What other programs fill the last record up to.
const LONGEST_END: usize = 20 * BLOCK;
const AGAIN: &str = "pack the folder again with whit brick pack";

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, with `/` between folders; no two are the same, on no file system.
    pub name: String,
    /// Where its bytes lie in the archive.
    pub bytes: Range<usize>,
}

/// Whether a file that begins like this is a tar archive.
pub fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// Reads the headers of an archive whose content is `bytes`; `path` is for messages only. The files come in the order of their bytes.
///
/// # Errors
/// [`ModelError`] if anything breaks the rules above, or a name could lead out of the folder that the archive is unpacked to.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Member>, ModelError> {
    let mut members: Vec<Member> = Vec::new();
    let mut seen = HashSet::new();
    let mut at = 0;
    loop {
        let item = || format!("header of file {}", members.len() + 1);
        let malformed = |problem: String| ModelError::malformed(path, item(), problem);
        // Checked after copying: bytes of a map are not ours alone.
        let Some(header) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()).copied() else {
            return Err(malformed(format!(
                "the archive ends at byte {} before its end is marked: {AGAIN}",
                bytes.len()
            )));
        };
        if header.iter().all(|&byte| byte == 0) {
            check_end(path, &bytes[at..])?;
            return Ok(members);
        }
        if members.len() == MOST_FILES {
            return Err(malformed(format!("a brick has at most {MOST_FILES} files; take some out")));
        }
        let (name, size) = read_header(&header).map_err(malformed)?;
        names::check(&name, &mut seen).map_err(|problem| ModelError::malformed(path, item(), problem))?;
        let start = at + BLOCK;
        let range = usize::try_from(size).ok().and_then(|size| Some(start..start.checked_add(size)?));
        let padded = range.clone().and_then(|range| range.end.checked_next_multiple_of(BLOCK));
        let (Some(range), Some(next)) = (range, padded.filter(|&next| next <= bytes.len())) else {
            let problem = format!("its {size} bytes end past the end of the archive ({} bytes): {AGAIN}", bytes.len());
            return Err(ModelError::malformed(path, name, problem));
        };
        if bytes[range.end..next].iter().any(|&byte| byte != 0) {
            return Err(ModelError::malformed(
                path,
                name,
                format!("there are bytes behind it that belong to no file: {AGAIN}"),
            ));
        }
        members.push(Member { name, bytes: range });
        at = next;
    }
}

/// Name and size of a file.
fn read_header(header: &[u8; BLOCK]) -> Result<(String, u64), String> {
    if !is_tar(header) {
        return Err(format!("is not a file's header of a tar archive: {AGAIN}"));
    }
    let sum: u64 =
        header.iter().enumerate().map(|(at, &b)| u64::from(if (148..156).contains(&at) { b' ' } else { b })).sum();
    if octal(&header[148..156]) != Some(sum) {
        return Err(format!("does not fit its checksum: {AGAIN}"));
    }
    if header[257..265] != *b"ustar\x0000" {
        return Err(format!("is of another kind of tar archive than a brick's, ustar: {AGAIN}"));
    }
    let name = text(&header[..100]).ok_or_else(|| format!("its name is not plain text: {AGAIN}"))?;
    match header[156] {
        b'0' => {}
        b'1' | b'2' => {
            return Err(format!("{} is a link, and a brick has none: put the file in its place", shorten(name)));
        }
        b'5' => return Err(format!("{} is a folder, and a brick's archive has only files: {AGAIN}", shorten(name))),
        _ => return Err(format!("{} is no plain file, and a brick has no others: {AGAIN}", shorten(name))),
    }
    if header[345] != 0 {
        return Err(format!("its name is longer than {} bytes; give the file a shorter one", names::LONGEST));
    }
    let size = octal(&header[124..136]).ok_or_else(|| format!("its size is not a number: {AGAIN}"))?;
    Ok((name.to_owned(), size))
}

/// Text up to its end or the first zero; nothing may follow that.
fn text(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    field[end..].iter().all(|&byte| byte == 0).then_some(())?;
    std::str::from_utf8(&field[..end]).ok()
}

/// A number in octal digits, then spaces or zeros.
fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|byte| !(b'0'..=b'7').contains(byte)).unwrap_or(field.len());
    if end == 0 || field[end..].iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    // Of twelve digits at most.
    Some(field[..end].iter().fold(0, |number, digit| 8 * number + u64::from(digit - b'0')))
}

fn check_end(path: &Path, end: &[u8]) -> Result<(), ModelError> {
    let malformed =
        |problem: &str| Err(ModelError::malformed(path, "the archive's end", format!("{problem}: {AGAIN}")));
    if end.len() < 2 * BLOCK {
        return malformed("it is cut short");
    }
    if end.len() > LONGEST_END || end.iter().any(|&byte| byte != 0) {
        return malformed("there are bytes behind it that belong to no file");
    }
    Ok(())
}
