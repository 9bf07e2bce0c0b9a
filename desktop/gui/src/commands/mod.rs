//! What the window can request. Each command forwards one call to the helper.

pub mod account;
pub mod protection;
pub mod support;

use crate::convert::{failure, to_api};
use crate::follow::Views;
use crate::login;
use crate::notify::Notifier;
use crate::preferences::{self, Store};
use crate::tray;
use crate::window::{self, Opened};
use tauri::async_runtime::spawn;
use tauri::ipc::Channel;
use tauri::{Manager as _, State};
use tornado_gui_api::{Failure, Lane, Preferences, Start, TrayWords, View};
use tornado_helper_api::{ChooseExit, Connect, Helper as _, HelperClient, HelperError, NoInput, Status, SwitchLane};
use tornado_shared::model::CountryCode;

type Helper<'a> = State<'a, HelperClient>;

/// The result without the status, which the window receives from `watch`.
fn done(result: Result<Status, HelperError>) -> Result<(), Failure> {
    result.map(drop).map_err(|error| failure(&error))
}

/// What the window needs when it opens. A second call does not return the invitation again.
#[tauri::command]
pub fn start(store: State<'_, Store>, opened: State<'_, Opened>) -> Start {
    Start {
        preferences: store.now(),
        system_language: preferences::system_language(),
        device: preferences::device_name(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        invitation: opened.take(),
    }
}

/// Sends the current view and each later one. Ends when the window closes the channel.
#[tauri::command]
pub fn watch(views: State<'_, Views>, channel: Channel<View>) {
    let mut views = views.subscribe();
    spawn(async move {
        loop {
            let view = views.borrow_and_update().clone();
            if channel.send(view).is_err() || views.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Connects, or switches the lane of the tunnel.
#[tauri::command]
pub async fn connect(helper: Helper<'_>, lane: Lane) -> Result<(), Failure> {
    done(helper.connect(Connect { lane: to_api(lane) }).await)
}

/// Switches the tunnel to another lane.
#[tauri::command]
pub async fn switch_lane(helper: Helper<'_>, lane: Lane) -> Result<(), Failure> {
    done(helper.switch_lane(SwitchLane { lane: to_api(lane) }).await)
}

/// Disconnects the tunnel, also one that is being set up or blocked.
#[tauri::command]
pub async fn disconnect(helper: Helper<'_>) -> Result<(), Failure> {
    done(helper.disconnect(NoInput {}).await)
}

/// Sets the country of the exits; `None` for any.
#[tauri::command]
pub async fn choose_exit(helper: Helper<'_>, country: Option<String>) -> Result<(), Failure> {
    let country: Option<Result<CountryCode, _>> = country.map(|code| code.parse());
    let country = country.transpose().map_err(|error| Failure::invalid("invalid_country", error.to_string()))?;
    done(helper.choose_exit(ChooseExit { country }).await)
}

/// Requests new circuits.
#[tauri::command]
pub async fn new_identity(helper: Helper<'_>) -> Result<(), Failure> {
    done(helper.new_identity(NoInput {}).await)
}

/// Asks the server for usage, exit and circuit, as the helper does for each status. The window receives them from
/// `watch`.
#[tauri::command]
pub async fn refresh(helper: Helper<'_>) -> Result<(), Failure> {
    done(helper.status(NoInput {}).await)
}

/// Stores the preferences, and applies the start at login.
#[tauri::command]
pub fn save_preferences(
    app: tauri::AppHandle,
    store: State<'_, Store>,
    preferences: Preferences,
) -> Result<(), Failure> {
    let apply = || {
        store.save(preferences)?;
        login::sync(&app.path().config_dir()?, &std::env::current_exe()?, preferences.start_at_login)
    };
    apply().map_err(|error: anyhow::Error| Failure::invalid("preferences", format!("{error:#}")))
}

/// Sets the words of the tray's menu.
#[tauri::command]
pub fn set_words(tray: State<'_, tray::Words>, words: TrayWords) {
    tray.set(words);
}

/// Shows a notification.
#[tauri::command]
pub async fn notify(notifier: State<'_, Notifier>, title: String, text: String) -> Result<(), Failure> {
    notifier.show(&title, &text).await.map_err(|error| Failure::invalid("notification", error.to_string()))
}

/// Quits the program. The tunnel stays unless the preferences say otherwise.
#[tauri::command]
pub async fn quit(app: tauri::AppHandle) -> Result<(), Failure> {
    window::quit(&app).await.map_err(|error| failure(&error))
}
