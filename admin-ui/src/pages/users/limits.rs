//! The dialog that changes the limits of a user.

use super::invite::{local, whole};
use crate::acts::{RefusalNote, at_field, use_acts};
use crate::model::act::{Act, Refusal, UserChange};
use crate::model::users::UserDetail;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use tornado_ui::chart::fixed;
use tornado_ui::field::{Field, Sent, Tick};
use tornado_ui::overlay::FormDialog;
use tornado_ui::state::Condition;
use tornado_ui::{effect, view};

/// Bytes of a gigabyte, as quotas count.
const GIGABYTE: f64 = 1e9;
/// Bits of a megabit.
const MEGABIT: f64 = 1e6;

/// A decimal number of a field in the unit `unit`; 0 if it is empty.
fn amount(t: Texts, sent: &Sent, field: &str, unit: f64) -> Result<u64, Refusal> {
    let Some(word) = sent.word(field) else { return Ok(0) };
    parse_amount(&word, unit).ok_or_else(|| local(field, t.problem_amount().to_owned()))
}

/// A decimal number with point or comma.
fn parse_amount(word: &str, unit: f64) -> Option<u64> {
    let (whole, rest) = word.split_once(['.', ',']).unwrap_or((word, ""));
    let digits: u64 = format!("{whole}{rest}").parse().ok()?;
    let value = (digits as f64 / 10_f64.powi(i32::try_from(rest.len()).ok()?) * unit).round();
    (0.0..=9e18).contains(&value).then_some(value as u64)
}

/// A number for a field: without trailing zeros.
fn written(value: f64, unit: f64) -> String {
    let text = fixed(value / unit, 3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The dialog.
#[component]
pub fn Limits(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// The user as it is.
    detail: UserDetail,
) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let (refusal, busy) = (RwSignal::new(None), RwSignal::new(false));
    effect(move || {
        if open.get() {
            refusal.set(None);
        }
    });
    let user = detail.user.name.clone();
    let title = t.limits_title(&user);
    let submit = move |sent: Sent| {
        let change = || {
            Ok(UserChange {
                max_devices: Some(whole(t, &sent, "max_devices", 1, 10)?),
                quota: Some(amount(t, &sent, "month_quota", GIGABYTE)?),
                max_down: Some(amount(t, &sent, "download_rate", MEGABIT)?),
                max_up: Some(amount(t, &sent, "upload_rate", MEGABIT)?),
                peer_group: Some(sent.has("peer_group")),
                ..UserChange::default()
            })
        };
        let change = match change() {
            Ok(change) => change,
            Err(why) => return refusal.set(Some(why)),
        };
        let user = user.clone();
        busy.set(true);
        spawn_local(async move {
            match acts.send(Act::UpdateUser { user: user.clone(), change }).await {
                Ok(_) => {
                    open.set(false);
                    acts.say(Condition::Good, t.done_changed(&user));
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    let max_devices = detail.user.max_devices.to_string();
    let quota = detail.user.quota.map(|bytes| written(bytes as f64, GIGABYTE)).unwrap_or_default();
    let rate = |bits: Option<f64>| bits.map(|bits| written(bits, MEGABIT)).unwrap_or_default();
    let (down, up) = (rate(detail.max_down), rate(detail.max_up));
    let has_peers = detail.peer_group;
    view! {
        <FormDialog open id="edit-limits" title cancel=t.cancel() confirm=t.save() busy on_submit=submit>
            <RefusalNote refusal fields=&["max_devices", "month_quota", "download_rate", "upload_rate"] />
            <Field
                name="max_devices"
                label=t.devices_at_once()
                value=max_devices.clone()
                hint=t.field_devices_hint().to_owned()
                inputmode="numeric"
                error=at_field(t, refusal, "max_devices")
            />
            <Field
                name="month_quota"
                label=t.field_quota()
                value=quota.clone()
                hint=t.field_empty_hint().to_owned()
                inputmode="decimal"
                error=at_field(t, refusal, "month_quota")
            />
            <Field
                name="download_rate"
                label=t.field_rate_down()
                value=down.clone()
                hint=t.field_empty_hint().to_owned()
                inputmode="decimal"
                error=at_field(t, refusal, "download_rate")
            />
            <Field
                name="upload_rate"
                label=t.field_rate_up()
                value=up.clone()
                hint=t.field_empty_hint().to_owned()
                inputmode="decimal"
                error=at_field(t, refusal, "upload_rate")
            />
            <Tick name="peer_group" value="1" checked=has_peers>{t.peer_group_tick()}</Tick>
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_may_have_a_point_or_a_comma() {
        assert_eq!(parse_amount("2,5", GIGABYTE), Some(2_500_000_000));
        assert_eq!(parse_amount("50", MEGABIT), Some(50_000_000));
        for wrong in ["-1", "much", "1e99", "NaN"] {
            assert_eq!(parse_amount(wrong, GIGABYTE), None, "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_written_as_it_was_entered() {
        assert_eq!(written(2.5e9, GIGABYTE), "2.5");
        assert_eq!(written(200e9, GIGABYTE), "200");
        assert_eq!(written(0.0, MEGABIT), "0");
    }
}
