//! The application: routes of the pages that the browser takes over. `still` has the others.

use crate::frame::Frame;
use crate::look::Look;
use crate::pages;
use crate::texts::Texts;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::path;
use tornado_ui::icon::Sprite;

/// Language and theme of this page.
pub fn provide_look() -> Texts {
    #[cfg(feature = "browser")]
    let look = Look::of_page();
    #[cfg(not(feature = "browser"))]
    let look = use_context::<Look>().unwrap_or_default();
    let texts = Texts { lang: look.lang };
    provide_context(look);
    provide_context(texts);
    texts
}

/// The application. The server renders each page whole: `SsrMode::Async`.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let t = provide_look();
    view! {
        <Sprite />
        <Title formatter=|page: String| format!("{page} · Tornado VPN") />
        <a class="skip" href="#main">{t.skip()}</a>
        <Router>
            <Routes fallback=|| ()>
                <Route path=path!("/sign-in") view=pages::entry::SignIn ssr=SsrMode::Async />
                <Route path=path!("/setup/invite") view=pages::entry::Invite ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("") view=pages::overview::Page ssr=SsrMode::Async />
                    <Route path=path!("/sessions") view=pages::sessions::Page ssr=SsrMode::Async />
                    <Route path=path!("/sessions/:id") view=pages::sessions::detail::Page ssr=SsrMode::Async />
                    <Route path=path!("/users") view=pages::users::Page ssr=SsrMode::Async />
                    <Route path=path!("/users/:name") view=pages::users::detail::Page ssr=SsrMode::Async />
                    <Route path=path!("/tor") view=pages::tor::Page ssr=SsrMode::Async />
                    <Route path=path!("/services") view=pages::services::Page ssr=SsrMode::Async />
                    <Route path=path!("/logs") view=pages::logs::Page ssr=SsrMode::Async />
                    <Route path=path!("/settings") view=pages::settings::Page ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}
