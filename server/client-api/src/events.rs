//! Event streams of devices. One subscription at `session` and one status request to `wg` serve all streams; neither
//! exists while no stream is open.

use crate::api::Api;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tornado_contracts::session::{EventKind, SessionError, SessionEvent, SessionsClient};
use tornado_contracts::wg::KnownStatus;
use tornado_rpc::NoInput;
use tornado_shared::api::{DeviceEvent, LaneView};
use tornado_shared::model::{CloseReason, DeviceId};

/// Maximum number of streams per device: a new one, and an old one whose end has not been noticed yet.
const PER_DEVICE: usize = 2;
/// Maximum number of queued messages per device; a device that does not read is disconnected.
const WAITING: usize = 4;
/// Interval of checks of this machine's address, and pause after a failure of `wg`.
const LOOK: Duration = Duration::from_secs(1);
/// Minimum time between two requests to `wg`.
const LEAST: Duration = Duration::from_millis(25);
const PAUSE: Duration = Duration::from_secs(1);

/// All streams.
pub struct Streams {
    most: usize,
    open: Mutex<Open>,
    count: watch::Sender<usize>,
    /// True while events from `session` arrive.
    fed: watch::Sender<bool>,
}

#[derive(Default)]
struct Open {
    next: u64,
    of: HashMap<DeviceId, Vec<(u64, mpsc::Sender<DeviceEvent>)>>,
    count: usize,
    /// The last known host and lanes.
    state: Option<(String, Vec<LaneView>)>,
}

/// One open stream; its slot is released on drop.
pub struct Subscription {
    streams: Arc<Streams>,
    device: DeviceId,
    number: u64,
    receiver: mpsc::Receiver<DeviceEvent>,
}

/// Reason for rejecting a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// All streams of the server are in use.
    Server,
    /// All streams of this device are in use.
    Device,
}

