//! A Redis server.

use crate::EngineError;
use crate::child::Server;
use crate::engine::Engine;
use crate::place::Place;
use crate::postgres::free_port;
use std::io::{Read as _, Write as _};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of a server besides its Unix socket.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Text of an ACL file. `None`: no access control.
    pub acl: Option<String>,
    /// Certificate and key in PEM, to listen on 127.0.0.1 with TLS as well.
    pub tls: Option<(String, String)>,
}

/// A running Redis server without persistence.
#[derive(Debug)]
pub struct Redis {
    engine: Engine,
    port: u16,
}

impl Deref for Redis {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// The server does not start.
    pub fn start(options: &RedisOptions) -> Result<Self, EngineError> {
        let place = Place::new()?;
        let at = |name: &str| place.path().join(name);
        let write = |name: &str, text: &str| {
            let path = at(name);
            std::fs::write(&path, text).map_err(|source| EngineError::File { what: "write", path, source })
        };
        let mut words = Vec::new();
        let mut set = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        set("port", "0".into());
        set("unixsocket", at("redis.sock").display().to_string());
        set("unixsocketperm", "777".into());
        set("save", String::new());
        set("appendonly", "no".into());
        set("dir", place.path().display().to_string());
        if let Some(acl) = &options.acl {
            write("users.acl", acl)?;
            set("aclfile", at("users.acl").display().to_string());
        }
        let mut port = 0;
        if let Some((certificate, key)) = &options.tls {
            write("tls.crt", certificate)?;
            write("tls.key", key)?;
            port = free_port()?;
            set("bind", "127.0.0.1".into());
            set("tls-port", port.to_string());
            set("tls-cert-file", at("tls.crt").display().to_string());
            set("tls-key-file", at("tls.key").display().to_string());
            set("tls-auth-clients", "no".into());
        }
        Ok(Self { engine: Engine::start(place, move |place| Self::launch(&words, place.path()))?, port })
    }

    /// URL over the Unix socket, without a user.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Path of the Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.engine.place.path().join("redis.sock")
    }

    /// TCP port on 127.0.0.1 if the server has TLS.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Deletes all data, as an operator can and as a restart does.
    ///
    /// # Errors
    /// The server does not respond, or rejects the command.
    pub fn flush(&self) -> Result<(), EngineError> {
        // With an access list a login is required; without one the AUTH fails, which is harmless.
        self.commands(&["AUTH admin admin", "FLUSHALL"]).map(drop)
    }

    /// Runs one inline command. Returns the raw response.
    ///
    /// # Errors
    /// The server does not respond, or rejects the command.
    pub fn command(&self, words: &str) -> Result<String, EngineError> {
        self.commands(&[words]).map(|answers| answers.into_iter().collect())
    }

    /// Runs inline commands over one connection. Returns the raw responses.
    ///
    /// # Errors
    /// The server does not respond, or rejects the command.
    pub fn commands(&self, commands: &[&str]) -> Result<Vec<String>, EngineError> {
        let failed = |source| EngineError::Process { what: "cannot query Redis".into(), source };
        let mut stream = connect(&self.socket()).map_err(failed)?;
        commands.iter().map(|words| ask_over(&mut stream, words).map_err(failed)).collect()
    }

    fn launch(words: &[String], place: &Path) -> Result<Server, EngineError> {
        let program = Path::new("/usr/bin/redis-server");
        if !program.exists() {
            return Err(EngineError::Missing("redis-server"));
        }
        let log = place.join("log");
        let mut server = Server::start(None, program, words, &log)?;
        server.wait(&log, || ask(&place.join("redis.sock"), "PING").is_ok())?;
        Ok(server)
    }
}

/// Runs one inline command. Any response counts, including an error.
fn ask(socket: &Path, words: &str) -> std::io::Result<String> {
    ask_over(&mut connect(socket)?, words)
}

fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

fn ask_over(stream: &mut UnixStream, words: &str) -> std::io::Result<String> {
    stream.write_all(format!("{words}\r\n").as_bytes())?;
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while after(&answer).is_none() {
        let length = stream.read(&mut part)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(part.get(..length).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The bytes after the first value; `None` if that is incomplete. Supports the types of RESP 2.
fn after(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = (bytes.get(..end)?, bytes.get(end + 2..)?);
    let count = || std::str::from_utf8(line.get(1..)?).ok()?.parse::<i64>().ok();
    match line.first()? {
        b'$' => usize::try_from(count()?).map_or(Some(rest), |length| rest.get(length + 2..)),
        b'*' => (0..count()?).try_fold(rest, |rest, _| after(rest)),
        _ => Some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn an_answer_is_read_to_its_end() {
        let answer = b"*2\r\n$2\r\nab\r\n*2\r\n:1\r\n$-1\r\n";
        assert_eq!(after(answer), Some(&b""[..]));
        assert!((0..answer.len()).all(|cut| after(&answer[..cut]).is_none()));
        assert_eq!(after(b"+OK\r\nmore"), Some(&b"more"[..]));
    }
}
