//! Control groups (`cgroups(7)`, version 2) of excluded programs.
//!
//! The groups are children of the root group, not of the helper's unit: systemd kills what is in a unit's group when
//! the unit is restarted. Only root can move processes of another unit, so the helper moves them.

use super::firewall;
use super::names::own_resolvers;
use super::netlink::Netlink;
use super::settings::Settings;
use crate::os::OsError;
use crate::policy::{Excluded, Family, Group};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::path::{Component, Path, PathBuf};

/// Where nft(8) looks for control groups.
const NFT_ROOT: &str = "/sys/fs/cgroup";
/// Name of the group whose programs send their own DNS queries, in that of all excluded programs.
const OWN_DNS: &str = "own-dns";
/// Maximum size of a file of proc(5) that is read, bytes.
const MAX: u64 = 1024 * 1024;
/// What to do without control groups.
const REMEDY: &str = "programs can be excluded only on a machine with cgroups version 2, as systemd mounts them; start \
                      the kernel without `systemd.unified_cgroup_hierarchy=0`, or run \
                      `mount -t cgroup2 none /sys/fs/cgroup` where nothing is mounted there";

/// The control groups of excluded programs.
#[derive(Debug, Clone)]
pub struct ProgramGroups {
    name: String,
}

/// What happens to the DNS queries of an excluded program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProgramDns {
    /// They enter the tunnel, as those of other programs do.
    Tunnel,
    /// They leave outside the tunnel.
    Own,
}

/// A process in one of the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its process ID.
    pub pid: u32,
    /// Its real user.
    pub uid: u32,
    /// Its name, at most 15 bytes (`proc_pid_comm(5)`).
    pub name: String,
    /// What happens to its DNS queries.
    pub dns: ProgramDns,
}

/// Reasons for which a process cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The process does not exist, or ended before it was moved.
    #[error("there is no process {0}")]
    NoProcess(u32),
    /// The process belongs to another user, or changes its user.
    #[error("process {0} does not belong to this user")]
    Foreign(u32),
    /// The kernel refused.
    #[error(transparent)]
    Os(#[from] OsError),
}

impl ProgramGroups {
    /// The groups of the helper whose interfaces have this prefix. Nothing is created yet.
    #[must_use]
    pub fn new(interface_prefix: &str) -> Self {
        Self { name: format!("{interface_prefix}.exclude") }
    }

