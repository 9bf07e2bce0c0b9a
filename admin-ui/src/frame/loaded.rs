//! Content of a page: read, shown, kept, or the reason why it is absent.

use crate::acts::use_acts;
use crate::address::address;
use crate::live::{Feed, follow};
use crate::model::Fault;
use crate::packed::{Answer, Packing, unpack};
use crate::reading::Reading;
use crate::source::PageQuery;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tornado_ui::button::{Button, IconButton, LinkButton};
use tornado_ui::feedback::{Empty, Note, Skeleton, Weight};
use tornado_ui::figures::Live;
use tornado_ui::icon::Icon;
use tornado_ui::{later, live, view};

/// Draws packed content.
type Draw = Arc<dyn Fn(&[u8]) -> Result<AnyView, Fault> + Send + Sync>;

fn drawing<T, V>(view: impl Fn(T) -> V + Send + Sync + 'static) -> Draw
where
    T: DeserializeOwned,
    V: IntoView + 'static,
{
    Arc::new(move |content| unpack(content).map(|content| view(content).into_any()))
}

/// Content of a page: skeleton at first, old rows while it is read again, the fault otherwise.
#[component]
pub fn Loaded<T, F, V>(
    /// The page.
    of: Reading<T>,
    /// Draws the content.
    view: F,
) -> impl IntoView
where
    T: DeserializeOwned + 'static,
    F: Fn(T) -> V + Send + Sync + 'static,
    V: IntoView + 'static,
{
    loaded(of.answers, drawing(view))
}

/// [`Loaded`], for every page the same.
fn loaded(of: Resource<Answer, Packing>, draw: Draw) -> AnyView {
    let t = use_texts();
    let kept = StoredValue::new(None::<(Vec<u8>, String)>);
    view! {
        <Transition fallback=move || view! { <div class="card"><Skeleton label=t.loading() /></div> }>
            {later(move || {
                let draw = draw.clone();
                Box::pin(async move {
                    let (content, fault) = match of.await {
                        Ok(content) => {
                            kept.set_value(Some(content.clone()));
                            (Some(content), None)
                        }
                        Err(fault) if fault.is_passing() => (kept.get_value(), Some(fault)),
                        Err(fault) => (None, Some(fault)),
                    };
                    let card = |fault| {
                        view! { <FaultCard fault on_retry=Callback::new(move |()| of.refetch()) /> }.into_any()
                    };
                    let Some((content, missing)) = content else { return card(fault.unwrap_or(Fault::Unreachable)) };
                    let why = match fault {
                        Some(fault) => Some(why_kept(t, fault)),
                        None if missing.is_empty() => None,
                        None => Some(t.unavailable_title(&missing)),
                    };
                    match draw(&content) {
                        Ok(content) => view! {
                            {why.map(|why| view! { <Note weight=Weight::Warning>{why}</Note> })}
                            {content}
                        }
                        .into_any(),
                        Err(fault) => card(fault),
                    }
                })
            })}
        </Transition>
    }
    .into_any()
}

/// Why values are from before.
fn why_kept(t: Texts, fault: Fault) -> String {
    match fault {
        Fault::Unavailable { part, .. } => t.kept_text(&part),
        Fault::TooMany => t.problem_requests().to_owned(),
        Fault::Unreachable | Fault::SignedOut | Fault::Forbidden | Fault::NotFound => t.kept_text(t.server()),
    }
}

/// Reads a page through its source, and again after each change, after events of `kinds`, and every so often.
pub fn read<Q, T>(
    query: impl Fn() -> Q + Send + Sync + 'static,
    question: fn(Q) -> PageQuery<T>,
    kinds: &'static [&'static str],
    every: Option<Duration>,
) -> Reading<T>
where
    Q: 'static,
    T: DeserializeOwned + 'static,
{
    let acts = use_acts();
    let reading = Reading::again(Arc::new(move || (acts.count(), question(query()).query)));
    let answers = reading.answers;
    follow(kinds, every, move || answers.refetch());
    reading
}

