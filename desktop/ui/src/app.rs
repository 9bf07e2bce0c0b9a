//! The whole window: which screen is shown, in which language.

use crate::context::{Page, Window, use_window};
use crate::screens::{
    about, absent, enrol, factor, lockdown, networks, portal, profiles, report, settings, sign_in, tunnel,
};
use crate::texts::Texts;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use tornado_gui_api::{Helper, View};
use tornado_ui::icon::Sprite;
use tornado_ui::{effect, view};

/// The screen that a view requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Waiting,
    Absent,
    Enrol,
    SignIn,
    Tunnel,
    Above(Page),
}

fn screen(view: &View, page: Page) -> Screen {
    let has_tunnel = view.tunnel.phase != tornado_gui_api::Phase::Disconnected;
    match (&view.helper, &view.account) {
        (_, _) if page.is_independent() => Screen::Above(page),
        (Helper::Running, Some(_)) if page != Page::Main => Screen::Above(page),
        (Helper::Running, None) if page != Page::Main && !page.needs_account() => Screen::Above(page),
        (Helper::Waiting, _) => Screen::Waiting,
        (Helper::Absent(_) | Helper::Forbidden(_), _) => Screen::Absent,
        // A blocked or standing tunnel is shown in any case: it can be disconnected without a sign-in.
        (Helper::Running, Some(account)) if account.is_signed_in || has_tunnel => Screen::Tunnel,
        (Helper::Running, Some(_)) => Screen::SignIn,
        (Helper::Running, None) if has_tunnel => Screen::Tunnel,
        (Helper::Running, None) => Screen::Enrol,
    }
}

/// The window.
#[component]
pub fn App() -> impl IntoView {
    let window = Window::new();
    provide_context(window);
    window.open();
    crate::keys::follow();
    effect(move || window.dress());
    effect(move || window.send_words());
    let lang = Memo::new(move |_| window.lang());
    let whole = move || {
        provide_context(Texts { lang: lang.get() });
        view! { <Screens /> }
    };
    view! {
        <Sprite />
        {whole}
    }
}

#[component]
fn Screens() -> impl IntoView {
    let window = use_window();
    let shown = Memo::new(move |_| window.view.with(|view| screen(view, window.page.get())));
    // A failure belongs to the screen on which it occurred.
    Effect::new(move |before: Option<Screen>| {
        let now = shown.get();
        if before.is_some_and(|before| before != now) {
            window.failure.set(None);
            request_animation_frame(focus_heading);
        }
        now
    });
    move || match shown.get() {
        Screen::Waiting => view! { <absent::Waiting /> }.into_any(),
        Screen::Absent => view! { <absent::Absent /> }.into_any(),
        Screen::Enrol => view! { <enrol::Enrol /> }.into_any(),
        Screen::SignIn => view! { <sign_in::SignIn /> }.into_any(),
        Screen::Tunnel => view! { <tunnel::Tunnel /> }.into_any(),
        Screen::Above(page) => above(page),
    }
}

/// A page above the main screen.
fn above(page: Page) -> AnyView {
    match page {
        Page::Main => view! { <tunnel::Tunnel /> }.into_any(),
        Page::Settings => view! { <settings::Settings /> }.into_any(),
        Page::Lockdown => view! { <lockdown::Lockdown /> }.into_any(),
        Page::Networks => view! { <networks::Networks /> }.into_any(),
        Page::Portal => view! { <portal::Portal /> }.into_any(),
        Page::Profiles => view! { <profiles::Profiles /> }.into_any(),
        Page::AddProfile => view! { <enrol::Enrol is_profile=true /> }.into_any(),
        Page::Factor => view! { <factor::Factor /> }.into_any(),
        Page::Report => view! { <report::Report /> }.into_any(),
        Page::Log => view! { <report::Log /> }.into_any(),
        Page::About => view! { <about::About /> }.into_any(),
    }
}

/// Moves the focus to the heading of a new screen, so that screen readers read it and Tab goes on from there.
fn focus_heading() {
    let heading = document().query_selector("h1").ok().flatten();
    if let Some(heading) = heading.and_then(|heading| heading.dyn_into::<web_sys::HtmlElement>().ok()) {
        // A heading that was replaced in between cannot be focused.
        drop(heading.focus());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tornado_gui_api::{Account, Phase, Tunnel};

    /// What the window shows to an account.
    pub(crate) fn enrolled(is_signed_in: bool, phase: Phase) -> View {
        let text = |text: &str| text.to_owned();
        View {
            helper: Helper::Running,
            account: Some(Account {
                profile: text("p"),
                server: text("s"),
                user: text("u"),
                device: text("d"),
                is_signed_in,
            }),
            tunnel: Tunnel { phase, ..Tunnel::default() },
            ..View::default()
        }
    }

    #[test]
    fn the_view_decides_the_screen() {
        let of = |view: &View| screen(view, Page::Main);
        assert_eq!(of(&View::default()), Screen::Waiting);
        assert_eq!(of(&View { helper: Helper::Running, ..View::default() }), Screen::Enrol);
        assert_eq!(of(&enrolled(false, Phase::Disconnected)), Screen::SignIn);
        assert_eq!(of(&enrolled(true, Phase::Disconnected)), Screen::Tunnel);
    }

    #[test]
    fn a_blocked_tunnel_is_shown_without_a_sign_in() {
        assert_eq!(screen(&enrolled(false, Phase::Blocked), Page::Main), Screen::Tunnel);
        let without_account = View { account: None, ..enrolled(true, Phase::Blocked) };
        assert_eq!(screen(&without_account, Page::Main), Screen::Tunnel);
    }

    #[test]
    fn a_page_stays_only_while_it_can_do_something() {
        let lost = View { helper: Helper::Absent("why".into()), ..enrolled(true, Phase::Connected) };
        assert_eq!(screen(&lost, Page::Lockdown), Screen::Absent);
        assert_eq!(screen(&lost, Page::Report), Screen::Above(Page::Report));
        let without_account = View { helper: Helper::Running, ..View::default() };
        assert_eq!(screen(&without_account, Page::Factor), Screen::Enrol);
        assert_eq!(screen(&without_account, Page::Lockdown), Screen::Above(Page::Lockdown));
    }

    #[test]
    fn a_lost_helper_does_not_look_like_a_sign_out() {
        let lost = View { helper: Helper::Absent("why".into()), ..enrolled(true, Phase::Connected) };
        assert_eq!(screen(&lost, Page::Main), Screen::Absent);
    }
}
