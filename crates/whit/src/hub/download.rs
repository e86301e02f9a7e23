//! One file from the hub into the cache: resumed where it was cut, checked, and only then given its name.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::StatusCode;

use super::cache::{Cache, Snapshot, at};
use super::client::{Client, FileInfo};
use super::{HubError, HubModel};
use crate::format;
use crate::progress::Progress;

/// Connections that may break without a byte having come before whit gives up.
const ATTEMPTS: u32 = 5;

/// Files below this are not worth a line on standard error.
const LARGE: u64 = 10 << 20;

/// Has `file` in `snapshot`, from the cache or from the hub.
///
/// # Errors
/// [`HubError`]; what has come so far is kept, and the next attempt goes on from there.
pub fn file(
    client: &Client,
    cache: &Cache,
    snapshot: &Snapshot,
    model: &HubModel,
    file: &str,
    say: &mut dyn FnMut(String),
) -> Result<(), HubError> {
    let path = snapshot.file(file)?;
    if path.is_file() {
        return Ok(());
    }
    let commit = snapshot.folder().file_name().unwrap_or_default().to_string_lossy();
    let info = client.info(model, &commit, file)?;
    let blob = cache.blob(&info.etag)?;
    if !blob.is_file() {
        let _lock = cache.lock(&info.etag, say)?;
        if !blob.is_file() {
            if info.size.is_some_and(|size| size >= LARGE) && !io::stderr().is_terminal() {
                say(format!("downloading {file} ({})", format::bytes(info.size.unwrap_or(0))));
            }
            let incomplete = blob.with_file_name(format!("{}.incomplete", info.etag));
            let out = File::options().create(true).append(true).open(&incomplete).map_err(at(&incomplete))?;
            let have = out.metadata().map_err(at(&incomplete))?.len();
            let mut transfer = Transfer { client, model, file, info: &info, out, incomplete: &incomplete, have };
            transfer.run()?;
            transfer.check()?;
            fs::rename(&incomplete, &blob).map_err(at(&blob))?;
        }
    }
    snapshot.link(file, &blob)
}

/// A file on its way.
struct Transfer<'a> {
    client: &'a Client,
    model: &'a HubModel,
    file: &'a str,
    info: &'a FileInfo,
    /// What has come so far.
    out: File,
    /// The path of `out`.
    incomplete: &'a Path,
    /// The length of `out`.
    have: u64,
}

impl Transfer<'_> {
    /// Fills the file, beginning with what is there already; over as many connections as it takes.
    fn run(&mut self) -> Result<(), HubError> {
        let mut bar = Progress::bytes(&format!("Downloading {}", self.file));
        bar.resume_at(self.have);
        let mut failures = 0;
        while self.info.size != Some(self.have) {
            let before = self.have;
            let cause = match self.receive(&mut bar) {
                Ok(()) if self.info.size.is_none_or(|size| self.have == size) => break,
                Ok(()) => "the connection broke off".into(),
                Err(HubError::Unreachable(cause)) => cause,
                Err(error) => return Err(error),
            };
            failures = if self.have > before { 1 } else { failures + 1 };
            if failures >= ATTEMPTS {
                return Err(HubError::Unreachable(format!(
                    "{}: {}: {cause}; {} have come so far, run the command again to go on from there",
                    self.model,
                    self.file,
                    format::bytes(self.have)
                )));
            }
            std::thread::sleep(Duration::from_millis(125 << failures));
        }
        Ok(())
    }

    /// One connection's worth: asks for everything that is missing and appends what comes.
    fn receive(&mut self, bar: &mut Progress) -> Result<(), HubError> {
        let size = self.info.size;
        if size.is_some_and(|size| self.have > size) {
            self.begin_again()?;
        }
        let response = self.client.bytes(self.model, self.file, &self.info.url, self.have)?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // The server sends the whole file, or has less than is here.
            self.begin_again()?;
            if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                return Err(HubError::Unreachable("the server has less of the file than was downloaded before".into()));
            }
        }
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = body
                .read(&mut buffer)
                .map_err(|error| HubError::Unreachable(format!("the connection broke off ({error})")))?;
            if read == 0 {
                return Ok(());
            }
            self.out.write_all(&buffer[..read]).map_err(at(self.incomplete))?;
            self.have += read as u64;
            if size.is_some_and(|size| self.have > size) {
                return Err(HubError::Unreachable("the server sends more than it announced".into()));
            }
            bar.set(self.have, size.unwrap_or(self.have));
        }
    }

    fn begin_again(&mut self) -> Result<(), HubError> {
        self.have = 0;
        self.out.set_len(0).map_err(at(self.incomplete))
    }

    /// Large files are named by their SHA-256; a file that does not have it is thrown away.
    fn check(&self) -> Result<(), HubError> {
        let FileInfo { etag, .. } = self.info;
        if etag.len() != 64 || !etag.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(());
        }
        let mut bar = Progress::bytes(&format!("Checking {}", self.file));
        let mut bytes = File::open(self.incomplete).map_err(at(self.incomplete))?;
        let (mut hasher, mut buffer, mut done) = (Sha256::new(), vec![0; 1 << 20], 0);
        loop {
            let read = bytes.read(&mut buffer).map_err(at(self.incomplete))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            done += read as u64;
            bar.set(done, self.have);
        }
        let sum: String = hasher.finalize().iter().map(|b| format!("{b:02x}")).collect();
        if sum.eq_ignore_ascii_case(etag) {
            return Ok(());
        }
        fs::remove_file(self.incomplete).map_err(at(self.incomplete))?;
        Err(HubError::Unreachable(format!(
            "{}: {} came damaged (its SHA-256 is not what the hub says); run the command again to download it anew",
            self.model, self.file
        )))
    }
}
