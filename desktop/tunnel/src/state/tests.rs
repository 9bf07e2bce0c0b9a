//! Property: after any events in any order, a disconnect leaves the kernel as it was found.

use super::*;
use crate::plan::{Backend, LanePlan, Observation, Plan};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tornado_shared::model::{Lane, PrivateKey, PublicKey};

fn key() -> PublicKey {
    PrivateKey::from_bytes([7; 32]).public_key()
}

fn plan(lane: Lane) -> Box<Plan> {
    let part = |n: u8| LanePlan {
        addresses: vec![[10, n, 0, 2].into()],
        peer: key(),
        preshared_key: None,
        endpoint: ([192, 0, 2, n], 51820).into(),
        others: Vec::new(),
        mtu: 1420,
        dns: vec![[10, n, 0, 1].into()],
    };
    Box::new(Plan { private_key: PrivateKey::from_bytes([1; 32]), lane, direct: part(8), tor: part(9), api: vec![] })
}

/// Model of the state in the kernel.
#[derive(Default)]
struct Kernel {
    up: BTreeSet<Slot>,
    routed: Option<Slot>,
    held: bool,
}

impl Kernel {
    /// Executes an effect and returns its result. `works` decides whether the operation succeeds.
    fn execute(&mut self, effect: &Effect, works: bool) -> Option<Event> {
        let result = |ok: bool| if ok { Ok(()) } else { Err("no".to_owned()) };
        match effect {
            Effect::Up(link) => {
                assert!(!self.up.contains(&link.slot), "brought up twice: {:?}", link.slot);
                // A link whose creation failed halfway may exist anyway.
                self.up.insert(link.slot);
                Some(Event::LinkUp(link.slot, result(works).map(|()| Backend::Userspace)))
            }
            Effect::Route(slot, routing) => {
                assert_eq!(routing.slot, Some(*slot));
                assert!(self.up.contains(slot), "routed into a link that is down");
                (self.routed, self.held) = (Some(*slot), false);
                Some(Event::Routed(*slot, result(works)))
            }
            Effect::LockDown(routing) => {
                assert_eq!(routing.slot, None);
                if works {
                    (self.routed, self.held) = (None, true);
                }
                Some(Event::LockedDown(result(works)))
            }
            Effect::Remove(slot) => {
                assert_ne!(self.routed, Some(*slot), "removed the link that carries the traffic");
                self.up.remove(slot);
                None
            }
            Effect::TearDown => {
                if works {
                    *self = Self::default();
                }
                Some(Event::TornDown(result(works)))
            }
        }
    }
}

/// An external event, or the passing of time.
#[derive(Debug, Clone)]
enum Step {
    Connect(Lane),
    Switch(Lane),
    Disconnect,
    Block,
    Unblock,
    Mode(LockdownMode),
    Observed(Slot, Option<bool>),
    Wait(u64),
}

fn mode() -> impl Strategy<Value = LockdownMode> {
    prop_oneof![Just(LockdownMode::Off), Just(LockdownMode::Auto), Just(LockdownMode::Always)]
}

fn step() -> impl Strategy<Value = Step> {
    let lane = || prop_oneof![Just(Lane::Direct), Just(Lane::Tor)];
    let slot = prop_oneof![Just(Slot::A), Just(Slot::B)];
    prop_oneof![
        3 => lane().prop_map(Step::Connect),
        2 => lane().prop_map(Step::Switch),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Block),
        1 => Just(Step::Unblock),
        2 => mode().prop_map(Step::Mode),
        6 => (slot, prop::option::weighted(0.9, any::<bool>())).prop_map(|(s, o)| Step::Observed(s, o)),
        2 => (0u64..9).prop_map(Step::Wait),
    ]
}

/// What the state machine does in this step.
fn taken(state: State, step: &Step, now: &mut Instant) -> Next {
    let event = match step {
        Step::Mode(mode) => return state.set_mode(*mode),
        Step::Connect(lane) => Event::Connect(plan(*lane)),
        Step::Switch(lane) => Event::Switch(*lane),
        Step::Disconnect => Event::Disconnect,
        Step::Block => {
            Event::Block(Box::new(Lockdown { reason: BlockedReason::Store("x".into()), outside: Vec::new() }))
        }
        Step::Unblock => Event::Unblock,
        Step::Observed(slot, Some(shaken)) => {
            let handshake_age = shaken.then_some(Duration::from_secs(1));
            Event::Observed(*slot, Ok(Observation { handshake_age, ..Observation::default() }))
        }
        Step::Observed(slot, None) => Event::Observed(*slot, Err("gone".into())),
        Step::Wait(seconds) => {
            *now += Duration::from_secs(*seconds);
            Event::Timeout
        }
    };
    state.handle(event, *now)
}

