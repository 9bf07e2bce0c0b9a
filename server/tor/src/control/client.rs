//! A connection to the control port: commands in order, with events in between.

use super::auth::{Challenge, LENGTH};
use super::error::ControlError;
use super::event::{self, Event};
use super::reply::{Reply, ReplyCodec};
use super::words;
use futures::StreamExt as _;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::FramedRead;
use tokio_util::sync::{CancellationToken, DropGuard};
use tornado_contracts::tor::Circuit;

/// Capacity of the command queue, and maximum number of commands without a reply.
const COMMANDS: usize = 32;
/// Capacity of the event queue. If the reader falls behind, the connection is closed; after a new attach it reads the
/// full state again.
const EVENTS: usize = 4096;
/// Longest wait for Tor to accept a command or to reply.
const DEADLINE: Duration = Duration::from_secs(5);

type Pending = oneshot::Sender<Reply>;

/// The command side of a connection. Cheap to clone. It fails after the [`Connection`] is dropped.
#[derive(Clone)]
pub(crate) struct Control {
    commands: mpsc::Sender<(String, Pending)>,
}

/// An authenticated connection. Closed on drop.
pub(crate) struct Connection {
    pub(crate) control: Control,
    /// Ends when the connection closes.
    pub(crate) events: mpsc::Receiver<Event>,
    _end: DropGuard,
}

/// Connects to the control socket of the Tor process that runs as `uid`, authenticates both sides and subscribes to
/// events.
pub(crate) async fn connect(socket: &Path, cookie: &Path, uid: u32) -> Result<Connection, ControlError> {
    let opening = async {
        let stream = UnixStream::connect(socket).await?;
        if stream.peer_cred()?.uid() != uid {
            return Err(ControlError::NotTor);
        }
        let cookie = read_cookie(cookie).await?;
        let connection = start(stream);
        authenticate(&connection.control, cookie).await?;
        connection.control.command(&format!("SETEVENTS {}", event::SUBSCRIBED)).await?;
        Ok(connection)
    };
    tokio::time::timeout(2 * DEADLINE, opening).await.map_err(|_| ControlError::Late)?
}

async fn read_cookie(path: &Path) -> Result<[u8; LENGTH], ControlError> {
    let bytes = tokio::fs::read(path).await?;
    bytes.try_into().map_err(|_| ControlError::Protocol("the cookie file has the wrong length"))
}

async fn authenticate(control: &Control, cookie: [u8; LENGTH]) -> Result<(), ControlError> {
    let mut nonce = [0; LENGTH];
    getrandom::fill(&mut nonce).map_err(|_| ControlError::Protocol("the random number generator failed"))?;
    let challenge = Challenge { cookie, nonce };
    let reply = control.command(&challenge.command()).await?;
    control.command(&challenge.respond(reply.text())?).await?;
    Ok(())
}

fn start(stream: UnixStream) -> Connection {
    let (reader, writer) = stream.into_split();
    let (commands, command_receiver) = mpsc::channel(COMMANDS);
    let (event_sender, events) = mpsc::channel(EVENTS);
    let end = CancellationToken::new();
    let guard = end.clone().drop_guard();
    let replies = FramedRead::new(reader, ReplyCodec::default());
    tokio::spawn(async move {
        tokio::select! {
            () = end.cancelled() => {}
            error = carry(replies, writer, command_receiver, event_sender) => {
                tracing::debug!(%error, "the control connection closed");
            }
        }
    });
    Connection { control: Control { commands }, events, _end: guard }
}

/// Transports commands and replies until one side closes.
async fn carry(
    mut replies: FramedRead<OwnedReadHalf, ReplyCodec>,
    mut writer: OwnedWriteHalf,
    mut commands: mpsc::Receiver<(String, Pending)>,
    events: mpsc::Sender<Event>,
) -> ControlError {
    let mut pending: VecDeque<Pending> = VecDeque::new();
    loop {
        tokio::select! {
            reply = replies.next() => {
                let reply = match reply {
                    Some(Ok(reply)) => reply,
                    Some(Err(error)) => return error,
                    None => return ControlError::Closed,
                };
                if reply.is_event() {
                    if events.try_send(event::event(&reply)).is_err() {
                        return ControlError::Protocol("events arrived faster than they were processed");
                    }
                } else {
                    match pending.pop_front() {
                        // The caller may have stopped waiting; that is not a failure.
                        Some(command) => drop(command.send(reply)),
                        None => return ControlError::Protocol("a reply arrived without a command"),
                    }
                }
            }
            command = commands.recv(), if pending.len() < COMMANDS => {
                let Some((line, sender)) = command else { return ControlError::Closed };
                pending.push_back(sender);
                match tokio::time::timeout(DEADLINE, writer.write_all(line.as_bytes())).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.into(),
                    Err(_) => return ControlError::Late,
                }
            }
        }
    }
}

impl Control {
    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    ///
    /// Fails if Tor rejects the command, does not reply in time or closes the connection.
    pub(crate) async fn command(&self, command: &str) -> Result<Reply, ControlError> {
        if command.contains(['\r', '\n', '\0']) {
            return Err(ControlError::Protocol("a command contains a line break"));
        }
        let exchange = async {
            let (sender, reply) = oneshot::channel();
            let line = format!("{command}\r\n");
            self.commands.send((line, sender)).await.map_err(|_| ControlError::Closed)?;
            reply.await.map_err(|_| ControlError::Closed)
        };
        let reply = tokio::time::timeout(DEADLINE, exchange).await.map_err(|_| ControlError::Late)??;
        if reply.is_success() {
            return Ok(reply);
        }
        let text = reply.lines.last().map(|line| line.text.clone()).unwrap_or_default();
        Err(ControlError::Refused { code: reply.code, text })
    }

    /// Returns the values of `GETINFO` keys. Keys that Tor does not return are absent.
    pub(crate) async fn info(&self, keys: &[&str]) -> Result<HashMap<String, String>, ControlError> {
        let reply = self.command(&format!("GETINFO {}", keys.join(" "))).await?;
        let pairs = reply.lines.into_iter().filter_map(|line| {
            let (key, value) = line.text.split_once('=')?;
            Some((key.to_owned(), line.data.unwrap_or_else(|| value.to_owned())))
        });
        Ok(pairs.collect())
    }

    /// `SIGNAL NEWNYM`: new streams get new circuits.
    pub(crate) async fn new_identity(&self) -> Result<(), ControlError> {
        self.command("SIGNAL NEWNYM").await.map(drop)
    }

    /// `SIGNAL SHUTDOWN`: a Tor client exits at once. It may close the connection before it replies.
    pub(crate) async fn shut_down(&self) -> Result<(), ControlError> {
        match self.command("SIGNAL SHUTDOWN").await {
            Ok(_) | Err(ControlError::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn circuits(&self) -> Result<Vec<Circuit>, ControlError> {
        let info = self.info(&["circuit-status"]).await?;
        Ok(info.get("circuit-status").map(|text| text.lines().filter_map(event::circuit).collect()).unwrap_or_default())
    }

    /// Returns the ids of the streams that are not Tor's own.
    pub(crate) async fn streams(&self) -> Result<Vec<String>, ControlError> {
        let info = self.info(&["stream-status"]).await?;
        let Some(text) = info.get("stream-status") else { return Ok(Vec::new()) };
        let id = |line: &str| {
            let words = words::Words::of(line);
            let is_own = words.get("PURPOSE").is_some_and(|purpose| purpose.starts_with("DIR"));
            words.word(0).filter(|_| !is_own).map(str::to_owned)
        };
        Ok(text.lines().filter_map(id).collect())
    }
}
