//! Accepts connections of browsers and reverse proxies: HTTP/1.1, over TLS also HTTP/2.

mod admissions;
mod http2;
mod memory;

pub use admissions::Admissions;
use axum::http::Extensions;
use axum::{Extension, Router};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_rpc::{Limits, serve_connection};
use tornado_runtime::tls::{Source, Tls};
use tornado_runtime::{every_after, release_unused};
use tower::Layer as _;

/// First byte of every TLS handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;
/// The response to plain HTTP on a port with TLS.
const PLAIN_RESPONSE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\
Content-Length: 47\r\n\r\nThe console uses TLS only. Open it with https.\n";
/// Pause between two checks for a new certificate.
const LOOK: Duration = Duration::from_secs(600);

/// A request extension: the address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Adds this address to each request of a connection.
    fn mark(self) -> impl Fn(&mut Extensions) + Clone + Send + Sync + 'static {
        move |extensions: &mut Extensions| {
            extensions.insert(self);
        }
    }
}

/// Serves until `shutdown`, then waits up to 3 seconds for running requests. Without `tls`, it serves plain HTTP.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    admissions: Arc<Admissions>,
    shutdown: CancellationToken,
) {
    let limits = Limits { header_read: Duration::from_secs(10), ..Limits::default() };
    let acceptor = tls.map(|tls| acceptor(&tls));
    let tasks = TaskTracker::new();
    let ended = watch::Sender::new(0);
    tasks.spawn(memory::release_after(ended.subscribe(), || drop(spawn_blocking(release_unused))));
    loop {
        let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await else { break };
        match accepted {
            Ok((stream, peer)) => {
                // Beyond the limits, a connection is closed at once, which costs the least.
                let Some(place) = admissions.connection(peer.ip()) else { continue };
                let (router, peer, stop) = (router.clone(), Peer(peer.ip()), shutdown.clone());
                let (acceptor, admissions, ended) = (acceptor.clone(), admissions.clone(), ended.clone());
                tasks.spawn(async move {
                    send_at_once(&stream);
                    match acceptor {
                        None => serve_connection(stream, router, peer.mark(), limits, stop).await,
                        Some(acceptor) => serve_tls(stream, acceptor, (router, peer), admissions, (limits, stop)).await,
                    }
                    drop(place);
                    ended.send_modify(|ended| *ended = ended.wrapping_add(1));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection; retrying");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(ended);
    tasks.close();
    if tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await.is_err() {
        tracing::warn!("cancelled requests that were still running at shutdown");
    }
}

/// A page comes in parts. With Nagle's algorithm, its last part waits until the browser has acknowledged the one
/// before, which takes 40 ms.
fn send_at_once(stream: &TcpStream) {
    // Fails only if the connection is closed already.
    drop(stream.set_nodelay(true));
}

/// The routes for one connection. A layer on `router` would copy each route, about 100 KiB for each connection.
fn of_peer(router: Router, peer: Peer) -> Router {
    Router::new().fallback_service(Extension(peer).layer(router))
}

fn acceptor(tls: &Tls) -> TlsAcceptor {
    let mut server = (*tls.server).clone();
    server.alpn_protocols.insert(0, http2::PROTOCOL.to_vec());
    TlsAcceptor::from(Arc::new(server))
}

async fn serve_tls(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    (router, peer): (Router, Peer),
    admissions: Arc<Admissions>,
    (limits, stop): (Limits, CancellationToken),
) {
    let handshake = async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if first != [HANDSHAKE_RECORD] {
            refuse_plain(stream).await;
            return Ok(None);
        }
        acceptor.accept(stream).await.map(Some)
    };
    let timed = tokio::time::timeout(limits.header_read, handshake);
    let Some(handshake) = stop.run_until_cancelled(timed).await else { return };
    match handshake {
        Ok(Ok(Some(stream))) if stream.get_ref().1.alpn_protocol() == Some(http2::PROTOCOL) => {
            let admit = move || admissions.request(peer.0);
            http2::serve(stream, of_peer(router, peer), admit, limits, stop.clone()).await;
        }
        Ok(Ok(Some(stream))) => serve_connection(stream, router, peer.mark(), limits, stop.clone()).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            let error: std::io::Error = error;
            tracing::debug!(%error, "TLS handshake failed");
        }
        Err(_) => tracing::debug!("TLS handshake timed out"),
    }
}

async fn refuse_plain(mut stream: TcpStream) {
    drop(stream.write_all(PLAIN_RESPONSE).await);
    drop(stream.shutdown().await);
}

/// Uses a changed certificate for new connections, until `shutdown`.
pub async fn renew(tls: Tls, source: Source, now: impl Fn() -> SystemTime, shutdown: CancellationToken) {
    let mut check = every_after(LOOK);
    while shutdown.run_until_cancelled(check.tick()).await.is_some() {
        match tls.successor(&source, now()) {
            Ok(Some(next)) => {
                tls.replace(next);
                tracing::info!("the console uses a new certificate");
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "cannot use the console's new certificate; the current one stays in use");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConsoleTls, TlsWord};
    use axum::routing::get;
    use http_body_util::{BodyExt as _, Empty};
    use hyper::body::Bytes;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::AsyncReadExt as _;
    use tokio_rustls::TlsConnector;
    use tornado_runtime::clock::wall_clock;

    #[test]
    fn the_response_to_plain_http_has_its_stated_length() {
        let text = std::str::from_utf8(PLAIN_RESPONSE).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }

    async fn ask(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
        let request = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        // The server may close without a TLS close_notify after its response.
        drop(stream.read_to_end(&mut text).await);
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn parts_of_a_page_do_not_wait_for_each_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _browser = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(!stream.nodelay().unwrap());
        send_at_once(&stream);
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn the_own_certificate_serves_the_console() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = vec!["console.example.org".to_owned()];
        let config = Config { tls: ConsoleTls::Word(TlsWord::Own), hosts, ..Config::default() };
        let source = config.tls_source(dir.path()).unwrap();
        let tls = tornado_runtime::tls::load(&source, wall_clock()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route("/hello", get(|| async { "over TLS" }));
        let server = tokio::spawn(serve(listener, router, Some(tls), Arc::new(Admissions::new(&[])), stop.clone()));

        let plain = ask(TcpStream::connect(address).await.unwrap()).await;
        assert!(plain.starts_with("HTTP/1.1 400") && plain.contains("https"), "{plain}");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.path().join("tls.crt")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut client = client.with_root_certificates(roots).with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(client.clone()));
        for name in ["localhost", "127.0.0.1", "console.example.org"] {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from(name).unwrap();
            let text = ask(connector.connect(name, stream).await.unwrap()).await;
            assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("over TLS"), "{text}");
        }
        let other = ServerName::try_from("console.evil.example").unwrap();
        assert!(connector.connect(other, TcpStream::connect(address).await.unwrap()).await.is_err());
        client.alpn_protocols = vec![http2::PROTOCOL.to_vec(), b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, TcpStream::connect(address).await.unwrap()).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(http2::PROTOCOL));
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = axum::http::Request::get("https://localhost/hello").body(Empty::<Bytes>::new()).unwrap();
        let body = client.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "over TLS");
        drop(client);
        stop.cancel();
        server.await.unwrap();
    }

    #[test]
    fn tls_is_off_own_or_two_files() {
        let parse = |text: &str| serde_json::from_str::<Config>(text);
        let dir = std::path::Path::new("/state");
        assert!(parse("{}").unwrap().tls_source(dir).is_none());
        assert!(parse(r#"{"tls":"off"}"#).unwrap().tls_source(dir).is_none());
        assert_eq!(parse(r#"{"tls":"own"}"#).unwrap().tls_source(dir).unwrap().files, None);
        let files = parse(r#"{"tls":{"certificate":"/c","key":"/k"}}"#).unwrap().tls_source(dir).unwrap().files;
        assert_eq!(files, Some(("/c".into(), "/k".into())));
        for bad in
            [r#"{"tls":"on"}"#, r#"{"tls":{"certificate":"/c"}}"#, r#"{"tls":{"certificate":"","key":"","x":1}}"#]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
