//! `tornadod status|start|stop|restart`

use super::engines;
use crate::commands::{Server, say_json, silent};
use crate::failure::{Failure, Outcome as _};
use crate::output::{bytes, or_dash, say, span, table};
use serde::Serialize;
use tornado_contracts::ServiceName;
use tornado_contracts::engines::EngineStatus;
use tornado_contracts::master::{
    Action, Actual, Control, Master as _, MasterClient, MasterStatus, ServiceStatus, Wanted,
};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

/// The output with `--json`.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    status: MasterStatus,
    /// Databases of the services that respond.
    engines: Vec<EngineStatus>,
    /// Current problems of the machine.
    alarms: Vec<String>,
}

pub async fn status(server: &Server, json: bool) -> Result<(), Failure> {
    let master = MasterClient::new(server.master());
    let status = master.status(NoInput {}).await.or_cannot("read the state")?;
    let engines = engines::ask(server, &status).await;
    let alarms = crate::pools::alarms(&server.config);
    if json {
        return say_json(&Report { status, engines, alarms });
    }
    print(&status);
    engines::print(&engines);
    for (what, name, line) in lines(server, &status).await {
        say(&format!("{what}: {}", line.unwrap_or_else(|| silent(name))));
    }
    for alarm in &alarms {
        say(&format!("ALARM: {alarm}"));
    }
    Ok(())
}

/// One line of state for each of these services.
async fn lines(server: &Server, status: &MasterStatus) -> [(&'static str, ServiceName, Option<String>); 3] {
    let (sessions, canary, crowding) = tokio::join!(
        engines::soon(status, ServiceName::Session, super::sessions::line(server)),
        engines::soon(status, ServiceName::Wg, super::canary::line(server)),
        engines::soon(status, ServiceName::Wg, super::crowding::line(server)),
    );
    [
        ("sessions", ServiceName::Session, sessions.flatten()),
        ("leak canary", ServiceName::Wg, canary.flatten()),
        ("flows", ServiceName::Wg, crowding.flatten()),
    ]
}

pub async fn control(server: &Server, service: Option<ServiceName>, action: Action) -> Result<(), Failure> {
    let master = MasterClient::new(server.master());
    print(&master.control(Control { service, action }).await.or_cannot("control the service")?);
    Ok(())
}

fn print(status: &MasterStatus) {
    let now = unix_now();
    let line = |service: &ServiceStatus| {
        let (actual, note) = words(&service.actual);
        let wanted = match service.wanted {
            Wanted::Running => "running",
            Wanted::Stopped => "stopped",
        };
        [
            service.name.to_string(),
            wanted.into(),
            actual.into(),
            or_dash(service.pid),
            or_dash(service.started_at.map(|at| span(now - at))),
            service.restarts.to_string(),
            or_dash(service.memory_bytes.map(bytes)),
            note,
        ]
    };
    let heading = ["SERVICE", "WANTED", "ACTUAL", "PID", "UPTIME", "RESTARTS", "MEMORY", "NOTE"];
    table(heading, status.services.iter().map(line));
    let state = if status.ready { "ready" } else { "not ready" };
    say(&format!("tornadod {} · {state} · up {}", status.version, span(now - status.started_at)));
}

fn words(actual: &Actual) -> (&'static str, String) {
    match actual {
        Actual::Stopped => ("stopped", String::new()),
        Actual::Waiting { reason } => ("waiting", reason.clone()),
        Actual::Starting { reason } => ("starting", reason.clone()),
        Actual::Ready => ("ready", String::new()),
        Actual::Degraded { reason } => ("degraded", reason.clone()),
        Actual::BackingOff { reason, retry_in_ms } => ("backing off", format!("{reason}; retry in {retry_in_ms} ms")),
        Actual::CrashLoop { reason } => ("crash loop", format!("{reason}; fix the cause, then run `tornadod start`")),
        Actual::Stopping => ("stopping", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::time::Duration;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_not_ready_or_hangs_is_not_waited_for() {
        let run = tempfile::tempdir().unwrap();
        // A starting service has an open socket that it does not read yet.
        let sockets = ["session", "wg"].map(|name| run.path().join(format!("{name}.sock")));
        let _sockets = sockets.map(|path| std::os::unix::net::UnixListener::bind(path).unwrap());
        let mut config = Config::default();
        config.paths.run = run.path().to_owned();
        let server = Server { config };
        let starting = || Actual::Starting { reason: "waits".into() };
        for (actual, limit) in [(starting(), 500), (Actual::Ready, 3_500)] {
            let service = |name| ServiceStatus {
                name,
                wanted: Wanted::Running,
                actual: actual.clone(),
                pid: None,
                started_at: None,
                restarts: 0,
                memory_bytes: None,
            };
            let services = vec![service(ServiceName::Session), service(ServiceName::Wg)];
            let status = MasterStatus { version: "1".into(), started_at: 0, ready: false, services };
            let began = Instant::now();
            assert!(lines(&server, &status).await.iter().all(|(_, _, line)| line.is_none()));
            assert!(began.elapsed() < Duration::from_millis(limit), "{actual:?}: {:?}", began.elapsed());
        }
    }
}
