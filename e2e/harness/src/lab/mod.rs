//! Creates and removes labs.

pub(crate) mod internet;
pub(crate) mod record;
pub(crate) mod topology;

use crate::lab::internet::Internet;
use crate::lab::record::{Owner, dir_of};
use crate::process::command::{ip, ip_batch};
use crate::{Addresses, HarnessError, Host, LabRecord, Sweep, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::time::Duration;

/// Options of a lab.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Number of devices, 1 to [`topology::DEVICES_MAX`].
    pub devices: u16,
    /// Name of the lab; random if `None`.
    pub id: Option<String>,
    /// Whether the lab stays when the process that created it ends.
    pub stay: bool,
}

impl LabOptions {
    /// Options of a lab for one test.
    #[must_use]
    pub const fn with_devices(devices: u16) -> Self {
        Self { devices, id: None, stay: false }
    }
}

/// A lab. Removed on drop, unless it is permanent.
#[derive(Debug)]
pub struct Lab {
    record: LabRecord,
    hosts: Vec<Host>,
    take_down: bool,
}

impl Lab {
    /// Creates a lab: namespaces, links, addresses, routes. Removes what killed processes left behind first.
    ///
    /// # Errors
    ///
    /// Fails if the process is not root, the name is in use, or a system call fails. Then nothing is left behind.
    pub fn up(options: LabOptions) -> Result<Self, HarnessError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(HarnessError::NotRoot);
        }
        Self::sweep(Sweep::Abandoned)?;
        let owner = if options.stay { None } else { Owner::current() };
        let id = options.id.unwrap_or_else(draw_id);
        let record = LabRecord { id, devices: options.devices, owner };
        record.claim()?;
        // From here on a drop removes everything, so an early return leaves nothing behind.
        let mut lab = Self::of(record, true);
        lab.build()?;
        lab.take_down = !options.stay;
        Ok(lab)
    }

    /// Opens a permanent lab by its name.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NoLab`].
    pub fn attach(id: &str) -> Result<Self, HarnessError> {
        Ok(Self::of(LabRecord::read(id)?, false))
    }

    /// Removes labs that their creators will not remove. Returns their names.
    ///
    /// # Errors
    ///
    /// Fails if something cannot be removed.
    pub fn sweep(sweep: Sweep) -> Result<Vec<String>, HarnessError> {
        let mut swept = Vec::new();
        for record in LabRecord::all()?.into_iter().filter(|record| record.swept_by(sweep)) {
            remove(&record)?;
            swept.push(record.id);
        }
        Ok(swept)
    }

    /// Removes the lab: processes, namespaces, files.
    ///
    /// # Errors
    ///
    /// Fails if something cannot be removed.
    pub fn down(mut self) -> Result<(), HarnessError> {
        self.take_down = false;
        remove(&self.record)
    }

    /// Name of the lab.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Directory of the lab. Removed with it.
    #[must_use]
    pub fn dir(&self) -> std::path::PathBuf {
        self.record.dir()
    }

    /// Number of devices.
    #[must_use]
    pub const fn devices(&self) -> u16 {
        self.record.devices
    }

    /// A host: `device1` to `deviceN`, `server`, `internet`, `access`.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NoHost`].
    pub fn host(&self, name: &str) -> Result<&Host, HarnessError> {
        self.hosts.iter().find(|host| host.name() == name).ok_or_else(|| HarnessError::NoHost(name.to_owned()))
    }

    /// All hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Addresses of device `number`, counted from 1, on its uplink outside of every tunnel.
    #[must_use]
    pub fn device_address(&self, number: u16) -> Addresses {
        topology::device_addresses(number)
    }

    /// Starts the servers of `internet` in this process.
    ///
    /// # Errors
    ///
    /// Fails if they cannot listen.
    pub fn internet(&self) -> Result<Internet, HarnessError> {
        Internet::start(self.host("internet")?.namespace())
    }

    fn of(record: LabRecord, take_down: bool) -> Self {
        let dir = record.dir();
        let hosts = topology::hosts(record.devices)
            .iter()
            .map(|name| Host::new(name, topology::namespace(&record.id, name), &dir))
            .collect();
        Self { record, hosts, take_down }
    }

    fn build(&self) -> Result<(), HarnessError> {
        let _lock = record::lock()?;
        for host in &self.hosts {
            let etc = Path::new("/etc/netns").join(host.namespace());
            for dir in [host.dir(), &etc] {
                std::fs::create_dir_all(dir).map_err(HarnessError::file("create", dir))?;
            }
            // `ip netns exec` mounts this file as /etc/resolv.conf, so that a helper under test changes only the DNS of
            // its host.
            let resolv = etc.join("resolv.conf");
            std::fs::write(&resolv, "").map_err(HarnessError::file("write", &resolv))?;
            ip(&["netns", "add", host.namespace()])?;
            let is_router = host.name() == "access";
            host.enter(|| settle(is_router))??;
        }
        for (name, lines) in topology::wiring(&self.record.id, self.record.devices) {
            ip_batch(self.host(&name)?.namespace(), &lines)?;
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.take_down
            && let Err(error) = remove(&self.record)
        {
            tracing::error!(%error, lab = self.record.id, "cannot remove the lab");
        }
    }
}

