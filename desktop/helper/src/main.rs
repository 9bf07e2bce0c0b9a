//! `tornado-helperd`: the privileged helper.

#[cfg(target_os = "linux")]
mod linux;
mod logging;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(windows)]
use windows as platform;

fn main() -> anyhow::Result<std::process::ExitCode> {
    platform::run_program()
}
