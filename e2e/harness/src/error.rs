//! What can go wrong in the lab.

use std::path::Path;
use std::time::Duration;

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// Namespaces are root's.
    #[error("the lab makes network namespaces and must run as root")]
    NotRoot,
    /// The name of a lab ends up in names of namespaces.
    #[error("'{0}' cannot name a lab: one to eight of a-z and 0-9")]
    Name(String),
    /// More or fewer devices than the addresses reach for.
    #[error("a lab has 1 to 200 devices, not {0}")]
    Devices(u16),
    /// A lab of this name stands already.
    #[error("the lab '{0}' is up already; 'cargo xtask lab down {0}' takes it down")]
    Exists(String),
    /// A database server of the profile `cluster`.
    #[error("a database server: {0}")]
    Engine(#[from] tornado_e2e_engines::EngineError),
    /// No lab has this name.
    #[error("no lab is called '{0}'")]
    NoLab(String),
    /// No host of this lab has this name.
    #[error("this lab has no host '{0}'; there are server, internet, access and device1 to deviceN")]
    NoHost(String),
    /// A program under test is not built.
    #[error("the program '{0}' is not built; 'cargo build --workspace' makes it")]
    NotBuilt(String),
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The refusal.
        #[source]
        source: std::io::Error,
    },
    /// A command ended badly.
    #[error("'{command}' ended with {status}: {stderr}")]
    Command {
        /// As one would type it.
        command: String,
        /// Exit code or signal.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// Something awaited did not come.
    #[error("waited {after:?} in vain for {what}")]
    Timeout {
        /// The awaited thing.
        what: String,
        /// The patience.
        after: Duration,
    },
    /// A program answered something else than agreed.
    #[error("{what} was not understood: {detail}")]
    Answer {
        /// Whose answer.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A capture lost packets, so its count proves nothing.
    #[error("the capture on {interface} lost {lost} packets")]
    CaptureLost {
        /// Interface.
        interface: String,
        /// Packets that tcpdump did not see.
        lost: u64,
    },
}

impl HarnessError {
    /// Wraps an operating-system error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// The same for a file.
    pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }

    /// An answer that could not be used.
    pub(crate) fn answer(what: impl Into<String>, detail: impl ToString) -> Self {
        Self::Answer { what: what.into(), detail: detail.to_string() }
    }
}
