//! The frame of all pages with a menu: menu, head, and what a page shows instead of content.

use crate::acts::{Acts, Desk, use_acts};
use crate::live::{Feed, follow, provide_feed};
use crate::look::{Look, Theme};
use crate::model::{Fault, Role, Viewer};
use crate::source;
use crate::texts::{Lang, Texts, use_texts};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tornado_ui::button::{Button, IconButton, LinkButton, Size};
use tornado_ui::feedback::{Empty, Note, Skeleton, Weight};
use tornado_ui::figures::Live;
use tornado_ui::icon::{Glyph, Icon, Mark, Pic, Shape};
use tornado_ui::palette::{Palette, Target};

/// Word of a role.
pub fn role(t: Texts, role: Role) -> &'static str {
    match role {
        Role::Owner => t.role_owner(),
        Role::Operator => t.role_operator(),
        Role::Viewer => t.role_viewer(),
    }
}

/// Address, icon and word of each page of the menu.
fn pages(t: Texts) -> [(&'static str, Icon, &'static str); 8] {
    [
        ("/", Icon::Overview, t.nav_overview()),
        ("/sessions", Icon::Sessions, t.nav_sessions()),
        ("/users", Icon::Users, t.nav_users()),
        ("/tor", Icon::Tor, t.nav_tor()),
        ("/services", Icon::Services, t.nav_services()),
        ("/logs", Icon::Logs, t.nav_logs()),
        ("/keys", Icon::Key, t.nav_keys()),
        ("/settings", Icon::Settings, t.nav_settings()),
    ]
}

/// Whether the address belongs to a page of the menu.
fn is_at(path: &str, href: &str) -> bool {
    let is_audit = href == "/keys" && path.starts_with("/audit");
    let is_about = href == "/settings" && path.starts_with("/about");
    path == href
        || is_audit
        || is_about
        || (href != "/" && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')))
}

/// Menu, and the page beside it.
#[component]
pub fn Frame() -> impl IntoView {
    let t = use_texts();
    let viewer = Resource::new(|| (), |()| source::viewer());
    provide_context(Acts::new(viewer));
    let feed = provide_feed();
    follow(&["services", "sessions"], None, move || viewer.refetch());
    let palette = RwSignal::new(false);
    let targets = pages(t)
        .into_iter()
        .chain([("/audit", Icon::Audit, t.nav_audit()), ("/about", Icon::Info, t.nav_about())])
        .map(|(href, icon, words)| Target {
            group: t.palette_pages().to_owned(),
            icon,
            words: words.to_owned(),
            href: href.to_owned(),
        })
        .collect::<Vec<_>>();
    crate::keyboard::listen(palette);
    focus_heading_after_navigation();
    view! {
        <div class="app">
            <header class="side">
                <Transition fallback=move || view! { <Brand host=String::new() /> }>
                    {move || Suspend::new(async move {
                        let host = viewer.await.map(|viewer| viewer.host).unwrap_or_default();
                        view! { <Brand host /> }
                    })}
                </Transition>
                <button class="jump" type="button" aria-label=t.jump() on:click=move |_| palette.set(true)>
                    <Pic icon=Icon::Search />
                    <span>{t.jump()}</span>
                    <kbd>"/"</kbd>
                </button>
                <nav aria-label=t.nav()>
                    <Transition fallback=move || view! { <Menu viewer=None /> }>
                        {move || Suspend::new(async move {
                            view! { <Menu viewer=viewer.await.ok() /> }
                        })}
                    </Transition>
                </nav>
                <Transition fallback=|| ()>
                    {move || Suspend::new(async move {
                        viewer.await.ok().map(|viewer| view! { <Foot viewer /> })
                    })}
                </Transition>
            </header>
            <main class="main" id="main">
                <div class="lost" role="status">
                    <Show when=move || feed.is_lost.get()>
                        <Note weight=Weight::Warning>{t.lost_text()}</Note>
                    </Show>
                </div>
                <Outlet />
            </main>
        </div>
        <Desk />
        <Palette open=palette label=t.jump() nothing=t.nothing_found() targets />
    }
}

/// Moves the focus to the heading after a change of the page, so that screen readers read it. Not at the first page.
fn focus_heading_after_navigation() {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let path = path.get();
        if before.as_ref().is_some_and(|before| *before != path) {
            request_animation_frame(|| {
                use leptos::wasm_bindgen::JsCast;
                let heading = document().query_selector("main h1").ok().flatten();
                if let Some(heading) = heading.and_then(|one| one.dyn_into::<web_sys::HtmlElement>().ok()) {
                    // Fails only if the element has left the page.
                    drop(heading.focus());
                }
            });
        }
        path
    });
}

#[component]
fn Brand(host: String) -> impl IntoView {
    view! {
        <a class="brand" href="/">
            <Mark />
            <div>
                <b>"Tornado VPN"</b>
                <span><bdi dir="ltr">{host}</bdi></span>
            </div>
        </a>
    }
}

