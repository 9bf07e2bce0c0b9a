//! Limits of texts.

use std::borrow::Cow;

/// Longest message in bytes.
pub const MAX_MESSAGE: usize = 8 * 1024;
/// Largest number of fields.
pub const MAX_FIELDS: usize = 32;
/// Longest text of a field in bytes.
pub const MAX_VALUE: usize = 2 * 1024;

/// Replaces control characters, which could forge lines or steer a terminal, with spaces.
pub(super) fn without_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    text.replace(char::is_control, " ").into()
}

/// The text, cut to `max` bytes at most.
pub(super) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    const END: &str = "…";
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let cut = text.floor_char_boundary(max.saturating_sub(END.len()));
    Cow::Owned(format!("{}{END}", text.get(..cut).unwrap_or_default()))
}
