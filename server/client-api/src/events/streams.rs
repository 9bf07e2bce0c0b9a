//! The open event streams of devices.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tornado_contracts::session::{EventKind, SessionEvent};
use tornado_shared::api::{DeviceEvent, LaneView};
use tornado_shared::model::{CloseReason, DeviceId};

/// Maximum number of streams per device: a new one, and an old one whose end has not been noticed yet.
const PER_DEVICE: usize = 2;
/// Maximum number of queued messages per device; a device that does not read is disconnected.
const WAITING: usize = 4;
/// Maximum wait for the first events from `session`.
const FIRST_EVENTS: Duration = Duration::from_secs(2);

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

    /// The number of open streams.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// The largest number of open streams.
    pub(crate) const fn limit(&self) -> usize {
        self.most
    }

    /// Records that events from `session` arrive.
    pub(super) fn begin(&self) {
        self.fed.send_replace(true);
    }

    /// Opens a stream for a device.
    ///
    /// # Errors
    /// The server's or the device's limit is reached.
    pub fn open(self: &Arc<Self>, device: DeviceId) -> Result<Subscription, Full> {
        let mut open = self.open.lock();
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
        matches!(tokio::time::timeout(FIRST_EVENTS, fed.wait_for(|fed| *fed)).await, Ok(Ok(_)))
    }

    /// Forwards session events that concern a device.
    pub(super) fn forward(&self, event: &SessionEvent) {
        match event.kind {
            EventKind::Closed(reason) => self.closed(event.device_id, reason),
            EventKind::Quota(quota) => {
                if let Some(streams) = self.open.lock().of.get_mut(&event.device_id) {
                    streams.retain(|(_, sender)| sender.try_send(DeviceEvent::Quota { quota }).is_ok());
                }
            }
            EventKind::Created | EventKind::Offline | EventKind::Recovered => {}
        }
    }

    /// Ends the streams of a device, with the reason as their last message.
    fn closed(&self, device: DeviceId, reason: CloseReason) {
        for (_, sender) in self.open.lock().of.remove(&device).unwrap_or_default() {
            // If the queue is full, the device notices the end of the stream itself.
            let _ = sender.try_send(DeviceEvent::Closed { reason });
        }
    }

    /// Sends the server's host and the lanes' states to all streams if they have changed.
    pub(super) fn state(&self, host: String, lanes: Vec<LaneView>) {
        let mut open = self.open.lock();
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
    pub(super) fn cut(&self) {
        self.fed.send_replace(false);
        let mut open = self.open.lock();
        open.of.clear();
        open.state = None;
    }
}

impl Subscription {
    /// The last known state; `None` if the lanes are not known yet. The state is then sent later.
    #[must_use]
    pub fn first(&self) -> Option<DeviceEvent> {
        let state = self.streams.open.lock().state.clone();
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
        let mut open = self.streams.open.lock();
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
    async fn a_device_gets_its_quota_and_then_the_end() {
        let streams = Streams::new(3);
        let (one, other) = (DeviceId::random(), DeviceId::random());
        let (mut first, mut second) = (streams.open(one).unwrap(), streams.open(other).unwrap());
        let quota = QuotaView::new(100, 100, 9);
        streams.forward(&event(one, EventKind::Offline));
        streams.forward(&event(one, EventKind::Quota(quota)));
        streams.forward(&event(one, EventKind::Closed(CloseReason::QuotaExceeded)));
        assert_eq!(first.next().await, Some(DeviceEvent::Quota { quota }));
        assert_eq!(first.next().await, Some(DeviceEvent::Closed { reason: CloseReason::QuotaExceeded }));
        assert!(second.receiver.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_device_gets_the_end_of_its_own_session_only() {
        let streams = Streams::new(3);
        let (one, other) = (DeviceId::random(), DeviceId::random());
        let (mut first, mut second) = (streams.open(one).unwrap(), streams.open(other).unwrap());
        streams.forward(&event(one, EventKind::Closed(CloseReason::Revoked)));
        assert_eq!(first.next().await, Some(DeviceEvent::Closed { reason: CloseReason::Revoked }));
        assert_eq!(first.next().await, None, "then the stream ends");
        assert!(second.receiver.try_recv().is_err());
    }

    #[test]
    fn streams_are_limited_and_their_slots_reused() {
        let streams = Streams::new(3);
        let device = DeviceId::random();
        let held = (streams.open(device).unwrap(), streams.open(device).unwrap());
        assert_eq!(streams.open(device).err(), Some(Full::Device));
        let third = streams.open(DeviceId::random()).unwrap();
        assert_eq!(streams.open(DeviceId::random()).err(), Some(Full::Server));
        drop((held, third));
        assert!(streams.open.lock().of.is_empty() && streams.open.lock().count == 0);
        assert!(streams.open(device).is_ok());
    }

    #[test]
    fn a_device_that_does_not_read_is_disconnected() {
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
}
