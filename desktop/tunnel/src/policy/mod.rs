//! Routing and firewall as data: the required state of the kernel while a tunnel is up or lockdown is active.
//!
//! The firewall decides, routes only guide. The owner of a network can set routes on this machine (DHCP option 121,
//! router advertisements, a false prefix), so no route alone lets a packet leave: [`Firewall`] lists what may.
//!
//! Routes follow `wg-quick(8)` without its inverted rule: a separate table whose default route is the tunnel, used for
//! everything except the tunnel's own packets, which carry [`MARK`]. Four things differ.
//!
//! - Packets from an address that this machine has outside the tunnel use the main table: reverse-path filters (RFC
//!   3704) ignore marks, and check replies and ARP requests with such a lookup.
//! - A marked packet without a route is rejected, instead of entering the tunnel that it carries.
//! - The table ends with an unreachable route, so that the loss of a link stops traffic instead of releasing it.
//! - The main table is never used after ours, whatever interface a socket is bound to.
//! - Before that, its routes that are more specific than /8 are used for lookups on another interface. The kernel makes
//!   such a lookup when a DHCP client adds a default route: the gateway must be reachable on that interface, or the
//!   route is refused ("Nexthop has invalid gateway"). Packets still need the firewall's permission.
//!
//! DNS needs its own rules: the main table leads to a resolver in the local network, outside the tunnel. With
//! [`Routing::guard`], the resolvers' ports go into the tunnel before local networks are considered.

mod firewall;
mod local;
mod model;
mod programs;
mod routing;
mod standing;

pub use firewall::{Allow, Firewall};
pub use local::{LocalNetwork, local_networks, onion_ranges, overlap, own_addresses};
pub use model::{
    EXCLUDED_MARK, Exempt, Family, LinkName, MAIN, MARK, NAME_PORTS, NEIGHBOUR_NAME_PORTS, Outside, PREFERENCES,
    PROTOCOL, TABLE, Transport,
};
pub use programs::{Excluded, Group};
pub use routing::{Action, Default, Routing, Rule};
pub use standing::StandingPolicy;
