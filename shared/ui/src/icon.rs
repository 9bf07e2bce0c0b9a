//! Icons and the shapes of states: one sprite at the start of the page, referred to by name.

use crate::view;
use leptos::prelude::*;

const SYMBOLS: &str = include_str!("sprite.svg");

/// The sprite. A page contains it once, before the first icon.
#[component]
pub fn Sprite() -> impl IntoView {
    view! { <svg class="sprite" aria-hidden="true" inner_html=SYMBOLS></svg> }
}

macro_rules! symbols {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $id:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the name of its picture")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them, for tests and the gallery.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Reference to the symbol in the sprite.
            pub const fn href(self) -> &'static str {
                match self { $(Self::$variant => concat!("#", $id)),+ }
            }
        }
    };
}

symbols! {
    /// A picture of 16 px, drawn with strokes.
    Icon {
        Audit = "i-audit", Back = "i-back", Ban = "i-ban", Bar = "i-bar", Check = "i-check", Clock = "i-clock",
        Columns = "i-columns", Copy = "i-copy", Direct = "i-direct", Down = "i-down", Download = "i-download",
        File = "i-file", Fingerprint = "i-finger", Globe = "i-globe", Inbox = "i-inbox", Info = "i-info", Key = "i-key",
        Laptop = "i-laptop", Left = "i-left", Lock = "i-lock", Logs = "i-logs", Mail = "i-mail", Menu = "i-menu",
        Monitor = "i-mon", More = "i-more", Overview = "i-overview", Pause = "i-pause", Phone = "i-phone",
        Play = "i-play", Plus = "i-plus", Power = "i-power", Refresh = "i-refresh", Relay = "i-relay",
        Right = "i-right", Search = "i-search", Services = "i-services", Sessions = "i-sessions",
        Settings = "i-settings", Shield = "i-shield", Stop = "i-stop", Tor = "i-tor", Unplug = "i-unplug", Up = "i-up",
        Users = "i-users", Close = "i-x",
    }
}

symbols! {
    /// The shape of a state, legible without colour.
    Shape {
        Disc = "g-on", Ring = "g-ring", Half = "g-half", Slot = "g-slot", Triangle = "g-tri", Diamond = "g-dia",
        Square = "g-sq", HollowSquare = "g-sqo",
    }
}

impl Icon {
    /// Returns true if the picture points along the line of text, and is mirrored from right to left.
    const fn is_directional(self) -> bool {
        matches!(self, Self::Left | Self::Right | Self::Back)
    }
}

/// An icon. It is decoration: the words beside it, or the `aria-label` of its button, carry the meaning.
#[component]
pub fn Pic(
    /// Which picture.
    icon: Icon,
) -> impl IntoView {
    let class = if icon.is_directional() { "i flip" } else { "i" };
    view! { <svg class=class aria-hidden="true"><use href=icon.href()></use></svg> }
}

/// The shape of a state, with the class of its colour.
#[component]
pub fn Glyph(
    /// Which shape.
    shape: Shape,
    /// `g-ok`, `g-warn`, `g-bad`, `g-wait`, or nothing for grey.
    #[prop(optional)]
    tone: &'static str,
) -> impl IntoView {
    let class = if tone.is_empty() { "g".to_owned() } else { format!("g {tone}") };
    view! { <svg class=class aria-hidden="true"><use href=shape.href()></use></svg> }
}

/// The product's mark.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
            <path class="mark-a" d="M4.2 4.8C4.2 2.7 19.8 2.7 19.8 4.8 19.8 7.8 6.4 6.8 6.4 9.6 6.4 12.2 17.2 11.2 17.2 13.8 17.2 16.2 9.4 15.4 9.4 17.6 9.4 19.4 12.8 19 13.4 21.4"></path>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_icon_and_shape_is_in_the_sprite() {
        let all = Icon::ALL.iter().map(|icon| icon.href()).chain(Shape::ALL.iter().map(|shape| shape.href()));
        for href in all {
            let symbol = format!("<symbol id=\"{}\"", href.trim_start_matches('#'));
            assert!(SYMBOLS.contains(&symbol), "{href}");
        }
    }
}