#[component]
fn Menu(viewer: Option<Viewer>) -> impl IntoView {
    let t = use_texts();
    let path = use_location().pathname;
    let items = pages(t).map(|(href, icon, words)| {
        let count = viewer.as_ref().and_then(|viewer| match href {
            "/sessions" => viewer.sessions.map(|n| (t.number(n), false)),
            "/users" => viewer.users.map(|n| (t.number(n), false)),
            "/services" if viewer.services_not_ready > 0 => Some((t.number(viewer.services_not_ready), true)),
            _ => None,
        });
        let count = count.map(|(count, is_warning)| {
            let mark = is_warning.then(|| view! { <Glyph shape=Shape::Triangle tone="g-warn" /> });
            view! { <span class=if is_warning { "n n-warn" } else { "n" }>{mark}{count}</span> }
        });
        view! {
            <li>
                <a href=href title=words aria-current=move || is_at(&path.get(), href).then_some("page")>
                    <Pic icon />
                    <span>{words}</span>
                    {count}
                </a>
            </li>
        }
    });
    view! {
        <ul class="nav">
            {items.into_iter().collect_view()}
            <li class="nav-more">
                <a href="/about">
                    <Pic icon=Icon::Menu />
                    <span>{t.nav_more()}</span>
                </a>
            </li>
        </ul>
    }
}

#[component]
fn Foot(viewer: Viewer) -> impl IntoView {
    let t = use_texts();
    let initials: String = viewer.name.chars().take(2).collect();
    view! {
        <div class="side-foot">
            <p class="server-line">{t.server_line(&t.span(viewer.up_s), &viewer.version)}</p>
            <div class="row">
                <a class="me grow" href="/settings#sign-ins">
                    <span class="who" aria-hidden="true">{initials}</span>
                    <span>
                        <bdi>{viewer.name}</bdi>
                        <small>{role(t, viewer.role)}</small>
                    </span>
                </a>
                <form class="leave" method="post" action="/sign-out">
                    <input type="hidden" name="csrf" value=viewer.csrf />
                    <button class="btn btn-quiet btn-s btn-icon" type="submit" aria-label=t.sign_out() title=t.sign_out()>
                        <Pic icon=Icon::Power />
                    </button>
                </form>
            </div>
        </div>
    }
}

/// Head of a page: title of the document, heading, actions at the end.
#[component]
pub fn Head(
    /// Heading and title.
    #[prop(into)]
    title: String,
    /// Actions.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <Title text=title.clone() />
        <div class="head">
            <div class="head-words">
                <h1 tabindex="-1">{title}</h1>
            </div>
            {children.map(|children| view! { <div class="head-acts">{children()}</div> })}
        </div>
    }
}

/// Content of a resource: skeleton at first, old rows while it is read again, the fault otherwise.
#[component]
pub fn Loaded<T, F, V>(
    /// The resource.
    of: Resource<Result<T, Fault>>,
    /// Draws the content.
    view: F,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Fn(T) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let t = use_texts();
    let kept = StoredValue::new(None::<T>);
    view! {
        <Transition fallback=move || view! { <div class="card"><Skeleton label=t.loading() /></div> }>
            {move || {
                let view = view.clone();
                Suspend::new(async move {
                    let (content, fault) = match of.await {
                        Ok(content) => {
                            kept.set_value(Some(content.clone()));
                            (Some(content), None)
                        }
                        Err(fault) if fault.is_passing() => (kept.get_value(), Some(fault)),
                        Err(fault) => (None, Some(fault)),
                    };
                    match (content, fault) {
                        (Some(content), fault) => {
                            let part = fault.map(|fault| match fault {
                                Fault::Unavailable { part, .. } => part,
                                Fault::Unreachable
                                | Fault::SignedOut
                                | Fault::Forbidden { .. }
                                | Fault::NotFound => t.server().to_owned(),
                            });
                            view! {
                                {part.map(|part| view! { <Note weight=Weight::Warning>{t.kept_text(&part)}</Note> })}
                                {view(content)}
                            }
                            .into_any()
                        }
                        (None, fault) => {
                            let fault = fault.unwrap_or(Fault::Unreachable);
                            view! { <FaultCard fault on_retry=Callback::new(move |()| of.refetch()) /> }.into_any()
                        }
                    }
                })
            }}
        </Transition>
    }
}

/// Reads a page through its source, and again after each change, after events of `kinds`, and every so often.
pub fn read<Q, T, F>(
    query: impl Fn() -> Q + Send + Sync + 'static,
    read: impl Fn(Q) -> F + Send + Sync + 'static,
    kinds: &'static [&'static str],
    every: Option<Duration>,
) -> Resource<Result<T, Fault>>
where
    Q: PartialEq + Clone + Send + Sync + 'static,
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let acts = use_acts();
    let resource = Resource::new(move || (acts.count(), query()), move |(_, query)| read(query));
    follow(kinds, every, move || resource.refetch());
    resource
}

