//! Programs outside the tunnel.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use linux::Programs;
/// The groups of excluded programs.
#[cfg(target_os = "linux")]
pub(crate) type Groups = tornado_tunnel::os::linux::ProgramGroups;
#[cfg(windows)]
pub(crate) use windows::{Groups, Programs};
