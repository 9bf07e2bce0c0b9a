//! HTTP/1.1 over one persistent connection with minimal overhead, because the load generator shares its cores with the
//! server.

use anyhow::{Context as _, bail, ensure};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tornado_e2e_support::any_certificate;

/// Deadline of a call.
const PATIENCE: Duration = Duration::from_secs(15);
/// Maximum size of a response in bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// The target of calls.
#[derive(Clone)]
pub enum Target {
    /// The device API, over TLS.
    Tls(SocketAddr, TlsConnector),
    /// The socket of a service.
    Unix(PathBuf),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A caller with its own connection.
pub struct Caller {
    target: Target,
    stream: Option<Box<dyn Stream>>,
    buffer: Vec<u8>,
}

impl Caller {
    /// Creates a caller that connects with its first call.
    pub fn new(target: Target) -> Self {
        Self { target, stream: None, buffer: Vec::with_capacity(4096) }
    }

    /// Makes a call. Returns the body of a response with status 200.
    ///
    /// # Errors
    ///
    /// Fails with any other status, at the deadline, or if the connection breaks.
    pub async fn call(&mut self, method: &str, path: &str, token: Option<&str>, body: &str) -> anyhow::Result<Vec<u8>> {
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: s\r\n{bearer}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let exchanged = tokio::time::timeout(PATIENCE, self.exchange(request.as_bytes())).await;
        let (status, body) = match exchanged {
            Ok(Ok(answer)) => answer,
            failed => {
                // A late response must not be mistaken for the next one.
                self.stream = None;
                failed.context("no response in time")??
            }
        };
        if status != 200 {
            bail!("{path}: status {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => empty.insert(open(&self.target).await?),
        };
        stream.write_all(request).await?;
        stream.flush().await?;
        self.buffer.clear();
        loop {
            let read = stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the connection was closed");
            ensure!(self.buffer.len() <= ANSWER_MAX, "the response is too long");
            if let Some(head) = Head::read(&self.buffer)? {
                let whole = head.length + head.body;
                if self.buffer.len() >= whole {
                    let body = self.buffer.get(head.length..whole).unwrap_or_default().to_vec();
                    if head.closes {
                        self.stream = None;
                    }
                    return Ok((head.status, body));
                }
            }
        }
    }
}

async fn open(target: &Target) -> anyhow::Result<Box<dyn Stream>> {
    match target {
        Target::Unix(path) => {
            Ok(Box::new(UnixStream::connect(path).await.with_context(|| path.display().to_string())?))
        }
        Target::Tls(address, connector) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::from(address.ip());
            Ok(Box::new(connector.connect(name, stream).await?))
        }
    }
}

/// The required parts of a response head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Length of the head in bytes.
    length: usize,
    /// Length of the body in bytes.
    body: usize,
    closes: bool,
}

impl Head {
    /// Returns `None` if the head is incomplete.
    fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
        let mut lines = text.split("\r\n");
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("the response has no status")?;
        let (mut body, mut closes) = (0, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                body = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.trim().eq_ignore_ascii_case("close");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("chunked responses are not supported");
            }
        }
        Ok(Some(Self { status, length: end + 4, body, closes }))
    }
}

/// A TLS target whose certificate is not verified, because the bench starts the server itself.
pub fn tls(address: SocketAddr) -> anyhow::Result<Target> {
    Ok(Target::Tls(address, TlsConnector::from(any_certificate()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        assert_eq!(Head::read(&text[..20]).unwrap(), None);
        assert_eq!(Head::read(text).unwrap(), Some(Head { status: 200, length: 57, body: 2, closes: true }));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(Head::read(b"nonsense\r\n\r\n").is_err());
    }
}
