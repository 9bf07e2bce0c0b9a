//! The whole device API on a free port, with scripted services.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod fakes;
mod people;

use fakes::{FakeAuth, FakeSessions, FakeWg};
use rustls_pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tornado_client_api::{Api, Config, Edge, Wiring, bind, load_tls};
use tornado_e2e_support::{Scripted, any_certificate};
use tornado_runtime::clock::wall_clock;

/// A running device API; stops on drop.
pub struct Server {
    pub address: SocketAddr,
    pub sessions: Arc<FakeSessions>,
    pub wg: Arc<FakeWg>,
    stop: CancellationToken,
    _state: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn config() -> Config {
    Config { listen: vec!["127.0.0.1:0".parse().unwrap()], anonymous_per_minute: 1000, ..Config::default() }
}

pub async fn start(config: Config) -> Server {
    let state = tempfile::tempdir().unwrap();
    let tls = load_tls(&config, state.path(), wall_clock()).unwrap();
    let listener = bind(config.listen[0]).unwrap();
    let address = listener.local_addr().unwrap();
    let sessions = Arc::new(FakeSessions::default());
    let wg = Arc::new(FakeWg::default());
    let auth = Arc::new(Scripted(Arc::new(FakeAuth)));
    let wiring = Wiring { host: Some("vpn.example.org".into()), ..Wiring::default() };
    let api = Api::new(auth.clone(), auth, sessions.clone(), wg.clone(), &config, wiring);
    let stop = CancellationToken::new();
    tokio::spawn(Edge::new(&tls, api, &config).serve(listener, stop.clone()));
    Server { address, sessions, wg, stop, _state: state }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }
}

impl Server {
    pub async fn tls(&self) -> TlsStream<TcpStream> {
        handshake(TcpStream::connect(self.address).await.unwrap()).await.unwrap()
    }

    /// TCP only, from one of the loopback addresses.
    pub async fn connect_from(&self, address: IpAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// The status; `None` if the server closes the connection at once.
    pub async fn heartbeat_from(&self, address: IpAddr) -> Option<u16> {
        self.request_from(address, "POST", "/session/heartbeat", "good").await
    }

    pub async fn request_from(&self, address: IpAddr, method: &str, path: &str, token: &str) -> Option<u16> {
        let mut stream = handshake(self.connect_from(address).await).await.ok()?;
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 0\r\n\r\n"
        );
        drop(stream.write_all(text.as_bytes()).await);
        Some(read_answer(&mut stream).await?.status)
    }

    /// Sends text and reads until the server closes; `None` if it closes without a response.
    pub async fn raw(&self, text: &str) -> Option<Answer> {
        let mut stream = self.tls().await;
        // The server may reject and close before everything is sent.
        drop(stream.write_all(text.as_bytes()).await);
        read_answer(&mut stream).await
    }

    /// A request in the format of the original's clients.
    pub async fn v1(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        self.request(method, path, token, body, "").await
    }

    /// A request of a client that accepts problems.
    pub async fn v2(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        self.request(method, path, token, body, "accept: application/json, application/problem+json\r\n").await
    }

    async fn request(&self, method: &str, path: &str, token: Option<&str>, body: &str, more: &str) -> Answer {
        let token = token.map(|t| format!("authorization: Bearer {t}\r\n")).unwrap_or_default();
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{token}{more}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.raw(&text).await.unwrap()
    }
}

async fn handshake(tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = tokio_rustls::TlsConnector::from(any_certificate().unwrap());
    connector.connect(ServerName::try_from("tornado.invalid").unwrap(), tcp).await
}

/// Reads to the end of the stream, at most 60 seconds.
pub async fn read_answer<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Option<Answer> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await;
    drop(read.expect("the server did not close the connection"));
    Answer::parse(&String::from_utf8_lossy(&bytes))
}
