//! Fields of forms. The label is above and always visible, the error below and tied to the field.

use crate::icon::{Glyph, Icon, Pic, Shape};
use crate::{Views as _, live, view};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

/// The fields of a form that was sent. Exists in the browser only.
#[derive(Debug)]
pub struct Sent(web_sys::FormData);

impl Sent {
    /// The fields of the form that the event is about.
    pub fn of(event: &SubmitEvent) -> Option<Self> {
        let form: web_sys::HtmlFormElement = event.target()?.dyn_into().ok()?;
        web_sys::FormData::new_with_form(&form).ok().map(Self)
    }

    /// The text of a field as it is; empty for an absent one.
    pub fn text(&self, name: &str) -> String {
        self.0.get(name).as_string().unwrap_or_default()
    }

    /// The text of a field without spaces around it; none if it is empty.
    pub fn word(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim().to_owned()).filter(|word| !word.is_empty())
    }

    /// The values of all fields with this name.
    pub fn words(&self, name: &str) -> Vec<String> {
        self.0.get_all(name).iter().filter_map(|value| value.as_string()).collect()
    }

    /// Whether a tick is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }
}

/// A field of one line.
#[component]
pub fn Field(
    /// Identifier, unique on the page, and the name that the form sends.
    name: &'static str,
    /// The label.
    #[prop(into)]
    label: String,
    /// Type of the input.
    #[prop(default = "text")]
    kind: &'static str,
    /// Value at the start.
    #[prop(optional, into)]
    value: String,
    /// What may be entered, below the field.
    #[prop(optional, into)]
    hint: Option<String>,
    /// What is wrong, and what to write instead.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// What the browser may fill in.
    #[prop(optional)]
    autocomplete: &'static str,
    /// Keyboard on phones.
    #[prop(optional)]
    inputmode: &'static str,
    /// The form is not sent without it.
    #[prop(optional)]
    required: bool,
    /// Field of sign-in and set-up.
    #[prop(optional)]
    large: bool,
    /// Further class, as `code-input`.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    let error_id = format!("{name}-error");
    let described = {
        let (hint_id, error_id, has_hint) = (hint_id.clone(), error_id.clone(), hint.is_some());
        move || match (error.with(Option::is_some), has_hint) {
            (true, _) => Some(error_id.clone()),
            (false, true) => Some(hint_id.clone()),
            (false, false) => None,
        }
    };
    let classes =
        format!("input{}{}{class}", if large { " input-l" } else { "" }, if class.is_empty() { "" } else { " " });
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                class=classes
                id=name
                name=name
                type=kind
                value=value
                autocomplete=(!autocomplete.is_empty()).then_some(autocomplete)
                inputmode=(!inputmode.is_empty()).then_some(inputmode)
                autocapitalize="none"
                spellcheck="false"
                required=required
                aria-invalid=live(move || error.with(Option::is_some).then_some("true"))
                aria-describedby=described
            />
            {hint.map(|hint| view! { <p class="hint" id=hint_id>{hint}</p> })}
            <Show when=move || error.with(Option::is_some)>
                <p class="error" id=error_id.clone()>
                    <Glyph shape=Shape::Diamond />
                    <span>{live(move || error.get().unwrap_or_default())}</span>
                </p>
            </Show>
        </div>
    }
}

/// The search field of a list. Without script, the form around it sends it.
#[component]
pub fn Search(
    /// Name that the form sends.
    name: &'static str,
    /// What is searched; also the placeholder.
    #[prop(into)]
    label: String,
    /// Value at the start.
    #[prop(optional, into)]
    value: String,
) -> impl IntoView {
    view! {
        <label class="with-icon">
            <span class="vh">{label.clone()}</span>
            <Pic icon=Icon::Search />
            <input class="input" type="search" name=name placeholder=label value=value />
        </label>
    }
}

/// A choice that is sent with the form.
#[component]
pub fn Tick(
    /// Name that the form sends.
    name: &'static str,
    /// Value that the form sends.
    #[prop(into)]
    value: String,
    /// State at the start.
    #[prop(optional)]
    checked: bool,
    /// One of several instead of on or off.
    #[prop(optional)]
    radio: bool,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <label class="row">
            <input
                class="tick"
                type=if radio { "radio" } else { "checkbox" }
                name=name
                value=value
                checked=checked
            />
            {children()}
        </label>
    }
}

/// A switch that acts at once.
#[component]
pub fn Switch(
    /// State, also after a change.
    #[prop(into)]
    on: RwSignal<bool>,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <label class="row">
            <input class="switch" type="checkbox" role="switch" prop:checked=on checked=on.get_untracked() on:change=move |_| on.update(|on| *on = !*on) />
            {children()}
        </label>
    }
}

/// One of several in a list of the browser.
#[component]
pub fn Choice(
    /// Identifier and name that the form sends.
    name: &'static str,
    /// The label.
    #[prop(into)]
    label: String,
    /// Value and word of each, and whether it is chosen.
    options: Vec<(String, String, bool)>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <span class="with-icon">
                <select class="input input-pick" id=name name=name>
                    {options
                        .into_iter()
                        .map(|(value, word, is_chosen)| view! { <option value=value selected=is_chosen>{word}</option> })
                        .views()}
                </select>
                <svg class="i i-end" aria-hidden="true"><use href=Icon::Down.href()></use></svg>
            </span>
        </div>
    }
}
