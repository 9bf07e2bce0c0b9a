//! Panics as log lines, so that their texts are redacted, too.

use std::panic::{Location, PanicHookInfo};

/// Replaces the panic hook, which would print the text of a panic as it is. Call it after the subscriber was set.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| log(info.payload_as_str(), info.location())));
}

pub(super) fn log(text: Option<&str>, location: Option<&Location<'_>>) {
    let place = location.map_or_else(|| "unknown".to_owned(), |at| format!("{}:{}", at.file(), at.line()));
    tracing::error!(target: "panic", place, "panicked: {}", text.unwrap_or("no text"));
}
