//! The settings: ways to their pages, and those of the window itself.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::toggle::{Leads, Toggle};
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::Event;
use leptos::prelude::*;
use tornado_gui_api::{Language, LockdownMode, Preferences, Theme};
use tornado_ui::button::{Button, Size};
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, view};

/// The languages by their names, in the order of the choice.
const LANGUAGES: [(Language, &str, &str); 4] = [
    (Language::En, "en", "English"),
    (Language::De, "de", "Deutsch"),
    (Language::Es, "es", "Español"),
    (Language::Fa, "fa", "فارسی"),
];

/// The screen.
#[component]
pub fn Settings() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let change = move |change: fn(&mut Preferences)| {
        let mut preferences = window.preferences.get_untracked();
        change(&mut preferences);
        window.save(preferences);
    };
    let theme = move |event: Event| match event_target_value(&event).as_str() {
        "light" => change(|preferences| preferences.theme = Theme::Light),
        "dark" => change(|preferences| preferences.theme = Theme::Dark),
        _ => change(|preferences| preferences.theme = Theme::System),
    };
    let language = move |event: Event| {
        let tag = event_target_value(&event);
        let chosen = LANGUAGES.iter().find(|(_, word, _)| *word == tag).map(|(language, ..)| *language);
        let mut preferences = window.preferences.get_untracked();
        preferences.language = chosen;
        window.save(preferences);
    };
    let themes = [
        (Theme::System, "system", t.theme_system()),
        (Theme::Light, "light", t.theme_light()),
        (Theme::Dark, "dark", t.theme_dark()),
    ];
    let chosen_theme = window.preferences.get_untracked().theme;
    let version = window.start.with_untracked(|start| start.as_ref().map(|start| start.version.clone()));
    let start = move |read: fn(&Preferences) -> bool| Signal::derive(move || window.preferences.with(read));
    let lockdown = move || match window.view.with(|view| view.lockdown.mode) {
        LockdownMode::Off => t.lockdown_off(),
        LockdownMode::Auto => t.lockdown_auto(),
        LockdownMode::Always => t.lockdown_always(),
    };
    let networks = move || match window.view.with(|view| view.excluded.len() as u64) {
        0 => t.networks_none().to_owned(),
        count => t.networks_count(count),
    };
    let portal = move || {
        let open = window.view.with(|view| view.portal.as_ref().map(|portal| portal.address.clone()));
        open.map_or_else(|| t.portal_hint().to_owned(), |address| t.portal_is_open(&address))
    };
    let user = move || {
        window.view.with(|view| {
            view.account.as_ref().map_or_else(String::new, |account| format!("{}, {}", account.user, account.server))
        })
    };
    let has_account = Memo::new(move |_| window.view.with(|view| view.account.is_some()));
    view! {
        <PageTop title=t.settings() back=Page::Main end=version.map(|version| t.version(&version)).unwrap_or_default() />
        <main class="win-body" id="main">
            <Failed />
            <h2 class="group-name">{t.settings_protection()}</h2>
            <section class="panel" aria-label=t.settings_protection()>
                <Leads name=t.lockdown() hint=Signal::derive(move || lockdown().to_owned()) verb=t.change() to=Page::Lockdown />
                <Leads name=t.networks() hint=Signal::derive(networks) verb=t.change() to=Page::Networks />
                <Leads name=t.portal() hint=Signal::derive(portal) verb=t.open() to=Page::Portal />
            </section>
            {move || {
                has_account.get().then(|| {
                    view! {
                        <h2 class="group-name">{t.settings_account()}</h2>
                        <section class="panel" aria-label=t.settings_account()>
                            <Leads name=t.profiles() hint=Signal::derive(user) verb=t.change() to=Page::Profiles />
                            <Leads name=t.factor() hint=t.factor_hint().to_owned() verb=t.change() to=Page::Factor />
                        </section>
                    }
                })
            }}
            <h2 class="group-name">{t.settings_start()}</h2>
            <section class="panel" aria-label=t.settings_start()>
                <Toggle
                    id="start-connect"
                    name=t.start_connect()
                    hint=t.start_connect_hint()
                    on=start(|p| p.connect_at_start)
                    on_change=move |_| change(|p| p.connect_at_start = !p.connect_at_start)
                />
                <Toggle
                    id="start-login"
                    name=t.start_login()
                    hint=t.start_login_hint()
                    on=start(|p| p.start_at_login)
                    on_change=move |_| change(|p| p.start_at_login = !p.start_at_login)
                />
                <Toggle
                    id="quit-disconnect"
                    name=t.quit_disconnect()
                    hint=t.quit_disconnect_hint()
                    on=start(|p| p.disconnect_at_quit)
                    on_change=move |_| change(|p| p.disconnect_at_quit = !p.disconnect_at_quit)
                />
            </section>
            <h2 class="group-name">{t.settings_app()}</h2>
            <section class="panel" aria-label=t.settings_app()>
                <div class="opt opt-pair">
                    <span class="with-icon">
                        <label class="vh" for="theme">{t.theme()}</label>
                        <select class="input input-pick" id="theme" on:change=theme>
                            {themes
                                .into_iter()
                                .map(|(theme, value, word)| {
                                    let is_chosen = theme == chosen_theme;
                                    view! { <option value=value selected=is_chosen>{word}</option> }
                                })
                                .views()}
                        </select>
                        <svg class="i i-end" aria-hidden="true"><use href=Icon::Down.href()></use></svg>
                    </span>
                    <span class="with-icon">
                        <label class="vh" for="language">{t.language()}</label>
                        <select class="input input-pick" id="language" on:change=language>
                            {LANGUAGES
                                .into_iter()
                                .map(|(_, tag, name)| {
                                    let is_chosen = tag == t.lang.tag();
                                    view! { <option value=tag lang=tag selected=is_chosen>{name}</option> }
                                })
                                .views()}
                        </select>
                        <svg class="i i-end" aria-hidden="true"><use href=Icon::Down.href()></use></svg>
                    </span>
                </div>
                <div class="opt opt-acts">
                    <Button size=Size::Small on:click=move |_| window.page.set(Page::Report)>{t.report()}</Button>
                    <Button size=Size::Small on:click=move |_| window.page.set(Page::Log)>{t.log()}</Button>
                    <Button size=Size::Small on:click=move |_| window.page.set(Page::About)>{t.about()}</Button>
                    <Button size=Size::Small on:click=move |_| window.send("quit", ())>{t.quit()}</Button>
                </div>
            </section>
        </main>
    }
}
