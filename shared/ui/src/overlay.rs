//! What lies over the page: dialogs, the drawer of a row, toasts.

use crate::button::{Button, IconButton, Kind};
use crate::field::Sent;
use crate::icon::{Glyph, Icon};
use crate::state::Condition;
use crate::{Views as _, effect, live, view};
use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;

/// One consequence of an action: how many, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The count, or a word for none.
    pub count: String,
    /// What happens to them.
    pub text: String,
}

/// A modal dialog. It opens when `open` becomes true and sets it to false when it closes, by button or Escape; the
/// browser keeps the focus inside and returns it to the opener.
#[component]
pub fn Dialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Identifier of the title, unique on the page.
    id: &'static str,
    /// The question.
    #[prop(into)]
    title: String,
    /// Word of the button that closes it.
    #[prop(into)]
    cancel: String,
    /// Consequences in numbers.
    #[prop(optional)]
    effects: Vec<Consequence>,
    /// Word of the button that acts: the verb of the title.
    #[prop(into)]
    confirm: String,
    /// The action cannot be undone.
    #[prop(optional)]
    danger: bool,
    /// Called by the button that acts, before the dialog closes.
    #[prop(into)]
    on_confirm: Callback<()>,
    /// What happens, what does not, and for how long.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    follow(dialog, open);
    let close = move || open.set(false);
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby=id on:close=move |_| close()>
            <div class="dialog-head">
                <h2 id=id>{title}</h2>
            </div>
            <div class="dialog-body">
                {children()}
                {(!effects.is_empty())
                    .then(|| {
                        view! {
                            <ul class="effects">
                                {effects
                                    .into_iter()
                                    .map(|effect| view! { <li><b>{effect.count}</b><span>{effect.text}</span></li> })
                                    .views()}
                            </ul>
                        }
                    })}
            </div>
            <div class="dialog-foot">
                <Button on:click=move |_| close() attr:autofocus=true>{cancel}</Button>
                <Button
                    kind=if danger { Kind::Danger } else { Kind::Primary }
                    on:click=move |_| {
                        on_confirm.run(());
                        close();
                    }
                >
                    {confirm}
                </Button>
            </div>
        </dialog>
    }
}

/// A modal dialog with a form. It opens and closes as [`Dialog`] does; the button sends the form, and the caller closes
/// the dialog when the server has accepted it.
#[component]
pub fn FormDialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Identifier of the title, unique on the page.
    id: &'static str,
    /// What it is for.
    #[prop(into)]
    title: String,
    /// Word of the button that closes it.
    #[prop(into)]
    cancel: String,
    /// Word of the button that sends the form.
    #[prop(into)]
    confirm: String,
    /// The form was sent, and the server has not answered.
    #[prop(into)]
    busy: Signal<bool>,
    /// Called with the fields of the form.
    #[prop(into)]
    on_submit: Callback<Sent>,
    /// The fields. They exist only while the dialog is open, so that each opening starts with an empty form.
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    follow(dialog, open);
    let close = move || open.set(false);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(sent) = Sent::of(&event).filter(|_| !busy.get_untracked()) {
            on_submit.run(sent);
        }
    };
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby=id on:close=move |_| close()>
            <form on:submit=submit>
                <div class="dialog-head">
                    <h2 id=id>{title}</h2>
                </div>
                <div class="dialog-body">{live(move || open.get().then(|| children()).into_any())}</div>
                <div class="dialog-foot">
                    <Button on:click=move |_| close()>{cancel}</Button>
                    <Button kind=Kind::Primary submit=true disabled=busy>{confirm}</Button>
                </div>
            </form>
        </dialog>
    }
}

/// A modal dialog that shows something once. Its only button closes it.
#[component]
pub fn NoticeDialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Identifier of the title, unique on the page.
    id: &'static str,
    /// What it shows.
    #[prop(into)]
    title: String,
    /// Word of the button.
    #[prop(into)]
    close: String,
    /// The content.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    follow(dialog, open);
    view! {
        <dialog class="dialog dialog-wide" node_ref=dialog aria-labelledby=id on:close=move |_| open.set(false)>
            <div class="dialog-head">
                <h2 id=id>{title}</h2>
            </div>
            <div class="dialog-body">{children()}</div>
            <div class="dialog-foot">
                <Button kind=Kind::Primary attr:autofocus=true on:click=move |_| open.set(false)>{close}</Button>
            </div>
        </dialog>
    }
}

/// Opens and closes the browser's dialog after the signal. Runs in the browser only.
fn follow(dialog: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    effect(move || {
        let is_open = open.get();
        let Some(dialog) = dialog.get() else { return };
        match (is_open, dialog.open()) {
            // The call fails only if the element has left the page, and then there is nothing to open.
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            (true, true) | (false, false) => {}
        }
    });
}

/// Detail of a row, at a separate address. Not modal: the list beside it stays usable.
#[component]
pub fn Drawer(
    /// Identifier of the title, unique on the page.
    id: &'static str,
    /// What it shows.
    #[prop(into)]
    title: String,
    /// Address of the list without it.
    #[prop(into)]
    close_href: String,
    /// Word for closing.
    #[prop(into)]
    close: String,
    /// State and tags under the title.
    head: ViewFn,
    /// Actions at the bottom.
    #[prop(optional, into)]
    foot: Option<ViewFn>,
    /// Sections of the body.
    children: Children,
) -> impl IntoView {
    view! {
        <aside class="drawer" aria-labelledby=id>
            <div class="drawer-head">
                <div class="row">
                    <h2 id=id class="grow cut">{title}</h2>
                    <a class="btn btn-quiet btn-s btn-icon" href=close_href aria-label=close.clone() title=close>
                        <crate::icon::Pic icon=Icon::Close />
                    </a>
                </div>
                <div class="row row-wrap">{head.run()}</div>
            </div>
            <div class="drawer-body" tabindex="0">{children()}</div>
            {foot.map(|foot| view! { <div class="drawer-foot">{foot.run()}</div> })}
        </aside>
    }
}

/// A report of what happened after an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// Distinguishes it from the others.
    pub id: u64,
    /// How it went.
    pub condition: Condition,
    /// What happened.
    pub text: String,
}

/// The reports on screen. The caller removes them: good news after 6 s, errors when dismissed.
#[component]
pub fn Toasts(
    /// The reports.
    toasts: RwSignal<Vec<Toast>>,
    /// Word for dismissing one.
    #[prop(into)]
    dismiss: String,
) -> impl IntoView {
    view! {
        <div class="toasts" role="status">
            <For each=move || toasts.get() key=|toast| toast.id let(toast)>
                <div class="toast">
                    <Glyph shape=toast.condition.shape() tone=toast.condition.tone() />
                    <p class="grow">{toast.text.clone()}</p>
                    <IconButton
                        icon=Icon::Close
                        label=dismiss.clone()
                        on:click=move |_| toasts.update(|toasts| toasts.retain(|other| other.id != toast.id))
                    />
                </div>
            </For>
        </div>
    }
}
