//! Units of systemd on this machine that operators see and, where the configuration permits it, start and stop.
//!
//! `master` calls systemd because it runs as root. It names only units in the configuration.

mod breaker;
mod config;
mod systemd;

pub use config::{NotUnit, OsServices};
pub use systemd::Systemd;

use breaker::Breaker;
use tokio::time::Instant;
use tornado_contracts::master::Action;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::services::{ControlOsService, OsService};

/// The units of the configuration.
pub struct Units {
    config: OsServices,
    systemd: Systemd,
    breaker: Breaker,
    start: Instant,
}

impl Units {
    /// Units of the configuration, as `systemd` knows them.
    #[must_use]
    pub fn new(config: OsServices, systemd: Systemd) -> Self {
        Self { config, systemd, breaker: Breaker::default(), start: Instant::now() }
    }

    /// The state of all units.
    ///
    /// # Errors
    /// systemd does not respond.
    pub async fn list(&self) -> Result<Vec<OsService>, OperatorError> {
        let names = self.config.shown();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut units = self.systemd.units(&names).await?;
        for unit in &mut units {
            unit.is_controllable = self.config.permits(&unit.unit);
        }
        Ok(units)
    }

    /// Starts, stops or restarts a unit. The actual state follows.
    ///
    /// # Errors
    /// The configuration does not name the unit or does not permit this, the unit was started too often, or systemd
    /// refuses or does not respond.
    pub async fn control(&self, input: ControlOsService) -> Result<OsService, OperatorError> {
        let ControlOsService { unit, action } = input;
        if !self.config.shown().contains(&unit.as_str()) {
            return Err(refused(404, "not_found", format!("unit '{unit}' is not in [os_services]")));
        }
        if !self.config.permits(&unit) {
            let detail =
                format!("unit '{unit}' is shown only; add it to 'allow' in [os_services] of the configuration");
            return Err(refused(403, "read_only", detail));
        }
        if action != Action::Stop
            && let Err(seconds) = self.breaker.admit(&unit, self.start.elapsed())
        {
            let detail =
                format!("unit '{unit}' was started too often; check its log, and try again in {seconds} seconds");
            let code = "started_too_often".to_owned();
            return Err(OperatorError::Refused { status: 429, code, detail, retry_after: Some(seconds) });
        }
        self.systemd.order(&unit, action).await?;
        let found = self.systemd.units(&[unit.as_str()]).await?.into_iter().next();
        let found = found.map(|found| OsService { is_controllable: true, ..found });
        found.ok_or_else(|| refused(503, "systemd_unavailable", format!("systemd did not describe unit '{unit}'")))
    }
}

fn refused(status: u16, code: &str, detail: String) -> OperatorError {
    OperatorError::Refused { status, code: code.to_owned(), detail, retry_after: None }
}
