//! Duration, handshake, bytes; the monthly quota.

use crate::context::use_window;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_gui_api::Lane;
use tornado_ui::chart::Meter;
use tornado_ui::{live, view};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Duration, handshake and bytes of the tunnel.
#[component]
pub fn Facts() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let since = move || {
        window.view.with(|view| {
            let age = view.tunnel.since.map(|since| u64::try_from(view.now - since).unwrap_or(0));
            t.age(age)
        })
    };
    let handshake = move || {
        window
            .view
            .with(|view| view.tunnel.handshake_age)
            .map_or_else(|| t.none_yet().to_owned(), |age| t.ago(&t.span(age)))
    };
    let bytes = move |of: fn(&tornado_gui_api::Tunnel) -> u64| {
        live(move || t.joined(t.bytes(window.view.with(|view| of(&view.tunnel)))))
    };
    // The path of the tor lane needs the height.
    let has_room = Memo::new(move |_| window.view.with(|view| view.tunnel.lane != Some(Lane::Tor)));
    let resolver = move || {
        window.view.with(|view| match view.tunnel.resolvers.first() {
            Some(address) => address.clone(),
            None => t.resolver_own().to_owned(),
        })
    };
    let key = move || {
        if window.view.with(|view| view.tunnel.has_preshared_key) {
            t.protection_post_quantum()
        } else {
            t.protection_usual()
        }
    };
    view! {
        <dl class="panel cells">
            <div><dt>{t.connected_for()}</dt><dd>{live(since)}</dd></div>
            <div><dt>{t.handshake()}</dt><dd>{live(handshake)}</dd></div>
            <div><dt>{t.received()}</dt><dd>{bytes(|tunnel| tunnel.received)}</dd></div>
            <div><dt>{t.sent()}</dt><dd>{bytes(|tunnel| tunnel.sent)}</dd></div>
            {move || {
                has_room.get().then(|| {
                    view! {
                        <div class="wide"><dt>{t.resolver()}</dt><dd><bdi>{live(resolver)}</bdi></dd></div>
                        <div class="wide"><dt>{t.protection()}</dt><dd>{live(key)}</dd></div>
                    }
                })
            }}
        </dl>
    }
}

/// The monthly quota; nothing without one.
#[component]
pub fn Month() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let quota = Memo::new(move |_| window.view.with(|view| view.quota.map(|quota| (quota, view.now))));
    let is_shown = Memo::new(move |_| quota.with(Option::is_some));
    let used = move || quota.get().map_or((0, 0), |(quota, _)| (quota.limit.saturating_sub(quota.left), quota.limit));
    let percent = Signal::derive(move || {
        let (used, limit) = used();
        u8::try_from(u128::from(used) * 100 / u128::from(limit.max(1))).unwrap_or(100)
    });
    let renews = move || {
        let seconds = quota.get().map_or(0, |(quota, now)| quota.renews_at - now);
        t.month_renews(u64::try_from(seconds / DAY).unwrap_or(0) + 1)
    };
    let of = move || {
        let (used, limit) = used();
        t.month_of(&t.joined(t.bytes(limit)), &t.joined(t.bytes(used)))
    };
    let left = move || t.month_left(&t.joined(t.bytes(quota.get().map_or(0, |(quota, _)| quota.left))));
    move || {
        is_shown.get().then(|| {
            view! {
                <section class="panel panel-pad stack-s" aria-label=t.month()>
                    <p class="row row-between">
                        <span class="small dim">{t.month()}</span>
                        <span class="small dim">{live(renews)}</span>
                    </p>
                    <p class="row row-between">
                        <b>{live(of)}</b>
                        <span class="dim">{live(left)}</span>
                    </p>
                    <Meter label=t.quota_used() percent />
                </section>
            }
        })
    }
}
