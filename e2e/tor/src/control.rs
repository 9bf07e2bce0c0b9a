//! Tor's open streams, read over a second connection to its control port (control-spec), as root.

use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A stream and the circuit that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Tor's number of the circuit.
    pub circuit: String,
    /// The target, `host:port`.
    pub target: String,
}

/// Returns the open streams. `sockets` is the directory with Tor's sockets and cookie.
///
/// # Errors
///
/// Fails if Tor does not respond.
pub fn streams(sockets: &Path) -> Result<Vec<Stream>> {
    let lines = Control::open(sockets)?.call("GETINFO stream-status")?;
    let parse = |line: &String| {
        let line = line.strip_prefix("250-stream-status=").unwrap_or(line);
        let mut words = line.split(' ').skip(1);
        let (status, circuit, target) = (words.next()?, words.next()?, words.next()?);
        (status == "SUCCEEDED").then(|| Stream { circuit: circuit.to_owned(), target: target.to_owned() })
    };
    Ok(lines.iter().filter_map(parse).collect())
}

/// An authenticated connection.
pub(crate) struct Control {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Control {
    pub(crate) fn open(sockets: &Path) -> Result<Self> {
        let cookie = std::fs::read(sockets.join("cookie")).context("cannot read Tor's cookie")?;
        let hex: String = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        let stream = UnixStream::connect(sockets.join("control")).context("cannot connect to Tor's control port")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut control = Self { reader: BufReader::new(stream.try_clone()?), writer: stream };
        let answer = control.call(&format!("AUTHENTICATE {hex}"))?;
        ensure!(answer == ["250 OK"], "Tor rejected the authentication: {answer:?}");
        Ok(control)
    }

    pub(crate) fn call(&mut self, words: &str) -> Result<Vec<String>> {
        self.writer.write_all(format!("{words}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.reader.read_line(&mut line)? > 0, "the control port closed");
            let line = line.trim_end().to_owned();
            let is_last = line.starts_with("250 ") || line.starts_with('5');
            lines.push(line);
            if is_last {
                return Ok(lines);
            }
        }
    }

    /// Returns the event stream, which ends with Tor.
    pub(crate) fn into_events(self) -> Result<BufReader<UnixStream>> {
        self.writer.set_read_timeout(None)?;
        Ok(self.reader)
    }
}