/// Sets kernel parameters of the current namespace: addresses are usable at once, and only routers forward.
pub(crate) fn settle(is_router: bool) -> Result<(), HarnessError> {
    let set = |key: &str, value: &str| {
        let path = Path::new("/proc/sys/net").join(key);
        std::fs::write(&path, value).map_err(HarnessError::file("write", &path))
    };
    for scope in ["all", "default"] {
        set(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
        set(&format!("ipv6/conf/{scope}/accept_ra"), "0")?;
    }
    if is_router {
        set("ipv4/ip_forward", "1")?;
        set("ipv6/conf/all/forwarding", "1")?;
    }
    Ok(())
}

/// Removes all parts of a lab. Missing parts are not an error, so this can be repeated after a failure.
fn remove(record: &LabRecord) -> Result<(), HarnessError> {
    let _lock = record::lock()?;
    let standing = ip(&["netns", "list"])?.stdout;
    let prefix = topology::namespace(&record.id, "");
    for namespace in standing.lines().filter_map(|l| l.split_whitespace().next()).filter(|n| n.starts_with(&prefix)) {
        wait_for(&format!("the processes in {namespace} to end"), Duration::from_secs(10), || {
            end_processes(namespace)
        })?;
        ip(&["netns", "del", namespace])?;
    }
    unmount_below(&dir_of(&record.id))?;
    for host in topology::hosts(record.devices) {
        remove_dir(&Path::new("/etc/netns").join(topology::namespace(&record.id, &host)))?;
    }
    // Removes the parent directory only if it is empty, that is, not used by other labs or programs.
    let _ = std::fs::remove_dir("/etc/netns");
    remove_dir(&dir_of(&record.id))
}

/// Unmounts what tests mounted in a lab's directory, which otherwise cannot be removed.
fn unmount_below(dir: &Path) -> Result<(), HarnessError> {
    let path = Path::new("/proc/self/mounts");
    let mounts = std::fs::read_to_string(path).map_err(HarnessError::file("read", path))?;
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
    for point in points.filter(|point| point.starts_with(dir)) {
        let failed = |error: nix::Error| HarnessError::file("unmount", point)(error.into());
        nix::mount::umount2(point, nix::mount::MntFlags::MNT_DETACH).map_err(failed)?;
    }
    Ok(())
}

/// Kills the processes in a namespace. Returns `None` if there were any, because a supervisor may start another child.
fn end_processes(namespace: &str) -> Result<Option<()>, HarnessError> {
    let pids = ip(&["netns", "pids", namespace])?.stdout;
    let pids: Vec<i32> = pids.lines().filter_map(|line| line.trim().parse().ok()).collect();
    for pid in &pids {
        // It may have ended since; the next call checks again.
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    Ok(pids.is_empty().then_some(()))
}

fn remove_dir(path: &Path) -> Result<(), HarnessError> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(HarnessError::file("remove", path)(e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Six characters of a-z and 0-9.
fn draw_id() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect()
}