/// Part of a page's head that needs the page's content.
#[component]
pub fn With<T, F, V>(
    /// The page.
    of: Reading<T>,
    /// Draws the part.
    view: F,
) -> impl IntoView
where
    T: DeserializeOwned + 'static,
    F: Fn(T) -> V + Send + Sync + 'static,
    V: IntoView + 'static,
{
    with(of.answers, drawing(view))
}

/// [`With()`], for every page the same.
fn with(of: Resource<Answer, Packing>, draw: Draw) -> AnyView {
    view! {
        <Transition fallback=|| ()>
            {later(move || {
                let draw = draw.clone();
                Box::pin(async move { of.await.ok().and_then(|(content, _)| draw(&content).ok()).into_any() })
            })}
        </Transition>
    }
    .into_any()
}

/// When the values of a live page were read, and the switch that holds the page still.
#[component]
pub fn LiveSign<T>(
    /// The page.
    of: Reading<T>,
    /// When its values were read.
    as_of: fn(&T) -> i64,
) -> impl IntoView
where
    T: DeserializeOwned + 'static,
{
    let t = use_texts();
    let Feed { is_paused, is_live, is_lost, .. } = expect_context();
    let sign = move |at: i64| {
        let time = t.clock(at);
        let text = move || match (is_live.get() && !is_lost.get(), is_paused.get()) {
            (true, false) => t.live_at(&time),
            (true, true) => t.paused_at(&time),
            (false, _) => t.as_of(&time),
        };
        view! { <Live text=Signal::derive(text) /> }.into_any()
    };
    view! {
        <With of view=move |content| sign(as_of(&content)) />
        <Show when=move || is_live.get()>
            {live(move || {
                let (icon, label) =
                    if is_paused.get() { (Icon::Play, t.resume()) } else { (Icon::Pause, t.pause()) };
                view! { <IconButton icon label on:click=move |_| is_paused.update(|paused| *paused = !*paused) /> }
            }.into_any())}
        </Show>
    }
}

/// The address of the sign-in that returns to this page.
fn sign_in_address() -> String {
    address("/sign-in", &[("back", Some(&own_address()))])
}

/// The address of this page, without the server.
fn own_address() -> String {
    let location = use_location();
    let (path, search) = (location.pathname.get_untracked(), location.search.get_untracked());
    if search.is_empty() { path } else { format!("{path}?{search}") }
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
    #[cfg(feature = "ssr")]
    let still = use_context::<crate::look::Still>().map(|_| own_address());
    let retry = move || {
        #[cfg(feature = "ssr")]
        if let Some(href) = still {
            return view! { <LinkButton href icon=Icon::Refresh>{t.retry()}</LinkButton> }.into_any();
        }
        view! { <Button icon=Icon::Refresh on:click=move |_| on_retry.run(())>{t.retry()}</Button> }.into_any()
    };
    let content = match fault {
        Fault::SignedOut => {
            let sign_in = sign_in_address();
            #[cfg(feature = "ssr")]
            leptos_axum::redirect(&sign_in);
            view! {
                <Empty icon=Icon::Lock title=t.signed_out_title() text=t.signed_out_text()>
                    <LinkButton href=sign_in is_whole=true>{t.sign_in()}</LinkButton>
                </Empty>
            }
            .into_any()
        }
        Fault::Forbidden => view! {
            <Empty icon=Icon::Lock title=t.forbidden_title() text=t.forbidden_text() />
        }
        .into_any(),
        Fault::NotFound => view! {
            <Empty icon=Icon::Search title=t.not_found_title() text=t.not_found_text() />
        }
        .into_any(),
        Fault::TooMany => view! {
            <Empty icon=Icon::Unplug title=t.too_many_title() text=t.problem_requests()>{retry()}</Empty>
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
