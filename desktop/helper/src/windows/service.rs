//! The protocol between the service and the service control manager.

use super::{Arguments, NAME, install, runtime, serve};
use crate::logging;
use anyhow::{Context as _, bail};
use std::ffi::OsString;
use std::sync::OnceLock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::{define_windows_service, service_dispatcher};

/// `ERROR_FAILED_SERVICE_CONTROLLER_CONNECT`: the service control manager did not start this process.
const NOT_STARTED_BY_MANAGER: i32 = 1063;
/// The service control manager waits this long for the next status: the helper has 10 seconds to remove the tunnel.
const PATIENCE: Duration = Duration::from_secs(15);

/// The command line of the process. The function that the service control manager calls takes no other argument.
static ARGUMENTS: OnceLock<Arguments> = OnceLock::new();

define_windows_service!(service_main, run);

/// Serves until the service control manager stops the service.
pub fn start(arguments: Arguments) -> anyhow::Result<()> {
    let arguments = ARGUMENTS.get_or_init(|| arguments);
    let (_, log_dir) = arguments.directories()?;
    logging::start(Some(&log_dir));
    match service_dispatcher::start(NAME, service_main) {
        Err(windows_service::Error::Winapi(error)) if error.raw_os_error() == Some(NOT_STARTED_BY_MANAGER) => {
            bail!("only the service control manager can start the service; run `sc start {NAME}`")
        }
        started => started.context("cannot connect to the service control manager"),
    }
}

/// The thread of the service.
fn run(_: Vec<OsString>) {
    let Some(arguments) = ARGUMENTS.get() else { return };
    if let Err(error) = run_until_stopped(arguments) {
        tracing::error!(error = format!("{error:#}"), "the service stopped");
    }
}

fn run_until_stopped(arguments: &Arguments) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let handle = service_control_handler::register(NAME, move |control| handle(&control, &stop))
        .context("cannot register with the service control manager")?;
    report(handle, ServiceState::StartPending, ServiceExitCode::NO_ERROR)?;
    let stopping = shutdown.clone();
    let served = runtime().and_then(|runtime| {
        runtime.block_on(async {
            let pending = tokio::spawn(async move {
                stopping.cancelled().await;
                // The service stops whether or not the status arrives.
                drop(report(handle, ServiceState::StopPending, ServiceExitCode::NO_ERROR));
            });
            let served = serve(arguments, shutdown.clone(), || running(handle)).await;
            if shutdown.is_cancelled() {
                // Otherwise, this status could arrive after the last one.
                drop(pending.await);
            }
            served
        })
    });
    // With an error code, the service control manager restarts the service.
    let code = if served.is_ok() { ServiceExitCode::NO_ERROR } else { ServiceExitCode::ServiceSpecific(1) };
    report(handle, ServiceState::Stopped, code)?;
    served
}

fn running(handle: ServiceStatusHandle) -> anyhow::Result<()> {
    report(handle, ServiceState::Running, ServiceExitCode::NO_ERROR)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the service is running");
    // The service control manager does not answer a service that it is starting. The service works without the answer.
    tokio::task::spawn_blocking(|| {
        if let Err(error) = install::restart_after_failures() {
            tracing::warn!(error = format!("{error:#}"), "cannot configure the restart of the service after a crash");
        }
    });
    Ok(())
}

fn handle(control: &ServiceControl, stop: &CancellationToken) -> ServiceControlHandlerResult {
    if matches!(control, ServiceControl::Stop | ServiceControl::Shutdown | ServiceControl::Preshutdown) {
        tracing::info!(?control, "the service is stopping");
        stop.cancel();
        return ServiceControlHandlerResult::NoError;
    }
    if *control == ServiceControl::Interrogate {
        return ServiceControlHandlerResult::NoError;
    }
    ServiceControlHandlerResult::NotImplemented
}

fn report(handle: ServiceStatusHandle, state: ServiceState, exit_code: ServiceExitCode) -> anyhow::Result<()> {
    let is_running = state == ServiceState::Running;
    let is_pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
    let accepted = ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN;
    let status = ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: if is_running { accepted } else { ServiceControlAccept::empty() },
        exit_code,
        checkpoint: u32::from(is_pending),
        wait_hint: if is_pending { PATIENCE } else { Duration::ZERO },
        process_id: None,
    };
    handle.set_service_status(status).context("cannot report the state of the service")
}
