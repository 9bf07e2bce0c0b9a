//! The world of the bench: lab, server, devices, browser, and nginx with copies of the pages.

use super::window::{self, Window};
use crate::bench::fleet::{self, Act, Fleet};
use crate::bench::resident_bytes;
use crate::bench::tor_world::programs;
use anyhow::{Context as _, ensure};
use std::io::Write as _;
use std::ops::Range;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Host, Internet, Lab, LabOptions, Process, Programs, ServerOptions, ServerProc, wait_for};

/// Address of the console. Browsers keep its cookie, because the name is `localhost`.
pub const CONSOLE: &str = "http://localhost:8000";
/// Address of nginx.
pub const COPIES: &str = "http://localhost:8080";
/// Password of every operator.
pub const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(30);
/// Concurrent callers that create sessions.
const CALLERS: usize = 64;
/// Devices per account.
const EACH: usize = 10;
/// Devices that are created in one step; the time limit is checked between steps.
const STEP: usize = 1_000;

/// Sessions without heartbeats do not expire, devices stay logged in, and limits that many devices behind one address
/// would reach are raised. Passwords cost little, because they are not measured.
const CONFIG: &str = "[session]\nheartbeat_ttl = 3600\n\n[auth]\nhash_queue = 1024\naccess_lifetime = 86400\n\
    argon2 = { memory_kib = 64, passes = 1, lanes = 1 }\nguard = { failures = 100, at_once = 1000 }\n\n\
    [client_api]\nconnections_per_address = 4096\nanonymous_per_minute = 1000000\n";

/// The complete world. Everything is removed on drop.
pub struct World {
    /// The browser, on the server's host.
    pub window: Window,
    /// The devices.
    pub fleet: Fleet,
    server: ServerProc,
    nginx: Option<Process>,
    host: Host,
    _internet: Internet,
    _lab: Lab,
}

impl World {
    /// Starts everything except nginx.
    pub fn up() -> anyhow::Result<Self> {
        for program in [fleet::program(), window::program()] {
            ensure!(program.is_file(), "{} is not built", program.display());
        }
        let lab = Lab::up(LabOptions::with_devices(1))?;
        let internet = lab.internet()?;
        let host = lab.host("server")?.clone();
        let programs = Programs::in_dir(programs());
        let options = ServerOptions { programs, config: CONFIG.to_owned(), cluster: false, ..ServerOptions::default() };
        let server = ServerProc::start(&host, options)?;
        // The lab has no Tor network, and Tor would be started again and again.
        server.cli(&["tor", "stop"])?.success()?;
        wait_for("the console", PATIENCE, || {
            Ok(host.exec(&["curl", "-sS", "-o", "/dev/null", CONSOLE]).is_ok().then_some(()))
        })?;
        let fleet = Fleet::start(lab.host("device1")?, &server.run_dir())?;
        let window = Window::start(&host)?;
        Ok(Self { window, fleet, server, nginx: None, host, _internet: internet, _lab: lab })
    }

    /// The host of server, browser and nginx.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Creates an operator with all rights.
    pub fn operator(&self, name: &str) -> anyhow::Result<()> {
        let mut command = self.server.command()?;
        command.args(["operator", "add", name, "--role", "owner", "--password-stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        child.stdin.take().context("no standard input")?.write_all(PASSWORD.as_bytes())?;
        ensure!(child.wait()?.success(), "cannot create the operator {name}");
        Ok(())
    }

    /// Resident memory of a service, in MB.
    pub fn memory(&self, service: &str) -> anyhow::Result<f64> {
        Ok(resident_bytes(self.server.pid_of(service)?)? as f64 / 1e6)
    }

    /// Creates devices and connects them, until the time limit is reached. Returns their numbers.
    pub fn connect(&mut self, count: usize, within: Duration) -> anyhow::Result<Range<usize>> {
        let started = Instant::now();
        let mut all = None::<Range<usize>>;
        while all.as_ref().map_or(0, Range::len) < count && started.elapsed() < within {
            let step = STEP.min(count - all.as_ref().map_or(0, Range::len));
            let new = self.fleet.accounts(step.div_ceil(EACH), EACH)?;
            self.fleet.act(Act::Login, &new, CALLERS, None)?;
            self.fleet.act(Act::Connect, &new, CALLERS, None)?;
            all = Some(all.map_or(new.start, |all| all.start)..new.end);
        }
        all.context("no time to create devices")
    }

    /// Starts nginx with the files of a directory, and the console's files below `/pkg/`.
    pub fn serve_copies(&mut self, copies: &std::path::Path) -> anyhow::Result<()> {
        let dir = self.host.dir().join("nginx");
        std::fs::create_dir_all(&dir)?;
        let (shown, files) = (dir.display(), programs().join("../console"));
        let config = format!(
            "user root;\nworker_processes 1;\npid {shown}/pid;\nerror_log {shown}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off;\nkeepalive_requests 100000;\nclient_body_temp_path {shown}/b;\nproxy_temp_path {shown}/p;\n\
             fastcgi_temp_path {shown}/f;\nuwsgi_temp_path {shown}/u;\nscgi_temp_path {shown}/s;\n\
             types {{ text/html html; text/css css; }}\nserver {{\nlisten 127.0.0.1:8080;\nroot {copies};\n\
             location /pkg/ {{ alias {files}/; }}\n}}\n}}\n",
            copies = copies.display(),
            files = files.display(),
        );
        let path = dir.join("nginx.conf");
        std::fs::write(&path, config)?;
        let mut command = self.host.command("nginx");
        command.arg("-c").arg(&path).args(["-g", "daemon off;"]);
        self.nginx = Some(self.host.spawn("nginx", command)?);
        let host = &self.host;
        wait_for("nginx", PATIENCE, || {
            Ok(host.exec(&["curl", "-sS", "-o", "/dev/null", COPIES]).is_ok().then_some(()))
        })?;
        Ok(())
    }
}
