//! Requests that an exit resolves a name or opens a connection, over Tor's own SOCKS socket.

use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// SOCKS user of every probe, so that probes never share a circuit with a device.
pub(super) const USER: &str = "tornado-probe";

const CONNECT: u8 = 0x01;
/// Tor's extension (socks-extensions): resolves a name without a connection.
const RESOLVE: u8 = 0xF0;

#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("cannot use Tor's SOCKS socket: {0}")]
    Io(#[from] io::Error),
    #[error("invalid response on Tor's SOCKS socket")]
    Protocol,
    #[error("{}", reason(*.0))]
    Refused(u8),
    #[error("no exit responded in time")]
    Late,
}

impl ProbeError {
    /// Returns true if an exit rejected the request, so that Tor's path to it works. Tor itself generates codes 1 and
    /// 6.
    pub(super) const fn is_from_exit(&self) -> bool {
        matches!(self, Self::Refused(2..=5))
    }
}

/// Sends one probe through Tor. A new `token` selects a new circuit. The caller sets the deadline.
pub(super) async fn request_once(socket: &Path, host: &str, port: Option<u16>, token: &str) -> Result<(), ProbeError> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&[5, 1, 2]).await?;
    expect(&mut stream, [5, 2]).await?;
    stream.write_all(&sign_in(token)?).await?;
    expect(&mut stream, [1, 0]).await?;
    stream.write_all(&request(host, port)?).await?;
    let mut response = [0; 4];
    stream.read_exact(&mut response).await?;
    match response {
        [5, 0, ..] => Ok(()),
        [5, code, ..] => Err(ProbeError::Refused(code)),
        _ => Err(ProbeError::Protocol),
    }
}

async fn expect(stream: &mut UnixStream, expected: [u8; 2]) -> Result<(), ProbeError> {
    let mut got = [0; 2];
    stream.read_exact(&mut got).await?;
    if got == expected { Ok(()) } else { Err(ProbeError::Protocol) }
}

/// User name and password request (RFC 1929).
fn sign_in(token: &str) -> Result<Vec<u8>, ProbeError> {
    let mut bytes = vec![1];
    for text in [USER, token] {
        bytes.push(u8::try_from(text.len()).map_err(|_| ProbeError::Protocol)?);
        bytes.extend_from_slice(text.as_bytes());
    }
    Ok(bytes)
}

/// SOCKS5 request (RFC 1928 §4).
fn request(host: &str, port: Option<u16>) -> Result<Vec<u8>, ProbeError> {
    let command = if port.is_some() { CONNECT } else { RESOLVE };
    let length = u8::try_from(host.len()).map_err(|_| ProbeError::Protocol)?;
    let mut bytes = vec![5, command, 0, 3, length];
    bytes.extend_from_slice(host.as_bytes());
    bytes.extend_from_slice(&port.unwrap_or(0).to_be_bytes());
    Ok(bytes)
}

const fn reason(code: u8) -> &'static str {
    match code {
        1 => "Tor has no working circuit for the request",
        2 => "the exit does not allow the request",
        3 => "the exit cannot reach the network",
        4 => "the exit cannot resolve or reach the target",
        5 => "the target refused the connection",
        6 => "the request timed out in the Tor network",
        _ => "Tor rejected the request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_format_of_the_rfc() {
        assert_eq!(request("ab", None).unwrap(), [5, 0xF0, 0, 3, 2, b'a', b'b', 0, 0]);
        assert_eq!(request("ab", Some(80)).unwrap(), [5, 1, 0, 3, 2, b'a', b'b', 0, 80]);
        assert!(request(&"a".repeat(256), None).is_err());
        let signed = sign_in("t").unwrap();
        assert_eq!(signed[..2], [1, 13]);
        assert_eq!(signed[15..], [1, b't']);
    }

    #[tokio::test]
    async fn an_invalid_response_fails_the_probe() {
        let dir = tempfile::tempdir().unwrap();
        for (reply, good) in [
            (&b"\x05\x02\x01\x00\x05\x00\x00\x01"[..], true),
            (b"\x05\x02\x01\x00\x05\x04\x00\x01", false),
            (b"\x05\xff", false),
            (b"\x05\x02\x01\x01", false),
            (b"\x04\x02", false),
            (b"", false),
        ] {
            let path = dir.path().join("socks");
            drop(std::fs::remove_file(&path));
            let listener = tokio::net::UnixListener::bind(&path).unwrap();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(reply).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut all = Vec::new();
                drop(stream.read_to_end(&mut all).await);
            });
            assert_eq!(request_once(&path, "example.test", None, "t").await.is_ok(), good, "{reply:?}");
            server.await.unwrap();
        }
    }
}
