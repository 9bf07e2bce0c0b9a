//! Service `dns`: the resolver of the direct lane.
//!
//! Listens on the lane's gateway addresses, port 53, UDP and TCP. The library hickory forwards to upstreams, validates
//! and caches. The service needs no capability except `CAP_NET_BIND_SERVICE`. The firewall admits only devices of the
//! direct lane. Queried names are never logged or stored.
//!
//! [`buckets`], [`private`] and [`upstream`] decide and use no socket.

#![forbid(unsafe_code)]

mod buckets;
mod config;
mod door;
mod error;
mod forward;
mod private;
mod upstream;

pub use config::{Config, Wiring};
pub use error::Error;

use buckets::Buckets;
use door::Door;
use forward::Forward;
use hickory_server::Server;
use hickory_server::proto::rr::{LowerName, Name};
use hickory_server::zone_handler::Catalog;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tornado_runtime::metrics::Outcomes;
use tornado_runtime::{Context, Readiness, ReadySetter, Running, ground};
use tornado_shared::model::{LanePools, Slot};
use upstream::Upstream;

const PORT: u16 = 53;
/// Interval of the attempts to bind until `wg` has created the interface with its addresses.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Time after which a TCP connection without a query is closed.
const IDLE: Duration = Duration::from_secs(5);
/// Maximum number of unsent responses per TCP connection.
const WAITING: usize = 64;
/// Files with the machine's resolvers: the usual one, and the one with the upstreams of systemd-resolved's stub.
const RESOLVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// Interval at which the machine's resolv.conf is read.
const REREAD: Duration = Duration::from_secs(5);

/// Serves until `context.shutdown`. The service is ready when it listens; upstreams may be unreachable.
///
/// # Errors
///
/// Fails if the configuration is invalid, if the service's socket, the trust anchors or the library cannot be set up,
/// or if a listener ends.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    Box::pin(run_unboxed(context, config, wiring))
}

async fn run_unboxed(context: Context, config: Config, Wiring { pools }: Wiring) -> Result<(), Error> {
    config.validate()?;
    let queries = context.metrics.outcomes("tornado_dns_queries", "Queries of devices by outcome");
    let (ready, readiness) = Readiness::new("waiting for the addresses of the direct lane");
    let socket = context.server(axum::Router::new(), readiness)?;
    let stop = context.shutdown.child_token();
    let (served, socket) = tokio::join!(
        async {
            let result = serve(&config, &pools, queries, &ready, &stop).await;
            stop.cancel();
            result
        },
        socket.serve(stop.clone()),
    );
    let () = socket;
    served
}

async fn serve(
    config: &Config,
    pools: &LanePools,
    queries: Outcomes,
    ready: &ReadySetter,
    stop: &CancellationToken,
) -> Result<(), Error> {
    if !config.enabled {
        ready.ready();
        stop.cancelled().await;
        return Ok(());
    }
    let forward = Arc::new(Forward::new(config)?);
    let fixed = config.fixed_upstreams()?;
    let asked = if fixed.is_empty() { of_machine(pools, RESOLVERS).await } else { fixed.clone() };
    report(&asked);
    forward.ask(config, &asked)?;
    let mut catalog = Catalog::new();
    catalog.upsert(LowerName::from(Name::root()), vec![forward.clone()]);
    let mut server =
        Server::new(Door::new(catalog, Buckets::new(config.questions_per_second, Instant::now()), queries));
    let Some(listeners) = stop.run_until_cancelled(listeners(pools, ready)).await else { return Ok(()) };
    for (udp, tcp) in listeners {
        server.register_socket(udp);
        server.register_listener(tcp, IDLE, WAITING);
    }
    ready.ready();
    tracing::info!("the resolver of the direct lane is listening");
    let follow = async {
        if fixed.is_empty() {
            follow(pools, RESOLVERS, asked, |found| forward.ask(config, found)).await
        } else {
            std::future::pending().await
        }
    };
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = server.block_until_done() => Err(Error::Listener(match ended {
            Ok(()) => "without an error".into(),
            Err(error) => error.to_string(),
        })),
        Err(error) = follow => Err(error),
    };
    // Lookups in progress are not worth waiting for.
    server.shutdown_token().cancel();
    ended
}

