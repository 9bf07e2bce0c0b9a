//! Buttons, links that look like buttons, and the segmented choice.

use crate::icon::{Icon, Pic};
use crate::{Views as _, live, view};
use leptos::prelude::*;

/// How much a button stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The one primary action of a page.
    Primary,
    /// The usual button.
    #[default]
    Plain,
    /// Confirms a dangerous action, in a dialog only.
    Danger,
    /// Opens the dialog of a dangerous action.
    Warns,
    /// Without an edge, for rows and heads.
    Quiet,
}

/// Height of a button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// 28 px.
    Small,
    /// 34 px.
    #[default]
    Medium,
    /// 44 px.
    Large,
}

/// Classes of a button.
pub fn class(kind: Kind, size: Size, is_icon_only: bool) -> String {
    let mut class = String::from("btn");
    class.push_str(match kind {
        Kind::Primary => " btn-primary",
        Kind::Plain => "",
        Kind::Danger => " btn-danger",
        Kind::Warns => " btn-warns",
        Kind::Quiet => " btn-quiet",
    });
    class.push_str(match size {
        Size::Small => " btn-s",
        Size::Medium => "",
        Size::Large => " btn-l",
    });
    if is_icon_only {
        class.push_str(" btn-icon");
    }
    class
}

/// A button with words: the verb first, three words at most.
#[component]
pub fn Button(
    /// How much it stands out.
    #[prop(optional)]
    kind: Kind,
    /// Its height.
    #[prop(optional)]
    size: Size,
    /// Picture before the words.
    #[prop(default = None, into)]
    icon: Option<Icon>,
    /// Sends the form around it.
    #[prop(optional)]
    submit: bool,
    /// The action is not possible now; the reason stands beside the button.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// As wide as its container.
    #[prop(optional)]
    wide: bool,
    /// The words.
    children: Children,
) -> impl IntoView {
    let mut class = class(kind, size, false);
    if wide {
        class.push_str(" btn-wide");
    }
    view! {
        <button class=class type=if submit { "submit" } else { "button" } disabled=live(move || disabled.get())>
            {icon.map(|icon| view! { <Pic icon /> })}
            {children()}
        </button>
    }
}

/// A button with a picture only; `label` is its name for screen readers and the tooltip.
#[component]
pub fn IconButton(
    /// The picture.
    icon: Icon,
    /// Name of the action.
    #[prop(into)]
    label: String,
    /// How much it stands out.
    #[prop(default = Kind::Quiet)]
    kind: Kind,
    /// Its height.
    #[prop(default = Size::Small)]
    size: Size,
) -> impl IntoView {
    view! {
        <button class=class(kind, size, true) type="button" aria-label=label.clone() title=label>
            <Pic icon />
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(
    /// Where it leads.
    #[prop(into)]
    href: String,
    /// How much it stands out.
    #[prop(optional)]
    kind: Kind,
    /// Its height.
    #[prop(optional)]
    size: Size,
    /// Picture before the words.
    #[prop(optional, into)]
    icon: Option<Icon>,
    /// The browser loads it as a whole: it is not a page of the router.
    #[prop(optional)]
    is_whole: bool,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <a class=class(kind, size, false) href=href rel=is_whole.then_some("external")>
            {icon.map(|icon| view! { <Pic icon /> })}
            {children()}
        </a>
    }
}

/// A choice of two to four links, all visible. Links, so that the choice is in the address and works without script.
#[component]
pub fn Segments(
    /// Name of the choice.
    #[prop(into)]
    label: String,
    /// Address and word of each, and whether it is the current one.
    options: Vec<(String, String, bool)>,
) -> impl IntoView {
    view! {
        <nav class="seg-ctl" aria-label=label>
            {options
                .into_iter()
                .map(|(href, word, is_current)| {
                    view! { <a href=href aria-current=is_current.then_some("true")>{word}</a> }
                })
                .views()}
        </nav>
    }
}
