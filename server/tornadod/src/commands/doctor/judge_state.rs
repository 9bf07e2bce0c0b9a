//! Findings about the server's state and where it is kept. Pure.

use super::facts::{Facts, Socket};
use super::finding::Severity::{Error, Note, Warning};
use super::finding::{Finding, found};
use tornado_contracts::engines::{EngineKind, EngineStatus};

/// A certificate is reported this many seconds before it expires.
const SOON: i64 = 14 * 86_400;
/// Every connect and login makes several queries.
const SLOW_US: u64 = 100_000;

pub(super) fn databases(facts: &Facts, to: &mut Vec<Finding>) {
    for database in &facts.databases {
        let path = database.path.display();
        match &database.check {
            Err(why) => {
                let cure = "restore a backup with `tornadod restore`";
                to.push(found("database_closed", Error, format!("cannot open {path}"), why, cure));
            }
            Ok(wrong) if !wrong.is_empty() => {
                let cure = "stop the server and restore a backup with `tornadod restore`";
                to.push(found("database_damaged", Error, format!("{path} is damaged"), wrong.join("; "), cure));
            }
            Ok(_) if database.is_newer => {
                let why = "a later version of this program migrated it";
                let cure =
                    "install that version, or return to the copy from before its migration: `tornadod migrate undo`";
                to.push(found("database_newer", Error, format!("{path} has a newer schema"), why, cure));
            }
            Ok(_) => {}
        }
    }
    for problem in &facts.key_problems {
        let cure = "restore a backup with `tornadod restore`";
        to.push(found("keys_unsound", Error, "the server's keys have a problem", problem, cure));
    }
}

pub(super) fn engines(facts: &Facts, to: &mut Vec<Finding>) {
    for engine in facts.engines.iter().filter(|engine| engine.checked_at.is_some()) {
        match (engine.reachable, engine.latency_us) {
            (false, _) => to.push(away(engine)),
            (true, Some(took)) if took > SLOW_US => {
                let what = format!("{} of {} responds after {} ms", engine.engine, engine.part, took / 1000);
                let why = "each login, connect and heartbeat waits for several queries";
                to.push(found("engine_slow", Warning, what, why, "check the load of its machine, disk and network"));
            }
            (true, _) => {}
        }
    }
    for secret in &facts.secrets {
        let (path, group) = (secret.path.display(), secret.group);
        let cure = format!("chown root:{group} {path} && chmod 0640 {path}");
        to.push(found("secret_unusable", Error, format!("the password in {path} is not usable"), &secret.why, cure));
    }
}

fn away(engine: &EngineStatus) -> Finding {
    let what = format!("{} ({}) is not usable", engine.engine, engine.part);
    let said = engine.error.clone().unwrap_or_default();
    match engine.engine {
        EngineKind::Postgres => {
            let cure = if said.contains("tornadod migrate schema") {
                "`tornadod migrate schema`"
            } else {
                "start it, or correct [store] url, certificate, role (installers/postgres/roles.sql) or password file"
            };
            let why = format!("{said}; existing tunnels keep working, but no device can log in or connect");
            found("postgres_away", Error, what, why, cure)
        }
        EngineKind::Redis => {
            let cure =
                "start it, or correct [live] url and ca, the user (installers/redis/users.acl) or the password file";
            let why =
                format!("{said}; until then, events of other gateways and the latest heartbeats are not available");
            found("redis_away", Warning, what, why, cure)
        }
        EngineKind::Sqlite | EngineKind::Memory => {
            let cure = "check the disk and the other findings, then run `tornadod restart`";
            found("engine_stuck", Error, what, said, cure)
        }
    }
}

pub(super) fn certificate(facts: &Facts, to: &mut Vec<Finding>) {
    let Some(certificate) = &facts.certificate else { return };
    let path = certificate.path.display();
    let cure = "replace it and run `tornadod restart client-api`, or remove certificate and key from [client_api]";
    match &certificate.validity {
        Err(why) => {
            to.push(found("certificate_bad", Error, format!("the certificate {path} is not usable"), why, cure));
        }
        Ok((_, until)) if *until <= facts.now => {
            let ago = crate::output::span(facts.now - until);
            let why = "browsers and other programs reject it; Tornado devices verify the server's identity instead";
            to.push(found("certificate_expired", Error, format!("{path} expired {ago} ago"), why, cure));
        }
        Ok((from, _)) if *from > facts.now => {
            let why = "other programs reject it until then; or this machine's clock is slow";
            to.push(found("certificate_early", Warning, format!("{path} is not valid yet"), why, "check the clock"));
        }
        Ok((_, until)) if until - facts.now < SOON => {
            let what = format!("{path} expires in {}", crate::output::span(until - facts.now));
            to.push(found("certificate_ends", Warning, what, "browsers and other programs reject it after that", cure));
        }
        Ok(_) => {}
    }
}

pub(super) fn sockets(facts: &Facts, to: &mut Vec<Finding>) {
    if facts.master.is_some() {
        return;
    }
    let list = |wanted: Socket| {
        let names = facts.sockets.iter().filter(|(_, state)| *state == wanted);
        names.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>().join(", ")
    };
    let foreign = list(Socket::Foreign);
    if !foreign.is_empty() {
        let why = "the server must create a socket at this path and cannot remove what exists there";
        let cure = "find the program that created it, and move it to another path";
        to.push(found("socket_foreign", Error, format!("not a socket: {foreign}"), why, cure));
    }
    let alive = list(Socket::Answers);
    // Only root can query the supervisor.
    if facts.is_root && !alive.is_empty() {
        let why = format!("services run without it and are not restarted if they end: {alive}");
        let cure = "run `systemctl start tornado`; the new supervisor takes them over";
        to.push(found("supervisor_gone", Error, "the services run without their supervisor", why, cure));
    }
    let stale = list(Socket::Stale);
    if !stale.is_empty() {
        let why = "the server was killed; the next start replaces its sockets";
        let cure = "run `systemctl start tornado`";
        to.push(found("socket_stale", Note, format!("no process listens on {stale}"), why, cure));
    }
}

/// Kernel settings that the server changes. A running server sets them if they are off; on a read-only `/proc/sys` it
/// cannot.
pub(super) fn sysctl(facts: &Facts, to: &mut Vec<Finding>) {
    if facts.is_sysctl_read_only {
        let off = &facts.forwarding_off;
        let (severity, why) = if off.is_empty() {
            let why = "forwarding is on; if another program switches it off, the server cannot switch it on again";
            (Note, why.to_owned())
        } else {
            (Error, format!("the server cannot set {} to 1, and devices reach nothing", off.join(", ")))
        };
        let cure = "run `mount -o remount,rw /proc/sys` as root; start a container with `--sysctl \
                    net.ipv4.ip_forward=1 --sysctl net.ipv6.conf.all.forwarding=1`";
        to.push(found("sysctl_read_only", severity, "/proc/sys/net is mounted read-only", why, cure));
        return;
    }
    if facts.master.is_none() {
        return;
    }
    for key in &facts.forwarding_off {
        let why = "devices reach nothing; the server sets it to 1 after every change, so another program keeps it at 0";
        let cure = format!("run `sysctl -w {key}=1`, and find out what sets it (files in /etc/sysctl.d)");
        to.push(found("forwarding_off", Error, format!("{key} is 0"), why, cure));
    }
}
