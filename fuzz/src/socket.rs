//! A Unix socket that answers one request with given bytes.

use std::cell::OnceCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

struct Place {
    listener: UnixListener,
    path: PathBuf,
    _directory: TempDir,
}

thread_local! {
    static PLACE: OnceCell<&'static Place> = const { OnceCell::new() };
}

/// The socket for all runs of this process.
fn place() -> &'static Place {
    let make = || {
        let Ok(directory) = tempfile::tempdir() else { panic!("cannot create a temporary directory") };
        let path = directory.path().join("s.sock");
        let listener = match UnixListener::bind(&path) {
            Ok(listener) => listener,
            Err(error) => panic!("cannot open the socket: {error}"),
        };
        let place: &'static Place = Box::leak(Box::new(Place { listener, path, _directory: directory }));
        place
    };
    PLACE.with(|cell| *cell.get_or_init(make))
}

/// A response that waits for its request.
pub struct Answered {
    place: &'static Place,
    text: Vec<u8>,
}

/// `how`: 0 to 199 choose a status, with a body of the correct length; from 200 on the bytes are the whole response.
pub fn answered(how: u8, body: &[u8]) -> Answered {
    const STATUS: [&str; 8] = [
        "200 OK",
        "200 OK",
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ];
    let text = if how < 200 {
        let head = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n", STATUS[usize::from(how % 8)], body.len());
        [head.as_bytes(), body].concat()
    } else {
        body.to_vec()
    };
    Answered { place: place(), text }
}

impl Answered {
    /// The path of the socket.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Answers the first connection that is opened while `call` runs.
    pub async fn during<F: Future>(self, call: F) -> F::Output {
        let serve = async {
            let Ok((mut stream, _)) = self.place.listener.accept().await else {
                panic!("cannot accept the connection")
            };
            let mut request = Vec::new();
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            // The client may close the connection early.
            drop(stream.write_all(&self.text).await);
            drop(stream.shutdown().await);
            drop(stream);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            output = call => output,
            () = serve => unreachable!("the future never completes"),
        }
    }
}
