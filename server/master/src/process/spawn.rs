//! Starts a service with exactly the rights that its table row grants.

use crate::policy::table::service;
use crate::{Error, Wiring};
use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tornado_contracts::{ServiceName, master};
use tornado_runtime::beneath::{Owner, claim};

/// The Unix users of the services.
pub type Accounts = HashMap<ServiceName, Owner>;

const ROOT: Owner = Owner { uid: 0, gid: 0 };
/// The bit `setgid` passes the directory's group on to new files.
const LOG_MODE: u32 = 0o2750;
const LISTEN_FD: RawFd = 3;
/// Limit of open descriptors per service, if the machine's hard limit allows it.
const OPEN_FILES: libc::rlim_t = 65_536;
const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// Looks up the Unix users of all services.
pub fn accounts() -> Result<Accounts, Error> {
    let mut accounts = Accounts::new();
    for name in ServiceName::ALL {
        let user = name.unix_user();
        let found = nix::unistd::User::from_name(user).ok().flatten().ok_or(Error::NoUser(user))?;
        if found.uid.is_root() {
            return Err(Error::UserIsRoot(user));
        }
        accounts.insert(name, Owner { uid: found.uid.as_raw(), gid: found.gid.as_raw() });
    }
    Ok(accounts)
}

/// Creates the run directory (0755, root) and the state directory of each service (0700, owned by its user).
pub fn prepare_directories(wiring: &Wiring, accounts: &Accounts) -> Result<(), Error> {
    for path in [&wiring.run_dir, &wiring.state_dir] {
        claim(path, ROOT, 0o755).map_err(|source| Error::Prepare { path: path.clone(), source })?;
    }
    for (name, account) in accounts {
        let path = wiring.state_dir.join(name.as_str());
        claim(&path, *account, 0o700).map_err(|source| Error::Prepare { path, source })?;
    }
    Ok(())
}

/// Creates the log directory (0755, root), and in it the directory of each service and of the supervisor. A directory
/// belongs to the service's user and to the group of `telemetry`, which the files in it inherit, and is closed to all
/// others. After an error the remaining directories are still prepared.
pub fn prepare_logs(log_dir: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Prepare { path, source }
    };
    claim(log_dir, ROOT, 0o755).map_err(failed(log_dir))?;
    let accounts = accounts()?;
    let gid = accounts.get(&ServiceName::Telemetry).map_or(ROOT.gid, |account| account.gid);
    let services = accounts.iter().map(|(name, account)| (name.as_str(), account.uid));
    let prepare = |(name, uid)| {
        let (path, owner) = (log_dir.join(name), Owner { uid, gid });
        claim(&path, owner, LOG_MODE).map_err(|source| {
            // The sandbox of the unit does not let this process set the bit. `telemetry` cannot read the files then.
            drop(claim(&path, owner, LOG_MODE & 0o777));
            failed(&path)(source)
        })
    };
    let results: Vec<Result<(), Error>> = services.chain([(master::SOCKET, ROOT.uid)]).map(prepare).collect();
    results.into_iter().collect()
}

/// Everything that the child needs between fork and exec. It is prepared before the fork, because the child must not
/// allocate (signal-safety(7)).
struct Plan {
    account: Owner,
    keeps: Option<u32>,
    listener: RawFd,
    listen_pid: Vec<u8>,
    argv: Vec<CString>,
    envp: Vec<CString>,
    /// Pointers into `argv`, `listen_pid` and `envp`, null-terminated.
    argv_pointers: Vec<*const libc::c_char>,
    envp_pointers: Vec<*const libc::c_char>,
}

#[expect(unsafe_code, reason = "the pointers refer to heap memory that the plan itself owns")]
// SAFETY: the pointers are only read in the forked child, and the heap memory behind them moves with the plan.
unsafe impl Send for Plan {}
#[expect(unsafe_code, reason = "as above")]
// SAFETY: a plan is modified only in the forked child, which has one thread.
unsafe impl Sync for Plan {}

/// Starts the service with its listening socket. The program is always this process's own executable; callers cannot
/// choose another. (For service `admin` it replaces itself by the program beside it.)
pub fn spawn(name: ServiceName, wiring: &Wiring, account: Owner, listener: &UnixListener) -> io::Result<Child> {
    let mut plan = Plan::new(name, &wiring.config_path, account, listener.as_raw_fd())?;
    let mut command = Command::new("/proc/self/exe");
    command.stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::inherit()).current_dir("/");
    #[expect(unsafe_code, reason = "rights can only be dropped between fork and exec")]
    // SAFETY: the closure only makes system calls on memory prepared before the fork.
    unsafe {
        command.pre_exec(move || plan.become_service());
    }
    command.spawn()
}

