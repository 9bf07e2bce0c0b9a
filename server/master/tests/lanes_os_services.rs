//! Units of systemd, as python-dbusmock's systemd has them.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tornado_contracts::master::Action;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::services::{ControlOsService, OsService};
use tornado_e2e_patience::patient;
use tornado_master::{OsServices, Systemd, Units};
use tornado_rpc::ServiceError as _;
use zbus::Connection;
use zbus::connection::Builder;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MAIN: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MOCK: &str = "org.freedesktop.DBus.Mock";

/// A bus with the mock of systemd.
struct Bus {
    _dir: TempDir,
    address: String,
    processes: Vec<Child>,
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bus {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = format!("unix:path={}", dir.path().join("bus").display());
        let daemon =
            Command::new("dbus-daemon").args(["--session", "--nofork", "--nopidfile", "--address", &address]).spawn();
        let mut bus = Self { _dir: dir, address, processes: vec![daemon.unwrap()] };
        // It connects to the bus once.
        drop(bus.connect().await);
        // The one of Debian, which has the package.
        let mut mock = Command::new("/usr/bin/python3");
        mock.args(["-m", "dbusmock", "--template", "systemd"]).env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
        mock.stdout(Stdio::null());
        bus.processes.push(mock.spawn().unwrap());
        bus.prepare().await;
        bus
    }

    async fn connect(&self) -> Connection {
        until(|| async { Builder::address(self.address.as_str()).unwrap().build().await.ok() }).await
    }

    /// The mock has one unit in memory, loads others, and restarts.
    async fn prepare(&self) {
        let connection = self.connect().await;
        let call = |method: &'static str, arguments: [&'static str; 5]| {
            let connection = connection.clone();
            let [interface, name, input, output, code] = arguments;
            let arguments = (interface, name, input, output, code);
            async move { connection.call_method(Some(SYSTEMD), MAIN, Some(MOCK), method, &arguments).await }
        };
        let [interface, restart] = [MANAGER, "ret = self.StartUnit(args[0], args[1])"];
        let add = |name, input, code| call("AddMethod", [interface, name, input, "o", code]);
        until(|| async { add("RestartUnit", "ss", restart).await.ok() }).await;
        add("LoadUnit", "s", "self.AddMockUnit(args[0]); ret = self.units[args[0]]").await.unwrap();
        let nginx = connection.call_method(Some(SYSTEMD), MAIN, Some(MOCK), "AddMockUnit", &"nginx.service");
        nginx.await.unwrap();
    }

    fn stop(&mut self) {
        for mut process in self.processes.drain(..) {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

/// Repeats `attempt` until it has a result.
async fn until<T, F: Future<Output = Option<T>>>(attempt: impl Fn() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patient(Duration::from_secs(20)), found).await.unwrap()
}

fn units(bus: &Bus) -> Units {
    let config = OsServices { show: vec!["cron.service".into()], allow: vec!["nginx.service".into()] };
    Units::new(config, Systemd::at(bus.address.clone()))
}

async fn order(units: &Units, unit: &str, action: Action) -> Result<OsService, OperatorError> {
    units.control(ControlOsService { unit: unit.to_owned(), action }).await
}

#[tokio::test]
async fn operators_see_and_steer_units_of_the_configuration() {
    let bus = Bus::start().await;
    let units = units(&bus);
    let listed = units.list().await.unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|one| (one.unit.as_str(), one.load_state.as_str(), one.active_state.as_str(), one.is_controllable))
        .collect();
    let expected = [("cron.service", "loaded", "inactive", false), ("nginx.service", "loaded", "inactive", true)];
    assert_eq!(seen, expected);
    assert_eq!(order(&units, "nginx.service", Action::Start).await.unwrap().active_state, "active");
    assert_eq!(order(&units, "nginx.service", Action::Stop).await.unwrap().active_state, "inactive");
    assert_eq!(order(&units, "nginx.service", Action::Restart).await.unwrap().active_state, "active");
    let shown_only = order(&units, "cron.service", Action::Start).await.unwrap_err();
    assert_eq!((shown_only.status(), shown_only.code()), (403, "read_only"));
    let other = order(&units, "ssh.service", Action::Stop).await.unwrap_err();
    assert_eq!((other.status(), other.code()), (404, "not_found"));
    assert_eq!(units.list().await.unwrap()[0].active_state, "inactive", "it was not started");
}

#[tokio::test]
async fn a_unit_is_not_started_again_and_again() {
    let bus = Bus::start().await;
    let units = units(&bus);
    for _ in 0..3 {
        order(&units, "nginx.service", Action::Restart).await.unwrap();
    }
    let refused = order(&units, "nginx.service", Action::Restart).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (429, "started_too_often"));
    assert!(refused.retry_after().is_some_and(|seconds| (1..=600).contains(&seconds)), "{refused:?}");
    assert_eq!(order(&units, "nginx.service", Action::Stop).await.unwrap().active_state, "inactive", "it may stop");
}

#[tokio::test]
async fn a_bus_that_does_not_respond_is_reported() {
    let mut bus = Bus::start().await;
    let units = units(&bus);
    bus.stop();
    let error = units.list().await.unwrap_err();
    assert_eq!((error.status(), error.code()), (503, "systemd_unavailable"));
    assert_eq!(Units::new(OsServices::default(), Systemd::at(bus.address.clone())).list().await.unwrap(), []);
}
