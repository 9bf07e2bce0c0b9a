//! Pages that only the server renders: ordinary links and forms, which need no life after loading. The browser's half
//! of the console stays smaller without them. Links to them carry `rel="external"`, so that the browser loads them.

mod about;
mod audit;
mod code;
mod delete_logs;
mod kept;
mod keys;
mod licence;
mod set_up;

use crate::acts::Acts;
use crate::app::provide_look;
use crate::frame::Side;
use crate::look::Still;
use crate::model::act::{Outcome, Refusal};
use crate::reading::Reading;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Outlet, ParentRoute, Route, Router, Routes};
use leptos_router::path;
use tornado_ui::button::LinkButton;
use tornado_ui::feedback::Empty;
use tornado_ui::icon::{Icon, Sprite};

/// Addresses of the pages.
pub const PATHS: [&str; 9] = [
    "/sign-in/code",
    "/setup",
    "/setup/host",
    "/keys",
    "/audit",
    "/logs/delete",
    "/about",
    "/about/data-kept",
    "/about/licence",
];

/// What the change of this request's form has returned.
#[derive(Clone, Debug)]
pub struct Answered(pub Result<Outcome, Refusal>);

/// The pages. Every other address is not found.
#[component]
pub fn Pages() -> impl IntoView {
    provide_meta_context();
    provide_context(Still);
    let t = provide_look();
    view! {
        <Sprite />
        <Title formatter=|page: String| format!("{page} · Tornado VPN") />
        <a class="skip" href="#main">{t.skip()}</a>
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/sign-in/code") view=code::Code ssr=SsrMode::Async />
                <Route path=path!("/setup") view=set_up::SetUp ssr=SsrMode::Async />
                <Route path=path!("/setup/host") view=set_up::Host ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("/keys") view=keys::Page ssr=SsrMode::Async />
                    <Route path=path!("/audit") view=audit::Page ssr=SsrMode::Async />
                    <Route path=path!("/logs/delete") view=delete_logs::Page ssr=SsrMode::Async />
                    <Route path=path!("/about/data-kept") view=kept::Page ssr=SsrMode::Async />
                    <Route path=path!("/about/licence") view=licence::Page ssr=SsrMode::Async />
                    <Route path=path!("/about") view=about::Page ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// Menu, and the page beside it.
#[component]
fn Frame() -> impl IntoView {
    let viewer = Reading::new(source::viewer);
    provide_context(Acts::new(viewer));
    view! {
        <div class="app">
            <Side viewer palette=None />
            <main class="main" id="main">
                <Outlet />
            </main>
        </div>
    }
}

/// The page of an address that does not exist.
#[component]
fn NotFound() -> impl IntoView {
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    let t = use_texts();
    view! {
        <Title text=t.not_found_title() />
        <main class="main" id="main">
            <h1 class="vh">{t.not_found_title()}</h1>
            <Empty icon=Icon::Search title=t.not_found_title() text=t.not_found_text()>
                <LinkButton href="/">{t.to_overview()}</LinkButton>
            </Empty>
        </main>
    }
}