/// Executes effects and passes the results back until no effects are left.
fn settle((mut state, effects): Next, kernel: &mut Kernel, now: Instant, mut works: impl FnMut() -> bool) -> State {
    let mut queue = std::collections::VecDeque::from(effects);
    let mut rounds = 0;
    while let Some(effect) = queue.pop_front() {
        rounds += 1;
        assert!(rounds < 100, "the effects do not end");
        if let Some(answer) = kernel.execute(&effect, works()) {
            let (next, more) = state.handle(answer, now);
            state = next;
            queue.extend(more);
        }
    }
    state
}

proptest! {
    #[test]
    fn a_disconnect_always_restores_the_kernel(steps in prop::collection::vec((step(), prop::collection::vec(prop::bool::weighted(0.8), 8)), 0..60)) {
        let mut kernel = Kernel::default();
        let mut now = Instant::now();
        let mut state = settle(State::start(LockdownMode::Auto, None), &mut kernel, now, || true);
        for (step, luck) in steps {
            let mut luck = luck.into_iter();
            let next = taken(state, &step, &mut now);
            state = settle(next, &mut kernel, now, || luck.next().unwrap_or(true));
            match state.view().phase {
                Phase::Connected | Phase::Switching => prop_assert!(kernel.routed.is_some()),
                Phase::Disconnected => prop_assert!(kernel.routed.is_none() && kernel.up.is_empty() && !kernel.held),
                Phase::Connecting => prop_assert!(kernel.routed.is_none()),
                Phase::Disconnecting | Phase::Blocked => {}
            }
            // If the view says that traffic is blocked, it is blocked.
            prop_assert!(!state.view().lockdown || kernel.held);
        }
        state = settle(state.set_mode(LockdownMode::Auto), &mut kernel, now, || true);
        state = settle(state.handle(Event::Unblock, now), &mut kernel, now, || true);
        state = settle(state.handle(Event::Disconnect, now), &mut kernel, now, || true);
        prop_assert_eq!(state.view().phase, Phase::Disconnected);
        prop_assert!(kernel.up.is_empty() && kernel.routed.is_none() && !kernel.held);
    }

    /// From the first success on, the firewall is in place whatever happens, and `off` releases traffic from any state.
    #[test]
    fn always_releases_nothing_and_off_releases_everything(
        steps in prop::collection::vec((step(), prop::collection::vec(prop::bool::weighted(0.8), 8)), 0..60),
    ) {
        let mut kernel = Kernel::default();
        let mut now = Instant::now();
        let mut state = settle(State::start(LockdownMode::Always, None), &mut kernel, now, || true);
        for (step, luck) in steps.into_iter().filter(|(step, _)| !matches!(step, Step::Mode(_))) {
            let mut luck = luck.into_iter();
            let next = taken(state, &step, &mut now);
            state = settle(next, &mut kernel, now, || luck.next().unwrap_or(true));
            prop_assert!(kernel.held || kernel.routed.is_some(), "{:?} after {step:?}", state.view());
            prop_assert!(state.view().phase != Phase::Disconnected, "after {step:?}");
        }
        state = settle(state.set_mode(LockdownMode::Off), &mut kernel, now, || true);
        if matches!(state.view().phase, Phase::Connecting | Phase::Connected | Phase::Switching) {
            state = settle(state.handle(Event::Disconnect, now), &mut kernel, now, || true);
        }
        prop_assert_eq!(state.view().phase, Phase::Disconnected);
        prop_assert!(kernel.up.is_empty() && kernel.routed.is_none() && !kernel.held);
    }

    /// Results without a request, repeated results, results of older requests: no panic, and a disconnect still works.
    #[test]
    fn unexpected_results_do_not_prevent_a_disconnect(picks in prop::collection::vec((0u8..12, any::<bool>(), any::<bool>()), 0..40)) {
        let now = Instant::now();
        let (mut state, _) = State::start(LockdownMode::Auto, None);
        for (pick, first, ok) in picks {
            let slot = if first { Slot::A } else { Slot::B };
            let result = || if ok { Ok(()) } else { Err("no".to_owned()) };
            let event = match pick {
                0 | 1 => Event::Connect(plan(Lane::Direct)),
                2 | 3 => Event::LinkUp(slot, result().map(|()| Backend::Kernel)),
                4 | 5 => Event::Routed(slot, result()),
                6 => Event::TornDown(result()),
                7 | 8 => Event::Observed(slot, Ok(Observation { handshake_age: Some(Duration::ZERO), ..Observation::default() })),
                9 => Event::Switch(Lane::Tor),
                10 => Event::Unblock,
                _ => Event::Timeout,
            };
            state = state.handle(event, now).0;
        }
        state = state.handle(Event::Unblock, now).0;
        state = state.handle(Event::Disconnect, now).0;
        state = state.handle(Event::TornDown(Ok(())), now).0;
        prop_assert_eq!(state.view().phase, Phase::Disconnected);
    }
}

