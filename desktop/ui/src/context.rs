//! What all screens share: the view, preferences, the request that is under way, and the latest failure.

use crate::bridge;
use crate::news::news;
use crate::texts::{Lang, Texts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tornado_gui_api::{Failure, Language, Preferences, Start, Theme, TrayWords, View};

/// The screen above the one that the view decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Page {
    /// That of the view.
    #[default]
    Main,
    /// The settings.
    Settings,
    /// When traffic outside the tunnel is blocked.
    Lockdown,
    /// Networks outside the tunnel.
    Networks,
    /// The captive portal.
    Portal,
    /// Server profiles.
    Profiles,
    /// Another server.
    AddProfile,
    /// The second factor of the account.
    Factor,
    /// The report for a person who helps.
    Report,
    /// The helper's log.
    Log,
    /// Version, shortcuts and licences.
    About,
}

impl Page {
    /// Whether it shows something without the helper.
    pub const fn is_independent(self) -> bool {
        matches!(self, Self::Settings | Self::Report | Self::About)
    }

    /// Whether it is about an account.
    pub const fn needs_account(self) -> bool {
        matches!(self, Self::Profiles | Self::AddProfile | Self::Factor)
    }
}

/// Shared by all screens.
#[derive(Clone, Copy)]
pub struct Window {
    /// What the program sent last.
    pub view: RwSignal<View>,
    /// What the program sent at the start; `None` until then.
    pub start: RwSignal<Option<Start>>,
    /// The preferences.
    pub preferences: RwSignal<Preferences>,
    /// The screen.
    pub page: RwSignal<Page>,
    /// Command that is under way.
    pub busy: RwSignal<Option<&'static str>>,
    /// Why the latest request failed, until the next one.
    pub failure: RwSignal<Option<Failure>>,
}

impl Window {
    pub fn new() -> Self {
        Self {
            view: RwSignal::new(View::default()),
            start: RwSignal::new(None),
            preferences: RwSignal::new(Preferences::default()),
            page: RwSignal::new(Page::Main),
            busy: RwSignal::new(None),
            failure: RwSignal::new(None),
        }
    }

    /// Asks the program for preferences and views.
    pub fn open(self) {
        spawn_local(async move {
            match bridge::call::<Start>("start", ()).await {
                Ok(start) => {
                    self.preferences.set(start.preferences);
                    self.start.set(Some(start));
                }
                Err(failure) => self.failure.set(Some(failure)),
            }
            if let Err(failure) = bridge::watch(move |view| self.receive(view)).await {
                self.failure.set(Some(failure));
            }
        });
    }

    /// Shows a view, and notifies of what needs a person if the window is not in front.
    fn receive(self, view: View) {
        #[derive(Serialize)]
        struct Arguments {
            title: String,
            text: String,
        }
        let t = Texts { lang: untrack(move || self.lang()) };
        let news = self.view.with_untracked(|before| news(before, &view, t));
        let is_own = self.busy.get_untracked() == Some("sign_out");
        let is_in_front = !document().hidden() && document().has_focus().unwrap_or(false);
        self.view.set(view);
        if let Some((title, text)) = news.filter(|_| !is_own && !is_in_front) {
            // Without a service for notifications, the window shows the same.
            spawn_local(async move { drop(bridge::call::<()>("notify", Arguments { title, text }).await) });
        }
    }

    /// Sends a request that changes something, unless one is under way.
    pub fn send(self, command: &'static str, arguments: impl Serialize + 'static) {
        self.send_then(command, arguments, |_: &Result<(), Failure>| {});
    }

    /// As [`Self::send`]; `then` receives the result.
    pub fn send_then<O: DeserializeOwned + 'static>(
        self,
        command: &'static str,
        arguments: impl Serialize + 'static,
        then: impl FnOnce(&Result<O, Failure>) + 'static,
    ) {
        if self.busy.get_untracked().is_some() {
            return;
        }
        self.busy.set(Some(command));
        self.failure.set(None);
        spawn_local(async move {
            let result = bridge::call::<O>(command, arguments).await;
            // It was cancelled: the failure of a connect that the person ended is no news.
            if self.busy.get_untracked() != Some(command) {
                return;
            }
            self.busy.set(None);
            if let Err(failure) = &result {
                self.failure.set(Some(failure.clone()));
            }
            then(&result);
        });
    }

    /// Disconnects. Also while a request to connect is under way, which it ends.
    pub fn cancel(self) {
        if self.busy.get_untracked() == Some("disconnect") {
            return;
        }
        self.busy.set(Some("disconnect"));
        self.failure.set(None);
        spawn_local(async move {
            let result = bridge::call::<()>("disconnect", ()).await;
            self.busy.set(None);
            self.failure.set(result.err());
        });
    }

    /// Stores preferences.
    pub fn save(self, preferences: Preferences) {
        #[derive(Serialize)]
        struct Arguments {
            preferences: Preferences,
        }
        self.preferences.set(preferences);
        spawn_local(async move {
            if let Err(failure) = bridge::call::<()>("save_preferences", Arguments { preferences }).await {
                self.failure.set(Some(failure));
            }
        });
    }

    /// The language: the chosen one, that of the system, or English.
    pub fn lang(self) -> Lang {
        let system = self.start.with(|start| start.as_ref().and_then(|start| start.system_language));
        match self.preferences.get().language.or(system) {
            Some(Language::De) => Lang::De,
            Some(Language::Es) => Lang::Es,
            Some(Language::Fa) => Lang::Fa,
            Some(Language::En) | None => Lang::En,
        }
    }

    /// Sends the words of the tray in the language of the window.
    pub fn send_words(self) {
        #[derive(Serialize)]
        struct Arguments {
            words: TrayWords,
        }
        let t = Texts { lang: self.lang() };
        if self.start.with(Option::is_none) {
            return;
        }
        let own = |text: &str| text.to_owned();
        let words = TrayWords {
            connected: own(t.state_connected()),
            disconnected: own(t.state_disconnected()),
            pending: own(t.tray_pending()),
            blocked: own(t.state_blocked()),
            silent: own(t.state_silent()),
            absent: own(t.absent_title()),
            connect: own(t.connect()),
            disconnect: own(t.disconnect()),
            direct: own(t.lane_direct()),
            tor: own(t.lane_tor()),
            new_identity: own(t.new_identity()),
            show: own(t.tray_show()),
            quit: own(t.quit()),
        };
        spawn_local(async move {
            if let Err(failure) = bridge::call::<()>("set_words", Arguments { words }).await {
                self.failure.set(Some(failure));
            }
        });
    }

    /// Sets language, direction and theme of the page.
    pub fn dress(self) {
        let lang = self.lang();
        let theme = match self.preferences.get().theme {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        };
        let Some(root) = document().document_element() else { return };
        // Fails only for an invalid name.
        drop(root.set_attribute("lang", lang.tag()));
        drop(root.set_attribute("dir", lang.dir()));
        drop(match theme {
            Some(theme) => root.set_attribute("data-theme", theme),
            None => root.remove_attribute("data-theme"),
        });
    }
}

/// What the screens share.
pub fn use_window() -> Window {
    expect_context()
}
