//! Findings about what the server keeps and what it keeps it in. Pure.

use super::facts::{Facts, Socket};
use super::judge::found;
use super::{
    Finding,
    Severity::{Error, Note, Warning},
};
use tornado_contracts::engines::{EngineKind, EngineStatus};

/// A certificate is told to end so long before.
const SOON: i64 = 14 * 86_400;
/// Every connect and login asks several times.
const SLOW_US: u64 = 100_000;

pub(super) fn databases(facts: &Facts, to: &mut Vec<Finding>) {
    for database in &facts.databases {
        let path = database.path.display();
        match &database.check {
            Err(why) => {
                let cure = "restore it from a backup: `tornadod restore`";
                to.push(found("database_closed", Error, format!("{path} cannot be opened"), why, cure));
            }
            Ok(wrong) if !wrong.is_empty() => {
                let cure = "stop the server and restore a backup: `tornadod restore`";
                to.push(found("database_damaged", Error, format!("{path} is damaged"), wrong.join("; "), cure));
            }
            Ok(_) if database.is_newer => {
                let why = "a later version of this program brought it up to date";
                let cure = "install that version again";
                to.push(found("database_newer", Error, format!("{path} has a newer schema"), why, cure));
            }
            Ok(_) => {}
        }
    }
    for problem in &facts.key_problems {
        let cure = "restore the key directory from a backup: `tornadod restore`";
        to.push(found("keys_unsound", Error, "the server's keys are not sound", problem, cure));
    }
}

pub(super) fn engines(facts: &Facts, to: &mut Vec<Finding>) {
    for engine in facts.engines.iter().filter(|engine| engine.checked_at.is_some()) {
        match (engine.reachable, engine.latency_us) {
            (false, _) => to.push(away(engine)),
            (true, Some(took)) if took > SLOW_US => {
                let what = format!("{} of {} answers after {} ms", engine.engine, engine.part, took / 1000);
                let why = "logins, connects and heartbeats wait for it several times each";
                to.push(found("engine_slow", Warning, what, why, "look at the load of its machine, disk and network"));
            }
            (true, _) => {}
        }
    }
    for secret in &facts.secrets {
        let (path, group) = (secret.path.display(), secret.group);
        let cure = format!("chown root:{group} {path} && chmod 0640 {path}");
        to.push(found("secret_unusable", Error, format!("the password in {path} is of no use"), &secret.why, cure));
    }
}

fn away(engine: &EngineStatus) -> Finding {
    let what = format!("{} ({}) cannot be worked with", engine.engine, engine.part);
    let said = engine.error.clone().unwrap_or_default();
    match engine.engine {
        EngineKind::Postgres => {
            let cure = if said.contains("tornadod migrate schema") {
                "`tornadod migrate schema`"
            } else {
                "start it, or correct [store] url, its certificate, the role (installers/postgres/roles.sql) and its password file"
            };
            found("postgres_away", Error, what, format!("{said}; tunnels go on, nobody can log in or connect"), cure)
        }
        EngineKind::Redis => {
            let cure =
                "start it, or correct [live] url and ca, the user (installers/redis/users.acl) and its password file";
            let why = format!("{said}; events of other gateways and the latest heartbeats are not known meanwhile");
            found("redis_away", Warning, what, why, cure)
        }
        EngineKind::Sqlite | EngineKind::Memory => {
            let cure = "look at the disk and at the other findings, then `tornadod restart`";
            found("engine_stuck", Error, what, said, cure)
        }
    }
}

pub(super) fn certificate(facts: &Facts, to: &mut Vec<Finding>) {
    let Some(certificate) = &facts.certificate else { return };
    let path = certificate.path.display();
    let cure =
        "put a new one in its place and `tornadod restart client-api`, or take certificate and key out of [client_api]";
    match &certificate.validity {
        Err(why) => {
            to.push(found("certificate_bad", Error, format!("the certificate {path} cannot be used"), why, cure));
        }
        Ok((_, until)) if *until <= facts.now => {
            let ago = crate::output::span(facts.now - until);
            let why = "browsers and other programs refuse it; devices of ours go by the server's identity";
            to.push(found("certificate_expired", Error, format!("{path} expired {ago} ago"), why, cure));
        }
        Ok((from, _)) if *from > facts.now => {
            let why = "others refuse it until then; or this machine's clock is behind";
            to.push(found("certificate_early", Warning, format!("{path} is not good yet"), why, "look at the clock"));
        }
        Ok((_, until)) if until - facts.now < SOON => {
            let left = crate::output::span(until - facts.now);
            to.push(found(
                "certificate_ends",
                Warning,
                format!("{path} expires in {left}"),
                "it is refused then",
                cure,
            ));
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
        let why = "the server makes its sockets there and can remove a file, not this";
        let cure = "look at what it is, and move it away";
        to.push(found("socket_foreign", Error, format!("this is no socket: {foreign}"), why, cure));
    }
    let alive = list(Socket::Answers);
    // Only root asked the supervisor.
    if facts.is_root && !alive.is_empty() {
        let why = format!("services answer without it and nobody starts them again when they end: {alive}");
        let cure = "`systemctl start tornado`: the next supervisor takes them over";
        to.push(found("supervisor_gone", Error, "the supervisor does not run, its services do", why, cure));
    }
    let stale = list(Socket::Stale);
    if !stale.is_empty() {
        let why = "a server was killed; what it left says nothing and is replaced at the next start";
        to.push(found("socket_stale", Note, format!("nobody listens at {stale}"), why, "`systemctl start tornado`"));
    }
}

/// Kernel settings that the server changes. A running server sets what is off; on a read-only `/proc/sys` it cannot.
pub(super) fn sysctl(facts: &Facts, to: &mut Vec<Finding>) {
    if facts.is_sysctl_read_only {
        let off = &facts.forwarding_off;
        let (severity, why) = if off.is_empty() {
            (
                Note,
                "forwarding is on; if another program switches it off, the server cannot switch it on again".to_owned(),
            )
        } else {
            (Error, format!("root cannot set {} to 1, and devices reach nothing", off.join(", ")))
        };
        let cure = "as root `mount -o remount,rw /proc/sys`; for a container, start it with `--sysctl \
                    net.ipv4.ip_forward=1 --sysctl net.ipv6.conf.all.forwarding=1`";
        to.push(found("sysctl_read_only", severity, "/proc/sys/net is mounted read-only", why, cure));
        return;
    }
    if facts.master.is_none() {
        return;
    }
    for key in &facts.forwarding_off {
        let why = "the server sets it to 1 whenever it is changed; something keeps it at 0, and devices reach nothing";
        let cure = format!("`sysctl -w {key}=1`, and find what sets it (files in /etc/sysctl.d)");
        to.push(found("forwarding_off", Error, format!("{key} is 0"), why, cure));
    }
}
