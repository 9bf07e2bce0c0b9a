//! Settings of the window, and the end of the sign-in.

use crate::context::{Page, use_window};
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::Event;
use leptos::prelude::*;
use tornado_gui_api::{Language, Preferences, Theme};
use tornado_ui::button::{Button, IconButton, Kind, Size};
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, live, view};

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
    let account = window.view.with_untracked(|view| view.account.clone()).filter(|account| account.is_signed_in);
    let version = window.start.with_untracked(|start| start.as_ref().map(|start| start.version.clone()));
    let toggle = move |id: &'static str,
                       name: &'static str,
                       hint: &'static str,
                       read: fn(&Preferences) -> bool,
                       flip: fn(&mut Preferences)| {
        view! {
            <div class="opt">
                <label for=id>{name}</label>
                <span class="hint" id=format!("{id}-hint")>{hint}</span>
                <input
                    class="switch"
                    id=id
                    type="checkbox"
                    role="switch"
                    aria-describedby=format!("{id}-hint")
                    prop:checked=live(move || window.preferences.with(read))
                    on:change=move |_| change(flip)
                />
            </div>
        }
    };
    view! {
        <header class="win-top">
            <IconButton icon=Icon::Back label=t.back() on:click=move |_| window.page.set(Page::Main) />
            <h1 class="grow" tabindex="-1">{t.settings()}</h1>
            <span class="small dim">{version.map(|version| t.version(&version))}</span>
        </header>
        <main class="win-body" id="main">
            <Failed />
            <h2 class="group-name">{t.settings_start()}</h2>
            <section class="panel" aria-label=t.settings_start()>
                {toggle("start-connect", t.start_connect(), t.start_connect_hint(), |p| p.connect_at_start, |p| p.connect_at_start = !p.connect_at_start)}
                {toggle("start-login", t.start_login(), t.start_login_hint(), |p| p.start_at_login, |p| p.start_at_login = !p.start_at_login)}
                {toggle(
                    "quit-disconnect",
                    t.quit_disconnect(),
                    t.quit_disconnect_hint(),
                    |p| p.disconnect_at_quit,
                    |p| p.disconnect_at_quit = !p.disconnect_at_quit,
                )}
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
                <div class="opt">
                    <span class="opt-name">{t.quit()}</span>
                    <span class="opt-act">
                        <Button size=Size::Small on:click=move |_| window.send("quit", ())>{t.quit()}</Button>
                    </span>
                </div>
            </section>
            {account.map(|account| {
                let sign_out = move |_| {
                    window.send_then("sign_out", (), move |result| {
                        if result.is_ok() {
                            window.page.set(Page::Main);
                        }
                    });
                };
                view! {
                    <h2 class="group-name">{t.settings_account()}</h2>
                    <section class="panel" aria-label=t.settings_account()>
                        <div class="opt">
                            <span class="opt-name"><bdi>{account.user}</bdi></span>
                            <span class="hint">{t.sign_out_text()}</span>
                            <span class="opt-act">
                                <Button kind=Kind::Warns size=Size::Small on:click=sign_out>{t.sign_out()}</Button>
                            </span>
                        </div>
                    </section>
                }
            })}
        </main>
    }
}
