//! Records which circuit carried whose streams, from Tor's stream events (control-spec, `STREAM`).

use crate::control;
use anyhow::Result;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// The events recorded so far.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    /// Maps a stream to the address under which Tor sees the device.
    sources: BTreeMap<String, IpAddr>,
    /// Maps a circuit to every address it ever carried a stream for.
    circuits: BTreeMap<String, BTreeSet<IpAddr>>,
    latest: Option<IpAddr>,
}

impl Watch {
    /// Starts recording. `sockets` is the directory with Tor's sockets and cookie.
    ///
    /// # Errors
    ///
    /// Fails if Tor does not respond.
    pub fn start(sockets: &Path) -> Result<Self> {
        let mut control = control::Control::open(sockets)?;
        control.call("SETEVENTS STREAM")?;
        let watch = Self::default();
        let book = watch.clone();
        let reader = control.into_events()?;
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                book.0.lock().note(&line);
            }
        });
        Ok(watch)
    }

    /// Returns the source of the stream that was carried last.
    #[must_use]
    pub fn latest(&self) -> Option<IpAddr> {
        self.with(|book| book.latest)
    }

    /// Returns the circuits that carried a stream for `source`.
    #[must_use]
    pub fn circuits_of(&self, source: IpAddr) -> BTreeSet<String> {
        let own = |book: &Book| {
            let of = book.circuits.iter().filter(|(_, whom)| whom.contains(&source));
            of.map(|(circuit, _)| circuit.clone()).collect()
        };
        self.with(own)
    }

    /// Returns the circuits that carried streams for more than one source.
    #[must_use]
    pub fn shared(&self) -> Vec<(String, BTreeSet<IpAddr>)> {
        self.with(|book| book.circuits.clone().into_iter().filter(|(_, whom)| whom.len() > 1).collect())
    }

    fn with<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.0.lock())
    }
}

impl Book {
    /// `650 STREAM id status circuit target key=value …`. Streams of Tor itself and of the probe have no address.
    fn note(&mut self, line: &str) {
        let mut words = line.strip_prefix("650 STREAM ").unwrap_or_default().split(' ');
        let (Some(stream), Some(_), Some(circuit), Some(_)) = (words.next(), words.next(), words.next(), words.next())
        else {
            return;
        };
        let source = words.find_map(|word| word.strip_prefix("SOURCE_ADDR=")?.parse::<SocketAddr>().ok());
        if let Some(source) = source {
            self.sources.insert(stream.to_owned(), source.ip());
        }
        if let Some(source) = self.sources.get(stream).filter(|_| circuit != "0") {
            self.circuits.entry(circuit.to_owned()).or_default().insert(*source);
            self.latest = Some(*source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_belongs_to_those_whose_streams_it_carried() {
        let mut book = Book::default();
        for line in [
            "650 STREAM 7 NEW 0 192.0.2.80:80 SOURCE_ADDR=100.64.0.3:4000 PURPOSE=USER",
            "650 STREAM 8 NEW 0 192.0.2.80:80 SOURCE_ADDR=100.64.0.4:4000 PURPOSE=USER",
            "650 STREAM 9 NEW 0 x:80 SOURCE_ADDR=(Tor_internal):0 PURPOSE=DIR_FETCH",
            "650 STREAM 7 SENTCONNECT 21 192.0.2.80:80",
            "650 STREAM 8 SENTCONNECT 22 192.0.2.80:80",
            "650 STREAM 9 SENTCONNECT 21 x:80",
            "650 STREAM 7 SUCCEEDED 21 192.0.2.80:80",
            "250 OK",
        ] {
            book.note(line);
        }
        let whom: Vec<_> = book.circuits.values().map(BTreeSet::len).collect();
        assert_eq!(whom, [1, 1]);
        book.note("650 STREAM 8 SENTCONNECT 21 192.0.2.80:80");
        assert_eq!(book.circuits["21"].len(), 2);
    }
}