impl Streams {
    /// A registry for at most `most` streams.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        let (count, fed) = (watch::Sender::new(0), watch::Sender::new(false));
        Arc::new(Self { most, open: Mutex::default(), count, fed })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream for a device.
    ///
    /// # Errors
    /// The server's or the device's limit is reached.
    pub fn open(self: &Arc<Self>, device: DeviceId) -> Result<Subscription, Full> {
        let mut open = self.lock();
        if open.count >= self.most {
            return Err(Full::Server);
        }
        let number = open.next;
        let of = open.of.entry(device).or_default();
        of.retain(|(_, sender)| !sender.is_closed());
        if of.len() >= PER_DEVICE {
            return Err(Full::Device);
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        of.push((number, sender));
        open.next += 1;
        open.count += 1;
        self.count.send_replace(open.count);
        drop(open);
        Ok(Subscription { streams: self.clone(), device, number, receiver })
    }

    /// Waits until events from `session` arrive; false if none arrive within two seconds.
    pub async fn is_fed(&self) -> bool {
        let mut fed = self.fed.subscribe();
        matches!(tokio::time::timeout(PAUSE * 2, fed.wait_for(|fed| *fed)).await, Ok(Ok(_)))
    }

    /// Forwards session events that concern a device.
    fn heard(&self, event: &SessionEvent) {
        match event.kind {
            EventKind::Closed(reason) => self.closed(event.device_id, reason),
            EventKind::Quota(quota) => {
                if let Some(streams) = self.lock().of.get_mut(&event.device_id) {
                    streams.retain(|(_, sender)| sender.try_send(DeviceEvent::Quota { quota }).is_ok());
                }
            }
            EventKind::Created | EventKind::Offline | EventKind::Recovered => {}
        }
    }

    /// Ends the streams of a device, with the reason as their last message.
    fn closed(&self, device: DeviceId, reason: CloseReason) {
        for (_, sender) in self.lock().of.remove(&device).unwrap_or_default() {
            // If the queue is full, the device notices the end of the stream itself.
            let _ = sender.try_send(DeviceEvent::Closed { reason });
        }
    }

    /// Sends the server's host and the lanes' states to all streams if they have changed.
    fn state(&self, host: String, lanes: Vec<LaneView>) {
        let mut open = self.lock();
        let state = Some((host.clone(), lanes.clone()));
        if open.state == state {
            return;
        }
        open.state = state;
        let event = DeviceEvent::State { host, lanes };
        for streams in open.of.values_mut() {
            streams.retain(|(_, sender)| sender.try_send(event.clone()).is_ok());
        }
    }

    /// Ends all streams, because events may have been missed.
    fn cut(&self) {
        self.fed.send_replace(false);
        let mut open = self.lock();
        open.of.clear();
        open.state = None;
    }

    /// Feeds the streams until `shutdown`.
    pub async fn feed(self: Arc<Self>, api: Api, sessions: SessionsClient, shutdown: CancellationToken) {
        let feed = async {
            let mut count = self.count.subscribe();
            while count.wait_for(|count| *count > 0).await.is_ok() {
                if let Err(error) = self.feed_once(&api, &sessions, &mut count).await {
                    tracing::debug!(%error, "event stream of service session is not available");
                }
                self.cut();
                tokio::time::sleep(PAUSE).await;
            }
        };
        shutdown.run_until_cancelled(feed).await;
        self.cut();
    }

    async fn feed_once(
        &self,
        api: &Api,
        sessions: &SessionsClient,
        count: &mut watch::Receiver<usize>,
    ) -> Result<(), SessionError> {
        use futures::StreamExt as _;
        let mut events = sessions.events().await?;
        self.fed.send_replace(true);
        let ends = async {
            while let Some(event) = events.next().await {
                self.heard(&event);
            }
        };
        // Runs concurrently, so a slow `wg` does not delay events from `session`.
        let (sender, mut lanes) = watch::channel(None);
        let follow = follow_lanes(api, sender);
        let looks = async {
            let mut look = tornado_runtime::every(LOOK);
            loop {
                let is_regular = tokio::select! {
                    _ = look.tick() => true,
                    _ = lanes.changed() => false,
                };
                if is_regular && *count.borrow_and_update() == 0 {
                    return;
                }
                let views = lanes.borrow_and_update().clone();
                if let (Some(views), Some(host)) = (views, api.host()) {
                    self.state(host, views);
                }
            }
        };
        tokio::select! {
            () = ends => {}
            () = looks => {}
            () = follow => {}
        }
        Ok(())
    }
}

impl Subscription {
    /// The last known state; `None` if the lanes are not known yet. The state is then sent later.
    #[must_use]
    pub fn first(&self) -> Option<DeviceEvent> {
        let state = self.streams.lock().state.clone();
        state.map(|(host, lanes)| DeviceEvent::State { host, lanes })
    }