/// Reads the machine's resolvers at intervals and switches when they change. Returns only when a switch fails.
async fn follow(
    pools: &LanePools,
    files: [&str; 2],
    mut asked: Vec<Upstream>,
    mut change: impl FnMut(&[Upstream]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut look = tornado_runtime::every(REREAD);
    loop {
        look.tick().await;
        let found = of_machine(pools, files).await;
        if found != asked {
            report(&found);
            change(&found)?;
            asked = found;
        }
    }
}

fn report(upstreams: &[Upstream]) {
    if upstreams.is_empty() {
        let why = "/etc/resolv.conf has no nameserver, or only link-local ones, which need an interface";
        tracing::warn!("cannot resolve names: {why}; set [dns] upstreams");
    } else {
        tracing::info!(upstreams = upstreams.len(), "forwarding queries to upstreams");
    }
}

/// The machine's resolvers. If they are the stub of systemd-resolved, the stub's own upstreams, because these pass on
/// signatures.
async fn of_machine(pools: &LanePools, [file, behind]: [&str; 2]) -> Vec<Upstream> {
    let text = tokio::fs::read(file).await.unwrap_or_default();
    let found = upstream::of_resolv_conf(&text, pools);
    if !upstream::is_stub(&found) {
        return found;
    }
    let behind = tokio::fs::read(behind).await.unwrap_or_default();
    let behind = upstream::of_resolv_conf(&behind, pools);
    if behind.is_empty() { found } else { behind }
}

/// Binds to the lane's addresses. Retries while they do not exist or another program uses the port. A bound socket
/// survives the loss of its address, so this runs once.
async fn listeners(pools: &LanePools, ready: &ReadySetter) -> Vec<(UdpSocket, TcpListener)> {
    let gateway = pools.direct.addresses(Slot::SERVER);
    let addresses = gateway.map_or_else(Vec::new, |at| vec![IpAddr::V4(at.v4), IpAddr::V6(at.v6)]);
    let mut listeners = Vec::new();
    for address in addresses {
        let at = SocketAddr::new(address, PORT);
        let mut said = None;
        loop {
            // Checked in each attempt, because IPv6 may be disabled in the meantime.
            if at.is_ipv6() && !ground::has_ipv6() {
                tracing::info!("this machine has no IPv6; the resolver listens on IPv4 only");
                break;
            }
            match bind(at).await {
                Ok(pair) => {
                    listeners.push(pair);
                    break;
                }
                Err(error) => {
                    let kind = error.kind();
                    if said.replace(kind) != Some(kind) {
                        ready.not_ready(why(at, &error));
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }
    listeners
}

async fn bind(at: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    Ok((UdpSocket::bind(at).await?, TcpListener::bind(at).await?))
}

fn why(at: SocketAddr, error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::AddrNotAvailable {
        return format!("waiting for the address {} of the direct lane", at.ip());
    }
    if error.kind() == ErrorKind::AddrInUse {
        let cure = "bind that program to other addresses, or set [dns] enabled = false";
        return format!("cannot listen on {at}: another program uses the port; {cure}");
    }
    format!("cannot listen on {at}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tornado_endurance::sixty_days;

    #[tokio::test(start_paused = true)]
    async fn the_machines_resolvers_are_read_at_a_steady_pace_for_sixty_days() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("resolv.conf").display().to_string();
        let changed = Cell::new(0_u8);
        // Each change triggers the next one, up to a limit.
        let change = |found: &[Upstream]| {
            assert_eq!(found.len(), usize::from(changed.get() > 0));
            changed.set(changed.get() + 1);
            if changed.get() < 100 {
                std::fs::write(&file, format!("nameserver 192.0.2.{}\n", changed.get())).unwrap();
            }
            Ok(())
        };
        let before = upstream::of_resolv_conf("nameserver 192.0.2.250\n", &LanePools::default());
        // One wake-up for the interval and one for the file access.
        sixty_days(2 * 720, follow(&LanePools::default(), [&file, "/nonexistent"], before, change)).await;
        assert_eq!(changed.get(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_comes_is_tried_at_a_steady_pace_for_sixty_days() {
        // A documentation address (RFC 5737), which no machine has.
        let mut pools = LanePools::default();
        pools.direct.v4 = "192.0.2.0/24".parse().unwrap();
        let (ready, _readiness) = tornado_runtime::Readiness::new("");
        sixty_days(36_000, listeners(&pools, &ready)).await;
    }
}
