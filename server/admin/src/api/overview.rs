//! The overview: each part is read at the same time, and a part that cannot be read does not delay the others.

use super::convert::word;
use super::{Services, system, tor};
use std::fmt::Display;
use std::time::Duration;
use tornado_admin_api::types::{CanaryView, LaneView, LanesView, MissingPart, Overview, SessionNumbers};
use tornado_contracts::session::{PoolStatus, SessionsStatus};
use tornado_contracts::wg::WgStatus;
use tornado_rpc::NoInput;

/// Time after which a part is left out: well before that of a page (`server/console/src/bounded.rs`), which reads it.
const PATIENCE: Duration = Duration::from_millis(1200);

/// Reads all parts.
pub async fn read(services: &Services, now: i64) -> Overview {
    let no = NoInput {};
    let (master, online, pool, tor_status, wg) = tokio::join!(
        part("master", services.master.status(no)),
        part("session", services.sessions.status(no)),
        part("session", services.sessions.pool(no)),
        part("tor", services.tor.status(no)),
        part("wg", services.wg.status(no)),
    );
    let sessions = match (online, pool) {
        (Ok(online), Ok(pool)) => Ok(numbers(online, pool)),
        (Err(missing), _) | (_, Err(missing)) => Err(missing),
    };
    let mut missing = Vec::new();
    Overview {
        now,
        services: kept(master, &mut missing).map(system::services),
        sessions: kept(sessions, &mut missing),
        tor: kept(tor_status, &mut missing).map(tor::status),
        lanes: kept(wg, &mut missing).map(lanes),
        missing,
    }
}

async fn part<T, E: Display>(service: &str, call: impl Future<Output = Result<T, E>>) -> Result<T, MissingPart> {
    let missing = |reason: String| MissingPart { service: service.to_owned(), reason };
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(part)) => Ok(part),
        Ok(Err(error)) => Err(missing(error.to_string())),
        Err(_) => Err(missing(format!("{service} did not respond within {PATIENCE:?}"))),
    }
}

fn kept<T>(part: Result<T, MissingPart>, missing: &mut Vec<MissingPart>) -> Option<T> {
    part.map_err(|absent| missing.push(absent)).ok()
}

/// Numbers of sessions and addresses.
pub const fn numbers(status: SessionsStatus, pool: PoolStatus) -> SessionNumbers {
    SessionNumbers {
        online: status.online,
        offline: status.offline,
        leased: pool.leased,
        quarantined: pool.quarantined,
        slots: pool.total,
    }
}

fn lanes(status: WgStatus) -> LanesView {
    let lane = |end: tornado_contracts::wg::LaneEnd| LaneView {
        lane: word(end.lane),
        interface: end.interface,
        port: end.port,
        mtu: end.mtu,
        public_key: end.public_key.to_string(),
        up: end.up,
    };
    LanesView {
        firewall_verified: status.firewall_verified,
        peers: u64::try_from(status.peers).unwrap_or(u64::MAX),
        backend: word(status.backend),
        lanes: status.lanes.into_iter().map(lane).collect(),
        canary: CanaryView {
            healthy: status.canary.healthy,
            last_run: status.canary.last_run,
            last_alarm: status.canary.last_leak,
            alarms: status.canary.alarms,
        },
    }
}
