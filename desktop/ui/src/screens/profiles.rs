//! Server profiles: which one is in use, its name, the others.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use serde::Serialize;
use tornado_gui_api::{Failure, Profile};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::Icon;
use tornado_ui::state::{Condition, State};
use tornado_ui::{Views as _, effect, view};

#[derive(Serialize)]
struct OfName {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    name: String,
    new_name: String,
}

/// What a row asks before it acts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Rename(String),
    Remove(String),
}

/// The page.
#[component]
pub fn Profiles() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let (profiles, question) = (RwSignal::new(Vec::<Profile>::new()), RwSignal::new(None::<Question>));
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let show = move |result: &Result<Vec<Profile>, Failure>| {
        if let Ok(found) = result {
            profiles.set(found.clone());
            question.set(None);
        }
    };
    // Read again when another program changes the account in use.
    let account = Memo::new(move |_| window.view.with(|view| view.account.clone()));
    effect(move || {
        account.track();
        if !is_busy.get() && account.with_untracked(|now| now.as_ref().is_some_and(|now| is_stale(now, profiles))) {
            window.send_then("profiles", (), show);
        }
    });
    let row = move |profile: Profile| view! { <Row profile question is_busy show=Callback::new(move |found| show(&found)) /> };
    view! {
        <PageTop title=t.profiles() back=Page::Settings />
        <main class="win-body" id="main">
            <p class="dim">{t.profiles_text()}</p>
            <Failed />
            <ul class="panel rows" aria-label=t.profiles()>{move || profiles.get().into_iter().map(row).views()}</ul>
            <div class="win-foot">
                <Button size=Size::Large wide=true icon=Icon::Plus on:click=move |_| window.page.set(Page::AddProfile)>
                    {t.add_profile()}
                </Button>
            </div>
        </main>
    }
}

/// Whether the list does not show the account in use as it is.
fn is_stale(account: &tornado_gui_api::Account, profiles: RwSignal<Vec<Profile>>) -> bool {
    profiles.with_untracked(|all| {
        !all.iter().any(|profile| {
            profile.is_in_use && profile.name == account.profile && profile.is_signed_in == account.is_signed_in
        })
    })
}

/// A profile, with what can be done about it.
#[component]
fn Row(
    /// The profile.
    profile: Profile,
    /// The open question of the list.
    question: RwSignal<Option<Question>>,
    /// A request is under way.
    is_busy: Signal<bool>,
    /// Shows the list that a request returns.
    show: Callback<Result<Vec<Profile>, Failure>>,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let Profile { name, server, user, is_signed_in, is_in_use } = profile;
    let (renaming, removing) = (Question::Rename(name.clone()), Question::Remove(name.clone()));
    let asks = move |wanted: &Question| question.with(|question| question.as_ref() == Some(wanted));
    let cancel = move |_| question.set(None);
    let label = {
        let name = name.clone();
        move |verb: &'static str| format!("{verb}: {name}")
    };
    let rename = {
        let name = name.clone();
        move |event: SubmitEvent| {
            event.prevent_default();
            let Some(new_name) = Sent::of(&event).and_then(|sent| sent.word("new-name")) else { return };
            let renamed = Renamed { name: name.clone(), new_name };
            window.send_then("rename_profile", renamed, move |result: &Result<Vec<Profile>, Failure>| {
                show.run(result.clone())
            });
        }
    };
    let of_name = {
        let name = name.clone();
        move || OfName { name: name.clone() }
    };
    let (for_use, for_removal) = (of_name.clone(), of_name);
    let switch = move |_| {
        window.send_then("use_profile", for_use(), move |result: &Result<(), Failure>| {
            if result.is_ok() {
                window.page.set(Page::Main);
            }
        });
    };
    let remove = move |_| {
        window.send_then("remove_profile", for_removal(), move |result: &Result<Vec<Profile>, Failure>| {
            show.run(result.clone())
        })
    };
    let sign_out = move |_| {
        window.send_then("sign_out", (), move |result: &Result<(), Failure>| {
            if result.is_ok() {
                window.page.set(Page::Main);
            }
        });
    };
    let state = match (is_in_use, is_signed_in) {
        (true, true) => Some((Condition::Good, t.profile_in_use())),
        (_, false) => Some((Condition::Absent, t.not_signed_in())),
        (false, true) => None,
    };
    let old = name.clone();
    let acts = {
        let (renaming, removing) = (renaming.clone(), removing.clone());
        let (use_label, rename_label, remove_label) =
            (label(t.profile_use()), label(t.profile_rename()), label(t.profile_remove()));
        let first = if is_in_use {
            is_signed_in
                .then(|| {
                    view! { <Button kind=Kind::Warns size=Size::Small disabled=is_busy on:click=sign_out>{t.sign_out()}</Button> }
                })
                .into_any()
        } else {
            view! {
                <Button size=Size::Small disabled=is_busy attr:aria-label=use_label on:click=switch>{t.profile_use()}</Button>
                <Button
                    kind=Kind::Warns
                    size=Size::Small
                    attr:aria-label=remove_label
                    on:click=move |_| question.set(Some(removing.clone()))
                >
                    {t.profile_remove()}
                </Button>
            }
            .into_any()
        };
        view! {
            <div class="row row-wrap">
                <Button
                    size=Size::Small
                    attr:aria-label=rename_label
                    on:click=move |_| question.set(Some(renaming.clone()))
                >
                    {t.profile_rename()}
                </Button>
                {first}
            </div>
        }
    };
    view! {
        <li class="profile">
            <div class="row row-between">
                <b><bdi dir="ltr">{name.clone()}</bdi></b>
                {state.map(|(condition, word)| view! { <State condition word /> })}
            </div>
            <p class="hint"><bdi>{t.sign_in_text(&server, &user)}</bdi></p>
            {acts}
            {move || {
                let (rename, old) = (rename.clone(), old.clone());
                asks(&renaming)
                    .then(|| {
                        view! {
                            <form class="stack-s" on:submit=rename>
                                <Field name="new-name" label=t.profile_name() hint=t.profile_name_hint() value=old required=true />
                                <div class="row">
                                    <Button size=Size::Small on:click=cancel>{t.cancel()}</Button>
                                    <Button kind=Kind::Primary size=Size::Small submit=true disabled=is_busy>
                                        {t.profile_rename()}
                                    </Button>
                                </div>
                            </form>
                        }
                    })
            }}
            {move || {
                let remove = remove.clone();
                asks(&removing)
                    .then(|| {
                        view! {
                            <div class="stack-s">
                                <p>{t.profile_remove_text()}</p>
                                <div class="row">
                                    <Button size=Size::Small on:click=cancel>{t.cancel()}</Button>
                                    <Button kind=Kind::Danger size=Size::Small disabled=is_busy on:click=remove>
                                        {t.profile_remove()}
                                    </Button>
                                </div>
                            </div>
                        }
                    })
            }}
        </li>
    }
}