#[test]
fn an_old_handshake_is_shown_as_stale() {
    let mut kernel = Kernel::default();
    let now = Instant::now();
    let observed = |age| {
        Event::Observed(
            Slot::A,
            Ok(Observation { handshake_age: Some(Duration::from_secs(age)), ..Observation::default() }),
        )
    };
    let mut state = settle(State::start(LockdownMode::Auto, None), &mut kernel, now, || true);
    for event in [Event::Connect(plan(Lane::Direct)), observed(0)] {
        state = settle(state.handle(event, now), &mut kernel, now, || true);
    }
    assert!(!state.view().stale);
    let (state, _) = state.handle(observed(300), now);
    assert_eq!((state.view().phase, state.view().stale), (Phase::Connected, true));
}

#[test]
fn a_lost_tunnel_blocks_traffic_until_disconnect() {
    let now = Instant::now();
    let mut kernel = Kernel::default();
    let shaken =
        |slot| Event::Observed(slot, Ok(Observation { handshake_age: Some(Duration::ZERO), ..Observation::default() }));
    let gone = |slot| Event::Observed(slot, Err("gone".into()));
    let mut state = settle(State::start(LockdownMode::Auto, None), &mut kernel, now, || true);
    for event in [Event::Connect(plan(Lane::Direct)), shaken(Slot::A), gone(Slot::A)] {
        state = settle(state.handle(event, now), &mut kernel, now, || true);
    }
    assert_eq!((state.view().phase, state.view().blocked), (Phase::Blocked, Some(BlockedReason::Lost)));
    assert!(state.view().lockdown && kernel.held && kernel.up.is_empty());

    // A failed attempt, then a successful one. Traffic is blocked all the time.
    state = settle(state.handle(Event::Connect(plan(Lane::Tor)), now), &mut kernel, now, || true);
    assert!(state.view().lockdown && kernel.held);
    state = settle(state.handle(Event::Timeout, now + Duration::from_secs(9)), &mut kernel, now, || true);
    assert_eq!(state.view().phase, Phase::Blocked);
    assert!(kernel.held && matches!(state.view().failure, Some(Failure::NoHandshake(Lane::Tor))));
    for event in [Event::Connect(plan(Lane::Tor)), shaken(Slot::A)] {
        assert!(kernel.held);
        state = settle(state.handle(event, now), &mut kernel, now, || true);
    }
    assert_eq!(state.view().phase, Phase::Connected);
    state = settle(state.handle(gone(Slot::A), now), &mut kernel, now, || true);
    state = settle(state.handle(Event::Disconnect, now), &mut kernel, now, || true);
    assert_eq!(state.view().phase, Phase::Disconnected);
    assert!(!kernel.held);
}

#[test]
fn startup_removes_nothing_before_lockdown_is_active() {
    let hold = Lockdown { reason: BlockedReason::Interrupted, outside: Vec::new() };
    let (state, effects) = State::start(LockdownMode::Auto, Some(hold));
    assert!(matches!(effects.as_slice(), [Effect::LockDown(_)]), "{effects:?}");
    assert!(!state.view().lockdown, "not before the operating system confirmed it");
    let (state, effects) = state.handle(Event::LockedDown(Ok(())), Instant::now());
    assert!(state.view().lockdown && matches!(effects.as_slice(), [Effect::Remove(_), Effect::Remove(_)]));

    let unknown = Lockdown { reason: BlockedReason::Store("x".into()), outside: Vec::new() };
    let (state, _) = state.handle(Event::Block(Box::new(unknown)), Instant::now());
    let (state, _) = state.handle(Event::LockedDown(Ok(())), Instant::now());
    let (state, effects) = state.handle(Event::Disconnect, Instant::now());
    assert!(state.view().lockdown && effects.is_empty(), "the desired state is unknown");
}

