//! Services of the product, and units of systemd on the server's machine.

use crate::caller::fault;
use crate::memory::courses::{Courses, Metrics};
use crate::memory::metrics::{self, Measured, age, scaled};
use tornado_admin_api::AdminApi;
use tornado_admin_api::types::{NoInput, OsServiceView, ServiceView};
use tornado_admin_ui::model::overview::{Range, Service, Services, Unit};
use tornado_admin_ui::model::{Condition, Fault};

/// How a service is.
pub fn condition(service: &ServiceView) -> Condition {
    match service.state.as_str() {
        "ready" => Condition::Good,
        "degraded" => Condition::Degraded,
        "starting" | "waiting" | "stopping" => Condition::Pending,
        "stopped" if !service.desired => Condition::Stopped,
        _ => Condition::Broken,
    }
}

fn cpu_metric(service: &str) -> String {
    format!("process_cpu_seconds_per_second{{service={service}}}")
}

/// A service with its course.
pub fn service(view: &ServiceView, now: i64, metrics: &Measured) -> Service {
    let metric = cpu_metric(&view.name);
    let percent = |of: &Metrics| of.get(&metric).map(|values| scaled(values.clone(), 100.0)).unwrap_or_default();
    let (cpu_course, cpu) = metrics.course(percent);
    let reason = match (&view.reason, view.retry_in_ms) {
        (Some(reason), _) => reason.clone(),
        (None, _) if condition(view) == Condition::Broken => view.state.replace('_', " "),
        (None, _) => String::new(),
    };
    Service {
        name: view.name.clone(),
        is_desired: view.desired,
        condition: condition(view),
        reason,
        up_s: view.started_at.map(|started| age(now, started)),
        restarts: u64::from(view.restarts),
        cpu,
        cpu_course,
        memory: view.memory_bytes,
    }
}

/// All services, and the units or the reason why they cannot be read.
///
/// # Errors
///
/// The sign-in does not allow it, or `master` does not respond.
pub async fn services(api: &dyn AdminApi, courses: &Courses, now: i64) -> Result<Services, Fault> {
    let (view, units, metrics) = futures::join!(
        api.list_services(NoInput {}),
        api.list_os_services(NoInput {}),
        metrics::read(api, courses, Range::Hour, now)
    );
    let view = view.map_err(|error| fault(&error, "master"))?;
    let (units, problem) = match units {
        Ok(list) => (list.items.into_iter().map(|view| unit(view, now)).collect(), None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let services = view.services.iter().map(|one| service(one, now, &metrics)).collect();
    Ok(Services { services, units, problem })
}

fn unit(view: OsServiceView, now: i64) -> Unit {
    let condition = match (view.load_state.as_str(), view.active_state.as_str()) {
        ("loaded", "active" | "reloading") => Condition::Good,
        ("loaded", "activating" | "deactivating" | "maintenance" | "refreshing") => Condition::Pending,
        ("loaded", "inactive") => Condition::Stopped,
        ("loaded", _) => Condition::Broken,
        _ => Condition::Absent,
    };
    let state = match (&view.sub_state, condition) {
        (_, Condition::Absent) => view.load_state,
        (Some(sub), _) => format!("{} ({sub})", view.active_state),
        (None, _) => view.active_state,
    };
    Unit {
        name: view.unit,
        description: view.description.unwrap_or_default(),
        condition,
        state,
        up_s: view.since.filter(|_| condition == Condition::Good).map(|since| age(now, since)),
        restarts: view.restarts,
        memory: view.memory_bytes,
        is_controllable: view.is_controllable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(load_state: &str, active_state: &str) -> OsServiceView {
        OsServiceView {
            unit: "nginx.service".into(),
            description: None,
            load_state: load_state.into(),
            active_state: active_state.into(),
            sub_state: Some("running".into()),
            since: Some(940),
            pid: None,
            restarts: None,
            memory_bytes: None,
            is_controllable: true,
        }
    }

    #[test]
    fn a_unit_has_the_state_that_systemd_reports() {
        let shown = |load, active| {
            let unit = unit(view(load, active), 1000);
            (unit.condition, unit.state, unit.up_s)
        };
        assert_eq!(shown("loaded", "active"), (Condition::Good, "active (running)".into(), Some(60)));
        assert_eq!(shown("loaded", "failed"), (Condition::Broken, "failed (running)".into(), None));
        assert_eq!(shown("loaded", "inactive").0, Condition::Stopped);
        assert_eq!(shown("not-found", "inactive"), (Condition::Absent, "not-found".into(), None));
    }
}
