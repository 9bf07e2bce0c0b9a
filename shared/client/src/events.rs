//! Server-sent events (HTML Living Standard §9.2), as far as this server uses the format.

use crate::Error;
use crate::failure::failure;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::time::Duration;
use tokio::sync::watch;
use tornado_shared::api::DeviceEvent;

/// Maximum size of a message, bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// The server sends a comment every 25 s. A connection without any data for this time is dead.
const SILENCE: Duration = Duration::from_secs(60);

/// The messages of `GET /v2/events`.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    network: Option<watch::Receiver<u64>>,
    lines: Lines,
}

/// Splits bytes into messages.
#[derive(Debug, Default)]
struct Lines {
    buffer: Vec<u8>,
}

impl EventStream {
    pub(crate) fn new(body: Incoming, mut network: Option<watch::Receiver<u64>>) -> Self {
        if let Some(network) = &mut network {
            network.mark_unchanged();
        }
        Self { body, network, lines: Lines::default() }
    }

    /// Returns the next message, or `None` when the server ended the stream.
    ///
    /// # Errors
    /// If the connection is dead, the network changed, or the data is not a valid message.
    pub async fn next(&mut self) -> Result<Option<DeviceEvent>, Error> {
        loop {
            if let Some(data) = self.lines.next() {
                let event = serde_json::from_slice(&data).map_err(|e| Error::Malformed(e.to_string()))?;
                return Ok(Some(event));
            }
            let network = &mut self.network;
            let changed = async {
                if let Some(network) = network
                    && network.changed().await.is_ok()
                {
                    return;
                }
                std::future::pending().await
            };
            let frame = tokio::select! {
                frame = tokio::time::timeout(SILENCE, self.body.frame()) => frame.map_err(|_| Error::Timeout)?,
                () = changed => return Err(Error::Unreachable("the network changed".into())),
            };
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(bytes) = frame.map_err(|e| failure(&e))?.into_data() {
                self.lines.push(&bytes)?;
            }
        }
    }
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len() + bytes.len() > MAX_MESSAGE {
            return Err(Error::Malformed(format!("the message is longer than {MAX_MESSAGE} bytes")));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The data of the next complete message. Comments and other fields are skipped.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
            let message: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let data = message.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data:"));
            if let Some(data) = data {
                return Some(data.trim_ascii().to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let text = b":\n\ndata: {\"a\":1}\n\n: still here\n\nevent: x\ndata:2\n\ndata: 3";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for chunk in text.chunks(size) {
                lines.push(chunk).unwrap();
                seen.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(seen, [b"{\"a\":1}".to_vec(), b"2".to_vec()]);
        }
        assert!(Lines::default().push(&vec![0; MAX_MESSAGE + 1]).is_err());
    }
}