    fn directory(&self, dns: ProgramDns) -> Result<PathBuf, OsError> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|e| OsError::new("list the mounts", e))?;
        let root = unified_root(&mounts).ok_or_else(|| OsError::new("find the control groups", REMEDY))?;
        let all = root.join(&self.name);
        Ok(match dns {
            ProgramDns::Tunnel => all,
            ProgramDns::Own => all.join(OWN_DNS),
        })
    }

    fn group(&self, dns: ProgramDns) -> Result<Group, OsError> {
        let level = match dns {
            ProgramDns::Tunnel => 1,
            ProgramDns::Own => 2,
        };
        Ok(Group { path: below_nft_root(&self.directory(dns)?), level })
    }

    /// Creates the groups, and tests whether nft(8) and the kernel can recognise them.
    ///
    /// # Errors
    /// If they cannot, or the machine has no control groups of version 2.
    pub async fn prepare(&self) -> Result<(), OsError> {
        self.create()?;
        let (group, own_dns) = (self.group(ProgramDns::Tunnel)?, self.group(ProgramDns::Own)?);
        // One family, so that the rules for a family without a route are tested, too.
        let example =
            Excluded { group, own_dns, resolvers: firewall::DOCUMENTATION.to_vec(), families: vec![Family::V4] };
        firewall::test(example).await.map_err(|error| {
            let remedy = "excluding programs requires Linux 5.13 with CONFIG_NFT_SOCKET, and nftables 0.9.9";
            OsError::new("recognise control groups in the firewall", format!("{error}; {remedy}"))
        })
    }

    /// The groups as the firewall recognises them; `None` if that is impossible. `names` are the lane's resolvers.
    pub(super) async fn for_firewall(
        &self,
        netlink: &Netlink,
        settings: &Settings,
        names: &[IpAddr],
    ) -> Option<Excluded> {
        let groups = || -> Result<_, OsError> {
            self.create()?;
            Ok((self.group(ProgramDns::Tunnel)?, self.group(ProgramDns::Own)?))
        };
        let (group, own_dns) = match groups() {
            Ok(groups) => groups,
            Err(error) => {
                tracing::error!(%error, "traffic of excluded programs is treated as that of other programs");
                return None;
            }
        };
        let mut families = Vec::new();
        for family in Family::ALL {
            if netlink.has_default(family).await {
                families.push(family);
            }
        }
        let mut resolvers = own_resolvers(&settings.resolv_conf, &settings.state_dir);
        resolvers.retain(|at| !at.is_loopback() && !names.contains(at));
        Some(Excluded { group, own_dns, resolvers, families })
    }

    /// Creates the groups. Idempotent.
    fn create(&self) -> Result<(), OsError> {
        let directory = self.directory(ProgramDns::Own)?;
        fs::create_dir_all(&directory).map_err(|error| {
            let path = directory.display();
            let is_refused =
                [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied].contains(&error.kind());
            let remedy = match is_refused {
                true => "; the helper must run as root, with `ProtectControlGroups=no` in its unit",
                false => "",
            };
            OsError::new(format!("create the control group {path}"), format!("{error}{remedy}"))
        })
    }

    /// Removes the groups if they are empty.
    pub fn remove_empty(&self) {
        for dns in [ProgramDns::Own, ProgramDns::Tunnel] {
            // A group that contains processes cannot be removed, and a missing one need not be.
            let _ = self.directory(dns).map(fs::remove_dir);
        }
    }

    /// Moves a process of the user `uid` into a group; for root, of any user. Its children start in the same group.
    /// Sockets that exist already keep the group of their creation.
    ///
    /// # Errors
    /// If the process does not exist or belongs to another user, or the kernel refuses.
    pub fn add(&self, pid: u32, uid: u32, dns: ProgramDns) -> Result<(), MoveError> {
        let process = Process::open(pid, uid)?;
        self.move_to(&process, &self.directory(dns)?)
    }

    /// Moves a process out of the groups, into the root group.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn remove(&self, pid: u32, uid: u32) -> Result<(), MoveError> {
        let process = Process::open(pid, uid)?;
        if !self.members()?.iter().any(|member| member.pid == pid) {
            return Err(MoveError::NoProcess(pid));
        }
        let directory = self.directory(ProgramDns::Tunnel)?;
        self.move_to(&process, directory.parent().unwrap_or(&directory))
    }

    fn move_to(&self, process: &Process, directory: &Path) -> Result<(), MoveError> {
        let into = |directory: &Path| fs::write(directory.join("cgroup.procs"), process.pid.to_string());
        match into(directory) {
            Ok(()) => {}
            // ESRCH: the process has ended.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Err(MoveError::NoProcess(process.pid)),
            Err(error) => {
                return Err(
                    OsError::new(format!("move process {} to {}", process.pid, directory.display()), error).into()
                );
            }
        }
        if process.is_alive() {
            return Ok(());
        }
        // It ended before it was moved. If its ID was reused at once, another process was moved, and is moved back.
        if let Some(root) = self.directory(ProgramDns::Tunnel)?.parent() {
            let _ = into(root);
        }
        Err(MoveError::NoProcess(process.pid))
    }

    /// The processes in the groups, by ID. Empty if the groups do not exist.
    ///
    /// # Errors
    /// If the machine has no control groups of version 2, or they cannot be read.
    pub fn members(&self) -> Result<Vec<Member>, OsError> {
        let mut members = Vec::new();
        for dns in [ProgramDns::Tunnel, ProgramDns::Own] {
            let path = self.directory(dns)?.join("cgroup.procs");
            let text = match fs::read_to_string(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|e| OsError::new(format!("read {}", path.display()), e))?,
            };
            // A process may end between the two reads.
            members.extend(text.lines().filter_map(|line| Process::describe(line.parse().ok()?, dns)));
        }
        members.sort_unstable_by_key(|member| member.pid);
        Ok(members)
    }
}

