use super::*;
use tornado_endurance::sixty_days;
use tornado_runtime::Readiness;

/// A supervisor whose services are all stopped by an operator, so that it starts no process.
fn idle(directory: &std::path::Path) -> (Supervisor, Handle, Readiness) {
    let wiring = Wiring {
        run_dir: directory.into(),
        state_dir: directory.into(),
        config_path: directory.join("none.toml"),
        os_services: crate::OsServices::default(),
    };
    let entry = |name| Entry { name, wanted: Wanted::Stopped, starts: 0, process: None };
    let services = ServiceName::ALL.into_iter().map(entry).collect();
    record::write(directory, &Record { boot_id: proc::boot_id(), services }).unwrap();
    let (setter, readiness) = Readiness::new("starting");
    let (supervisor, handle) = Supervisor::new(wiring, Accounts::new(), setter).unwrap();
    (supervisor, handle, readiness)
}

#[tokio::test(start_paused = true)]
async fn an_idle_supervisor_sleeps_for_sixty_days() {
    let directory = tempfile::tempdir().unwrap();
    let (supervisor, _handle, _readiness) = idle(directory.path());
    sixty_days(0, supervisor.run(CancellationToken::new())).await;
}
