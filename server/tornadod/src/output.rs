//! Standard output and error. A closed reader (`| head`) is not a failure.

use crate::failure::Failure;
use qrcode::render::unicode::Dense1x2;
use std::io::Write as _;
use std::process::ExitCode;
use tornado_runtime::clock::unix_now;
pub use tornado_shared::format::{bytes, span};
use tornado_shared::model::UnixSeconds;
use tornado_shared::model::text::shown;

/// Writes a line to standard output.
pub fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{}", shown(line)));
}

/// Writes a line to standard error.
pub fn complain(line: &str) {
    drop(writeln!(std::io::stderr(), "{}", shown(line)));
}

/// Writes the failure to standard error, if the command failed. Returns the exit code of the process.
pub fn finish(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&format!("tornadod: {failure}"));
            failure.exit_code()
        }
    }
}

/// Writes a table.
pub fn table<const N: usize>(heading: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let heading = heading.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(heading).chain(rows.into_iter().map(|row| row.to_vec())).collect();
    tornado_shared::format::table(&rows).lines().for_each(say);
}

/// The time since `at`, for example `5m ago`.
pub fn ago(at: UnixSeconds) -> String {
    format!("{} ago", span(unix_now() - at))
}

/// The text of a value, or `-`.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Renders a QR code with half-block characters, light on dark, as most terminals are dark.
pub fn qr_code(text: &str) -> Result<String, Failure> {
    let code = qrcode::QrCode::new(text).map_err(|e| Failure::failed(format!("cannot create a QR code: {e}")))?;
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// Returns true if standard output is a terminal.
pub fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout())
}
