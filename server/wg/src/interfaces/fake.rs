//! A fake interface that records its peers and fails on request.

use super::interface::{BackendError, Interface};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tornado_packet_io::{Peer, Status};
use tornado_shared::model::{PublicKey, Transfer};

/// The fake. Share it by `Arc`.
#[derive(Default)]
pub(crate) struct FakeInterface {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    peers: BTreeMap<PublicKey, Peer>,
    failures: usize,
}

impl FakeInterface {
    fn fail(&self) -> Result<(), BackendError> {
        let mut state = self.state.lock();
        if state.failures == 0 {
            return Ok(());
        }
        state.failures -= 1;
        Err(BackendError::Refused { interface: "fake".into(), detail: "failure requested by the test".into() })
    }

    /// Makes the next `n` changes fail.
    pub(crate) fn fail_next(&self, n: usize) {
        self.state.lock().failures = n;
    }

    /// The peers that it holds.
    pub(crate) fn snapshot(&self) -> BTreeMap<PublicKey, Peer> {
        self.state.lock().peers.clone()
    }
}

#[async_trait]
impl Interface for FakeInterface {
    async fn alive(&self) -> Result<(), BackendError> {
        Ok(())
    }

    async fn put_peers(&self, peers: &[Peer]) -> Result<(), BackendError> {
        self.fail()?;
        let mut state = self.state.lock();
        for peer in peers {
            let known = state.peers.get(&peer.public_key).map(|p| p.endpoint);
            let endpoint = known.unwrap_or(peer.endpoint);
            state.peers.insert(peer.public_key, Peer { endpoint, ..peer.clone() });
        }
        Ok(())
    }

    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        self.fail()?;
        let mut state = self.state.lock();
        let one = |key: &PublicKey| {
            let had = state.peers.remove(key).is_some();
            if had { Transfer { rx_bytes: 1, tx_bytes: 2 } } else { Transfer::default() }
        };
        Ok(keys.iter().map(one).collect())
    }

    async fn peers(&self) -> Result<Vec<Status>, BackendError> {
        let one = |peer: &Peer| Status {
            public_key: peer.public_key,
            endpoint: peer.endpoint,
            handshake_age: None,
            transfer: Transfer::default(),
        };
        Ok(self.state.lock().peers.values().map(one).collect())
    }

    async fn start_handshakes(&self, _: &[PublicKey]) {}

    async fn close(&self) {
        self.state.lock().peers.clear();
    }
}
