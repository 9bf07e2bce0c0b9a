//! Putting a lab up and taking it down.

use crate::command::{ip, ip_batch};
use crate::internet::Internet;
use crate::record::{self, Owner, dir_of};
use crate::{Addresses, HarnessError, Host, LabRecord, Sweep, topology, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::time::Duration;

/// What kind of lab is wanted.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Number of devices, 1 to [`topology::DEVICES_MAX`].
    pub devices: u16,
    /// Its name; drawn when `None`.
    pub id: Option<String>,
    /// Stays when the process that made it ends.
    pub stay: bool,
}

impl LabOptions {
    /// A lab for one test.
    #[must_use]
    pub const fn with_devices(devices: u16) -> Self {
        Self { devices, id: None, stay: false }
    }
}

/// A lab that stands. Dropping it takes it down, unless it was made to stay.
#[derive(Debug)]
pub struct Lab {
    record: LabRecord,
    hosts: Vec<Host>,
    take_down: bool,
}

impl Lab {
    /// Makes a lab: namespaces, wires, addresses, routes. Sweeps what dead processes left before.
    ///
    /// # Errors
    /// When not root, when the name is taken, or when the operating system refuses; nothing is left behind then.
    pub fn up(options: LabOptions) -> Result<Self, HarnessError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(HarnessError::NotRoot);
        }
        Self::sweep(Sweep::Abandoned)?;
        let owner = if options.stay { None } else { Owner::current() };
        let id = options.id.unwrap_or_else(draw_id);
        let record = LabRecord { id, devices: options.devices, owner };
        record.claim()?;
        // From here on dropping it removes what was made, so an early return leaves nothing.
        let mut lab = Self::of(record, true);
        lab.build()?;
        lab.take_down = !options.stay;
        Ok(lab)
    }

    /// A lab made to stay, by its name.
    ///
    /// # Errors
    /// [`HarnessError::NoLab`].
    pub fn attach(id: &str) -> Result<Self, HarnessError> {
        Ok(Self::of(LabRecord::read(id)?, false))
    }

    /// Takes labs down whose makers will not; returns their names.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn sweep(sweep: Sweep) -> Result<Vec<String>, HarnessError> {
        let mut swept = Vec::new();
        for record in LabRecord::all()?.into_iter().filter(|record| record.swept_by(sweep)) {
            remove(&record)?;
            swept.push(record.id);
        }
        Ok(swept)
    }

    /// Takes it down: processes, namespaces, files.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn down(mut self) -> Result<(), HarnessError> {
        self.take_down = false;
        remove(&self.record)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Its directory; gone with it.
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
    /// [`HarnessError::NoHost`].
    pub fn host(&self, name: &str) -> Result<&Host, HarnessError> {
        self.hosts.iter().find(|host| host.name() == name).ok_or_else(|| HarnessError::NoHost(name.to_owned()))
    }

    /// All hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Addresses of device `number` on its own uplink, outside of every tunnel; counted from 1.
    #[must_use]
    pub fn device_address(&self, number: u16) -> Addresses {
        topology::device_addresses(number)
    }

    /// Starts the servers of `internet` in this process.
    ///
    /// # Errors
    /// When they cannot listen.
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
                std::fs::create_dir_all(dir).map_err(HarnessError::file("make", dir))?;
            }
            // `ip netns exec` shows this file as /etc/resolv.conf: a helper under test sets its own host's DNS only.
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
            tracing::error!(%error, lab = self.record.id, "the lab could not be taken down");
        }
    }
}

/// Kernel settings of the calling thread's namespace: addresses usable at once, routing only where it belongs.
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

/// Removes everything of a lab; what is missing already is no error, so it can be repeated after a failure.
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
    // Its parent only if that is empty, that is, if no other lab and nobody else uses it.
    let _ = std::fs::remove_dir("/etc/netns");
    remove_dir(&dir_of(&record.id))
}

/// Takes away what tests mounted in a lab's directory: the kernel would not let it be removed.
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

/// Kills what runs in a namespace; done when nothing does. A supervisor may start a child between two looks.
fn end_processes(namespace: &str) -> Result<Option<()>, HarnessError> {
    let pids = ip(&["netns", "pids", namespace])?.stdout;
    let pids: Vec<i32> = pids.lines().filter_map(|line| line.trim().parse().ok()).collect();
    for pid in &pids {
        // It may have ended since; what is still there is seen at the next look.
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

/// Six of a-z and 0-9.
fn draw_id() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect()
}