/// Part of a page's head that needs the page's content.
#[component]
pub fn With<T, F, V>(
    /// The page.
    of: Resource<Result<T, Fault>>,
    /// Draws the part.
    view: F,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Fn(T) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    view! {
        <Transition fallback=|| ()>
            {move || {
                let view = view.clone();
                Suspend::new(async move { of.await.ok().map(view) })
            }}
        </Transition>
    }
}

/// When the values of a live page were read, and the switch that holds the page still.
#[component]
pub fn LiveSign<T>(
    /// The page.
    of: Resource<Result<T, Fault>>,
    /// When its values were read.
    as_of: fn(&T) -> i64,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let t = use_texts();
    let Feed { is_paused, is_live, is_lost, .. } = expect_context();
    let sign = move |content: T| {
        let time = t.clock(as_of(&content));
        let text = move || match (is_live.get() && !is_lost.get(), is_paused.get()) {
            (true, false) => t.live_at(&time),
            (true, true) => t.paused_at(&time),
            (false, _) => t.as_of(&time),
        };
        view! { <Live text=Signal::derive(text) /> }
    };
    view! {
        <With of view=sign />
        <Show when=move || is_live.get()>
            {move || {
                let (icon, label) =
                    if is_paused.get() { (Icon::Play, t.resume()) } else { (Icon::Pause, t.pause()) };
                view! { <IconButton icon label on:click=move |_| is_paused.update(|paused| *paused = !*paused) /> }
            }}
        </Show>
    }
}

/// What a page shows instead of content.
#[component]
pub fn FaultCard(
    /// Why.
    fault: Fault,
    /// Reads again.
    #[prop(into)]
    on_retry: Callback<()>,
) -> impl IntoView {
    let t = use_texts();
    let retry = move || view! { <Button icon=Icon::Refresh on:click=move |_| on_retry.run(())>{t.retry()}</Button> };
    let content = match fault {
        Fault::SignedOut => view! {
            <Empty icon=Icon::Lock title=t.signed_out_title() text=t.signed_out_text()>
                <LinkButton href="/sign-in">{t.sign_in()}</LinkButton>
            </Empty>
        }
        .into_any(),
        Fault::Forbidden { needs } => view! {
            <Empty icon=Icon::Lock title=t.forbidden_title() text=t.forbidden_text(&needs) />
        }
        .into_any(),
        Fault::NotFound => view! {
            <Empty icon=Icon::Search title=t.not_found_title() text=t.not_found_text() />
        }
        .into_any(),
        Fault::Unreachable => view! {
            <Empty icon=Icon::Unplug title=t.unreachable_title() text=t.unreachable_text()>{retry()}</Empty>
        }
        .into_any(),
        Fault::Unavailable { part, code, request } => view! {
            <Empty icon=Icon::Unplug title=t.unavailable_title(&part) text=t.unavailable_text()>{retry()}</Empty>
            <div class="card-foot small"><code><bdi dir="ltr">{format!("{code}, {request}")}</bdi></code></div>
        }
        .into_any(),
    };
    view! { <section class="card">{content}</section> }
}

/// Choice of language and theme: a form, which works without script.
#[component]
pub fn LookForm() -> impl IntoView {
    let t = use_texts();
    let look = use_context::<Look>().unwrap_or_default();
    let location = use_location();
    let back = move || location.pathname.get();
    view! {
        <form class="row row-wrap look" method="post" action="/look">
            <input type="hidden" name="back" value=back />
            <label class="row">
                <span>{t.language()}</span>
                <select class="input" name="lang">
                    {Lang::ALL
                        .map(|lang| {
                            view! { <option value=lang.tag() lang=lang.tag() selected=lang == look.lang>{lang.name()}</option> }
                        })
                        .into_iter()
                        .collect_view()}
                </select>
            </label>
            <label class="row">
                <span>{t.theme()}</span>
                <select class="input" name="theme">
                    {Theme::ALL
                        .map(|theme| {
                            let word = match theme {
                                Theme::System => t.theme_system(),
                                Theme::Light => t.theme_light(),
                                Theme::Dark => t.theme_dark(),
                            };
                            view! { <option value=theme.word() selected=theme == look.theme>{word}</option> }
                        })
                        .into_iter()
                        .collect_view()}
                </select>
            </label>
            <Button submit=true size=Size::Small>{t.apply()}</Button>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_marks_the_page_of_the_address() {
        assert!(is_at("/", "/") && !is_at("/users", "/"));
        assert!(is_at("/users/demo-heron", "/users") && !is_at("/usersx", "/users"));
        assert!(is_at("/audit", "/keys") && is_at("/about", "/settings"));
    }
}
