//! Chooses the interface for traffic outside a tunnel, from the routing table.

use ipnet::IpNet;
use std::net::IpAddr;

/// A route of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Destinations.
    pub net: IpNet,
    /// Locally unique ID of the interface (`NET_LUID`).
    pub luid: u64,
    /// Index of the interface.
    pub index: u32,
    /// Next hop; `None` if the destinations are on the link.
    pub gateway: Option<IpAddr>,
    /// Metric of the route plus metric of the interface; the lowest of equally specific routes is used.
    pub metric: u32,
}

/// The route that leads to `to` without the interfaces `tunnels`, as Windows would choose it if they did not exist.
/// `None` if no route leads there.
#[must_use]
pub fn outside<'a>(routes: &'a [Route], tunnels: &[u64], to: IpAddr) -> Option<&'a Route> {
    let leads = |route: &&Route| route.net.contains(&to) && !tunnels.contains(&route.luid);
    routes.iter().filter(leads).max_by_key(|route| (route.net.prefix_len(), u32::MAX - route.metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_never_used_for_traffic_outside_them() {
        let route = |net: &str, index: u32, metric| Route {
            net: net.parse().unwrap(),
            luid: u64::from(index),
            index,
            gateway: None,
            metric,
        };
        let routes = [
            route("0.0.0.0/0", 5, 35),
            route("0.0.0.0/0", 7, 25),
            route("192.168.7.0/24", 5, 300),
            route("0.0.0.0/1", 9, 0),
            route("128.0.0.0/1", 9, 0),
            route("::/0", 9, 0),
        ];
        let to = |address: &str| outside(&routes, &[9], address.parse().unwrap()).map(|route| route.index);
        assert_eq!(to("203.0.113.1"), Some(7), "the lowest metric");
        assert_eq!(to("192.168.7.1"), Some(5), "the longest prefix");
        assert_eq!(to("2001:db8::1"), None, "there is only the tunnel");
        assert_eq!(outside(&routes, &[], "203.0.113.1".parse().unwrap()), Some(&routes[4]), "128.0.0.0/1");
    }
}
