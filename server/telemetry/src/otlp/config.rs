//! Configuration of the export.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[telemetry.otlp]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// Address of the collector without the path of a signal, such as `https://otel.example.org:4318`. Absent: nothing
    /// is exported.
    pub endpoint: Option<String>,
    /// File with headers for the collector, `Name: value` on each line, for example a token. Only `tornado-telemetry`
    /// needs to read it.
    pub headers: Option<PathBuf>,
    /// PEM file of the certificate authority to trust instead of those of the machine.
    pub ca: Option<PathBuf>,
    /// Export log lines.
    pub logs: bool,
    /// Export metrics.
    pub metrics: bool,
    /// Export a span for each call between services and each request of a device. Services then write a log line for
    /// each of them.
    pub traces: bool,
}

impl Default for Otlp {
    fn default() -> Self {
        Self { endpoint: None, headers: None, ca: None, logs: true, metrics: true, traces: false }
    }
}

impl Otlp {
    /// True if services have to write a line for each call.
    #[must_use]
    pub const fn needs_calls(&self) -> bool {
        self.traces && self.endpoint.is_some()
    }

    /// Checks the endpoint.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let address = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let is_address = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '@');
        if address.is_none_or(|address| !is_address(address)) {
            return Err("otlp.endpoint must begin with http:// or https:// and contain no user name");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_endpoints_are_rejected() {
        let check = |endpoint: &str| Otlp { endpoint: Some(endpoint.into()), ..Otlp::default() }.validate();
        for good in ["http://127.0.0.1:4318", "https://otel.example.org/tenant"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for wrong in ["", "otel:4318", "ftp://x", "http://", "https://user:secret@otel", "http://a b"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
