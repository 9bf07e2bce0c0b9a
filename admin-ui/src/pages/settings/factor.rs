//! The operator's authenticator: set up with a secret and a first code, removed with the password.

use super::Dialogs;
use crate::acts::{RefusalNote, at_field, use_acts};
use crate::frame::CopyField;
use crate::model::act::{Act, FactorOffer, Hidden, Outcome, Refusal};
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos::task::spawn_local;
use tornado_ui::button::{Button, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::{Field, Sent};
use tornado_ui::overlay::{FormDialog, NoticeDialog};
use tornado_ui::state::{Condition, State};
use tornado_ui::{Views as _, effect, live, view};

/// Whether the operator has an authenticator, and the button that changes it.
#[component]
pub fn SecondFactor(
    /// It is set up.
    is_set: bool,
) -> impl IntoView {
    let t = use_texts();
    let dialogs: Dialogs = expect_context();
    let (condition, word) = if is_set { (Condition::Good, t.set()) } else { (Condition::Degraded, t.not_set()) };
    view! {
        <section class="card" aria-labelledby="second-factor">
            <div class="card-head">
                <h2 id="second-factor">{t.second_factor()}</h2>
                <State condition word />
                <span class="push">
                    <Button size=Size::Small on:click=move |_| dialogs.factor.set(Some(!is_set))>
                        {if is_set { t.remove() } else { t.set_up_factor() }}
                    </Button>
                </span>
            </div>
            <div class="card-body soft">{t.factor_text()}</div>
        </section>
    }
}

/// The dialogs: password, secret and first code; recovery codes; removal.
#[component]
pub fn FactorDialogs() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let chosen = expect_context::<Dialogs>().factor;
    let open = RwSignal::new(false);
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    let offer = RwSignal::new(None::<FactorOffer>);
    let codes = RwSignal::new(None::<Vec<Hidden>>);
    effect(move || open.set(chosen.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let is_open = open.get();
        if before == Some(true) && !is_open {
            refusal.set(None);
            offer.set(None);
            chosen.set(None);
        }
        is_open
    });
    let submit = move |sent: Sent| {
        let password = || Hidden::new(sent.text("factor-password"));
        let (act, field) = match (offer.with_untracked(Option::is_some), chosen.get_untracked()) {
            (true, _) => (Act::ConfirmFactor { code: Hidden::new(sent.text("factor-code").trim()) }, "factor-code"),
            (false, Some(false)) => (Act::EndFactor { password: password() }, "factor-password"),
            (false, _) => (Act::BeginFactor { password: password() }, "factor-password"),
        };
        busy.set(true);
        spawn_local(async move {
            refusal.set(None);
            match acts.send(act).await {
                Ok(Outcome::Factor(made)) => offer.set(Some(made)),
                Ok(Outcome::Codes(made)) => {
                    open.set(false);
                    codes.set(Some(made));
                }
                Ok(_) => {
                    open.set(false);
                    acts.say(Condition::Good, t.done_factor_removed().to_owned());
                }
                Err(why) => refusal.set(Some(Refusal { field: Some(field.to_owned()), ..why })),
            }
            busy.set(false);
        });
    };
    let fields = move || match offer.get() {
        Some(offer) => {
            let qr = offer.qr.map(|qr| {
                view! { <div class="qr" role="img" aria-label=t.factor_qr() inner_html=qr.expose().to_owned()></div> }
            });
            view! {
                <p>{t.factor_scan()}</p>
                <div class="invite">
                    {qr}
                    <div class="stack">
                        <CopyField id="factor-secret" label=t.factor_secret() text=offer.secret.expose() />
                        <Field
                            name="factor-code"
                            label=t.field_code()
                            hint=t.factor_code_hint().to_owned()
                            autocomplete="one-time-code"
                            inputmode="numeric"
                            required=true
                            error=at_field(t, refusal, "factor-code")
                        />
                    </div>
                </div>
            }
            .into_any()
        }
        None => view! {
            <p>{if chosen.get_untracked() == Some(false) { t.factor_remove_text() } else { t.factor_begin_text() }}</p>
            <Field
                name="factor-password"
                label=t.field_password()
                kind="password"
                autocomplete="current-password"
                required=true
                error=at_field(t, refusal, "factor-password")
            />
        }
        .into_any(),
    };
    view! {
        <FormDialog open id="factor" title=t.second_factor() cancel=t.cancel() confirm=t.go_on() busy on_submit=submit>
            <RefusalNote refusal fields=&["factor-code", "factor-password"] />
            {fields}
        </FormDialog>
        {live(move || codes.get().map(|made| view! { <Codes made codes /> }).into_any())}
    }
}

/// The recovery codes, which are shown once.
#[component]
fn Codes(made: Vec<Hidden>, codes: RwSignal<Option<Vec<Hidden>>>) -> impl IntoView {
    let t = use_texts();
    let open = RwSignal::new(true);
    effect(move || {
        if !open.get() {
            codes.set(None);
        }
    });
    view! {
        <NoticeDialog open id="codes" title=t.codes_title() close=t.finish()>
            <Note weight=Weight::Warning>{t.codes_text()}</Note>
            <ul class="codes mono" dir="ltr">
                {made.into_iter().map(|code| view! { <li>{code.expose().to_owned()}</li> }).views()}
            </ul>
        </NoticeDialog>
    }
}
