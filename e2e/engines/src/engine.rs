//! Control of a server's process, the same for every kind of server.

use crate::EngineError;
use crate::child::Server;
use crate::place::Place;
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use std::fmt;

type Launch = Box<dyn Fn(&Place) -> Result<Server, EngineError> + Send + Sync>;

/// The process of a server, and its directory.
pub struct Engine {
    // Declared before `place`, so that the server ends before the directory is removed.
    server: Mutex<Server>,
    launch: Launch,
    pub(crate) place: Place,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("server", &self.server).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the server with `launch`, which a restart calls again.
    pub(crate) fn start(
        place: Place,
        launch: impl Fn(&Place) -> Result<Server, EngineError> + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let server = Mutex::new(launch(&place)?);
        Ok(Self { server, launch: Box::new(launch), place })
    }

    /// Freezes all processes (SIGSTOP): connections stay open, but the server does not respond.
    ///
    /// # Errors
    /// The process cannot be signalled.
    pub fn freeze(&self) -> Result<(), EngineError> {
        self.server.lock().signal(Signal::SIGSTOP)
    }

    /// Continues frozen processes.
    ///
    /// # Errors
    /// The process cannot be signalled.
    pub fn thaw(&self) -> Result<(), EngineError> {
        self.server.lock().signal(Signal::SIGCONT)
    }

    /// Kills all processes with SIGKILL. PostgreSQL keeps its data, Redis loses them.
    pub fn kill(&self) {
        self.server.lock().kill();
    }

    /// Starts the server again.
    ///
    /// # Errors
    /// The server does not start again.
    pub fn restart(&self) -> Result<(), EngineError> {
        let mut server = self.server.lock();
        server.kill();
        *server = (self.launch)(&self.place)?;
        Ok(())
    }

    /// The log since the start.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }
}
