//! The dialogs that create an invitation or a user.

use crate::acts::{RefusalNote, at_field, use_acts};
use crate::frame::CopyField;
use crate::model::act::{Act, Hidden, Invitation, Outcome, Refusal};
use crate::pages::parameter;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use tornado_ui::field::{Field, Sent};
use tornado_ui::figures::Fact;
use tornado_ui::overlay::{FormDialog, NoticeDialog};
use tornado_ui::state::Condition;
use tornado_ui::{effect, live, view};

/// A whole number of a field.
///
/// # Errors
///
/// It is none, or not between `min` and `max`.
pub fn whole(t: Texts, sent: &Sent, field: &str, min: u32, max: u32) -> Result<u32, Refusal> {
    let number = sent.word(field).and_then(|word| word.parse().ok()).filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| local(field, t.problem_number(max.into(), min.into())))
}

/// A refusal of the browser's half, before anything is sent.
pub fn local(field: &str, detail: String) -> Refusal {
    Refusal { code: "local".to_owned(), detail, field: Some(field.to_owned()) }
}

/// The dialog of an invitation: it is open as long as the address contains `invite`, so that links lead to it.
#[component]
pub fn Invite(
    /// The user that gets another device; none: the guest creates a user.
    #[prop(optional, into)]
    user: Option<String>,
    /// The address without it.
    #[prop(into)]
    path: String,
) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let navigate = use_navigate();
    let wanted = parameter("invite");
    let open = RwSignal::new(false);
    let (refusal, busy) = (RwSignal::new(None), RwSignal::new(false));
    let invited = RwSignal::new(None::<Invitation>);
    effect(move || open.set(wanted.get().is_some()));
    Effect::new(move |before: Option<bool>| {
        let is_open = open.get();
        if before == Some(true) && !is_open {
            refusal.set(None);
            navigate(&path, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
        }
        is_open
    });
    let name = user.clone();
    let submit = move |sent: Sent| {
        let act = whole(t, &sent, "days", 1, 30).and_then(|days| {
            let max_devices = if name.is_some() { 1 } else { whole(t, &sent, "invite-devices", 1, 10)? };
            Ok(Act::CreateInvitation { user: name.clone(), max_devices, days })
        });
        let act = match act {
            Ok(act) => act,
            Err(why) => return refusal.set(Some(why)),
        };
        busy.set(true);
        spawn_local(async move {
            match acts.send(act).await {
                Ok(Outcome::Invited(invitation)) => {
                    open.set(false);
                    invited.set(Some(invitation));
                }
                Ok(_) => open.set(false),
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    let (title, text) = match &user {
        Some(user) => (t.invite_title_device(user), t.invite_text_device()),
        None => (t.invite_title().to_owned(), t.invite_text()),
    };
    let is_new = user.is_none();
    view! {
        <FormDialog open id="invite" title cancel=t.cancel() confirm=t.invite_create() busy on_submit=submit>
            <p>{text}</p>
            <RefusalNote refusal fields=&["days", "invite-devices"] />
            <Field
                name="days"
                label=t.field_days()
                value="7"
                hint=t.field_days_hint().to_owned()
                inputmode="numeric"
                error=at_field(t, refusal, "days")
            />
            {is_new
                .then(|| {
                    view! {
                        <Field
                            name="invite-devices"
                            label=t.devices_at_once()
                            value="3"
                            hint=t.field_devices_hint().to_owned()
                            inputmode="numeric"
                            error=at_field(t, refusal, "invite-devices")
                        />
                    }
                })}
        </FormDialog>
        {live(move || invited.get().map(|invitation| view! { <Shown invitation invited /> }).into_any())}
    }
}

/// The invitation, which is shown once.
#[component]
fn Shown(invitation: Invitation, invited: RwSignal<Option<Invitation>>) -> impl IntoView {
    let t = use_texts();
    let open = RwSignal::new(true);
    effect(move || {
        if !open.get() {
            invited.set(None);
        }
    });
    view! {
        <NoticeDialog open id="invited" title=t.invited_title() close=t.finish()>
            <p>{t.invited_text()}</p>
            <InvitationView invitation />
        </NoticeDialog>
    }
}

/// An invitation: QR code, link and expiry.
#[component]
pub fn InvitationView(
    /// The invitation.
    invitation: Invitation,
) -> impl IntoView {
    let t = use_texts();
    let date = format!("{} {} UTC", t.date(invitation.expires_at), t.clock(invitation.expires_at));
    let qr = invitation.qr.map(|qr| {
        view! { <div class="qr" role="img" aria-label=t.invited_qr() inner_html=qr.expose().to_owned()></div> }
    });
    view! {
        <div class="invite">
            {qr}
            <div class="stack">
                <CopyField id="invited-link" label=t.invited_link() text=invitation.link.expose() />
                <dl class="facts">
                    <Fact name=t.invited_until()>{date}</Fact>
                </dl>
            </div>
        </div>
    }
}

/// The dialog of a new user.
#[component]
pub fn NewUser(
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let (refusal, busy) = (RwSignal::new(None), RwSignal::new(false));
    effect(move || {
        if open.get() {
            refusal.set(None);
        }
    });
    let submit = move |sent: Sent| {
        let name = sent.word("username").unwrap_or_default();
        let max_devices = match whole(t, &sent, "max_devices", 1, 10) {
            Ok(max_devices) => max_devices,
            Err(why) => return refusal.set(Some(why)),
        };
        let password = Hidden::new(sent.text("new-password"));
        let act = Act::CreateUser { name: name.clone(), email: sent.word("email"), password, max_devices };
        busy.set(true);
        spawn_local(async move {
            match acts.send(act).await {
                Ok(_) => {
                    open.set(false);
                    acts.say(Condition::Good, t.done_created(&name));
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    view! {
        <FormDialog open id="new-user" title=t.new_user() cancel=t.cancel() confirm=t.create_user() busy on_submit=submit>
            <RefusalNote refusal fields=&["username", "email", "password", "max_devices"] />
            <Field
                name="username"
                label=t.field_name()
                autocomplete="off"
                required=true
                error=at_field(t, refusal, "username")
            />
            <Field
                name="email"
                label=t.email()
                kind="email"
                autocomplete="off"
                error=at_field(t, refusal, "email")
            />
            <Field
                name="new-password"
                label=t.field_password()
                hint=t.field_password_hint().to_owned()
                kind="password"
                autocomplete="new-password"
                required=true
                error=at_field(t, refusal, "password")
            />
            <Field
                name="max_devices"
                label=t.devices_at_once()
                value="3"
                hint=t.field_devices_hint().to_owned()
                inputmode="numeric"
                error=at_field(t, refusal, "max_devices")
            />
        </FormDialog>
    }
}
