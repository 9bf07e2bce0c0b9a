//! Reads the log files of all services from stored positions. Blocking.
//!
//! Files are `<service>/<service>.log` and, rotated, `<service>/<service>.log.1` and so on: each service owns a
//! directory with its name, and no service can write another's. A position is a file's identity and an offset.

mod plan;
mod sequences;
mod split;

pub use split::split;

use crate::store::{Cursor, FileId};
use plan::{Candidate, Next};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tornado_log::line::{Line, is_service};

/// Bytes read at once.
const PIECE: usize = 256 * 1024;
/// Bytes of a file's beginning that identify it.
const HEAD: u64 = 256;
/// Rotated files that are looked for. The writer keeps five.
const MAX_ROTATED: u32 = 9;

/// Lines that were read, and the positions behind them.
#[derive(Debug, Default)]
pub struct Batch {
    /// Lines in the order of each file.
    pub lines: Vec<Line>,
    /// Positions that changed.
    pub cursors: Vec<Cursor>,
    /// Lines that are not in the log format.
    pub corrupt: u64,
    /// What is missing.
    pub gaps: Vec<Gap>,
}

/// Lines of a service that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The service.
    pub service: String,
    /// Number of lines, if known.
    pub lines: Option<u64>,
    /// Description.
    pub reason: &'static str,
    /// Tells gaps apart: process and number of the line behind the gap, or file and position that were lost.
    pub place: (u64, u64),
}

impl Batch {
    /// True if nothing was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.gaps.is_empty()
    }
}

/// Reads from positions. The caller stores a batch, and then [`commit`](Self::commit)s it.
#[derive(Debug)]
pub struct Tailer {
    directory: PathBuf,
    cursors: BTreeMap<String, Cursor>,
}

impl Tailer {
    /// A tailer of the files in `directory`, which continues at `cursors`.
    #[must_use]
    pub fn new(directory: &Path, cursors: BTreeMap<String, Cursor>) -> Self {
        Self { directory: directory.to_owned(), cursors }
    }

    /// Reads lines of all services, until about `max` lines were read. Files that cannot be read are left for the next
    /// call.
    #[must_use]
    pub fn read(&self, max: usize) -> Batch {
        let mut batch = Batch::default();
        let services = self.services();
        let share = (max / services.len().max(1)).max(1);
        for service in services {
            let mut cursor = self.cursors.get(&service).cloned();
            let limit = batch.lines.len() + share;
            while batch.lines.len() < limit {
                match self.read_piece(&service, &mut cursor, &mut batch) {
                    Ok(true) => {}
                    // A file was renamed at the same time, or is not readable.
                    Ok(false) | Err(_) => break,
                }
            }
            if cursor.as_ref() != self.cursors.get(&service) {
                batch.cursors.extend(cursor);
            }
        }
        batch
    }

    /// Continues behind a batch that was stored.
    pub fn commit(&mut self, cursors: Vec<Cursor>) {
        self.cursors.extend(cursors.into_iter().map(|cursor| (cursor.service.clone(), cursor)));
    }