#[test]
fn the_next_endpoint_is_tried_if_one_does_not_respond() {
    let begun = Instant::now();
    let mut several = plan(Lane::Direct);
    let (first, second) = (several.direct.endpoint, "[2001:db8::8]:51820".parse().unwrap());
    several.direct.others = vec![second];
    let (state, _) = State::start(LockdownMode::Auto, None);
    let (state, _) = state.handle(Event::TornDown(Ok(())), begun);
    let (mut state, effects) = state.handle(Event::Connect(several), begun);
    assert!(matches!(&effects[..], [Effect::LockDown(_), Effect::Up(link)] if link.lane.endpoint == first));
    state = state.handle(Event::LinkUp(Slot::A, Ok(Backend::Userspace)), begun).0;

    let mut tried = Vec::new();
    while let Some(at) = state.poll_timeout().filter(|at| *at < begun + HANDSHAKE_DEADLINE) {
        let (next, effects) = state.handle(Event::Timeout, at);
        let [Effect::Remove(Slot::A), Effect::Up(link)] = &effects[..] else { panic!("{effects:?}") };
        tried.push(link.lane.endpoint);
        state = next.handle(Event::LinkUp(Slot::A, Ok(Backend::Userspace)), at).0;
        assert!(tried.len() < 10, "the retries do not end");
    }
    assert_eq!(tried, [second, first, second, first]);
    // The endpoint in use at the handshake is kept and shown.
    let shaken = Observation { handshake_age: Some(Duration::ZERO), ..Observation::default() };
    let (state, _) = state.handle(Event::Observed(Slot::A, Ok(shaken)), begun);
    let (state, _) = state.handle(Event::Routed(Slot::A, Ok(())), begun);
    assert_eq!((state.view().phase, state.view().endpoint), (Phase::Connected, Some(first)));
}

#[test]
fn off_releases_traffic_when_the_tunnel_is_lost() {
    let now = Instant::now();
    let mut kernel = Kernel::default();
    let mut state = settle(State::start(LockdownMode::Off, None), &mut kernel, now, || true);
    let shaken = Observation { handshake_age: Some(Duration::ZERO), ..Observation::default() };
    for event in [Event::Connect(plan(Lane::Direct)), Event::Observed(Slot::A, Ok(shaken))] {
        state = settle(state.handle(event, now), &mut kernel, now, || true);
    }
    assert_eq!(state.view().phase, Phase::Connected);
    state = settle(state.handle(Event::Observed(Slot::A, Err("gone".into())), now), &mut kernel, now, || true);
    assert_eq!((state.view().phase, kernel.held), (Phase::Disconnected, false));
    assert!(matches!(state.view().failure, Some(Failure::Link(_))), "the reason stays visible");
}

#[test]
fn a_lockdown_that_failed_is_applied_again_after_a_second() {
    let now = Instant::now();
    let (state, _) = State::start(LockdownMode::Always, None);
    let (state, _) = state.handle(Event::LockedDown(Err("nft did not respond".into())), now);
    assert!(!state.view().lockdown && state.view().failure.is_some());
    let again = state.poll_timeout().unwrap();
    assert_eq!(again, now + BLOCK_AGAIN_AFTER);
    let (state, effects) = state.handle(Event::Timeout, again);
    assert!(matches!(effects.as_slice(), [Effect::LockDown(_)]), "{effects:?}");
    let (state, _) = state.handle(Event::LockedDown(Ok(())), again);
    assert!(state.view().lockdown && state.poll_timeout().is_none());
}

#[test]
fn auto_ends_only_the_lockdown_of_always() {
    let now = Instant::now();
    let mut kernel = Kernel::default();
    let mut state = settle(State::start(LockdownMode::Always, None), &mut kernel, now, || true);
    assert_eq!((state.view().blocked, kernel.held), (Some(BlockedReason::Always), true));
    state = settle(state.set_mode(LockdownMode::Auto), &mut kernel, now, || true);
    assert_eq!((state.view().phase, kernel.held), (Phase::Disconnected, false));
    let lost = Lockdown { reason: BlockedReason::Lost, outside: Vec::new() };
    state = settle(state.handle(Event::Block(Box::new(lost)), now), &mut kernel, now, || true);
    for mode in [LockdownMode::Always, LockdownMode::Auto] {
        state = settle(state.set_mode(mode), &mut kernel, now, || true);
        assert_eq!((state.view().blocked, kernel.held), (Some(BlockedReason::Lost), true), "{mode}");
    }
}
