//! The API of one page: whatever does not respond by the deadline of the page is absent from it, and is remembered.

use crate::caller::{Caller, Use, fault};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminApi, AdminError, AdminResult, admin_methods};
use tornado_admin_ui::model::Fault;

/// Time in which a page is read. No page takes longer than 2 s, whichever service hangs.
const PATIENCE: Duration = Duration::from_millis(1800);

/// The API until a deadline.
pub struct Bounded {
    api: Arc<dyn AdminApi>,
    deadline: Instant,
    missing: Missing,
}

/// The services that did not respond.
#[derive(Clone, Default)]
pub struct Missing(Arc<Mutex<BTreeSet<String>>>);

impl Missing {
    /// Their names, sorted, in one text.
    pub fn names(&self) -> String {
        self.0.lock().iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Adds a service.
    pub fn add(&self, service: &str) {
        self.0.lock().insert(service.to_owned());
    }

    /// Removes a service that the page names itself.
    pub fn remove(&self, service: &str) {
        self.0.lock().remove(service);
    }
}

impl Bounded {
    /// The API with the rights of the caller, from now on for the time of one page.
    ///
    /// # Errors
    ///
    /// The request has no sign-in, its operator has to wait, or `auth` does not respond.
    pub async fn begin(caller: &dyn Caller, what_for: Use) -> Result<Self, Fault> {
        Self::remembering(caller, what_for, Missing::default()).await
    }

    /// As [`begin`](Self::begin). Services that do not respond are added to `missing`.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn remembering(caller: &dyn Caller, what_for: Use, missing: Missing) -> Result<Self, Fault> {
        let deadline = Instant::now() + PATIENCE;
        let api = within(deadline, caller.api(what_for)).await.map_err(|error| fault(&error, "auth"))?;
        Ok(Self { api, deadline, missing })
    }

    /// The API without the deadline, for methods that have their own.
    pub fn unbounded(&self) -> &dyn AdminApi {
        &*self.api
    }
}

/// The service that carries out a method of the API.
fn service_of(path: &str, right: &str) -> &'static str {
    match right.split('.').next().unwrap_or_default() {
        _ if path.starts_with("/users/{user}/usage") => "session",
        "sessions" => "session",
        "tor" => "tor",
        "services" => "master",
        "logs" => "telemetry",
        _ => "auth",
    }
}

async fn within<T>(deadline: Instant, call: impl Future<Output = AdminResult<T>>) -> AdminResult<T> {
    let late = |_| Err(AdminError::new(503, "unavailable", format!("no response within {PATIENCE:?}")));
    timeout_at(deadline, call).await.unwrap_or_else(late)
}

macro_rules! bound {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($input:ty) -> $output:ty = $verb:ident $path:literal, right $right:literal, $cost:ident;
    )+) => {
        #[async_trait::async_trait]
        impl AdminApi for Bounded {
            $(
                async fn $name(&self, input: $input) -> AdminResult<$output> {
                    let result = within(self.deadline, self.api.$name(input)).await;
                    // The overview names what is missing from it.
                    let is_whole = stringify!($name) != "overview";
                    if is_whole && result.as_ref().is_err_and(|error| error.status() >= 500) {
                        self.missing.add(service_of($path, $right));
                    }
                    result
                }
            )+
        }
    };
}
admin_methods!(bound);

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_admin_api::METHODS;

    #[test]
    fn each_method_belongs_to_the_service_that_carries_it_out() {
        let of = |name: &str| {
            let method = METHODS.iter().find(|method| method.name == name).unwrap();
            service_of(method.path, method.right)
        };
        for (service, methods) in [
            ("auth", ["whoami", "list_users", "list_devices", "show_server", "list_audit"]),
            ("session", ["list_sessions", "list_session_history", "close_session", "show_usage", "list_usage_days"]),
            ("tor", ["show_tor", "list_circuits", "list_exit_countries", "list_country_tors", "show_tor_log"]),
            ("telemetry", ["query_logs", "top_logs", "list_saved_queries", "list_metrics", "read_metrics"]),
            ("master", ["overview", "list_services", "control_service", "list_os_services", "control_os_service"]),
        ] {
            assert!(methods.iter().all(|method| of(method) == service), "{service}");
        }
    }
}
