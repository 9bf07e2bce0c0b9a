//! Networks that are reached outside the tunnel.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use serde::Serialize;
use tornado_gui_api::Failure;
use tornado_ui::button::{Button, IconButton, Kind, Size};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, view};

#[derive(Serialize)]
struct Arguments {
    networks: Vec<String>,
}

/// The page.
#[component]
pub fn Networks() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let networks = Memo::new(move |_| window.view.with(|view| view.excluded.clone()));
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(more) = Sent::of(&event).and_then(|sent| sent.word("network")) else { return };
        let form = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlFormElement>().ok());
        let mut networks = networks.get_untracked();
        networks.extend(more.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned));
        window.send_then("set_networks", Arguments { networks }, move |result: &Result<(), Failure>| {
            if let (true, Some(form)) = (result.is_ok(), form) {
                form.reset();
            }
        });
    };
    let row = move |network: String| {
        let without = network.clone();
        let remove = move |_| {
            let networks = networks.get_untracked().into_iter().filter(|kept| *kept != without).collect();
            window.send("set_networks", Arguments { networks });
        };
        view! {
            <li class="opt">
                <span class="opt-name mono"><bdi dir="ltr">{network.clone()}</bdi></span>
                <span class="opt-act">
                    <IconButton icon=Icon::Close label=t.networks_remove(&network) on:click=remove />
                </span>
            </li>
        }
    };
    let list = move || {
        let networks = networks.get();
        if networks.is_empty() {
            return view! { <p class="panel panel-pad dim">{t.networks_none()}</p> }.into_any();
        }
        view! { <ul class="panel rows" aria-label=t.networks()>{networks.into_iter().map(row).views()}</ul> }.into_any()
    };
    view! {
        <PageTop title=t.networks() back=Page::Settings />
        <main class="win-body" id="main">
            <p class="dim">{t.networks_text()}</p>
            {list}
            <form class="win-form" on:submit=submit>
                <Field name="network" label=t.networks_add_label() hint=t.networks_add_hint() class="mono" required=true />
                <Failed />
                <div class="win-foot">
                    <Button kind=Kind::Primary size=Size::Large submit=true wide=true disabled=is_busy>
                        {t.networks_add()}
                    </Button>
                </div>
            </form>
        </main>
    }
}
