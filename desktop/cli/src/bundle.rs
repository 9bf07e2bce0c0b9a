//! `tornado support-bundle`: what a person who helps needs to know, shown before it is saved.

use crate::error::Failure;
use crate::redact::{Level, Redactor};
use crate::system;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use tornado_helper_api::{Helper as _, HelperClient, NoInput, Status};
use tornado_shared::model::text::shown;

/// Maximum size of the part of the log, bytes.
const LOG_TAIL: usize = 64 * 1024;
/// Collects, shows, and saves to `save` after a confirmation, or without one if `yes`.
pub(crate) async fn run(helper: &HelperClient, level: Level, save: Option<&Path>, yes: bool) -> Result<(), Failure> {
    let status = helper.status(NoInput {}).await;
    let text = collect(status.as_ref().ok(), status.as_ref().err().map(ToString::to_string), level);
    write!(std::io::stdout().lock(), "{}", shown(&text))?;
    let Some(path) = save else { return Ok(()) };
    if !yes && !confirmed(path)? {
        return Err(Failure::Usage("nothing was saved".into()));
    }
    store(path, &text).map_err(|error| Failure::Usage(format!("cannot save {}: {error}", path.display())))?;
    Ok(writeln!(std::io::stderr().lock(), "Saved to {}.", path.display())?)
}

fn collect(status: Option<&Status>, failure: Option<String>, level: Level) -> String {
    let device = status.and_then(|status| status.device.as_ref().map(ToString::to_string));
    let session = status.and_then(|status| status.session.map(|session| session.to_string()));
    let server = status.and_then(|status| status.server.as_deref());
    let host = server.and_then(|server| server.rsplit_once(':')).map(|(host, _)| host);
    let own = system::host_name();
    let mut redactor = Redactor::default()
        .and(host, "<server>")
        .and(status.and_then(|status| status.user.as_deref()), "<user>")
        .and(device.as_deref(), "<device>")
        .and(session.as_deref(), "<session>")
        .and(Some(own.trim()), "<host>");
    let mut text = String::new();
    let mut part = |title: &str, content: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "== {title}\n{}\n", redactor.apply(content.trim_end(), level));
    };
    part("tornado", env!("CARGO_PKG_VERSION"));
    for (title, content) in system::version() {
        part(title, &content);
    }
    part(
        "status",
        &match (status, failure) {
            (Some(status), _) => serde_json::to_string_pretty(status).unwrap_or_default(),
            (None, failure) => failure.unwrap_or_default(),
        },
    );
    for words in system::COMMANDS {
        part(&words.join(" "), &output(words));
    }
    let log = system::log();
    part(&log.display().to_string(), &tail(&log));
    text
}

fn output(words: &[&str]) -> String {
    let Some((program, rest)) = words.split_first() else { return String::new() };
    let run = system::system_program(program).args(rest).output();
    match run {
        Ok(output) => format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        Err(error) => format!("cannot run {program}: {error}"),
    }
}

/// The end of a file, from the beginning of a line.
fn tail(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => {
            let from = bytes.len().saturating_sub(LOG_TAIL);
            let end = bytes.get(from..).unwrap_or_default();
            let start = if from == 0 { 0 } else { end.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1) };
            String::from_utf8_lossy(end.get(start..).unwrap_or_default()).into_owned()
        }
        Err(error) => format!("cannot read it: {error}"),
    }
}

fn confirmed(path: &Path) -> std::io::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "Save the text above to {}? [y/N] ", path.display())?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// Creates the file, on Unix with mode 0600. An existing file is not replaced.
fn store(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(PathBuf::from(path))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
