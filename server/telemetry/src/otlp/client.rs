//! HTTP client of the collector.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest wait for a response.
const DEADLINE: Duration = Duration::from_secs(10);

/// Result of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The collector has the data.
    Accepted,
    /// The collector does not want the data.
    Rejected,
    /// The collector cannot be reached or is overloaded; the same data may be sent later.
    Failed,
}

impl Sent {
    /// Label of the counter.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "sent",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// One collector.
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    /// A failure is logged once, until a request succeeds.
    failing: AtomicBool,
}

impl Client {
    pub fn new(endpoint: &str, headers: Option<&Path>, ca: Option<&Path>) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder().timeout(DEADLINE).redirect(Policy::none()).no_proxy();
        if let Some(path) = headers {
            builder = builder.default_headers(read_headers(path)?);
        }
        if let Some(path) = ca {
            let unusable = |why: &dyn std::fmt::Display| format!("cannot use {}: {why}", path.display());
            let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|error| format!("cannot use TLS: {error}"))?;
        Ok(Self { http, endpoint: endpoint.trim_end_matches('/').to_owned(), failing: AtomicBool::new(false) })
    }

    /// Sends one request for `signal`: `logs`, `metrics` or `traces`.
    pub async fn send(&self, signal: &str, body: &serde_json::Value) -> Sent {
        let url = format!("{}/v1/{signal}", self.endpoint);
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let (sent, reason) = match request.send().await {
            Ok(response) if response.status().is_success() => (Sent::Accepted, String::new()),
            // OTLP: these may be repeated.
            Ok(response) if matches!(response.status().as_u16(), 429 | 502 | 503 | 504) => {
                (Sent::Failed, format!("status {}", response.status().as_u16()))
            }
            Ok(response) => (Sent::Rejected, format!("status {}", response.status().as_u16())),
            Err(error) => (Sent::Failed, error.without_url().to_string()),
        };
        let failing = sent != Sent::Accepted;
        if failing && !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(signal, reason, "the OpenTelemetry collector does not accept data");
        }
        if !failing && self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(signal, "the OpenTelemetry collector accepts data again");
        }
        sent
    }
}

/// Reads `Name: value` lines. Empty lines and lines that begin with `#` are ignored. The error has no content of the
/// file, because it has secrets.
fn read_headers(path: &Path) -> Result<HeaderMap, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut headers = HeaderMap::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse::<HeaderName>().ok()?, value))
        });
        let Some((name, value)) = parsed else {
            return Err(format!("line {number} of {} is not a header", path.display()));
        };
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_errors_show_no_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("headers");
        std::fs::write(&path, "# token of the collector\n\nAuthorization: Bearer abc\nX-Scope: a:b\n").unwrap();
        let headers = read_headers(&path).unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-scope"], "a:b");
        assert!(headers["authorization"].is_sensitive());
        std::fs::write(&path, "Authorization: x\nsecret").unwrap();
        let error = read_headers(&path).unwrap_err();
        assert!(error.contains("line 2") && !error.contains("secret"), "{error}");
    }
}
