//! A backup of the whole server, sealed with a passphrase.

use super::Dialogs;
use crate::acts::{Acts, May, RefusalNote, at_field, use_acts};
use crate::browser::{file, json};
use crate::model::act::{Hidden, Refusal};
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;
use std::sync::Arc;
use tornado_ui::button::{Button, Size};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::Icon;
use tornado_ui::overlay::FormDialog;
use tornado_ui::state::Condition;
use tornado_ui::{effect, view};

/// Name of the file.
const NAME: &str = "tornado.backup";

/// What a backup contains, and the button that creates one.
#[component]
pub fn Backup() -> impl IntoView {
    let t = use_texts();
    let open = expect_context::<Dialogs>().backup;
    view! {
        <May right="backup.create">
            <section class="card" aria-labelledby="backup">
                <div class="card-head">
                    <h2 id="backup">{t.backup()}</h2>
                    <span class="push">
                        <Button size=Size::Small icon=Icon::Download on:click=move |_| open.set(true)>
                            {t.create_backup()}
                        </Button>
                    </span>
                </div>
                <div class="card-body soft">{t.backup_text()}</div>
            </section>
        </May>
    }
}

/// The dialog with the passphrase.
#[component]
pub fn BackupDialog() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let open = expect_context::<Dialogs>().backup;
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    effect(move || {
        if open.get() {
            refusal.set(None);
        }
    });
    let submit = move |sent: Sent| {
        let flow = Flow { t, acts, open, refusal, busy };
        flow.create(Hidden::new(sent.text("passphrase")));
    };
    view! {
        <FormDialog open id="new-backup" title=t.create_backup() cancel=t.cancel() confirm=t.create_backup() busy on_submit=submit>
            <p>{t.create_backup_text()}</p>
            <RefusalNote refusal fields=&["passphrase"] />
            <Field
                name="passphrase"
                label=t.passphrase()
                hint=t.passphrase_hint().to_owned()
                kind="password"
                autocomplete="new-password"
                required=true
                error=at_field(t, refusal, "passphrase")
            />
        </FormDialog>
    }
}

#[derive(Clone, Copy)]
struct Flow {
    t: Texts,
    acts: Acts,
    open: RwSignal<bool>,
    refusal: RwSignal<Option<Refusal>>,
    busy: RwSignal<bool>,
}

impl Flow {
    /// Creates the backup and saves it; after the operator's confirmation if the server requires it.
    fn create(self, passphrase: Hidden) {
        self.busy.set(true);
        spawn_local(async move {
            let body = json(&[("passphrase", &JsValue::from_str(passphrase.expose()))]);
            let csrf = self.acts.csrf().await;
            match file::download("/backup", &csrf, &body, NAME).await {
                Ok(()) => {
                    self.open.set(false);
                    self.acts.say(Condition::Good, self.t.done_backup().to_owned());
                }
                Err(why) if why.requires_confirmation() => {
                    self.acts.confirm(Arc::new(move || self.create(passphrase.clone())));
                }
                Err(why) if why.code == "invalid_fields" => {
                    self.refusal.set(Some(Refusal { field: Some("passphrase".to_owned()), ..why }));
                }
                Err(why) => self.refusal.set(Some(why)),
            }
            self.busy.set(false);
        });
    }
}
