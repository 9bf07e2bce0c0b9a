//! Both lanes change together or not at all, for every order of changes and failures.

use super::*;
use crate::interfaces::FakeInterface;
use proptest::prelude::*;
use std::collections::HashMap;
use tornado_contracts::wg::{Isolation, PeerLane};
use tornado_shared::model::{LaneAddresses, LanePools, PresharedKey, PrivateKey, Slot};

struct Lab {
    direct: Arc<FakeInterface>,
    tor: Arc<FakeInterface>,
    interfaces: Interfaces,
    peers: Peers,
    endpoints: Endpoints,
    _directory: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let (direct, tor) = (Arc::new(FakeInterface::default()), Arc::new(FakeInterface::default()));
        let interfaces = Interfaces { direct: direct.clone(), tor: tor.clone() };
        let servers = PerLane { direct: key(1000), tor: key(1001) };
        let directory = tempfile::tempdir().unwrap();
        let endpoints = Endpoints::load(directory.path());
        Self {
            direct,
            tor,
            interfaces,
            peers: Peers::new(PeerSet::new(pools(), servers)),
            endpoints,
            _directory: directory,
        }
    }

    async fn put(&mut self, spec: PeerSpec) -> Result<(), WgError> {
        self.peers.set.may_put(&spec)?;
        self.peers.put_all(&self.interfaces, vec![spec]).await
    }

    async fn repair(&mut self) {
        for lane in Lane::ALL {
            self.peers.repair(&self.interfaces, lane, &self.endpoints).await.unwrap();
        }
    }

    fn specs(&self) -> HashMap<PublicKey, PeerSpec> {
        self.peers.set.specs().map(|spec| (spec.public_key, spec.clone())).collect()
    }

    /// Asserts that both lanes hold exactly the desired set.
    fn assert_equal(&self) {
        for (lane, fake) in [(Lane::Direct, &self.direct), (Lane::Tor, &self.tor)] {
            let mut held = fake.snapshot();
            held.values_mut().for_each(|peer| peer.endpoint = None);
            let desired = self.specs();
            let desired = desired.iter().map(|(key, spec)| (*key, lane_peer(spec, lane, None)));
            assert_eq!(held, desired.collect());
        }
    }
}

fn pools() -> LanePools {
    LanePools::default()
}

fn key(n: u16) -> PublicKey {
    let mut bytes = [0x40; 32];
    // Not the first or the last byte: X25519 ignores some of their bits.
    bytes[8..10].copy_from_slice(&n.to_le_bytes());
    PrivateKey::from_bytes(bytes).public_key()
}

fn spec(key_number: u16, slot: u32, psk: u8) -> PeerSpec {
    let part = |lane| PeerLane {
        addresses: pools().of(lane).addresses(Slot(slot)).unwrap(),
        preshared_key: (psk > 0).then(|| PresharedKey::from_bytes([psk; 32])),
    };
    PeerSpec {
        public_key: key(key_number),
        direct: part(Lane::Direct),
        tor: part(Lane::Tor),
        isolation: number(slot),
        exit: None,
        account: None,
    }
}

fn number(n: u32) -> Isolation {
    Isolation::try_from(n).unwrap()
}

#[tokio::test]
async fn the_second_lane_failing_undoes_the_first() {
    let mut lab = Lab::new();
    lab.tor.fail_next(1);
    let error = lab.put(spec(1, 2, 0)).await.unwrap_err();
    assert!(matches!(error, WgError::LaneFailed { lane: Lane::Tor, .. }));
    assert!(lab.direct.snapshot().is_empty());
    // The addresses are free for another device, and the next attempt succeeds.
    lab.put(spec(2, 2, 0)).await.unwrap();
    lab.put(spec(1, 3, 0)).await.unwrap();
    lab.assert_equal();
}

#[tokio::test]
async fn a_failed_change_keeps_the_existing_peer() {
    let mut lab = Lab::new();
    lab.put(spec(1, 2, 0)).await.unwrap();
    lab.tor.fail_next(1);
    lab.put(spec(1, 5, 9)).await.unwrap_err();
    assert_eq!(lab.direct.snapshot()[&key(1)].addresses[0].to_string(), "10.8.0.2/32");
    assert!(matches!(lab.put(spec(2, 2, 0)).await, Err(WgError::AddressInUse)));
    lab.repair().await;
    lab.assert_equal();
}

#[tokio::test]
async fn an_address_has_one_owner() {
    let mut lab = Lab::new();
    lab.put(spec(1, 2, 0)).await.unwrap();
    assert!(matches!(lab.put(spec(2, 2, 0)).await, Err(WgError::AddressInUse)));
    let mut mixed = spec(2, 3, 0);
    mixed.tor.addresses.v6 = spec(1, 2, 0).tor.addresses.v6;
    assert!(matches!(lab.put(mixed).await, Err(WgError::AddressInUse)));
    // The owner itself may change its addresses, and the former ones become free.
    lab.put(spec(1, 4, 0)).await.unwrap();
    lab.put(spec(2, 2, 0)).await.unwrap();
    lab.assert_equal();
}

#[tokio::test]
async fn addresses_outside_the_pools_are_rejected() {
    let mut lab = Lab::new();
    let malformed = |result| matches!(result, Err(WgError::Fault(Fault::Malformed(_))));
    let mut swapped = spec(1, 2, 0);
    std::mem::swap(&mut swapped.direct, &mut swapped.tor);
    assert!(malformed(lab.put(swapped).await));
    assert!(malformed(lab.put(spec(1, 1, 0)).await));
    let mut broadcast = spec(1, 2, 0);
    broadcast.direct.addresses.v4 = [10, 8, 255, 255].into();
    assert!(malformed(lab.put(broadcast).await));
    let mut gateway = spec(1, 2, 0);
    gateway.tor.addresses.v6 = LaneAddresses { ..pools().tor.addresses(Slot::SERVER).unwrap() }.v6;
    assert!(malformed(lab.put(gateway).await));
    assert!(malformed(lab.put(spec(1000, 2, 0)).await));
    assert!(lab.direct.snapshot().is_empty());
}

