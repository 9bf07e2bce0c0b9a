//! The frame of all pages with a menu: menu, head, and what a page shows instead of content.

mod copy;
mod loaded;

use crate::acts::{Acts, Desk};
use crate::address::is_still;
use crate::live::{follow_at_most, provide_feed};
use crate::look::{Look, NoProgram, Theme};
use crate::model::{Role, Viewer};
use crate::reading::Reading;
use crate::source;
use crate::texts::{Lang, Texts, use_texts};
pub use copy::CopyField;
use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;
pub use loaded::{FaultCard, LiveSign, Loaded, With, read};
use std::time::Duration;
use tornado_ui::button::{Button, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::icon::{Glyph, Icon, Mark, Pic, Shape};
use tornado_ui::palette::{Palette, Target};
use tornado_ui::{Views as _, effect, later, live, view};

/// Shortest interval between two readings of the frame.
const FRAME: Duration = Duration::from_secs(10);
/// Interval of the clock.
const SECOND: Duration = Duration::from_secs(1);

/// Word of a role.
pub fn role(t: Texts, role: Role) -> &'static str {
    match role {
        Role::Owner => t.role_owner(),
        Role::Operator => t.role_operator(),
        Role::Viewer => t.role_viewer(),
    }
}

/// Address, icon and word of each page of the menu.
pub fn pages(t: Texts) -> [(&'static str, Icon, &'static str); 8] {
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
    let viewer = Reading::new(source::viewer);
    provide_context(Acts::new(viewer));
    let feed = provide_feed();
    follow_at_most(FRAME, &["services", "sessions"], move || viewer.refetch());
    let palette = RwSignal::new(false);
    let targets = pages(t)
        .into_iter()
        .chain([("/audit", Icon::Audit, t.nav_audit()), ("/about", Icon::Info, t.nav_about())])
        .map(|(href, icon, words)| Target {
            group: t.palette_pages().to_owned(),
            icon,
            words: words.to_owned(),
            href: href.to_owned(),
            is_whole: is_still(href),
        })
        .collect::<Vec<_>>();
    let targets = [Target {
        group: t.palette_acts().to_owned(),
        icon: Icon::Plus,
        words: t.invite_title().to_owned(),
        href: "/users?invite=1".to_owned(),
        is_whole: false,
    }]
    .into_iter()
    .chain(targets)
    .collect::<Vec<_>>();
    crate::keyboard::listen(palette);
    provide_context(HasArrived(StoredValue::new(false)));
    view! {
        <div class="app">
            <Side viewer palette=Some(palette) />
            <main class="main" id="main">
                {use_context::<NoProgram>().map(|_| view! { <Note weight=Weight::Warning>{t.no_program_text()}</Note> })}
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

/// The menu beside the page: server, pages, operator.
#[component]
pub fn Side(
    /// The signed-in operator.
    viewer: Reading<Viewer>,
    /// Opens the palette; none on a page without script.
    palette: Option<RwSignal<bool>>,
) -> impl IntoView {
    let t = use_texts();
    let jump = palette.map(|palette| {
        view! {
            <button class="jump" type="button" aria-label=t.jump() on:click=move |_| palette.set(true)>
                <Pic icon=Icon::Search />
                <span>{t.jump()}</span>
                <kbd>"/"</kbd>
            </button>
        }
    });
    view! {
        <header class="side">
            <Transition fallback=move || view! { <Brand host=String::new() /> }>
                {later(move || {
                    Box::pin(async move {
                        let host = viewer.get().await.map(|viewer| viewer.host).unwrap_or_default();
                        view! { <Brand host /> }.into_any()
                    })
                })}
            </Transition>
            {jump}
            <nav aria-label=t.nav()>
                <Transition fallback=move || view! { <Menu viewer=None /> }>
                    {later(move || {
                        Box::pin(async move { view! { <Menu viewer=viewer.get().await.ok() /> }.into_any() })
                    })}
                </Transition>
            </nav>
            <Transition fallback=|| ()>
                {later(move || {
                    Box::pin(async move { viewer.get().await.ok().map(|viewer| view! { <Foot viewer /> }).into_any() })
                })}
            </Transition>
            {palette.map(|_| view! { <Clock /> })}
        </header>
    }
}

/// The time in UTC, in which all times of the pages are. Without script it would stand still, so it appears later.
#[component]
fn Clock() -> impl IntoView {
    let t = use_texts();
    let now = RwSignal::new(None::<i64>);
    effect(move || {
        let tick = move || now.set(Some((js_sys::Date::now() / 1000.0) as i64));
        tick();
        if let Ok(timer) = set_interval_with_handle(tick, SECOND) {
            on_cleanup(move || timer.clear());
        }
    });
    view! {
        <p class="server-line clock">
            {live(move || now.get().map(|at| t.utc(&t.clock(at))))}
        </p>
    }
}

/// Whether a page has been shown: the heading of each later one receives the focus, so that screen readers read it.
#[derive(Clone, Copy)]
struct HasArrived(StoredValue<bool>);

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
                <a
                    href=href
                    rel=is_still(href).then_some("external")
                    title=words
                    aria-current=live(move || is_at(&path.get(), href).then_some("page"))
                >
                    <Pic icon />
                    <span>{words}</span>
                    {count}
                </a>
            </li>
        }
    });
    view! {
        <ul class="nav">
            {items.into_iter().views()}
            <li class="nav-more">
                <a href="/about" rel="external">
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
    /// Address and word of the list that the page belongs to.
    #[prop(optional)]
    crumb: Option<(&'static str, &'static str)>,
    /// Actions.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    let has_arrived = use_context::<HasArrived>();
    effect(move || {
        let (Some(heading), Some(HasArrived(has_arrived))) = (heading.get(), has_arrived) else { return };
        if has_arrived.get_value() {
            // Fails only if the element has left the page.
            drop(heading.focus());
        }
        has_arrived.set_value(true);
    });
    view! {
        <Title text=title.clone() />
        <div class="head">
            <div class="head-words">
                {crumb.map(|(href, word)| view! { <p class="crumbs"><a href=href>{word}</a><Pic icon=Icon::Right /></p> })}
                <h1 tabindex="-1" node_ref=heading>{title}</h1>
            </div>
            {children.map(|children| view! { <div class="head-acts">{children()}</div> })}
        </div>
    }
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
                        .views()}
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
                        .views()}
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
