//! Calls on the Unix socket of a service, as services make them.

use crate::HarnessError;
use crate::host::http;
use serde_json::Value;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The socket of a service. Each call uses a new connection.
#[derive(Debug, Clone)]
pub struct Mesh {
    socket: PathBuf,
    within: Duration,
}

impl Mesh {
    pub(crate) const fn of(socket: PathBuf) -> Self {
        Self { socket, within: Duration::from_secs(5) }
    }

    /// Sets the time limit of a call; the default is five seconds.
    #[must_use]
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Sends a `GET`. Returns the JSON response.
    ///
    /// # Errors
    ///
    /// Fails if there is no response in time, or the response is not a success with JSON.
    pub fn get(&self, path: &str) -> Result<Value, HarnessError> {
        self.call("GET", path, "")
    }

    /// Sends a request with another method and a body. Returns the JSON response.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, HarnessError> {
        self.call(method, path, &body.to_string())
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Result<Value, HarnessError> {
        let what = format!("{method} {path} on {}", self.socket.display());
        let started = Instant::now();
        let bytes = self.exchange(started, method, path, body).map_err(HarnessError::io(&what))?;
        let reply = http::parse(&bytes, started.elapsed());
        let reply = reply.ok_or_else(|| HarnessError::answer(&what, String::from_utf8_lossy(&bytes)))?;
        let refused = || HarnessError::answer(&what, format!("{} {}", reply.status, reply.text()));
        if !(200..300).contains(&reply.status) {
            return Err(refused());
        }
        serde_json::from_slice(&reply.body).map_err(|_| refused())
    }

    fn exchange(&self, started: Instant, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(self.within))?;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let (mut bytes, mut part) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let left = self.within.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut part) {
                Ok(0) => return Ok(bytes),
                Ok(length) => bytes.extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// The result of a call with this response, and the request.
    fn answered(name: &str, answer: &'static str) -> (Result<Value, HarnessError>, String) {
        let socket = std::env::temp_dir().join(format!("tornado-mesh-{name}-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"{\"a\":1}") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        let mesh = Mesh::of(socket.clone()).within(Duration::from_secs(2));
        let result = mesh.send("PUT", "/v1/x", &serde_json::json!({ "a": 1 }));
        let asked = thread.join().unwrap();
        std::fs::remove_file(socket).unwrap();
        (result, asked)
    }

    #[test]
    fn a_call_is_http_with_a_body_of_json() {
        let (result, asked) = answered("good", "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"b\": 2}");
        assert_eq!(result.unwrap()["b"], 2);
        assert!(asked.starts_with("PUT /v1/x HTTP/1.1\r\n") && asked.contains("Content-Length: 7\r\n"), "{asked}");
    }

    #[test]
    fn a_refusal_and_half_an_answer_are_errors() {
        let (refused, _) = answered("refused", "HTTP/1.1 409 Conflict\r\nContent-Length: 8\r\n\r\n{\"b\": 2}");
        assert!(refused.unwrap_err().to_string().contains("409 {\"b\": 2}"));
        let (half, _) = answered("half", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"b\"");
        assert!(half.is_err());
    }
}
