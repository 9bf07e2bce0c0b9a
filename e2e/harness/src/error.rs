//! Errors of the lab.

use std::path::Path;
use std::time::Duration;

/// Why an operation of the lab failed.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The process is not root.
    #[error("the lab creates network namespaces and must run as root")]
    NotRoot,
    /// The name of a lab is invalid; it is part of the names of namespaces.
    #[error("invalid lab name '{0}': use one to eight characters of a-z and 0-9")]
    Name(String),
    /// The number of devices is not supported.
    #[error("a lab has 1 to 200 devices, not {0}")]
    Devices(u16),
    /// A lab with this name exists.
    #[error("the lab '{0}' already exists; 'cargo xtask lab down {0}' removes it")]
    Exists(String),
    /// A database server of the profile `cluster` failed.
    #[error("cannot use a database server: {0}")]
    Engine(#[from] tornado_e2e_engines::EngineError),
    /// No lab has this name.
    #[error("there is no lab '{0}'")]
    NoLab(String),
    /// No host of this lab has this name.
    #[error("this lab has no host '{0}'; there are server, internet, access and device1 to deviceN")]
    NoHost(String),
    /// A program under test is not built.
    #[error("the program '{0}' is not built; run 'cargo build --workspace'")]
    NotBuilt(String),
    /// A system call failed.
    #[error("{what}: {source}")]
    Io {
        /// The operation.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A command failed.
    #[error("'{command}' ended with {status}: {stderr}")]
    Command {
        /// The command line.
        command: String,
        /// Exit code or signal.
        status: String,
        /// Its error output.
        stderr: String,
    },
    /// An expected event did not occur.
    #[error("timed out after {after:?} waiting for {what}")]
    Timeout {
        /// The expected event.
        what: String,
        /// The time limit.
        after: Duration,
    },
    /// A program or file has unexpected content.
    #[error("unexpected result from {what}: {detail}")]
    Answer {
        /// The source.
        what: String,
        /// The problem.
        detail: String,
    },
    /// A capture lost packets, so its count proves nothing.
    #[error("the capture on {interface} lost {lost} packets")]
    CaptureLost {
        /// The interface.
        interface: String,
        /// Number of packets that tcpdump did not see.
        lost: u64,
    },
}

impl HarnessError {
    /// Adds the operation to an I/O error.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Adds the operation and the path to an I/O error.
    pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }

    /// An unexpected content.
    pub(crate) fn answer(what: impl Into<String>, detail: impl ToString) -> Self {
        Self::Answer { what: what.into(), detail: detail.to_string() }
    }
}