#[tokio::test]
async fn one_key_has_one_address() {
    let mut lab = Lab::new();
    for slot in 2..20 {
        lab.put(spec(1, slot, 0)).await.unwrap();
    }
    assert_eq!((lab.peers.set.len(), lab.direct.snapshot().len(), lab.peers.set.owned().len()), (1, 1, 4));
}

#[tokio::test]
async fn a_sync_keeps_equal_peers_and_starts_known_handshakes() {
    let mut lab = Lab::new();
    let at = std::net::SocketAddr::from(([192, 0, 2, 7], 4000));
    lab.endpoints.update(Lane::Direct, [(key(1), at), (key(9), at)], |_| true);
    let first = vec![spec(1, 2, 1), spec(2, 3, 1)];
    let (report, handshakes) = lab.peers.sync(&lab.interfaces, first, &lab.endpoints).await.unwrap();
    assert_eq!(report, SyncReport { put: 2, removed: 0, kept: 0 });
    assert_eq!(handshakes, Handshakes { direct: vec![key(1)], tor: vec![] });
    assert_eq!(lab.direct.snapshot()[&key(1)].endpoint, Some(at));

    let second = vec![spec(1, 2, 1), spec(3, 4, 1)];
    let (report, handshakes) = lab.peers.sync(&lab.interfaces, second, &lab.endpoints).await.unwrap();
    assert_eq!(report, SyncReport { put: 1, removed: 1, kept: 1 });
    assert_eq!(handshakes, Handshakes::default());
    lab.assert_equal();

    let swapped = vec![spec(1, 4, 1), spec(3, 2, 1)];
    lab.peers.sync(&lab.interfaces, swapped, &lab.endpoints).await.unwrap();
    lab.assert_equal();
}

#[tokio::test]
async fn a_failed_sync_changes_nothing() {
    let mut lab = Lab::new();
    lab.put(spec(1, 2, 1)).await.unwrap();
    lab.tor.fail_next(1);
    let error = lab.peers.sync(&lab.interfaces, vec![spec(2, 3, 0)], &lab.endpoints).await.unwrap_err();
    assert!(matches!(error, WgError::LaneFailed { lane: Lane::Tor, .. }));
    lab.assert_equal();
    assert!(lab.peers.set.contains(&key(1)));
    let twice = vec![spec(5, 2, 0), spec(6, 2, 0)];
    let error = lab.peers.sync(&lab.interfaces, twice, &lab.endpoints).await.unwrap_err();
    assert!(matches!(error, WgError::AddressInUse));
    lab.assert_equal();
}

#[tokio::test]
async fn a_removed_peer_stays_removed_after_a_lane_failed() {
    let mut lab = Lab::new();
    lab.put(spec(1, 2, 0)).await.unwrap();
    lab.direct.fail_next(1);
    lab.peers.remove_all(&lab.interfaces, &[key(1)]).await.unwrap_err();
    assert!(lab.peers.needs_repair(Lane::Direct));
    lab.repair().await;
    lab.assert_equal();
    assert!(lab.direct.snapshot().is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Put { key: u16, slot: u32, psk: u8 },
    Remove { key: u16 },
    Fail { tor: bool, times: usize },
    Sync { slots: Vec<(u16, u32)> },
    Repair,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u16, 2..8u32, 0..3u8).prop_map(|(key, slot, psk)| Step::Put { key, slot, psk }),
        3 => (0..6u16).prop_map(|key| Step::Remove { key }),
        3 => (any::<bool>(), 1..3usize).prop_map(|(tor, times)| Step::Fail { tor, times }),
        1 => proptest::collection::vec((0..6u16, 2..8u32), 0..5).prop_map(|slots| Step::Sync { slots }),
        2 => Just(Step::Repair),
    ]
}

proptest! {
    #[test]
    fn lanes_stay_equal_after_any_changes_and_failures(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut lab = Lab::new();
            for step in steps {
                let before = lab.specs();
                match step {
                    Step::Put { key, slot, psk } => {
                        if lab.put(spec(key, slot, psk)).await.is_err() {
                            assert_eq!(lab.specs(), before);
                        }
                    }
                    Step::Remove { key: number } => {
                        drop(lab.peers.remove_all(&lab.interfaces, &[key(number)]).await);
                        assert!(!lab.peers.set.contains(&key(number)));
                    }
                    Step::Fail { tor, times } => if tor { lab.tor.fail_next(times) } else { lab.direct.fail_next(times) },
                    Step::Sync { slots } => {
                        let specs = slots.into_iter().map(|(key, slot)| spec(key, slot, 0)).collect();
                        if lab.peers.sync(&lab.interfaces, specs, &lab.endpoints).await.is_err() {
                            assert_eq!(lab.specs(), before);
                        }
                    }
                    Step::Repair => {
                        lab.direct.fail_next(0);
                        lab.tor.fail_next(0);
                        lab.repair().await;
                    }
                }
                // Lanes that are not in doubt are equal and correct. A repair always ends the doubt.
                if Lane::ALL.iter().all(|lane| !lab.peers.needs_repair(*lane)) {
                    lab.assert_equal();
                }
                assert_eq!(lab.peers.set.owned().len(), lab.peers.set.len() * 4);
            }
            lab.direct.fail_next(0);
            lab.tor.fail_next(0);
            lab.repair().await;
            lab.assert_equal();
        });
    }
}
