//! The maintenance page: the response that a device gets on port 80 while the lane is in maintenance.
//!
//! One request for each connection. Every request gets 503 with `Retry-After` (RFC 9110 §15.6.4). The numbers of
//! connections, seconds and bytes are bounded.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const PAGE: &str = include_str!("page.html");
/// Maximum number of connections. Further ones are closed at once instead of queued.
const CONNECTIONS: usize = 256;
const MAX_HEAD: usize = 8 * 1024;
const READ: Duration = Duration::from_secs(3);
const WRITE: Duration = Duration::from_secs(3);
/// Bytes that are read and discarded after the response, so that a reset does not destroy it.
const DRAIN: u64 = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Pause before a socket that could not be opened is retried.
const RETRY: Duration = Duration::from_secs(1);

/// Serves the page on one address until shutdown. `listening` counts the addresses in service.
pub(crate) async fn serve(address: SocketAddr, listening: Arc<AtomicUsize>, shutdown: CancellationToken) {
    let mut warned = false;
    while !shutdown.is_cancelled() {
        match listen(address) {
            Ok(listener) => {
                listening.fetch_add(1, Ordering::SeqCst);
                accept(&listener, &shutdown).await;
                listening.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            Err(error) if !warned => {
                warned = true;
                tracing::warn!(%error, %address, "cannot listen for the maintenance page; retrying");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Binds before the address exists, because the lane's interface may come later or be recreated (ip(7), IP_FREEBIND).
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let (domain, is_v6) = match address.ip() {
        IpAddr::V4(_) => (Domain::IPV4, false),
        IpAddr::V6(_) => (Domain::IPV6, true),
    };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if is_v6 {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(256)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: &TcpListener, shutdown: &CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
                tokio::spawn(async move {
                    if let Err(error) = respond_to(stream).await {
                        tracing::trace!(%error, "a connection to the maintenance page closed early");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection to the maintenance page");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn respond_to(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let Some(response) = read_head(&mut stream).await? else { return Ok(()) };
    let writing = async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await
    };
    tokio::time::timeout(WRITE, writing).await??;
    let mut rest = stream.take(DRAIN);
    drop(tokio::time::timeout(DRAIN_TIME, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await);
    Ok(())
}

/// Reads the request head and returns the response; `None` if the client sent nothing.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut head = Vec::with_capacity(1024);
    let reading = async {
        while !is_complete(&head) && head.len() < MAX_HEAD {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    match tokio::time::timeout(READ, reading).await {
        Ok(result) => result?,
        Err(_) if head.is_empty() => return Ok(None),
        Err(_) => return Ok(Some(refusal("408 Request Timeout"))),
    }
    Ok((!head.is_empty()).then(|| respond(&head)))
}

fn is_complete(head: &[u8]) -> bool {
    head.windows(4).any(|w| w == b"\r\n\r\n") || head.windows(2).any(|w| w == b"\n\n")
}

/// The response to a request head.
pub(crate) fn respond(head: &[u8]) -> String {
    if !is_complete(head) {
        return refusal(if head.len() >= MAX_HEAD { "431 Request Header Fields Too Large" } else { "400 Bad Request" });
    }
    let first = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first.strip_suffix(b"\r").unwrap_or(first));
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, version] = words[..] else { return refusal("400 Bad Request") };
    let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    if !is_method || target.is_empty() || !matches!(version, "HTTP/1.0" | "HTTP/1.1") {
        return refusal("400 Bad Request");
    }
    let body = if method == "HEAD" { "" } else { PAGE };
    format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Retry-After: 30\r\n\
         Cache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\r\n{body}",
        PAGE.len()
    )
}

fn refusal(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(response: &str) -> (&str, &str) {
        response.split_once("\r\n\r\n").unwrap()
    }

    #[test]
    fn the_response_is_valid_and_self_contained() {
        for head in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /a HTTP/1.0\r\n\r\nbody", "GET /\u{e9} HTTP/1.1\n\n"] {
            let response = respond(head.as_bytes());
            let (headers, body) = split(&response);
            assert!(headers.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
            assert!(headers.lines().all(|line| !line.starts_with(' ')));
            assert!(headers.contains("\r\nRetry-After: 30"));
            assert!(headers.contains(&format!("Content-Length: {}\r\n", body.len())));
        }
        let response = respond(b"HEAD / HTTP/1.1\r\n\r\n");
        assert_eq!(split(&response).1, "");
        assert!(response.contains(&format!("Content-Length: {}\r\n", PAGE.len())));
        assert!(!PAGE.contains("http://") && !PAGE.contains("https://") && !PAGE.contains("src="));
        assert!(PAGE.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn malformed_requests_get_an_error_status() {
        let tls = [0x16, 3, 1, 2, 0, 1, 0, b'\n', b'\n'];
        assert!(respond(&tls).starts_with("HTTP/1.1 400 "));
        for head in [
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "G=T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET / HTTP/1.1\r\n",
        ] {
            assert!(respond(head.as_bytes()).starts_with("HTTP/1.1 400 "), "{head:?}");
        }
        assert!(respond(&[b'a'; MAX_HEAD]).starts_with("HTTP/1.1 431 "));
    }

    #[tokio::test]
    async fn the_page_listens_before_its_address_exists() {
        assert!(listen("10.255.254.253:0".parse().unwrap()).is_ok());
        assert!(listen("[fd74:6f72:6e61:9::1]:0".parse().unwrap()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_in_use_is_retried_steadily_for_sixty_days() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let page = serve(other.local_addr().unwrap(), Arc::default(), CancellationToken::new());
        tornado_endurance::sixty_days(3600, page).await;
    }

    #[tokio::test(start_paused = true)]
    async fn slow_and_silent_clients_are_disconnected() {
        let (mut client, server) = tokio::io::duplex(1024);
        let served = tokio::spawn(respond_to(server));
        client.write_all(b"GET / HT").await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 408 "));
        served.await.unwrap().unwrap();
        let (_silent, server) = tokio::io::duplex(1024);
        tokio::time::timeout(2 * READ, respond_to(server)).await.unwrap().unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_get_a_complete_response(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            let response = respond(&head);
            prop_assert!(response.starts_with("HTTP/1.1 ") && response.contains("\r\n\r\n"));
        }
    }
}
