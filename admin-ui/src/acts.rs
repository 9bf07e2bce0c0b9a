//! Changes by an operator: a question with the consequences, the call, and a report of the result.

use crate::browser::passkey::{self, Ceremony};
use crate::model::Viewer;
use crate::model::act::{Act, Hidden, Outcome, Refusal};
use crate::reading::Reading;
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use std::time::Duration;
use tornado_ui::button::{Button, Kind, LinkButton, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::Icon;
use tornado_ui::overlay::{Consequence, Dialog, FormDialog, Toast, Toasts};
use tornado_ui::state::Condition;
use tornado_ui::{effect, later, view};

/// How long a report of success stays.
const STAYS: Duration = Duration::from_secs(6);

/// The dialog before a change.
#[derive(Clone, Debug)]
pub struct Question {
    /// What will be done, as a question.
    pub title: String,
    /// What happens, and what does not.
    pub text: String,
    /// Consequences in numbers.
    pub effects: Vec<Consequence>,
    /// Word of the button: the verb of the title.
    pub verb: String,
    /// It cannot be undone.
    pub is_danger: bool,
    /// The change.
    pub act: Act,
    /// The report when it is done.
    pub done: String,
}

/// What is done again after the operator has confirmed the sign-in.
pub type Retry = Arc<dyn Fn() + Send + Sync>;

/// The changes of this page's operator.
#[derive(Clone, Copy)]
pub struct Acts {
    viewer: Reading<Viewer>,
    question: RwSignal<Option<Question>>,
    /// What waits for the operator's confirmation.
    waiting: RwSignal<Option<Retry>>,
    toasts: RwSignal<Vec<Toast>>,
    count: RwSignal<u64>,
    number: StoredValue<u64>,
}

/// The changes of this page's operator. Exists below the frame only.
pub fn use_acts() -> Acts {
    expect_context()
}

impl Acts {
    /// The changes of the signed-in operator.
    pub fn new(viewer: Reading<Viewer>) -> Self {
        Self {
            viewer,
            question: RwSignal::new(None),
            waiting: RwSignal::new(None),
            toasts: RwSignal::new(Vec::new()),
            count: RwSignal::new(0),
            number: StoredValue::new(0),
        }
    }

    /// The signed-in operator.
    pub const fn viewer(self) -> Reading<Viewer> {
        self.viewer
    }

    /// Number of changes so far. A resource that depends on it is read again after each.
    pub fn count(self) -> u64 {
        self.count.get()
    }

    /// Opens the dialog before a change.
    pub fn ask(self, question: Question) {
        self.question.set(Some(question));
    }

    /// Sends a change.
    ///
    /// # Errors
    ///
    /// The server refused it, or cannot be reached.
    pub async fn send(self, act: Act) -> Result<Outcome, Refusal> {
        let csrf = self.csrf().await;
        let outcome = source::act(csrf, act).await;
        if outcome.is_ok() {
            self.count.update(|count| *count += 1);
        }
        outcome
    }

    /// Sends a change, and reports the result.
    pub fn run(self, t: Texts, act: Act, done: String) {
        spawn_local(async move {
            match self.send(act.clone()).await {
                Ok(outcome) => {
                    let (condition, text) = report(t, &outcome, done);
                    self.say(condition, text);
                }
                Err(refusal) if refusal.requires_confirmation() => {
                    self.confirm(Arc::new(move || self.run(t, act.clone(), done.clone())));
                }
                Err(refusal) => self.say(Condition::Broken, words(t, &refusal)),
            }
        });
    }

    /// Requests the operator's confirmation, and then does it again.
    pub fn confirm(self, retry: Retry) {
        self.waiting.set(Some(retry));
    }

    /// The value that the server requires with each change.
    pub async fn csrf(self) -> String {
        self.viewer.get().await.map(|viewer| viewer.csrf).unwrap_or_default()
    }

    /// Reports what happened. Success goes by itself, a fault stays until it is dismissed.
    pub fn say(self, condition: Condition, text: String) {
        let id = self.number.get_value() + 1;
        self.number.set_value(id);
        self.toasts.update(|toasts| toasts.push(Toast { id, condition, text }));
        if condition == Condition::Good {
            set_timeout(move || self.toasts.update(|toasts| toasts.retain(|toast| toast.id != id)), STAYS);
        }
    }
}

/// State and words of an outcome.
pub fn report(t: Texts, outcome: &Outcome, done: String) -> (Condition, String) {
    match outcome {
        Outcome::Done
        | Outcome::Invited(_)
        | Outcome::Challenge(_)
        | Outcome::Factor(_)
        | Outcome::Codes(_)
        | Outcome::Deleted(_)
        | Outcome::Token { .. } => (Condition::Good, done),
        Outcome::Checked { files, problems } if problems.is_empty() => (Condition::Good, t.done_checked(*files)),
        Outcome::Checked { problems, .. } => (Condition::Broken, problems.join("; ")),
        Outcome::Verified { rows, broken: None } => (Condition::Good, t.done_verified(*rows)),
        Outcome::Verified { broken: Some(entry), .. } => (Condition::Broken, t.done_verified_broken(*entry)),
        Outcome::Probed { is_ok: true, took_ms, detail } => (Condition::Good, t.done_probed(detail, *took_ms)),
        Outcome::Probed { detail, .. } => (Condition::Degraded, t.done_probe_failed(detail)),
    }
}

/// The words for a refusal: ours for known codes, otherwise the server's.
pub fn words(t: Texts, refusal: &Refusal) -> String {
    match refusal.code.as_str() {
        "local" => refusal.detail.clone(),
        "invalid_credentials" => t.problem_credentials().to_owned(),
        "name_taken" => t.problem_name_taken().to_owned(),
        "not_allowed" => t.problem_not_allowed().to_owned(),
        "signed_out" => t.problem_signed_out().to_owned(),
        "csrf" => t.problem_csrf().to_owned(),
        "passkey" => t.problem_passkey().to_owned(),
        "totp_invalid" => t.problem_code().to_owned(),
        "last_owner" => t.problem_last_owner().to_owned(),
        "too_many_attempts" | "busy" => t.problem_rate().to_owned(),
        "too_many_requests" => t.problem_requests().to_owned(),
        "unreachable" => t.unreachable_text().to_owned(),
        _ if refusal.detail.is_empty() => t.problem_other().to_owned(),
        _ => t.problem_server(&refusal.detail),
    }
}

/// The words of a refusal at the field that it is about.
pub fn at_field(t: Texts, refusal: RwSignal<Option<Refusal>>, field: &'static str) -> Signal<Option<String>> {
    Signal::derive(move || {
        let refusal = refusal.get()?;
        (refusal.field.as_deref() == Some(field)).then(|| words(t, &refusal))
    })
}

/// A refusal that is about no field of the form.
#[component]
pub fn RefusalNote(
    /// Why.
    refusal: RwSignal<Option<Refusal>>,
    /// The fields of the form that show their refusal themselves.
    fields: &'static [&'static str],
) -> impl IntoView {
    let t = use_texts();
    move || {
        let is_shown = |field: &str| fields.contains(&field);
        let refusal = refusal.get().filter(|refusal| !refusal.field.as_deref().is_some_and(is_shown))?;
        Some(view! { <div role="alert"><Note weight=Weight::Fault>{words(t, &refusal)}</Note></div> })
    }
}