    /// The next message; `None`: the stream has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: no message is lost.
    pub async fn next(&mut self) -> Option<DeviceEvent> {
        self.receiver.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(of) = open.of.get_mut(&self.device) {
            of.retain(|(number, _)| *number != self.number);
            if of.is_empty() {
                open.of.remove(&self.device);
            }
        }
        open.count -= 1;
        self.streams.count.send_replace(open.count);
    }
}

/// Forwards the lanes' states whenever they change.
async fn follow_lanes(api: &Api, lanes: watch::Sender<Option<Vec<LaneView>>>) {
    let mut known = None;
    loop {
        let status = match known {
            Some(known) => api.wg().next_status(known).await,
            None => api.wg().status(NoInput {}).await,
        };
        known = status.as_ref().ok().map(KnownStatus::of);
        if let Ok(status) = status {
            lanes.send_replace(Some(crate::routes::tor::views(&status)));
        }
        tokio::time::sleep(if known.is_some() { LEAST } else { LOOK }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_shared::api::QuotaView;
    use tornado_shared::model::{SessionId, UserId};

    fn event(device_id: DeviceId, kind: EventKind) -> SessionEvent {
        let (session_id, user_id) = (SessionId::random(), UserId::random());
        SessionEvent { at: 1, kind, session_id, user_id, device_id }
    }

    #[tokio::test]
    async fn a_device_hears_of_its_quota_and_then_of_the_end() {
        let streams = Streams::new(3);
        let (one, other) = (DeviceId::random(), DeviceId::random());
        let (mut first, mut second) = (streams.open(one).unwrap(), streams.open(other).unwrap());
        let quota = QuotaView::new(100, 100, 9);
        streams.heard(&event(one, EventKind::Offline));
        streams.heard(&event(one, EventKind::Quota(quota)));
        streams.heard(&event(one, EventKind::Closed(CloseReason::QuotaExceeded)));
        assert_eq!(first.next().await, Some(DeviceEvent::Quota { quota }));
        assert_eq!(first.next().await, Some(DeviceEvent::Closed { reason: CloseReason::QuotaExceeded }));
        assert!(second.receiver.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_device_hears_the_end_of_its_own_session_only() {
        let streams = Streams::new(3);
        let (one, other) = (DeviceId::random(), DeviceId::random());
        let (mut first, mut second) = (streams.open(one).unwrap(), streams.open(other).unwrap());
        streams.heard(&event(one, EventKind::Closed(CloseReason::Revoked)));
        assert_eq!(first.next().await, Some(DeviceEvent::Closed { reason: CloseReason::Revoked }));
        assert_eq!(first.next().await, None, "then the stream ends");
        assert!(second.receiver.try_recv().is_err());
    }

    #[test]
    fn places_are_bounded_and_free_again() {
        let streams = Streams::new(3);
        let device = DeviceId::random();
        let held = (streams.open(device).unwrap(), streams.open(device).unwrap());
        assert_eq!(streams.open(device).err(), Some(Full::Device));
        let third = streams.open(DeviceId::random()).unwrap();
        assert_eq!(streams.open(DeviceId::random()).err(), Some(Full::Server));
        drop((held, third));
        assert!(streams.lock().of.is_empty() && streams.lock().count == 0);
        assert!(streams.open(device).is_ok());
    }

    #[test]
    fn a_device_that_does_not_read_is_cut_off() {
        let streams = Streams::new(3);
        let mut slow = streams.open(DeviceId::random()).unwrap();
        let view = |port| LaneView {
            lane: tornado_shared::model::Lane::Tor,
            state: tornado_shared::api::LaneState::Open,
            port,
            server_pubkey: tornado_shared::model::PrivateKey::from_bytes([1; 32]).public_key(),
        };
        for port in 0..20 {
            streams.state(String::new(), vec![view(port)]);
        }
        let mut read = 0;
        while slow.receiver.try_recv().is_ok() {
            read += 1;
        }
        assert_eq!((read, slow.receiver.is_closed()), (WAITING, true));
    }

    fn absent() -> tornado_rpc::Channel {
        tornado_rpc::Channel::new("/nonexistent/session.sock")
    }

    fn without_services() -> Api {
        use tornado_contracts::auth::AuthClient;
        use tornado_contracts::auth::users::UsersClient;
        use tornado_contracts::session::SessionsClient;
        use tornado_contracts::wg::WgClient;
        let (auth, users) = (Arc::new(AuthClient::new(absent())), Arc::new(UsersClient::new(absent())));
        let (sessions, wg) = (Arc::new(SessionsClient::new(absent())), Arc::new(WgClient::new(absent())));
        Api::new(auth, users, sessions, wg, &crate::Config::default())
    }

    /// A device keeps a stream open while `session` is unavailable.
    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_away_is_asked_at_a_steady_pace_for_sixty_days() {
        let api = without_services();
        let streams = api.streams().clone();
        let _listening = streams.open(DeviceId::random()).unwrap();
        // Each attempt polls the connection of the channel a few times.
        tornado_endurance::sixty_days(
            4 * 3_600,
            streams.feed(api, SessionsClient::new(absent()), CancellationToken::new()),
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_listening_device_nothing_is_fed_for_sixty_days() {
        let api = without_services();
        let feed = api.streams().clone().feed(api, SessionsClient::new(absent()), CancellationToken::new());
        tornado_endurance::sixty_days(0, feed).await;
    }
}
