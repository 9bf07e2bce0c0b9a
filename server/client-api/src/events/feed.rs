//! Feeds the event streams. One subscription at `session` and one status request to `wg` serve all streams; neither
//! exists while no stream is open.

use crate::api::Api;
use crate::lane_views::views;
use futures::StreamExt as _;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_contracts::session::{SessionError, SessionsClient};
use tornado_contracts::wg::KnownStatus;
use tornado_rpc::NoInput;
use tornado_shared::api::LaneView;

/// Interval of checks of this machine's address, and pause after a failure of `wg`.
const CHECK: Duration = Duration::from_secs(1);
/// Minimum time between two requests to `wg`.
const LEAST: Duration = Duration::from_millis(25);
/// Pause after the events from `session` ended.
const PAUSE: Duration = Duration::from_secs(1);

/// Feeds the streams until `shutdown`.
pub async fn feed(api: Api, sessions: SessionsClient, shutdown: CancellationToken) {
    let streams = &api.streams;
    let feed = async {
        let mut count = streams.count();
        while count.wait_for(|count| *count > 0).await.is_ok() {
            if let Err(error) = feed_once(&api, &sessions, &mut count).await {
                tracing::debug!(%error, "event stream of service session is not available");
            }
            streams.cut();
            tokio::time::sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(feed).await;
    streams.cut();
}

async fn feed_once(
    api: &Api,
    sessions: &SessionsClient,
    count: &mut watch::Receiver<usize>,
) -> Result<(), SessionError> {
    let streams = &api.streams;
    let mut events = sessions.events().await?;
    streams.begin();
    let ends = async {
        while let Some(event) = events.next().await {
            streams.forward(&event);
        }
    };
    // Runs concurrently, so a slow `wg` does not delay events from `session`.
    let (sender, mut lanes) = watch::channel(None);
    let follow = follow_lanes(api, sender);
    let checks = async {
        let mut check = tornado_runtime::every(CHECK);
        loop {
            let is_regular = tokio::select! {
                _ = check.tick() => true,
                _ = lanes.changed() => false,
            };
            if is_regular && *count.borrow_and_update() == 0 {
                return;
            }
            let views = lanes.borrow_and_update().clone();
            if let (Some(views), Some(host)) = (views, api.host()) {
                streams.state(host, views);
            }
        }
    };
    tokio::select! {
        () = ends => {}
        () = checks => {}
        () = follow => {}
    }
    Ok(())
}

/// Forwards the lanes' states whenever they change.
async fn follow_lanes(api: &Api, lanes: watch::Sender<Option<Vec<LaneView>>>) {
    let mut known = None;
    loop {
        let status = match known {
            Some(known) => api.wg.next_status(known).await,
            None => api.wg.status(NoInput {}).await,
        };
        known = status.as_ref().ok().map(KnownStatus::of);
        if let Ok(status) = status {
            lanes.send_replace(Some(views(&status)));
        }
        tokio::time::sleep(if known.is_some() { LEAST } else { CHECK }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tornado_shared::model::DeviceId;

    fn absent() -> tornado_rpc::Channel {
        tornado_rpc::Channel::new("/nonexistent/session.sock")
    }

    fn without_services() -> Api {
        use tornado_contracts::auth::AuthClient;
        use tornado_contracts::auth::users::UsersClient;
        use tornado_contracts::wg::WgClient;
        let (auth, users) = (Arc::new(AuthClient::new(absent())), Arc::new(UsersClient::new(absent())));
        let (sessions, wg) = (Arc::new(SessionsClient::new(absent())), Arc::new(WgClient::new(absent())));
        Api::new(auth, users, sessions, wg, &crate::Config::default(), crate::Wiring::default())
    }

    /// A device keeps a stream open while `session` is unavailable.
    #[tokio::test(start_paused = true)]
    async fn an_unavailable_session_is_retried_at_a_steady_rate() {
        let api = without_services();
        let _listening = api.streams.open(DeviceId::random()).unwrap();
        // Each attempt polls the connection of the channel a few times.
        tornado_endurance::sixty_days(
            4 * 3_600,
            feed(api.clone(), SessionsClient::new(absent()), CancellationToken::new()),
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_stream_nothing_is_requested_for_sixty_days() {
        let api = without_services();
        let feed = feed(api, SessionsClient::new(absent()), CancellationToken::new());
        tornado_endurance::sixty_days(0, feed).await;
    }
}