/// A button that opens the dialog before a change. It is left out if the operator's role does not allow the change.
#[component]
pub fn Ask(
    /// The dialog.
    question: Question,
    /// How much it stands out.
    #[prop(optional)]
    kind: Kind,
    /// Its height.
    #[prop(optional)]
    size: Size,
    /// Picture before the word.
    #[prop(optional, into)]
    icon: Option<Icon>,
    /// Its word.
    #[prop(into)]
    word: String,
) -> impl IntoView {
    let acts = use_acts();
    let right = question.act.right();
    let act = move || {
        let (question, word) = (question.clone(), word.clone());
        view! {
            <Button kind size icon on:click=move |_| acts.ask(question.clone())>{word}</Button>
        }
    };
    view! { <May right>{act.clone()}</May> }
}

/// Content for operators with a right. The server decides; this only leaves out what it would refuse.
#[component]
pub fn May(
    /// Name of the right.
    right: &'static str,
    /// The content.
    children: ChildrenFn,
) -> impl IntoView {
    let viewer = use_acts().viewer;
    view! {
        <Transition fallback=|| ()>
            {later(move || {
                let children = children.clone();
                Box::pin(async move {
                    let may = viewer.get().await.is_ok_and(|viewer| viewer.rights.iter().any(|one| one == right));
                    may.then(|| children()).into_any()
                })
            })}
        </Transition>
    }
}

