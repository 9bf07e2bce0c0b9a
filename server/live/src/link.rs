//! One connection that all calls share, made again when it breaks, and never waited for.

use crate::{LiveError, RedisLogin};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, FromRedisValue, Pipeline, RedisError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Longest wait for an answer. Callers go on without live state.
const ANSWER: Duration = Duration::from_millis(500);
/// After a failure nobody tries for so long: ten thousand heartbeats do not each wait for a server that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// The reader may wait for a connection: nobody waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// A link to Redis.
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

    /// Sends commands together; their answers.
    pub(crate) async fn send<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, LiveError> {
        self.run(async |mut connection| commands.query_async(&mut connection).await).await
    }

    /// Runs something over the connection, within its time.
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
                // It answers, but not with what was asked for: loading its data, full, or without the right.
                self.note(Some(&error.to_string()));
                return Err(LiveError::Unavailable(error.to_string()));
            }
            Ok(Err(error)) => explain(self.login.user(), &error),
            Err(_) => "no answer in time".to_owned(),
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
            return Err(LiveError::Unavailable("it was away just now".into()));
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

    /// Says once that it is away and once that it is back.
    fn note(&self, failure: Option<&str>) {
        let was_away = self.away.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_away => tracing::warn!(why, "live state is not reachable; going on without it"),
            None if was_away => tracing::info!("live state is reachable again"),
            Some(_) | None => {}
        }
    }
}

/// A connection of its own, waited for as long as `patience`, its answers as long as `answer`.
pub(crate) async fn connect(
    login: &RedisLogin,
    patience: Duration,
    answer: Duration,
) -> Result<MultiplexedConnection, LiveError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(Some(answer));
    let connecting = login.client.get_multiplexed_async_connection_with_config(&config);
    // Also the greeting, which a server that hangs does not answer.
    match tokio::time::timeout(patience * 2, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(LiveError::Unavailable(explain(login.user(), &error))),
        Err(_) => Err(LiveError::Unavailable("no connection in time".into())),
    }
}

/// What an operator can do something about, in words that say what.
fn explain(user: &str, error: &RedisError) -> String {
    let said = error.to_string();
    if said.contains("certificate") {
        return format!("the server cannot be trusted ([live] ca): {said}");
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        return format!("the user '{user}' is not let in: {said}");
    }
    said
}