/// One process. The descriptor of its directory in proc(5) refers to this process only, even after its ID is reused.
struct Process {
    pid: u32,
    directory: File,
}

impl Process {
    /// Opens the process and verifies its user: real, effective, saved and file system ID.
    fn open(pid: u32, uid: u32) -> Result<Self, MoveError> {
        let directory = File::open(format!("/proc/{pid}")).map_err(|_| MoveError::NoProcess(pid))?;
        let process = Self { pid, directory };
        let uids = process.uids().ok_or(MoveError::NoProcess(pid))?;
        let is_own = uid == 0 || uids.iter().all(|of_process| *of_process == uid);
        if is_own { Ok(process) } else { Err(MoveError::Foreign(pid)) }
    }

    fn describe(pid: u32, dns: ProgramDns) -> Option<Member> {
        let process = Self { pid, directory: File::open(format!("/proc/{pid}")).ok()? };
        let uid = *process.uids()?.first()?;
        Some(Member { pid, uid, name: process.read("comm")?.trim_end().to_owned(), dns })
    }

    fn read(&self, name: &str) -> Option<String> {
        let file = File::open(format!("/proc/self/fd/{}/{name}", self.directory.as_raw_fd())).ok()?;
        let mut text = Vec::new();
        file.take(MAX).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    fn uids(&self) -> Option<Vec<u32>> {
        let status = self.read("status")?;
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        ids.split_ascii_whitespace().map(|id| id.parse().ok()).collect()
    }

    fn is_alive(&self) -> bool {
        self.read("status").is_some()
    }
}

/// The mount point of the hierarchy of version 2.
fn unified_root(mounts: &str) -> Option<PathBuf> {
    let mut fields = mounts.lines().map(|line| line.split(' '));
    fields.find_map(|mut fields| {
        let (_, at, kind) = (fields.next()?, fields.next()?, fields.next()?);
        // Special characters are written as octal numbers (proc_pid_mounts(5)); such a mount point is not used.
        (kind == "cgroup2" && !at.contains('\\')).then(|| PathBuf::from(at))
    })
}

/// The path as nft(8) expects it.
fn below_nft_root(path: &Path) -> String {
    let relative = match path.strip_prefix(NFT_ROOT) {
        Ok(below) => below.to_owned(),
        Err(_) => {
            let up = Path::new(NFT_ROOT).components().filter(|part| matches!(part, Component::Normal(_)));
            up.map(|_| "..").collect::<PathBuf>().join(path.strip_prefix("/").unwrap_or(path))
        }
    };
    relative.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_is_found_wherever_it_is_mounted() {
        let v1 = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n";
        assert_eq!(unified_root(v1), None);
        for (mounts, path) in [
            ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n".to_owned(), "t.exclude"),
            (format!("{v1}cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"), "unified/t.exclude"),
            ("none /run/groups cgroup2 rw 0 0\n".to_owned(), "../../../run/groups/t.exclude"),
        ] {
            assert_eq!(below_nft_root(&unified_root(&mounts).unwrap().join("t.exclude")), path);
        }
    }

    #[test]
    fn a_process_of_another_user_is_not_opened() {
        let own = std::process::id();
        let uid = *Process { pid: own, directory: File::open("/proc/self").unwrap() }.uids().unwrap().first().unwrap();
        assert!(Process::open(own, uid).unwrap().is_alive());
        assert!(matches!(Process::open(own, uid + 1), Err(MoveError::Foreign(pid)) if pid == own));
        assert!(matches!(Process::open(u32::MAX, 0), Err(MoveError::NoProcess(_))));
    }

    #[test]
    fn a_process_that_ended_is_noticed() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id(), 0).unwrap();
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
