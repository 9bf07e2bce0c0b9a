//! The palette: search for users, devices, actions and pages from the keyboard.

use crate::icon::{Icon, Pic};
use crate::{effect, view};
use leptos::html;
use leptos::prelude::*;

/// Something to jump to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its group, as "Pages".
    pub group: String,
    /// Its picture.
    pub icon: Icon,
    /// Its words.
    pub words: String,
    /// Where it leads.
    pub href: String,
    /// The browser loads it as a whole: it is not a page of the router.
    pub is_whole: bool,
}

/// Those whose words contain every part of the query, in the given order.
pub fn matching(targets: &[Target], query: &str) -> Vec<Target> {
    let parts: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    targets
        .iter()
        .filter(|target| {
            let words = target.words.to_lowercase();
            parts.iter().all(|part| words.contains(part))
        })
        .cloned()
        .collect()
}

/// The palette: a modal dialog with a field and a list of links.
#[component]
pub fn Palette(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// What the field says when empty; also its name.
    #[prop(into)]
    label: String,
    /// What the list says when nothing matches.
    #[prop(into)]
    nothing: String,
    /// Everything to jump to.
    #[prop(into)]
    targets: Signal<Vec<Target>>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let query = RwSignal::new(String::new());
    effect(move || {
        let is_open = open.get();
        let Some(dialog) = dialog.get() else { return };
        match (is_open, dialog.open()) {
            (true, false) => {
                query.set(String::new());
                // The call fails only if the element has left the page, and then there is nothing to open.
                drop(dialog.show_modal());
            }
            (false, true) => dialog.close(),
            (true, true) | (false, false) => {}
        }
    });
    let found = Memo::new(move |_| targets.with(|targets| matching(targets, &query.get())));
    // The children of an element are built before its attributes.
    let name = label.clone();
    view! {
        <dialog class="palette" node_ref=dialog aria-label=name on:close=move |_| open.set(false)>
            <div class="palette-in">
                <Pic icon=Icon::Search />
                <input
                    type="search"
                    aria-label=label.clone()
                    placeholder=label
                    autofocus=true
                    prop:value=query
                    on:input=move |event| query.set(event_target_value(&event))
                />
                <kbd>"Esc"</kbd>
            </div>
            <div class="palette-list">
                <Show when=move || found.with(|found| !found.is_empty()) fallback=move || view! { <p class="menu-item">{nothing.clone()}</p> }>
                    <ul>
                        <For each=move || found.get() key=|target| target.href.clone() let(target)>
                            <li>
                                <a
                                    class="menu-item"
                                    href=target.href
                                    rel=target.is_whole.then_some("external")
                                    on:click=move |_| open.set(false)
                                >
                                    <Pic icon=target.icon />
                                    <span class="grow">{target.words}</span>
                                    <span class="push">{target.group}</span>
                                </a>
                            </li>
                        </For>
                    </ul>
                </Show>
            </div>
        </dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_of_the_query_must_match() {
        let target = |words: &str| Target {
            group: "Pages".into(),
            icon: Icon::Users,
            words: words.into(),
            href: words.into(),
            is_whole: false,
        };
        let targets = [target("Open users"), target("Open sessions"), target("Users in Tor")];
        let words = |query| matching(&targets, query).into_iter().map(|target| target.words).collect::<Vec<_>>();
        assert_eq!(words("USERS open"), ["Open users"]);
        assert_eq!(words("").len(), 3);
        assert!(words("keys").is_empty());
    }
}
