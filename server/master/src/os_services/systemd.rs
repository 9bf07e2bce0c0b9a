//! systemd over D-Bus: org.freedesktop.systemd1(5).

use std::collections::HashMap;
use std::time::Duration;
use tornado_contracts::master::Action;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::services::OsService;
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::PropertiesProxy;
use zbus::names::InterfaceName;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

/// Maximum time of a list or an order. Pages wait for a list.
const DEADLINE: Duration = Duration::from_millis(1500);
const SERVICE: &str = "org.freedesktop.systemd1";
/// `mode` of orders: replaces conflicting jobs.
const REPLACE: &str = "replace";

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1",
    gen_blocking = false
)]
trait Manager {
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
}

/// systemd of this machine. Each call opens a connection, so nothing has to be repaired after a restart of the bus.
#[derive(Debug, Clone, Default)]
pub struct Systemd {
    address: Option<String>,
}

impl Systemd {
    /// systemd on the bus with this address. The default is the bus of the machine.
    #[must_use]
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()) }
    }

    /// The state of these units, in this order.
    ///
    /// # Errors
    /// systemd does not respond.
    pub async fn units(&self, names: &[&str]) -> Result<Vec<OsService>, OperatorError> {
        within(async {
            let connection = self.connect().await?;
            let manager = ManagerProxy::new(&connection).await?;
            let mut units = Vec::new();
            for name in names {
                units.push(unit(&connection, &manager, name).await?);
            }
            Ok(units)
        })
        .await
    }

    /// Starts, stops or restarts a unit. Returns as soon as systemd has accepted it.
    ///
    /// # Errors
    /// systemd refuses or does not respond.
    pub async fn order(&self, name: &str, action: Action) -> Result<(), OperatorError> {
        within(async {
            let connection = self.connect().await?;
            let manager = ManagerProxy::new(&connection).await?;
            match action {
                Action::Start => manager.start_unit(name, REPLACE).await,
                Action::Stop => manager.stop_unit(name, REPLACE).await,
                Action::Restart => manager.restart_unit(name, REPLACE).await,
            }
            .map(drop)
        })
        .await
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        match &self.address {
            Some(address) => Builder::address(address.as_str())?.build().await,
            None => Connection::system().await,
        }
    }
}

async fn within<T>(calls: impl Future<Output = zbus::Result<T>>) -> Result<T, OperatorError> {
    let unavailable = |why: String| OperatorError::Refused {
        status: 503,
        code: "systemd_unavailable".into(),
        detail: format!("cannot call systemd: {why}"),
        retry_after: None,
    };
    match tokio::time::timeout(DEADLINE, calls).await {
        Ok(result) => result.map_err(|error| unavailable(error.to_string())),
        Err(_) => Err(unavailable(format!("it did not respond within {DEADLINE:?}"))),
    }
}

async fn unit(connection: &Connection, manager: &ManagerProxy<'_>, name: &str) -> zbus::Result<OsService> {
    // systemd keeps running and failed units in memory; others have to be loaded.
    let path = match manager.get_unit(name).await {
        Err(zbus::Error::MethodError(..)) => manager.load_unit(name).await?,
        found => found?,
    };
    let properties = PropertiesProxy::builder(connection).destination(SERVICE)?.path(path)?.build().await?;
    let of_unit = properties.get_all(InterfaceName::from_static_str("org.freedesktop.systemd1.Unit")?).await?;
    // Sockets and timers have no process.
    let of_service = properties.get_all(InterfaceName::from_static_str("org.freedesktop.systemd1.Service")?).await;
    Ok(view(name, &of_unit, &of_service.unwrap_or_default()))
}

type Properties = HashMap<String, OwnedValue>;

fn view(name: &str, unit: &Properties, service: &Properties) -> OsService {
    OsService {
        unit: name.to_owned(),
        description: text(unit, "Description"),
        load_state: text(unit, "LoadState").unwrap_or_default(),
        active_state: text(unit, "ActiveState").unwrap_or_default(),
        sub_state: text(unit, "SubState"),
        // Microseconds; 0: never.
        since: number(unit, "ActiveEnterTimestamp")
            .filter(|at| *at > 0)
            .and_then(|at| i64::try_from(at / 1_000_000).ok()),
        pid: number(service, "MainPID").and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        restarts: number(service, "NRestarts"),
        // The largest number: not known.
        memory_bytes: number(service, "MemoryCurrent").filter(|bytes| *bytes < u64::MAX),
        is_controllable: false,
    }
}

fn text(properties: &Properties, name: &str) -> Option<String> {
    properties.get(name).and_then(|value| value.downcast_ref::<String>().ok())
}

fn number(properties: &Properties, name: &str) -> Option<u64> {
    let value = properties.get(name)?;
    value.downcast_ref::<u64>().ok().or_else(|| value.downcast_ref::<u32>().ok().map(u64::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::zvariant::Value;

    fn properties(pairs: Vec<(&str, Value<'static>)>) -> Properties {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.try_into().unwrap())).collect()
    }

    #[test]
    fn properties_become_a_view() {
        let unit = properties(vec![
            ("Description", "A web server".into()),
            ("LoadState", "loaded".into()),
            ("ActiveState", "active".into()),
            ("SubState", "running".into()),
            ("ActiveEnterTimestamp", 1_800_000_000_000_000_u64.into()),
        ]);
        let service =
            properties(vec![("MainPID", 42_u32.into()), ("NRestarts", 3_u32.into()), ("MemoryCurrent", 5_u64.into())]);
        let seen = view("nginx.service", &unit, &service);
        assert_eq!(
            (seen.pid, seen.restarts, seen.memory_bytes, seen.since),
            (Some(42), Some(3), Some(5), Some(1_800_000_000))
        );
        assert_eq!((seen.active_state.as_str(), seen.sub_state.as_deref()), ("active", Some("running")));
    }

    #[test]
    fn absent_values_are_not_numbers() {
        let unset = properties(vec![("MainPID", 0_u32.into()), ("MemoryCurrent", u64::MAX.into())]);
        let never = properties(vec![("ActiveEnterTimestamp", 0_u64.into())]);
        let seen = view("x.service", &never, &unset);
        assert_eq!((seen.pid, seen.memory_bytes, seen.since, seen.restarts), (None, None, None, None));
    }
}
