//! Shortcuts. Each presses a control that is on the screen, so that none does what the screen does not offer.

use leptos::ev::keydown;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;

/// The shortcuts as people read them.
pub const MAIN: &str = "Ctrl+Enter";
/// The lanes.
pub const LANES: &str = "Ctrl+1, Ctrl+2";
/// The settings.
pub const SETTINGS: &str = "Ctrl+,";
/// The way back.
pub const BACK: &str = "Esc";

/// The control that a key presses. An open dialog keeps its keys.
fn control(key: &str, with_control: bool) -> Option<&'static str> {
    match (key, with_control) {
        ("Enter", true) => Some(".win-foot .btn-l"),
        ("1", true) => Some(".two .is-direct"),
        ("2", true) => Some(".two .is-tor"),
        (",", true) => Some(".win-top:not(.win-back) .btn-icon"),
        ("Escape", false) => Some(".win-back .btn-icon"),
        _ => None,
    }
}

/// Follows the keys as long as the window exists.
pub fn follow() {
    window_event_listener(keydown, |event| {
        let Some(css) = control(&event.key(), event.ctrl_key()) else { return };
        let found = document().query_selector(css).ok().flatten();
        if let Some(control) = found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) {
            event.prevent_default();
            control.click();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_alone_are_no_shortcuts() {
        assert!(["Enter", "1", "2", ","].into_iter().all(|key| control(key, true).is_some()));
        assert!(["Enter", "1", "2", ",", "q"].into_iter().all(|key| control(key, false).is_none()));
    }
}
