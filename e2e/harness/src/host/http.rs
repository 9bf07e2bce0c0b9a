//! A minimal HTTP/1.1 client: one request per connection.

use crate::{HarnessError, patient};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// Maximum size of a response in bytes; longer ones fail.
const ANSWER_MAX: u64 = 2 << 30;

/// A response.
#[derive(Debug, Clone)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Time from the first byte of the request to the last byte of the response.
    pub took: Duration,
}

impl HttpReply {
    /// The client address as seen by `internet`, parsed from a response to `/`.
    ///
    /// # Errors
    ///
    /// Fails if the body is not an address.
    pub fn seen_as(&self) -> Result<IpAddr, HarnessError> {
        let text = self.text();
        text.trim().parse().map_err(|_| HarnessError::answer("the address in the response", text.trim()))
    }

    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// Waits at most `within`, or longer on a busy machine.
pub(crate) async fn get(to: SocketAddr, path: &str, within: Duration) -> Result<HttpReply, HarnessError> {
    let within = patient(within);
    let started = Instant::now();
    let bytes = match tokio::time::timeout(within, connect_and_exchange(to, path)).await {
        Ok(bytes) => bytes.map_err(HarnessError::io(format!("http://{to}{path}")))?,
        Err(_) => return Err(HarnessError::Timeout { what: format!("http://{to}{path}"), after: within }),
    };
    parse(&bytes, started.elapsed())
        .ok_or_else(|| HarnessError::answer(format!("http://{to}{path}"), "incomplete HTTP response"))
}

async fn connect_and_exchange(to: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    exchange(TcpStream::connect(to).await?, &to.to_string(), path).await
}

/// Sends a request over a stream. Returns the raw response.
pub(crate) async fn exchange(mut stream: TcpStream, host: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Parses a response. Requires a `Content-Length` that matches, so that incomplete responses fail.
pub(crate) fn parse(bytes: &[u8], took: Duration) -> Option<HttpReply> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let body = bytes.get(end + 4..)?.to_vec();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())?;
    (length == body.len()).then_some(HttpReply { status, body, took })
}

/// Waits at most `within`, or longer on a busy machine.
pub(crate) async fn udp_ask(to: SocketAddr, data: &[u8], within: Duration) -> Result<Option<Vec<u8>>, HarnessError> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let ask = async {
        let socket = UdpSocket::bind(any).await?;
        socket.connect(to).await?;
        socket.send(data).await?;
        let mut answer = vec![0; 65_535];
        let length = socket.recv(&mut answer).await?;
        answer.truncate(length);
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(patient(within), ask).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        // An ICMP error comes from the network, not from the host.
        Ok(Err(e)) if e.kind() == std::io::ErrorKind::ConnectionRefused => Ok(None),
        Ok(Err(e)) => Err(HarnessError::io(format!("udp to {to}"))(e)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_answer_is_none() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(parse(whole, Duration::ZERO).unwrap().body, b"abc");
        assert!(parse(&whole[..whole.len() - 1], Duration::ZERO).is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\n", Duration::ZERO).is_none());
    }
}
