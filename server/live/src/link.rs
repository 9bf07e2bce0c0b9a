//! One Redis connection shared by all calls. It is reopened after a failure, and no call waits long for it.

use crate::{LiveError, RedisLogin};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, FromRedisValue, Pipeline, RedisError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Longest wait for a response. Callers continue without live state.
const ANSWER: Duration = Duration::from_millis(500);
/// Time without new attempts after a failure, so that not each of ten thousand heartbeats waits for a server that is
/// down.
const PAUSE: Duration = Duration::from_secs(1);

/// Connection timeout of the stream reader. No request waits for the reader.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Link {
    login: RedisLogin,
    state: Mutex<State>,
    away: AtomicBool,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    not_before: Option<Instant>,
}

impl Link {
    pub(crate) fn new(login: RedisLogin) -> Self {
        Self { login, state: Mutex::default(), away: AtomicBool::new(false) }
    }

    /// Sends commands in one batch and returns their responses.
    pub(crate) async fn send<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, LiveError> {
        self.run(async |mut connection| commands.query_async(&mut connection).await).await
    }

    /// Runs `call` on the connection, with a timeout.
    pub(crate) async fn run<T>(
        &self,
        call: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, LiveError> {
        let connection = self.connection().await?;
        let error = match tokio::time::timeout(ANSWER, call(connection)).await {
            Ok(Ok(answer)) => {
                self.note(None);
                return Ok(answer);
            }
            Ok(Err(error)) if !error.is_io_error() && !error.is_unrecoverable_error() => {
                // The server responded with an error: it is loading its data, is out of memory or denies the command.
                self.note(Some(&error.to_string()));
                return Err(LiveError::Unavailable(error.to_string()));
            }
            Ok(Err(error)) => explain(self.login.user(), &error),
            Err(_) => "response timed out".to_owned(),
        };
        let mut state = self.state.lock().await;
        state.connection = None;
        state.not_before = Some(Instant::now() + PAUSE);
        self.note(Some(&error));
        Err(LiveError::Unavailable(error))
    }

    async fn connection(&self) -> Result<MultiplexedConnection, LiveError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        if state.not_before.is_some_and(|at| Instant::now() < at) {
            return Err(LiveError::Unavailable("the last attempt failed less than a second ago".into()));
        }
        match connect(&self.login, ANSWER, ANSWER).await {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                state.not_before = Some(Instant::now() + PAUSE);
                self.note(Some(&error.to_string()));
                Err(error)
            }
        }
    }

    /// Logs a change of availability once.
    fn note(&self, failure: Option<&str>) {
        let was_away = self.away.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_away => tracing::warn!(why, "live state became unreachable; continuing without it"),
            None if was_away => tracing::info!("live state became reachable again"),
            Some(_) | None => {}
        }
    }
}

/// Opens a dedicated connection. `patience` limits the connection attempt, `answer` each response.
pub(crate) async fn connect(
    login: &RedisLogin,
    patience: Duration,
    answer: Duration,
) -> Result<MultiplexedConnection, LiveError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(Some(answer));
    let connecting = login.client.get_multiplexed_async_connection_with_config(&config);
    // The timeout also covers the handshake, to which a server that hangs does not respond.
    match tokio::time::timeout(patience * 2, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(LiveError::Unavailable(explain(login.user(), &error))),
        Err(_) => Err(LiveError::Unavailable("connection timed out".into())),
    }
}

/// Adds the setting to check to errors that an operator can fix.
fn explain(user: &str, error: &RedisError) -> String {
    let said = error.to_string();
    if said.contains("certificate") {
        return format!("cannot verify the server's certificate: {said}; check [live] ca");
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        return format!("the server rejected user '{user}': {said}");
    }
    said
}
