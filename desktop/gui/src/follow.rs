//! Follows the helper's status and keeps what the window shows.

use crate::convert::{self, to_api};
use crate::preferences::Store;
use futures::StreamExt as _;
use std::time::Duration;
use tauri::{AppHandle, Manager as _};
use tokio::sync::watch;
use tornado_gui_api::{Helper, Lane, Phase, View};
use tornado_helper_api::{Connect, Helper as _, HelperClient, HelperError};
use tornado_kit::backoff::Backoff;
use tornado_kit::clock::unix_now;

/// Pauses between attempts to reach the helper. An attempt on a socket of this machine costs little.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(3));

/// The latest view. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Views(watch::Sender<View>);

impl Views {
    /// Receives the current view and each later one; a slow receiver skips intermediate ones.
    pub fn subscribe(&self) -> watch::Receiver<View> {
        self.0.subscribe()
    }

    /// The current view.
    pub fn now(&self) -> View {
        self.0.borrow().clone()
    }

    /// The helper does not respond. The rest of the view stays as it was: an error that passes does not sign out.
    fn lost(&self, error: &HelperError) {
        let helper = convert::helper_of(error);
        self.0.send_if_modified(|view| {
            let is_new = view.helper != helper;
            view.helper = helper;
            is_new
        });
    }
}

/// Follows the helper as long as the program runs.
pub async fn follow(helper: HelperClient, views: Views) {
    let mut failures = 0;
    loop {
        match helper.events().await {
            Ok(mut events) => {
                while let Some(status) = events.next().await {
                    failures = 0;
                    views.0.send_replace(convert::view(&status, unix_now()));
                }
                views.lost(&HelperError::NotRunning("the helper stopped".into()));
            }
            Err(error) => views.lost(&error),
        }
        tokio::time::sleep(PAUSES.pause(failures, 0.5)).await;
        failures += 1;
    }
}

/// Connects once after the start, if the preferences say so and the person is signed in.
pub async fn connect_at_start(app: AppHandle, helper: HelperClient, views: Views) {
    if !app.state::<Store>().now().connect_at_start {
        return;
    }
    let mut views = views.subscribe();
    let Ok(view) = views.wait_for(|view| view.helper == Helper::Running).await.map(|view| view.clone()) else { return };
    let is_signed_in = view.account.is_some_and(|account| account.is_signed_in);
    if is_signed_in && view.tunnel.phase == Phase::Disconnected {
        let lane = to_api(app.state::<Store>().now().last_lane.unwrap_or(Lane::Direct));
        if let Err(error) = helper.connect(Connect { lane }).await {
            eprintln!("tornado-gui: cannot connect at the start: {error}");
        }
    }
}

/// Remembers the lane of the latest tunnel.
pub async fn remember_lane(app: AppHandle, views: Views) {
    let mut views = views.subscribe();
    let mut latest = app.state::<Store>().now().last_lane;
    while views.changed().await.is_ok() {
        let tunnel = views.borrow_and_update().tunnel.clone();
        let lane = tunnel.lane.filter(|_| tunnel.phase == Phase::Connected);
        if lane.is_some() && lane != latest {
            latest = lane;
            if let Err(error) = app.state::<Store>().remember(lane) {
                eprintln!("tornado-gui: {error:#}");
            }
        }
    }
}
