//! All parts of the bundle as one text.

use crate::redact::{Level, Redactor};
use crate::system;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use tornado_helper_api::{HelperError, Part, Report, Status};

/// What was collected. Nothing is redacted until it is rendered.
#[derive(Debug)]
pub struct Bundle {
    redactor: Redactor,
    parts: Vec<Part>,
}

impl Bundle {
    /// Adds what every user can read to the helper's status, or the reason why it is missing, and its report.
    /// `version` is that of the caller.
    #[must_use]
    pub fn new(version: &str, status: &Result<Status, HelperError>, report: Report) -> Self {
        let part = |title: &str, content: String| Part { title: title.to_owned(), content };
        let state = match status {
            Ok(status) => serde_json::to_string_pretty(status).unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        let mut parts = vec![part("tornado", version.to_owned())];
        parts.extend(system::version().into_iter().map(|(title, content)| part(title, content)));
        parts.push(part("status", state));
        parts.extend(report.parts);
        Self { parts, ..Self::of(status, Report { parts: Vec::new() }) }
    }

    /// Only the helper's report. The status says which names to replace.
    #[must_use]
    pub fn of(status: &Result<Status, HelperError>, report: Report) -> Self {
        Self { redactor: redactor(status.as_ref().ok(), &system::host_name()), parts: report.parts }
    }

    /// The text at a level of redaction.
    #[must_use]
    pub fn render(&self, level: Level) -> String {
        let mut redactor = self.redactor.clone();
        let mut text = String::new();
        for Part { title, content } in &self.parts {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "== {title}\n{}\n", redactor.apply(content.trim_end(), level));
        }
        text
    }
}

fn redactor(status: Option<&Status>, host: &str) -> Redactor {
    let device = status.and_then(|status| status.device.as_ref().map(ToString::to_string));
    let session = status.and_then(|status| status.session.map(|session| session.to_string()));
    let server = status.and_then(|status| status.server.as_deref());
    let server = server.and_then(|server| server.rsplit_once(':')).map(|(host, _)| host);
    Redactor::default()
        .and(server, "<server>")
        .and(status.and_then(|status| status.user.as_deref()), "<user>")
        .and(device.as_deref(), "<device>")
        .and(session.as_deref(), "<session>")
        .and(Some(host.trim()), "<host>")
}

/// Creates a file that only this user can read. An existing file is not replaced.
///
/// # Errors
///
/// The file exists, or cannot be written.
pub fn save(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // On Windows, the folder of the user decides who can read it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_replaced_in_all_parts() {
        let status = Status {
            server: Some("vpn.example.net:4605".into()),
            user: Some("amelia".into()),
            endpoint: Some("192.0.2.7:51820".parse().unwrap()),
            ..Status::default()
        };
        let log = Part { title: "log".into(), content: "amelia connected to 192.0.2.7".into() };
        let bundle = Bundle::new("0.1.0", &Ok(status), Report { parts: vec![log] });
        let (all, none) = (bundle.render(Level::All), bundle.render(Level::None));
        assert!(all.contains("== log\n<user> connected to <address-1>"), "{all}");
        assert!(!all.contains("vpn.example.net") && none.contains("vpn.example.net:4605"), "{all}{none}");
        let without = Bundle::new("0.1.0", &Err(HelperError::NotRunning("gone".into())), Report { parts: Vec::new() });
        assert!(without.render(Level::All).contains("== status\ncannot reach the helper: gone"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_private_and_replaces_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle.txt");
        save(&path, "text").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(save(&path, "other").is_err());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "text");
    }
}
