//! The switch between the lanes: a group of two, with arrow keys.

use crate::texts::use_texts;
use leptos::ev::KeyboardEvent;
use leptos::html::Button;
use leptos::prelude::*;
use tornado_gui_api::Lane;
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::{live, view};

/// The switch. It shows `chosen` and reports another choice; it changes only when `chosen` does.
#[component]
pub fn Lanes(
    /// The lane in use, or the next one.
    #[prop(into)]
    chosen: Signal<Lane>,
    /// A choice is not possible now.
    #[prop(into)]
    disabled: Signal<bool>,
    /// Called with another lane.
    #[prop(into)]
    on_choice: Callback<Lane>,
) -> impl IntoView {
    let t = use_texts();
    let nodes = [NodeRef::<Button>::new(), NodeRef::<Button>::new()];
    let choose = move |lane: Lane| {
        if lane != chosen.get_untracked() && !disabled.get_untracked() {
            on_choice.run(lane);
        }
    };
    let keys = move |event: KeyboardEvent| {
        let lane = match event.key().as_str() {
            "ArrowLeft" | "ArrowUp" | "ArrowRight" | "ArrowDown" => match chosen.get_untracked() {
                Lane::Direct => Lane::Tor,
                Lane::Tor => Lane::Direct,
            },
            _ => return,
        };
        event.prevent_default();
        choose(lane);
        let [direct, tor] = nodes;
        let node = if lane == Lane::Direct { direct } else { tor };
        if let Some(button) = node.get_untracked() {
            // An element that was removed in between cannot be focused.
            drop(button.focus());
        }
    };
    let option = move |lane: Lane, node: NodeRef<Button>| {
        let (class, icon, word, text) = match lane {
            Lane::Direct => ("is-direct", Icon::Direct, t.lane_direct(), t.lane_direct_text()),
            Lane::Tor => ("is-tor", Icon::Tor, t.lane_tor(), t.lane_tor_text()),
        };
        let is_chosen = move || chosen.get() == lane;
        view! {
            <button
                class=class
                type="button"
                role="radio"
                node_ref=node
                aria-checked=live(move || if is_chosen() { "true" } else { "false" })
                tabindex=live(move || if is_chosen() { "0" } else { "-1" })
                aria-disabled=live(move || disabled.get().then_some("true"))
                on:click=move |_| choose(lane)
            >
                <Pic icon />
                <b>{word}</b>
                <small>{text}</small>
            </button>
        }
    };
    let [direct, tor] = nodes;
    view! {
        <div class="two" role="radiogroup" aria-label=t.lane() on:keydown=keys>
            {option(Lane::Direct, direct)}
            {option(Lane::Tor, tor)}
        </div>
    }
}
