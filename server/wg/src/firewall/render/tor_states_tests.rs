use super::*;
use crate::config::Settings;
use proptest::prelude::*;
use tornado_contracts::wg::TorExits;

const OPEN: TorLane = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
const PAGE: TorLane = TorLane::Maintenance { page_port: 9041 };

fn policy() -> Policy {
    Policy::of(&Settings::default()).unwrap()
}

fn code(text: &str) -> CountryCode {
    text.parse().unwrap()
}

fn ports(first: u16) -> TorPorts {
    TorPorts { trans_port: first, dns_port: first + 1, socks_port: first + 2 }
}

#[test]
fn switches_of_the_defaults() {
    let none = BTreeSet::new();
    insta::assert_snapshot!(
        [OPEN, PAGE, TorLane::Closed].map(|lane| switch(&policy(), &lane.into(), &none)).join("\n")
    );
}

#[test]
fn switches_with_exit_countries() {
    let both = BTreeSet::from([code("de"), code("nl")]);
    let exits = TorExits::from([(code("de"), ports(9100))]);
    let states = [OPEN, PAGE, TorLane::Closed].map(|lane| SetTorLane { lane, exits: exits.clone() });
    insta::assert_snapshot!(states.map(|state| switch(&policy(), &state, &both)).join("\n"));
}

#[test]
fn invalid_states_are_rejected() {
    let with = |exits: &[(&str, TorPorts)]| SetTorLane {
        lane: OPEN,
        exits: exits.iter().map(|(country, ports)| (code(country), *ports)).collect(),
    };
    assert_eq!(invalid_reason(&with(&[("de", ports(9100)), ("nl", ports(9103))])), None);
    let zero = TorPorts { dns_port: 0, ..ports(9100) };
    for bad in [
        with(&[("de", ports(9100)), ("nl", ports(9102))]),
        with(&[("de", ports(9040))]),
        with(&[("de", TorPorts { socks_port: 9050, ..ports(9100) })]),
        with(&[("de", zero)]),
    ] {
        assert!(invalid_reason(&bad).is_some(), "{bad:?}");
    }
}

fn any_lane() -> impl Strategy<Value = TorLane> {
    prop_oneof![
        Just(TorLane::Closed),
        any::<u16>().prop_map(|page_port| TorLane::Maintenance { page_port }),
        any_ports().prop_map(|TorPorts { trans_port, dns_port, socks_port }| TorLane::Open {
            trans_port,
            dns_port,
            socks_port
        }),
    ]
}

/// A small range, so that collisions are frequent.
fn any_ports() -> impl Strategy<Value = TorPorts> {
    [0_u16..40, 0..40, 0..40].prop_map(|[trans_port, dns_port, socks_port]| TorPorts {
        trans_port,
        dns_port,
        socks_port,
    })
}

fn any_state() -> impl Strategy<Value = SetTorLane> {
    let exits = proptest::collection::btree_map("[a-c]", any_ports(), 0..3);
    (any_lane(), exits).prop_map(|(lane, exits)| SetTorLane {
        lane,
        exits: exits.into_iter().map(|(letter, ports)| (code(&format!("{letter}{letter}")), ports)).collect(),
    })
}

/// True for UDP, and the port of a rule such as `tcp dport 1`.
fn port(text: &str) -> (bool, String) {
    let port = text.split("dport ").nth(1).unwrap().split(' ').next().unwrap();
    (text.contains("udp dport"), port.to_owned())
}

/// True for UDP, and the port to which a nat rule redirects.
fn target(text: &str) -> (bool, String) {
    (text.contains("udp dport"), text.rsplit_once(':').unwrap().1.to_owned())
}

proptest! {
    /// For all ports: the filter accepts only what the nat rules of the same state redirect for the same devices, or
    /// SOCKS at the lane's gateway. Nat redirects only to the lane's gateway.
    #[test]
    fn only_what_the_state_redirects_is_accepted(state in any_state()) {
        prop_assume!(invalid_reason(&state).is_none());
        let policy = policy();
        let mut countries: BTreeSet<_> = state.exits.keys().copied().collect();
        countries.insert(code("zz"));
        let gateway = policy.tor.gateway;
        let targets = [format!(" {}:", gateway.v4), format!(" [{}]:", gateway.v6)];
        let chains = filled(&policy, &state, &countries);
        let is_open = matches!(state.lane, TorLane::Open { .. });
        prop_assert_eq!(chains.len(), 2 * countries.len() + 2);
        let mut accepted = BTreeSet::new();
        for pair in chains.chunks(2) {
            let ((nat, redirect), (_, input)) = (&pair[0], &pair[1]);
            let redirected: Vec<_> = redirect.iter().filter(|r| r.text.contains("dnat")).collect();
            for rule in &redirected {
                prop_assert!(targets.iter().any(|target| rule.text.contains(target.as_str())), "{}", rule.text);
            }
            let accepts: Vec<_> = input.iter().filter(|r| r.text.contains("accept")).collect();
            for rule in &accepts {
                if rule.text.starts_with("ct status dnat") {
                    prop_assert!(redirected.iter().any(|r| target(&r.text) == port(&rule.text)), "{}", rule.text);
                } else {
                    let own = [gateway.v4.to_string(), gateway.v6.to_string()];
                    prop_assert!(nat == REDIRECT && own.iter().any(|own| rule.text.contains(own.as_str())));
                }
            }
            // No two chains accept the same port, so no device reaches the Tor of another country or the general one.
            let mine: BTreeSet<_> = accepts.iter().map(|rule| port(&rule.text)).collect();
            prop_assert!(mine.is_disjoint(&accepted));
            accepted.extend(mine);
            let carries = if nat == REDIRECT { state.lane != TorLane::Closed } else {
                is_open && state.exits.keys().any(|country| exit_redirect(*country) == **nat)
            };
            prop_assert_eq!(!accepts.is_empty(), carries, "{}", nat);
            prop_assert_eq!(!redirected.is_empty(), carries, "{}", nat);
        }
        // The country of a device is looked up first, and only while the lane is open: `maintenance` and `closed` apply
        // to all.
        for (_, rules) in &chains[chains.len() - 2..] {
            let lookups: Vec<_> = rules.iter().map(|rule| rule.text.contains("vmap")).collect();
            prop_assert_eq!(lookups.iter().take(2).all(|is| *is) && lookups.len() > 2, is_open);
            prop_assert!(lookups.iter().skip(2).all(|is| !*is));
        }
    }
}
