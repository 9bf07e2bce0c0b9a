//! Head, content and foot of a screen.

use crate::context::{Page, use_window};
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::button::IconButton;
use tornado_ui::icon::{Glyph, Icon, Mark};
use tornado_ui::state::Condition;
use tornado_ui::{live, view};

/// The head: server and account, and the button of the settings.
#[component]
pub fn Top() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let names = Memo::new(move |_| {
        window.view.with(|view| match &view.account {
            Some(account) if account.is_signed_in => (account.server.clone(), account.user.clone()),
            Some(account) => (account.server.clone(), t.not_signed_in().to_owned()),
            None => ("Tornado VPN".to_owned(), t.no_account().to_owned()),
        })
    });
    view! {
        <header class="win-top">
            <Mark />
            <div class="grow">
                <b><bdi>{live(move || names.with(|(server, _)| server.clone()))}</bdi></b>
                <small><bdi>{live(move || names.with(|(_, user)| user.clone()))}</bdi></small>
            </div>
            <IconButton icon=Icon::Settings label=t.settings() on:click=move |_| window.page.set(Page::Settings) />
        </header>
    }
}

/// The head of a page above the main screen: the way back, and the title.
#[component]
pub fn PageTop(
    /// The title.
    title: &'static str,
    /// Where the way back leads.
    back: Page,
    /// What stands at the end.
    #[prop(optional, into)]
    end: Option<String>,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    view! {
        <header class="win-top win-back">
            <IconButton icon=Icon::Back label=t.back() on:click=move |_| window.page.set(back) />
            <h1 class="grow" tabindex="-1">{title}</h1>
            {end.map(|end| view! { <span class="small dim">{end}</span> })}
        </header>
    }
}

/// Heading of a screen with its sentence.
#[component]
pub fn Say(
    /// The heading.
    #[prop(into)]
    title: Signal<String>,
    /// The sentence below it.
    #[prop(into)]
    text: Signal<String>,
    /// Shape and colour of a state.
    #[prop(default = None)]
    condition: Option<Signal<Condition>>,
) -> impl IntoView {
    let glyph = condition.map(|condition| {
        move || {
            let condition = condition.get();
            view! { <Glyph shape=condition.shape() tone=condition.tone() /> }
        }
    });
    view! {
        <div class="say" role=condition.map(|_| "status")>
            <h1 tabindex="-1">
                {glyph}
                <span>{live(move || title.get())}</span>
            </h1>
            <p>{live(move || text.get())}</p>
        </div>
    }
}
