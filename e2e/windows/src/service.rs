//! The programs of the client, and the service with its directories.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use windows_service::service::{Service as WindowsService, ServiceAccess, ServiceState};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// The result of a program.
#[derive(Debug)]
pub struct Ended {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output, then standard error.
    pub text: String,
}

/// Path of a program of this workspace, which was built beside this test.
///
/// # Errors
/// If this program's path is unknown.
pub fn program(name: &str) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // The test is in the folder `deps`.
    let directory = own.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    Ok(directory.join(format!("{name}.exe")))
}

/// Runs a program of this workspace until it ends.
///
/// # Errors
/// If it cannot be started.
pub fn run(name: &str, words: &[&str]) -> io::Result<Ended> {
    let output = Command::new(program(name)?).args(words).output()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(Ended { code: output.status.code(), text })
}

/// The installed service, with its own directories. It is removed on drop.
pub struct Service {
    directory: TempDir,
}

impl Service {
    /// Installs and starts the service.
    ///
    /// # Errors
    /// If that fails, with the output of the program.
    pub fn install(options: &[&str]) -> io::Result<Self> {
        let service = Self { directory: tempfile::tempdir()? };
        service.change(options)?;
        Ok(service)
    }

    /// Installs the service again with other options.
    ///
    /// # Errors
    /// As for [`install`](Self::install).
    pub fn change(&self, options: &[&str]) -> io::Result<()> {
        let (state, log) = (self.state(), self.log());
        let (state, log) = (state.to_string_lossy(), log.to_string_lossy());
        let words = [&["install", "--state-dir", &state, "--log-dir", &log], options].concat();
        let ended = run("tornado-helperd", &words)?;
        if ended.code == Some(0) { Ok(()) } else { Err(io::Error::other(ended.text)) }
    }

    /// Directory of the stored state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Directory of the log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Stops the service, as `sc stop` does, and waits until it has stopped.
    ///
    /// # Errors
    /// Those of the service control manager; `TimedOut` after 30 s.
    pub fn stop(&self) -> io::Result<()> {
        let service = open()?;
        service.stop().map_err(io::Error::other)?;
        wait_for(&service, ServiceState::Stopped)
    }

    /// Starts it again, and waits until it runs.
    ///
    /// # Errors
    /// As for [`stop`](Self::stop).
    pub fn start(&self) -> io::Result<()> {
        let service = open()?;
        service.start::<&OsStr>(&[]).map_err(io::Error::other)?;
        wait_for(&service, ServiceState::Running)
    }
}

fn open() -> io::Result<WindowsService> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT);
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::START | ServiceAccess::STOP;
    manager.and_then(|manager| manager.open_service("tornado-helper", access)).map_err(io::Error::other)
}

fn wait_for(service: &WindowsService, state: ServiceState) -> io::Result<()> {
    for _ in 0..300 {
        if service.query_status().map_err(io::Error::other)?.current_state == state {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(io::ErrorKind::TimedOut.into())
}

impl Drop for Service {
    fn drop(&mut self) {
        let removed = run("tornado-helperd", &["uninstall"]);
        if !std::thread::panicking() {
            assert_eq!(removed.map(|ended| (ended.code, ended.text)).ok(), Some((Some(0), String::new())));
        }
    }
}