    /// Bytes of all files behind the positions.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let of_service = |service: String| {
            let cursor = self.cursors.get(&service);
            let files = self.files(&service, cursor);
            let at = files.iter().position(|(file, _)| file.is_cursors).unwrap_or(files.len());
            let length = |files: &[(Candidate, File)]| files.iter().map(|(file, _)| file.length).sum::<u64>();
            let younger = length(files.get(..at).unwrap_or_default());
            let of_current = files.get(at).map_or(0, |(file, _)| file.length);
            younger + of_current.saturating_sub(cursor.map_or(0, |cursor| cursor.offset))
        };
        self.services().into_iter().map(of_service).sum()
    }

    fn services(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut services: Vec<String> = names.filter(|name| is_service(name)).collect();
        services.sort();
        services
    }

    /// The files of a service, opened, the current one first.
    fn files(&self, service: &str, cursor: Option<&Cursor>) -> Vec<(Candidate, File)> {
        let candidate = |number: u32| {
            let name = if number == 0 { format!("{service}.log") } else { format!("{service}.log.{number}") };
            let path = self.directory.join(service).join(name);
            // Neither follows links nor waits for the writer of a pipe.
            let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
            let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
            let found = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let is_cursors = cursor.is_some_and(|cursor| is_file(&cursor.file, &file, found.ino()));
            Some((Candidate { number, length: found.len(), is_cursors }, file))
        };
        (0..=MAX_ROTATED).filter_map(candidate).collect()
    }

    /// Reads one piece. Returns false if there is nothing to read.
    fn read_piece(&self, service: &str, cursor: &mut Option<Cursor>, batch: &mut Batch) -> io::Result<bool> {
        let files = self.files(service, cursor.as_ref());
        let candidates: Vec<Candidate> = files.iter().map(|(candidate, _)| candidate.clone()).collect();
        let offset = cursor.as_ref().map_or(0, |cursor| cursor.offset);
        let mut next = plan::next(&candidates, cursor.as_ref().is_some_and(Cursor::has_file), offset);
        let lost = if let Next::Restart(lost) = next { Some(lost) } else { None };
        if lost.is_some() {
            next = plan::restart(&candidates);
        }
        let Next::Read { number, offset, is_new, is_finished } = next else { return Ok(false) };
        let Some((_, file)) = files.iter().find(|(candidate, _)| candidate.number == number) else { return Ok(false) };
        let mut at = cursor.clone().unwrap_or_default();
        service.clone_into(&mut at.service);
        if is_new || at.file.head_length < HEAD {
            at.file = identify(file)?;
        }
        at.is_skipping &= !is_new;
        let mut piece = vec![0; PIECE];
        let length = file.read_at(&mut piece, offset)?;
        piece.truncate(length);
        let lost = lost.map(|lost| {
            let place = cursor.as_ref().map(|cursor| (cursor.file.head, cursor.offset)).unwrap_or_default();
            Gap { service: service.to_owned(), lines: None, reason: lost.reason(), place }
        });
        batch.gaps.extend(lost);
        // A file that is renamed while it is read becomes finished with the next piece.
        let found = split(&piece, at.is_skipping, is_finished && length < PIECE);
        if found.consumed == 0 && !is_new {
            return Ok(false);
        }
        at.offset = offset + found.consumed as u64;
        at.is_skipping = found.is_skipping;
        batch.corrupt += found.corrupt;
        for range in found.lines {
            match Line::parse(piece.get(range).unwrap_or_default()) {
                Ok(line) if line.service == service => {
                    let missing = sequences::note(&mut at, &line);
                    if missing > 0 {
                        let (lines, place) = (Some(missing), (line.process.0, line.seq));
                        let reason = "sequence numbers are missing";
                        batch.gaps.push(Gap { service: service.to_owned(), lines, reason, place });
                    }
                    batch.lines.push(line);
                }
                Ok(_) | Err(_) => batch.corrupt += 1,
            }
        }
        let is_progress = cursor.as_ref() != Some(&at);
        *cursor = Some(at);
        Ok(is_progress)
    }
}

fn identify(file: &File) -> io::Result<FileId> {
    let found = file.metadata()?;
    let head_length = found.len().min(HEAD);
    Ok(FileId { inode: found.ino(), head_length, head: checksum(file, head_length)? })
}

fn is_file(id: &FileId, file: &File, inode: u64) -> bool {
    id.inode == inode && checksum(file, id.head_length).is_ok_and(|head| head == id.head)
}

/// Fails if the file is shorter than `length`.
fn checksum(file: &File, length: u64) -> io::Result<u64> {
    let mut bytes = vec![0; usize::try_from(length.min(HEAD)).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    let digest = Sha256::digest(&bytes);
    Ok(digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests;
