//! What an operator has to act on, each with the address of its cure.

use crate::model::overview::Attention;
use crate::model::{Condition, Lane};
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_ui::button::{LinkButton, Size};
use tornado_ui::icon::Glyph;
use tornado_ui::state::Tag;
use tornado_ui::{Views as _, view};

/// The card.
#[component]
pub fn AttentionCard(
    /// Most urgent first.
    attention: Vec<Attention>,
) -> impl IntoView {
    let t = use_texts();
    let count = attention.len() as u64;
    let rows = attention
        .into_iter()
        .map(|one| {
            let (condition, head, text, href, cure) = words(t, one);
            view! {
                <li>
                    <Glyph shape=condition.shape() tone=condition.tone() />
                    <p><b>{head}</b>" "<bdi>{text}</bdi></p>
                    <LinkButton href=href size=Size::Small>{cure}</LinkButton>
                </li>
            }
        })
        .views();
    view! {
        <section class="card" aria-labelledby="attention">
            <div class="card-head">
                <h2 id="attention">{t.attention()}</h2>
                {(count > 0).then(|| view! { <Tag>{t.number(count)}</Tag> })}
                <p class="push hide-s">{if count == 0 { t.attention_none() } else { t.attention_rest() }}</p>
            </div>
            <ul class="alerts">{rows}</ul>
        </section>
    }
}

/// State, head, text, address of the cure, and its word.
fn words(t: Texts, attention: Attention) -> (Condition, String, String, String, String) {
    match attention {
        Attention::Service { name, condition, reason } => {
            let head =
                if condition == Condition::Degraded { t.attention_degraded(&name) } else { t.attention_down(&name) };
            (condition, head, reason, format!("/services#{name}"), t.attention_open(&name))
        }
        Attention::Disk { percent } => (
            Condition::Degraded,
            t.attention_disk(percent),
            String::new(),
            "/settings".to_owned(),
            t.attention_disk_open().to_owned(),
        ),
        Attention::Firewall => (
            Condition::Broken,
            t.attention_firewall().to_owned(),
            t.attention_firewall_text().to_owned(),
            "/services#wg".to_owned(),
            t.attention_open("wg"),
        ),
        Attention::Canary => (
            Condition::Broken,
            t.attention_canary().to_owned(),
            t.attention_canary_text().to_owned(),
            "/tor".to_owned(),
            t.attention_open("Tor"),
        ),
        Attention::Missing { service, reason } => (
            Condition::Degraded,
            t.unavailable_title(&service),
            reason,
            "/services".to_owned(),
            t.attention_open(t.nav_services()),
        ),
        Attention::Lane { lane, devices } => (
            Condition::Shut,
            t.attention_lane(lane.word()),
            devices.map(|devices| t.attention_lane_devices(devices)).unwrap_or_default(),
            if lane == Lane::Tor { "/tor".to_owned() } else { "/services#wg".to_owned() },
            t.attention_open(lane.word()),
        ),
    }
}
