//! A complete server of real processes in its own network and mount namespace, so that it touches no port, interface or
//! Unix user of the machine. Needs root, as the server does.

#![expect(clippy::disallowed_methods, reason = "polls another program")]

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const SERVICES: [&str; 8] = ["auth", "session", "wg", "tor", "dns", "client-api", "admin", "telemetry"];
const USERS: [&str; 8] = [
    "tornado-auth",
    "tornado-session",
    "tornado-wg",
    "tornado-tor",
    "tornado-dns",
    "tornado-api",
    "tornado-admin",
    "tornado-telemetry",
];
const FIRST_UID: u32 = 64_700;

pub struct Lab {
    dir: tempfile::TempDir,
    /// Keeps the namespaces open.
    holder: Child,
    master: Option<Child>,
}

impl Lab {
    /// Creates namespaces with the services' users, and a configuration file.
    pub fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut passwd = String::from("root:x:0:0:root:/root:/bin/sh\n");
        let mut group = String::from("root:x:0:\n");
        for (uid, user) in (FIRST_UID..).zip(USERS) {
            writeln!(passwd, "{user}:x:{uid}:{uid}::/:/usr/sbin/nologin").unwrap();
            writeln!(group, "{user}:x:{uid}:").unwrap();
        }
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("passwd"), passwd).unwrap();
        std::fs::write(at("group"), group).unwrap();
        let paths =
            format!("[paths]\nrun = {:?}\nstate = {:?}\nlog = {:?}\n{config}", at("run"), at("state"), at("logs"));
        std::fs::write(at("tornado.toml"), paths).unwrap();
        // A copy, because a build may replace the original while the services run.
        std::fs::copy(env!("CARGO_BIN_EXE_tornadod"), at("tornadod")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_tornado-admind"), at("tornado-admind")).unwrap();
        let script = "mount --bind passwd /etc/passwd && mount --bind group /etc/group && ip link set lo up && echo up && exec sleep 600";
        let mut holder = Command::new("unshare")
            .args(["--mount", "--net", "sh", "-c", script])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n", "cannot create namespaces; run these tests as root");
        Self { dir, holder, master: None }
    }

    /// A lab in which the server is ready.
    pub fn ready() -> Self {
        let mut lab = Self::new("[server]\nhost = '192.0.2.1'\n");
        lab.start_master();
        lab.wait("every service is ready", |status| status["ready"] == true);
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that runs another program in all of the server's namespaces.
    pub fn within(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id())).args(["--mount", "--net", "--", program]);
        command
    }

    fn inside(&self) -> Command {
        let mut command = self.within(self.path("tornadod").to_str().unwrap());
        command.arg("--config").arg(self.path("tornado.toml"));
        command
    }

    pub fn start_master(&mut self) {
        self.start_master_by(&[]);
    }

    /// Starts the supervisor with a program that executes another one, or directly.
    pub fn start_master_by(&mut self, words: &[&str]) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let own = self.path("tornadod");
        let all: Vec<&str> = words.iter().copied().chain([own.to_str().unwrap()]).collect();
        let mut command = self.within(all[0]);
        command.args(&all[1..]).arg("--config").arg(self.path("tornado.toml"));
        command.arg("master").env("SECRET_OF_THE_PARENT", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.master = Some(command.spawn().unwrap());
    }

    /// A command that runs another program in the server's network namespace.
    pub fn beside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id())).args(["--net", "--", program]);
        command
    }

    pub fn tornadod(&self, arguments: &[&str]) -> Output {
        self.inside().args(arguments).output().unwrap()
    }

    pub fn status(&self) -> Option<Value> {
        serde_json::from_slice(&self.tornadod(&["status", "--json"]).stdout).ok()
    }

    /// Polls the status until it satisfies `is_so`, for at most 60 seconds.
    pub fn wait(&self, wish: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < Duration::from_secs(60) {
            last = self.status();
            if let Some(status) = last.as_ref().filter(|status| is_so(status)) {
                return status.clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("timed out waiting for '{wish}': {last:#?}\n{}", self.log());
    }

    pub fn pid(&self, service: &str) -> u32 {
        let status = self.status().unwrap();
        pid(&status, service).unwrap_or_else(|| panic!("{service} does not run"))
    }

    pub fn master_pid(&self) -> u32 {
        // `nsenter` executes the program, so this is its pid.
        self.master.as_ref().unwrap().id()
    }

    pub fn kill_master(&mut self) {
        let mut master = self.master.take().unwrap();
        master.kill().unwrap();
        master.wait().unwrap();
    }

    /// Sends SIGTERM and returns the exit code.
    pub fn stop_master(&mut self) -> Option<i32> {
        let mut master = self.master.take().unwrap();
        signal("TERM", master.id());
        master.wait().unwrap().code()
    }

    /// Returns the exit code of a supervisor that ends without a signal; `None` after `within`.
    pub fn wait_master(&mut self, within: Duration) -> Option<i32> {
        let mut master = self.master.take().unwrap();
        let began = Instant::now();
        while began.elapsed() < within {
            if let Some(status) = master.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.master = Some(master);
        None
    }

    /// Standard error of all processes. They append to one file, so their log lines are only in their own files.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    /// Standard error and the current log files of all processes.
    pub fn log(&self) -> String {
        let files = ["master"].into_iter().chain(SERVICES).map(|name| self.path(&format!("logs/{name}/{name}.log")));
        files.fold(self.stderr(), |text, file| text + &std::fs::read_to_string(file).unwrap_or_default())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut master) = self.master.take() {
            signal("TERM", master.id());
            drop(master.wait());
        }
        let record = std::fs::read_to_string(self.path("run/master.json")).unwrap_or_default();
        let record: Value = serde_json::from_str(&record).unwrap_or_default();
        for entry in record["services"].as_array().unwrap_or(&Vec::new()) {
            if let Some(pid) = entry["process"]["pid"].as_u64() {
                signal("KILL", u32::try_from(pid).unwrap());
            }
        }
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

pub fn service<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["services"].as_array().unwrap().iter().find(|s| s["name"] == name).unwrap()
}

pub fn pid(status: &Value, name: &str) -> Option<u32> {
    service(status, name)["pid"].as_u64().map(|pid| u32::try_from(pid).unwrap())
}

pub fn signal(name: &str, pid: u32) {
    drop(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status());
}

pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

pub fn proc_file(pid: u32, name: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(Path::new("/proc").join(pid.to_string()).join(name)).unwrap()).into_owned()
}