/// The link to the dialog of an invitation, for operators who may create one.
#[component]
pub fn InviteLink() -> impl IntoView {
    let t = use_texts();
    view! {
        <May right="invitations.write">
            <LinkButton href="/users?invite=1" kind=Kind::Primary icon=Icon::Plus>{t.invite()}</LinkButton>
        </May>
    }
}

/// Dialogs and reports: once below the frame.
#[component]
pub fn Desk() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let question = move || {
        acts.question.get().map(|question| {
            let open = RwSignal::new(true);
            let Question { title, text, effects, verb, is_danger, act, done } = question;
            effect(move || {
                if !open.get() {
                    acts.question.set(None);
                }
            });
            view! {
                <Dialog
                    open
                    id="question"
                    title
                    cancel=t.cancel()
                    effects
                    confirm=verb
                    danger=is_danger
                    on_confirm=move |()| acts.run(t, act.clone(), done.clone())
                >
                    <p>{text}</p>
                </Dialog>
            }
        })
    };
    view! {
        {question}
        <Confirmation />
        <Toasts toasts=acts.toasts dismiss=t.dismiss() />
    }
}

/// The dialog that requires the operator's password again, before the few changes that need it.
#[component]
fn Confirmation() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let open = RwSignal::new(false);
    let (refusal, busy) = (RwSignal::new(None), RwSignal::new(false));
    effect(move || open.set(acts.waiting.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let is_open = open.get();
        if before == Some(true) && !is_open {
            refusal.set(None);
            acts.waiting.set(None);
        }
        is_open
    });
    let confirm = move |act: Act, field: Option<&'static str>| async move {
        match acts.send(act).await {
            Ok(_) => {
                let retry = acts.waiting.get_untracked();
                open.set(false);
                if let Some(retry) = retry {
                    retry();
                }
            }
            Err(why) => refusal.set(Some(Refusal { field: field.map(str::to_owned), ..why })),
        }
        busy.set(false);
    };
    let submit = move |sent: Sent| {
        let password = Hidden::new(sent.text("confirm-password"));
        busy.set(true);
        spawn_local(confirm(Act::ConfirmSignIn { password }, Some("confirm-password")));
    };
    let by_passkey = move |_| {
        busy.set(true);
        spawn_local(async move {
            let challenge = match acts.send(Act::BeginConfirmation).await {
                Ok(Outcome::Challenge(challenge)) => passkey::answer(Ceremony::Prove, challenge).await,
                Ok(_) => Err(Refusal::unreachable()),
                Err(why) => Err(why),
            };
            match challenge {
                Ok(answer) => confirm(Act::ConfirmByPasskey(answer), None).await,
                Err(why) => {
                    refusal.set(Some(Refusal { field: None, ..why }));
                    busy.set(false);
                }
            }
        });
    };
    view! {
        <FormDialog
            open
            id="confirmation"
            title=t.confirm_title()
            cancel=t.cancel()
            confirm=t.go_on()
            busy
            on_submit=submit
        >
            <p>{t.confirm_text()}</p>
            <RefusalNote refusal fields=&["confirm-password"] />
            {passkey::is_available()
                .then(|| view! { <Button icon=Icon::Fingerprint on:click=by_passkey>{t.use_passkey()}</Button> })}
            <Field
                name="confirm-password"
                label=t.field_password()
                kind="password"
                autocomplete="current-password"
                required=true
                error=at_field(t, refusal, "confirm-password")
            />
        </FormDialog>
    }
}
