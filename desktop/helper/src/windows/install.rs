//! Installs and removes the service.

use super::{Arguments, NAME};
use anyhow::{Context as _, bail, ensure};
use std::ffi::{OsStr, OsString};
use std::thread::sleep;
use std::time::Duration;
use tornado_tunnel::os::windows::release;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceDependency, ServiceErrorControl,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// Where the service says why.
const SEE_LOG: &str = "see helper.log in the directory of the log, usually C:\\ProgramData\\Tornado VPN\\log";
/// Codes of `windows_service::Error::Winapi`.
const SERVICE_EXISTS: i32 = 1073;
const DOES_NOT_EXIST: i32 = 1060;
const IS_RUNNING: i32 = 1056;
const NOT_ACTIVE: i32 = 1062;
const INVALID_LEVEL: i32 = 124;
/// The filtering engine of Windows, without which no traffic can be blocked.
const FILTERING_ENGINE: &str = "BFE";
/// Delays before the first, second and later restarts of a crashed service.
const RESTARTS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// Time without a crash after which the first delay applies again.
const CALM: Duration = Duration::from_secs(24 * 3600);
/// How long a service may take to start or stop, and how often its state is read.
const SETTLING: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// Installs the service with the options of this process, or gives them to the installed one, and starts it.
pub(super) fn install(arguments: &Arguments) -> anyhow::Result<()> {
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    let info = service_info(arguments, &manager)?;
    let access = ServiceAccess::ALL_ACCESS;
    let service = match manager.create_service(&info, access) {
        Err(error) if is(&error, SERVICE_EXISTS) => {
            let service = manager.open_service(NAME, access).context("cannot open the service")?;
            stop(&service)?;
            service.change_config(&info).context("cannot change the service")?;
            service
        }
        made => made.context("cannot create the service; run this as an administrator")?,
    };
    let text = "Controls the tunnel of Tornado VPN. While lockdown is on, no traffic leaves without it.";
    service.set_description(text).context("cannot describe the service")?;
    configure(&service)?;
    match service.start::<&OsStr>(&[]) {
        Err(error) if !is(&error, IS_RUNNING) => return Err(error).context("cannot start the service"),
        Ok(()) | Err(_) => {}
    }
    wait_for(&service, ServiceState::Running)
}

/// Stops and removes the service.
pub(super) fn uninstall() -> anyhow::Result<()> {
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = match manager(ServiceManagerAccess::CONNECT)?.open_service(NAME, access) {
        Err(error) if is(&error, DOES_NOT_EXIST) => return Ok(()),
        opened => opened.context("cannot open the service; run this as an administrator")?,
    };
    stop(&service)?;
    // Traffic that lockdown blocks stays blocked without the service, and then nothing could release it.
    if let Err(error) = release() {
        eprintln!("{error}");
    }
    service.delete().context("cannot remove the service")
}

/// Makes Windows restart the service after a crash. An installer that creates the service cannot always do that.
pub(super) fn restart_after_failures() -> anyhow::Result<()> {
    // A restart requires the right to start the service.
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let service = manager(ServiceManagerAccess::CONNECT)?.open_service(NAME, access);
    configure(&service.context("cannot open the service")?)
}

fn configure(service: &Service) -> anyhow::Result<()> {
    let restart = |delay| ServiceAction { action_type: ServiceActionType::Restart, delay };
    let actions = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(CALM),
        reboot_msg: None,
        command: None,
        actions: Some(RESTARTS.map(restart).to_vec()),
    };
    service.update_failure_actions(actions).context("cannot set the restart after a crash")?;
    match service.set_failure_actions_on_non_crash_failures(true) {
        // wine does not know the setting.
        Err(error) if is(&error, INVALID_LEVEL) => Ok(()),
        set => set.context("cannot set the restart after an error"),
    }
}

fn service_info(arguments: &Arguments, manager: &ServiceManager) -> anyhow::Result<ServiceInfo> {
    let mut options: Vec<OsString> = vec!["service".into()];
    if arguments.socket.as_os_str() != tornado_helper_api::DEFAULT_SOCKET {
        options.extend(["--socket".into(), arguments.socket.clone().into()]);
    }
    let directories = [("--state-dir", &arguments.state_dir), ("--log-dir", &arguments.log_dir)];
    for (option, directory) in directories {
        options.extend(directory.iter().flat_map(|directory| [option.into(), directory.clone().into()]));
    }
    options.extend(arguments.allow_sids.iter().flat_map(|sid| ["--allow-sid".into(), sid.to_string().into()]));
    let has_engine = manager.open_service(FILTERING_ENGINE, ServiceAccess::QUERY_STATUS).is_ok();
    Ok(ServiceInfo {
        name: NAME.into(),
        display_name: "Tornado VPN helper".into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: std::env::current_exe().context("cannot find this program")?,
        launch_arguments: options,
        dependencies: has_engine.then(|| ServiceDependency::Service(FILTERING_ENGINE.into())).into_iter().collect(),
        // LocalSystem.
        account_name: None,
        account_password: None,
    })
}

/// Stops the service if it runs, and waits until it has stopped.
fn stop(service: &Service) -> anyhow::Result<()> {
    // A service that is starting cannot be stopped yet.
    if service.query_status().is_ok_and(|status| status.current_state == ServiceState::StartPending) {
        wait_for(service, ServiceState::Running)?;
    }
    match service.stop() {
        Err(error) if is(&error, NOT_ACTIVE) => return Ok(()),
        stopped => stopped.context("cannot stop the service")?,
    };
    wait_for(service, ServiceState::Stopped)
}

/// Waits until the service has this state. Fails early if it stopped instead.
#[expect(clippy::disallowed_methods, reason = "there is no runtime yet whose worker could be blocked")]
fn wait_for(service: &Service, wanted: ServiceState) -> anyhow::Result<()> {
    for _ in 0..SETTLING.as_millis() / POLL.as_millis() {
        let state = service.query_status().context("cannot read the state of the service")?.current_state;
        if state == wanted {
            return Ok(());
        }
        ensure!(state != ServiceState::Stopped, "the service stopped at once; {SEE_LOG}");
        sleep(POLL);
    }
    bail!("the service is not {wanted:?} after {SETTLING:?}; end tornado-helperd.exe in the task manager, and retry")
}

fn manager(access: ServiceManagerAccess) -> anyhow::Result<ServiceManager> {
    ServiceManager::local_computer(None::<&str>, access)
        .context("cannot connect to the service control manager; run this as an administrator")
}

fn is(error: &windows_service::Error, code: i32) -> bool {
    if let windows_service::Error::Winapi(error) = error { error.raw_os_error() == Some(code) } else { false }
}
