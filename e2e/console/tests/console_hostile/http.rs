//! Requests as a hostile program writes them: over plain TCP, with the headers of its choice.

use crate::site::{NAME, PASSWORD};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The console on the server itself.
pub const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);
/// Host of the requests to it.
pub const HOST: &str = "localhost:8000";
/// Origin of its pages.
pub const ORIGIN: (&str, &str) = ("Origin", "http://localhost:8000");
/// Media type of forms.
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// Media type of the API.
pub const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A response.
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
    /// Time until its end.
    pub took: Duration,
}

impl Reply {
    /// Value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or null.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Sends a request and reads the whole response. The thread must be in the server's network.
pub fn send(verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Reply> {
    send_to(LOCAL, HOST, verb, path, headers, body)
}

/// Sends a request to any address, for any host.
pub fn send_to(
    to: SocketAddr,
    host: &str,
    verb: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> anyhow::Result<Reply> {
    let mut request = format!("{verb} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let started = Instant::now();
    let mut stream = connect(to)?;
    stream.write_all(request.as_bytes())?;
    // The server may refuse before it has read the whole body.
    drop(stream.write_all(body));
    read(&mut stream, started).with_context(|| format!("{verb} {path}"))
}

/// A connection whose reads end after 60 s.
pub fn connect(to: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Reads a response until the server closes the connection.
pub fn read(stream: &mut TcpStream, started: Instant) -> anyhow::Result<Reply> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").context("the response has no head")?;
    let head = String::from_utf8(bytes[..end].to_vec())?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = &bytes[end + 4..];
    let body = if chunked { dechunk(body)? } else { body.to_vec() };
    Ok(Reply { status, head, body, took: started.elapsed() })
}

fn dechunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|part| part == b"\r\n").context("a chunk without a length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end])?, 16)?;
        rest = &rest[end + 2..];
        if length == 0 {
            return Ok(body);
        }
        ensure!(rest.len() >= length + 2, "a chunk was cut off");
        body.extend_from_slice(&rest[..length]);
        rest = &rest[length + 2..];
    }
}

/// The sign-in of a browser.
#[derive(Clone)]
pub struct SignIn {
    /// The cookie, as `name=value`.
    pub cookie: String,
    /// The CSRF token.
    pub csrf: String,
}

impl SignIn {
    /// Signs the owner in, on the server itself.
    pub fn new() -> anyhow::Result<Self> {
        Self::at(LOCAL, HOST, NAME)
    }

    /// Signs an operator in, through an address of the console.
    pub fn at(to: SocketAddr, host: &str, name: &str) -> anyhow::Result<Self> {
        let body = json!({ "name": name, "password": PASSWORD }).to_string();
        let origin = format!("http://{host}");
        let headers = [("Origin", origin.as_str()), JSON];
        let reply = send_to(to, host, "POST", "/api/v1/sign-in", &headers, body.as_bytes())?;
        ensure!(reply.status == 200, "{} {}", reply.head, reply.text());
        let cookie = reply.header("set-cookie").and_then(|line| line.split(';').next()).context("no cookie")?;
        let csrf = reply.json()["csrf_token"].as_str().context("no CSRF token")?.to_owned();
        Ok(Self { cookie: cookie.to_owned(), csrf })
    }

    /// Reads a page or a route.
    pub fn get(&self, path: &str) -> anyhow::Result<Reply> {
        send("GET", path, &[("Cookie", &self.cookie)], b"")
    }

    /// Changes something through the API.
    pub fn change(&self, verb: &str, path: &str, body: &str) -> anyhow::Result<Reply> {
        let headers = [("Cookie", self.cookie.as_str()), ("X-CSRF-Token", &self.csrf), ORIGIN, JSON];
        send(verb, path, &headers, body.as_bytes())
    }
}
