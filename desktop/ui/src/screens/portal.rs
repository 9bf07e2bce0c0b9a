//! Opening the login page of a captive portal for a minute.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use serde::Serialize;
use std::time::Duration;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::{Field, Sent};
use tornado_ui::{live, view};

#[derive(Serialize)]
struct Arguments {
    address: String,
}

/// The clock of this machine, seconds since 1970.
fn now() -> i64 {
    (js_sys::Date::now() / 1000.0) as i64
}

/// The page.
#[component]
pub fn Portal() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let portal = Memo::new(move |_| window.view.with(|view| view.portal.clone()));
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let clock = RwSignal::new(now());
    if let Ok(timer) = set_interval_with_handle(move || clock.set(now()), Duration::from_secs(1)) {
        on_cleanup(move || timer.clear());
    }
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(address) = Sent::of(&event).and_then(|sent| sent.word("address")) else { return };
        window.send("open_portal", Arguments { address });
    };
    let open = move || {
        portal.get().map(|portal| {
            let left = move || {
                let left = u64::try_from(portal.until - clock.get()).unwrap_or(0);
                t.portal_open_text(&portal.address, &t.span(left))
            };
            view! { <Note weight=Weight::Warning><bdi>{live(left)}</bdi></Note> }
        })
    };
    view! {
        <PageTop title=t.portal() back=Page::Settings />
        <main class="win-body" id="main">
            <p class="dim">{t.portal_text()}</p>
            <div class="trouble" role="status">{open}</div>
            <form class="win-form" on:submit=submit>
                <Field name="address" label=t.portal_address() hint=t.portal_address_hint() class="mono" required=true />
                <Failed />
                <div class="win-foot">
                    <Button kind=Kind::Primary size=Size::Large submit=true wide=true disabled=is_busy>
                        {t.portal_open()}
                    </Button>
                </div>
            </form>
        </main>
    }
}
