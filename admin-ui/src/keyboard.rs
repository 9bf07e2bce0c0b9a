//! Keys of the whole console: `/` and Ctrl-K open the palette, `g` and a letter a page.
//!
//! On pages that only the server renders, `keys.js` does the same; the palette then opens on the overview.

use leptos::ev;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use tornado_ui::effect;

/// Letters that open a page after `g`.
pub const PAGES: [(&str, &str); 4] = [("o", "/"), ("s", "/sessions"), ("u", "/users"), ("t", "/tor")];
/// Fragment of an address that opens the palette.
pub const JUMP: &str = "#jump";

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Opens the palette.
    Palette,
    /// The next letter names a page.
    Go,
    /// Opens a page.
    Open(&'static str),
    /// Nothing.
    None,
}

/// The meaning of a key. Single letters do nothing while a field has the focus.
fn act(key: &str, has_control: bool, is_in_field: bool, is_after_g: bool) -> Act {
    match key {
        "k" if has_control => Act::Palette,
        _ if has_control || is_in_field => Act::None,
        "/" => Act::Palette,
        "g" => Act::Go,
        _ if is_after_g => {
            PAGES.iter().find(|(letter, _)| *letter == key).map_or(Act::None, |(_, path)| Act::Open(path))
        }
        _ => Act::None,
    }
}

/// Listens to the keys as long as the caller's component exists. Runs in the browser only.
pub fn listen(palette: RwSignal<bool>) {
    let navigate = use_navigate();
    let hash = use_location().hash;
    effect(move || {
        if hash.get_untracked() == JUMP {
            palette.set(true);
        }
        let navigate = navigate.clone();
        let is_after_g = StoredValue::new(false);
        let listener = window_event_listener(ev::keydown, move |event| {
            let element = document().active_element().map(|element| element.tag_name());
            let is_in_field = element.is_some_and(|tag| ["INPUT", "TEXTAREA", "SELECT"].contains(&tag.as_str()));
            let has_control = event.ctrl_key() || event.meta_key();
            let act = act(&event.key(), has_control, is_in_field || event.alt_key(), is_after_g.get_value());
            is_after_g.set_value(act == Act::Go);
            match act {
                Act::Palette => {
                    event.prevent_default();
                    palette.set(true);
                }
                Act::Open(path) => navigate(path, NavigateOptions::default()),
                Act::Go | Act::None => {}
            }
        });
        on_cleanup(move || listener.remove());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_do_nothing_in_a_field() {
        assert_eq!(act("/", false, true, false), Act::None);
        assert_eq!(act("u", false, true, true), Act::None);
        assert_eq!(act("k", true, true, false), Act::Palette);
    }

    #[test]
    fn g_and_a_letter_open_a_page() {
        assert_eq!(act("g", false, false, false), Act::Go);
        assert_eq!(act("u", false, false, true), Act::Open("/users"));
        assert_eq!(act("u", false, false, false), Act::None);
        assert_eq!(act("s", true, false, true), Act::None, "Ctrl-S belongs to the browser");
    }
}
