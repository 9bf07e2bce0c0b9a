//! Settings: effective configuration, look, operators, sign-ins, second factor, passkeys, API tokens, backup.

mod backup;
mod configuration;
mod factor;
mod operators;
mod passkeys;
mod sign_ins;
mod tokens;

use crate::frame::{Head, Loaded, LookForm, read};
use crate::model::Role;
use crate::model::settings::Settings;
use crate::source;
use crate::texts::use_texts;
use backup::{Backup, BackupDialog};
use configuration::Effective;
use factor::{FactorDialogs, SecondFactor};
use leptos::prelude::*;
use operators::{Operators, PutOperator};
use passkeys::{PasskeyDialogs, Passkeys};
use sign_ins::SignIns;
use tokens::{TokenDialogs, Tokens};
use tornado_ui::figures::Card;
use tornado_ui::{Views as _, view};

/// The dialogs of the page. They stay open while the content below is read again.
#[derive(Clone, Copy)]
struct Dialogs {
    /// The operator whose role is changed, and the role; an empty name for a new one.
    operator: RwSignal<Option<(String, Role)>>,
    /// The authenticator is set up (true) or removed (false).
    factor: RwSignal<Option<bool>>,
    /// A passkey is added.
    new_passkey: RwSignal<bool>,
    /// Identifier and name of the passkey that is removed.
    old_passkey: RwSignal<Option<(String, String)>>,
    /// A token is created.
    token: RwSignal<bool>,
    /// A backup is created.
    backup: RwSignal<bool>,
}

impl Dialogs {
    fn provide() -> Self {
        let dialogs = Self {
            operator: RwSignal::new(None),
            factor: RwSignal::new(None),
            new_passkey: RwSignal::new(false),
            old_passkey: RwSignal::new(None),
            token: RwSignal::new(false),
            backup: RwSignal::new(false),
        };
        provide_context(dialogs);
        dialogs
    }
}

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let settings = read(|| (), |()| source::settings(), &[], None);
    let dialogs = Dialogs::provide();
    let parts = [
        ("#values", t.effective_values()),
        ("#look", t.look()),
        ("#operators", t.operators()),
        ("#sign-ins", t.sign_ins()),
        ("#second-factor", t.second_factor()),
        ("#passkeys", t.passkeys()),
        ("#tokens", t.tokens()),
        ("#backup", t.backup()),
    ];
    view! {
        <Head title=t.nav_settings()>
            <a href="/about" rel="external">{t.nav_about()}</a>
        </Head>
        <div class="parted">
            <nav class="parts" aria-label=t.nav_settings()>
                <ul>
                    {parts.map(|(href, word)| view! { <li><a href=href>{word}</a></li> }).into_iter().views()}
                </ul>
            </nav>
            <div class="stack">
                <Loaded of=settings view=move |settings| view! { <Content settings /> } />
            </div>
        </div>
        <PutOperator chosen=dialogs.operator />
        <FactorDialogs />
        <PasskeyDialogs />
        <TokenDialogs />
        <BackupDialog />
    }
}

#[component]
fn Content(settings: Settings) -> impl IntoView {
    let t = use_texts();
    let as_of = settings.as_of;
    let dialogs: Dialogs = expect_context();
    view! {
        {settings.configuration.map(|configuration| view! { <Effective configuration /> })}
        <Card id="look" title=t.look()>
            <div class="card-body"><LookForm /></div>
        </Card>
        {settings.operators.map(|operators| view! { <Operators operators new_operator=dialogs.operator /> })}
        <SignIns sign_ins=settings.sign_ins as_of />
        <SecondFactor is_set=settings.has_second_factor />
        {settings.passkeys.map(|passkeys| view! { <Passkeys passkeys as_of /> })}
        {settings.tokens.map(|tokens| view! { <Tokens tokens as_of /> })}
        <Backup />
    }
}