impl Plan {
    fn new(name: ServiceName, config_path: &Path, account: Owner, listener: RawFd) -> io::Result<Self> {
        let text = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::other);
        let argv = vec![
            text(b"tornadod")?,
            text(b"service")?,
            text(name.as_str().as_bytes())?,
            text(b"--config")?,
            text(config_path.as_os_str().as_bytes())?,
        ];
        let mut listen_pid = LISTEN_PID.to_vec();
        listen_pid.extend_from_slice(b"0000000000\0");
        let envp = environment().iter().map(|line| text(line.as_bytes())).collect::<io::Result<Vec<_>>>()?;
        let end = std::iter::once(std::ptr::null());
        let argv_pointers = argv.iter().map(|s| s.as_ptr()).chain(end.clone()).collect();
        let pid_pointer = std::iter::once(listen_pid.as_ptr().cast());
        let envp_pointers = pid_pointer.chain(envp.iter().map(|s| s.as_ptr())).chain(end).collect();
        let keeps = service(name).capabilities.number();
        Ok(Self { account, keeps, listener, listen_pid, argv, envp, argv_pointers, envp_pointers })
    }

    /// Runs in the child. Returns only if a step fails.
    fn become_service(&mut self) -> io::Result<()> {
        debug_assert!(self.argv.len() < self.argv_pointers.len() && self.envp.len() < self.envp_pointers.len());
        nix::unistd::setsid()?;
        self.keep_only_the_socket()?;
        tornado_rights::become_user(self.account.uid, self.account.gid, self.keeps)?;
        // A core dump must not write keys and tokens to disk.
        set_limit(libc::RLIMIT_CORE, 0, 0)?;
        raise_open_files()?;
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
        write_decimal(&mut self.listen_pid, std::process::id());
        #[expect(unsafe_code, reason = "the environment must name the child's own pid, known only here")]
        // SAFETY: the path and both arrays are null-terminated and still allocated.
        unsafe {
            libc::execve(c"/proc/self/exe".as_ptr(), self.argv_pointers.as_ptr(), self.envp_pointers.as_ptr());
        }
        Err(io::Error::last_os_error())
    }

    fn keep_only_the_socket(&self) -> io::Result<()> {
        if self.listener == LISTEN_FD {
            check(nix_fcntl_clear_cloexec(LISTEN_FD))?;
        } else {
            #[expect(unsafe_code, reason = "descriptor 3 must become the listening socket, even if it was in use")]
            // SAFETY: both arguments are numbers, and the child does not use its previous descriptor 3.
            check(unsafe { libc::dup2(self.listener, LISTEN_FD) })?;
        }
        #[expect(unsafe_code, reason = "libc has no safe form of close_range(2)")]
        // SAFETY: the call only sets the close-on-exec flag; it closes no descriptor that has an owner.
        let result = unsafe { libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// The complete environment of a service.
fn environment() -> Vec<String> {
    let mut lines = vec!["LISTEN_FDS=1".to_owned(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin".into(), "LANG=C.UTF-8".into()];
    if let Ok(value) = std::env::var("RUST_BACKTRACE") {
        lines.push(format!("RUST_BACKTRACE={value}"));
    }
    #[cfg(debug_assertions)]
    lines.extend(trial_environment());
    lines
}

/// Variables of a fault-injection run that services inherit: the switch directory, and a library that changes their
/// clocks. Empty outside of such a run.
#[cfg(debug_assertions)]
fn trial_environment() -> Vec<String> {
    use tornado_runtime::trial::DIR;
    if std::env::var_os(DIR).is_none() {
        return Vec::new();
    }
    let is_passed = |name: &str| [DIR, "LD_PRELOAD"].contains(&name) || name.starts_with("FAKETIME_");
    let all =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    all.filter(|(name, _)| is_passed(name)).map(|(name, value)| format!("{name}={value}")).collect()
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "the descriptor has no Rust owner in the child")]
fn nix_fcntl_clear_cloexec(fd: RawFd) -> libc::c_int {
    // SAFETY: the call takes numbers only.
    unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }
}

#[expect(unsafe_code, reason = "nix's wrapper may allocate for its error")]
fn set_limit(resource: libc::__rlimit_resource_t, soft: libc::rlim_t, hard: libc::rlim_t) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the structure is valid for the duration of the call.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

/// Raises the soft limit, by default 1024, which is below the number of connections that an edge serves.
#[expect(unsafe_code, reason = "as above")]
fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid for the duration of the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    set_limit(libc::RLIMIT_NOFILE, limit.rlim_max.min(OPEN_FILES), limit.rlim_max)
}

/// Writes `number` over the ten digits at the end of `line`, before the terminating zero byte.
fn write_decimal(line: &mut [u8], mut number: u32) {
    for digit in line.iter_mut().rev().skip(1).take(10) {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_is_written_in_place() {
        let mut line = b"LISTEN_PID=0000000000\0".to_vec();
        write_decimal(&mut line, 4_294_967_295);
        assert_eq!(line, b"LISTEN_PID=4294967295\0");
        write_decimal(&mut line, 12);
        assert_eq!(line, b"LISTEN_PID=0000000012\0");
    }

    #[test]
    fn services_get_a_short_list_of_environment_variables() {
        for line in environment() {
            let name = line.split('=').next().unwrap();
            assert!(["LISTEN_FDS", "PATH", "LANG", "RUST_BACKTRACE"].contains(&name), "{name}");
        }
    }
}
