//! What holds in every state of the tunnel: the user's lockdown policy, and where the helper may look for its server.

use super::model::Exempt;
use super::routing::Routing;
use tornado_shared::model::{LockdownMode, LockdownPolicy};

/// The policy that is added to every routing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandingPolicy {
    /// The user's choices.
    pub lockdown: LockdownPolicy,
    /// Networks that are reached outside the tunnel, in every state.
    pub exempt: Vec<Exempt>,
    /// TCP ports of the device API at which the helper's marked sockets may look for a server, without an address: the
    /// server may have moved, and while traffic is blocked no other program can find it.
    pub api_ports: Vec<u16>,
    /// Whether excluded programs use no tunnel.
    pub excluded: bool,
}

impl StandingPolicy {
    /// The routing under this policy. `Always` allows no DNS query outside the tunnel, not even to a resolver in the
    /// local network while a lane without a resolver is up.
    #[must_use]
    pub fn applied_to(&self, routing: Routing) -> Routing {
        let LockdownPolicy { mode, lan, bridges } = self.lockdown;
        let guard = routing.guard || mode == LockdownMode::Always;
        let (exempt, api_ports) = (self.exempt.clone(), self.api_ports.clone());
        Routing { guard, lan, bridges, exempt, api_ports, excluded: self.excluded, ..routing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Slot;
    use crate::policy::{Allow, LocalNetwork, Transport};

    fn allowed(mode: LockdownMode) -> Vec<Allow> {
        let lockdown = LockdownPolicy { mode, ..LockdownPolicy::default() };
        let standing = StandingPolicy { lockdown, api_ports: vec![4605, 4605], ..StandingPolicy::default() };
        let routing = Routing::new(Slot::A, &["10.8.0.2".parse().unwrap()], Vec::new());
        let lan = LocalNetwork { interface: "eth0".into(), net: "192.168.7.0/24".parse().unwrap() };
        standing.applied_to(routing).firewall(["tornado0".into(), "tornado1".into()], &[lan]).allow
    }

    #[test]
    fn always_allows_no_dns_to_the_local_network() {
        let local_dns = |mode| allowed(mode).iter().any(|allow| matches!(allow, Allow::Local { names: true, .. }));
        assert!(local_dns(LockdownMode::Auto) && local_dns(LockdownMode::Off));
        assert!(!local_dns(LockdownMode::Always));
    }

    #[test]
    fn the_helper_may_look_for_its_server_at_the_ports_of_the_api() {
        let at_api = Allow::Search(Transport::Tcp, 4605);
        assert_eq!(allowed(LockdownMode::Always).into_iter().filter(|allow| *allow == at_api).count(), 1);
    }
}
