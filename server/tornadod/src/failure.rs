//! Failures of commands and their exit codes.

use std::fmt;
use std::process::ExitCode;
use tornado_rpc::ServiceError;

/// Why a command failed. The text says what failed, why, and what to do.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    text: String,
}

/// Stable exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    Refused = 4,
}

impl Failure {
    /// Invalid usage: command line or configuration.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, text: text.into() }
    }

    /// Any other failure.
    pub fn failed(text: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, text: text.into() }
    }

    /// The server rejected the request.
    pub fn refused(text: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, text: text.into() }
    }

    /// A call to a service failed.
    pub fn of_call<E: ServiceError>(doing: &str, error: &E) -> Self {
        if error.code() == "unavailable" {
            let hint = "check that the server is running (`systemctl start tornado`) and that you are root";
            return Self { kind: Kind::Unreachable, text: format!("cannot {doing}: {error}; {hint}") };
        }
        let kind = if error.status() < 500 { Kind::Refused } else { Kind::Failed };
        Self { kind, text: format!("cannot {doing}: {error}") }
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

/// The outcome of a call to a service.
pub trait Outcome<T> {
    /// Converts the error of a call that was made to do `doing`.
    fn or_cannot(self, doing: &str) -> Result<T, Failure>;
}

impl<T, E: ServiceError> Outcome<T> for Result<T, E> {
    fn or_cannot(self, doing: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::of_call(doing, &error))
    }
}

/// The text of an error and its causes, without causes whose text is already contained.
pub fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        known if known.contains(&cause) => text,
        known => format!("{known}: {cause}"),
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let source = std::io::Error::other("a cause");
        let error = tornado_wg::Error::File { path: "/a/file".into(), source };
        let error = anyhow::Error::from(error).context("service wg ended");
        assert_eq!(chain(&error), "service wg ended: cannot access /a/file: a cause");
    }
}
