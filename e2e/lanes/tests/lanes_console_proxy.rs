//! The console behind nginx and Caddy, with the files that `installers/proxy` gives to operators, and with its own TLS:
//! HTTP/2, the client's address, live events without a delay, downloads.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tornado_backup::Archive;
use tornado_e2e_engines::Authority;
use tornado_e2e_harness::{Process, SERVER, device_addresses, wait_for};
use tornado_e2e_lanes::world::World;
use tornado_shared::model::Secret;

const NAME: &str = "console.example.org";
const PASSWORD: &str = "correct horse battery";
const PASSPHRASE: &str = "a passphrase for tests";
const WITHIN: Duration = Duration::from_secs(60);
const CONFIG: &str = "[admin]\nhosts = [\"console.example.org\"]\ntrusted_proxies = [\"127.0.0.1\"]\n";

/// A lab with an owner, and a certificate for the console's name.
struct Site {
    world: World,
    dir: TempDir,
    port: u16,
}

impl Site {
    fn up(port: u16, config: &str) -> Self {
        let world = World::up(1, &format!("{CONFIG}{config}")).unwrap();
        let mut command = world.server.command().unwrap();
        command.args(["operator", "add", "ann", "--role", "owner", "--password-stdin"]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new().unwrap());
        let (certificate, key) = authority.server(NAME).unwrap();
        let site = Self { world, dir, port };
        for (name, text) in [("ca.pem", authority.certificate()), ("site.pem", &certificate), ("site.key", &key)] {
            std::fs::write(site.path(name), text).unwrap();
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The text of an example with the paths of this site.
    fn example(&self, name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../installers/proxy").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let [certificate, key] = ["site.pem", "site.key"].map(|name| self.path(name).display().to_string());
        assert!(text.contains("/etc/ssl/console.example.org.pem") && text.contains("/etc/ssl/console.example.org.key"));
        text.replace("/etc/ssl/console.example.org.pem", &certificate).replace("/etc/ssl/console.example.org.key", &key)
    }

    fn origin(&self) -> String {
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        format!("Origin: https://{NAME}{port}")
    }

    fn start(&self, program: &str, words: &[&str]) -> Process {
        let host = self.world.lab.host("server").unwrap();
        let mut command = host.command(program);
        command.args(words).env("HOME", self.dir.path());
        host.spawn(program, command).unwrap()
    }

    /// `curl` on the device, with the console's path. Returns its output, and the status and version of HTTP.
    fn curl(&self, path: &str, words: &[&str]) -> (String, String) {
        let url = format!("https://{NAME}:{}/api/v1{path}", self.port);
        let (ca, resolve) = (self.path("ca.pem"), format!("{NAME}:{}:{}", self.port, SERVER.v4));
        let ca = ca.display().to_string();
        let mut all =
            vec!["curl", "-sS", "--cacert", &ca, "--resolve", &resolve, "-w", "\n%{http_code} %{http_version}"];
        all.extend(words);
        all.push(&url);
        let output = self.world.device_host(1).unwrap().try_exec(&all, WITHIN).unwrap();
        let (text, end) = output.stdout.rsplit_once('\n').unwrap_or(("", &output.stdout));
        (text.to_owned(), format!("{end}{}", if end.starts_with("000") { output.stderr.as_str() } else { "" }))
    }

    fn sign_in(&self, extra: &[&str]) -> [String; 2] {
        let body = json!({ "name": "ann", "password": PASSWORD }).to_string();
        let jar = self.path("jar").display().to_string();
        let origin = self.origin();
        let mut words = vec!["-c", &jar, "-H", &origin, "-H", "Content-Type: application/json", "-d", &body];
        words.extend(extra);
        let (text, end) = self.curl("/sign-in", &words);
        assert_eq!(end, "200 2", "{text}");
        let signed_in: Value = serde_json::from_str(&text).unwrap();
        let csrf = format!("X-CSRF-Token: {}", signed_in["csrf_token"].as_str().unwrap());
        // Browsers keep a cookie with the prefix `__Host-` only if it came over TLS.
        let jar = std::fs::read_to_string(jar).unwrap();
        let line = jar.lines().find(|line| line.contains("__Host-tornado")).unwrap();
        let value = line.split_whitespace().last().unwrap();
        [format!("Cookie: __Host-tornado={value}"), csrf]
    }
}

/// Everything that a proxy could spoil.
fn check(site: &Site) {
    let origin = site.origin();
    wait_for("the proxy", WITHIN, || Ok((site.curl("/me", &[]).1 == "401 2").then_some(()))).unwrap();
    let [cookie, csrf] = site.sign_in(&["-H", "X-Forwarded-For: 192.0.2.66"]);
    let (text, end) = site.curl("/sign-ins", &["-H", &cookie]);
    assert_eq!(end, "200 2", "{text}");
    let sign_ins: Value = serde_json::from_str(&text).unwrap();
    let address = device_addresses(1).v4.to_string();
    assert_eq!(sign_ins["items"][0]["address"], address.as_str(), "the client's address, not one that it claims");

    let (text, end) =
        site.curl("/tor/probe", &["-X", "POST", "-H", &cookie, "-H", &csrf, "-H", "Origin: https://x.org"]);
    assert_eq!(end, "403 2");
    assert!(text.contains("foreign_origin"), "{text}");

    // Two samples within three seconds: nothing holds them back.
    let (text, _) = site.curl("/metrics/live", &["-N", "--max-time", "4", "-H", &cookie]);
    assert!(text.matches("event: samples").count() >= 2, "{text}");

    let csv = site.path("logs.csv").display().to_string();
    let (_, end) = site.curl("/logs/export?format=csv", &["-H", &cookie, "-o", &csv]);
    assert_eq!(end, "200 2");
    assert!(std::fs::read_to_string(csv).unwrap().lines().count() > 10);

    let file = site.path("server.backup");
    let (name, body) = (file.display().to_string(), json!({ "passphrase": PASSPHRASE }).to_string());
    let json = "Content-Type: application/json";
    let words = ["-H", &cookie, "-H", &csrf, "-H", &origin, "-H", json, "-d", &body, "-o", &name];
    let (_, end) = site.curl("/backup", &words);
    assert_eq!(end, "200 2", "{}", String::from_utf8_lossy(&std::fs::read(&file).unwrap()));
    let archive = Archive::open(BufReader::new(File::open(&file).unwrap()), || Ok(Secret::new(PASSPHRASE))).unwrap();
    let manifest = archive.unpack(|_| Ok(std::io::sink())).unwrap();
    assert!(manifest.files.iter().any(|entry| entry.path.as_str() == "state/auth/keys/identity.json"));

    let large = "x".repeat(100_000);
    let (text, end) = site.curl("/me/confirm", &["-H", &cookie, "-H", &csrf, "-H", &origin, "-H", json, "-d", &large]);
    assert_eq!(end, "413 2", "{text}");
}

#[test]
fn nginx_serves_the_console() {
    let site = Site::up(443, "");
    std::fs::write(site.path("site.conf"), site.example("nginx.conf")).unwrap();
    let main = format!(
        "user root;\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {dir}/body;\nproxy_temp_path {dir}/proxy;\nfastcgi_temp_path {dir}/f;\n\
         uwsgi_temp_path {dir}/u;\nscgi_temp_path {dir}/s;\ninclude {dir}/site.conf;\n}}\n",
        dir = site.dir.path().display()
    );
    std::fs::write(site.path("nginx.conf"), main).unwrap();
    let path = site.path("nginx.conf").display().to_string();
    let _nginx = site.start("nginx", &["-c", &path, "-g", "daemon off;"]);
    check(&site);
}

#[test]
fn caddy_serves_the_console() {
    let site = Site::up(443, "");
    let options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n";
    std::fs::write(site.path("Caddyfile"), format!("{options}{}", site.example("Caddyfile"))).unwrap();
    let path = site.path("Caddyfile").display().to_string();
    let _caddy = site.start("caddy", &["run", "--adapter", "caddyfile", "--config", &path]);
    check(&site);
}

#[test]
fn the_console_serves_http2_with_its_own_certificate() {
    let site = Site::up(8443, "listen = \"0.0.0.0:8443\"\ntls = \"own\"\n");
    // The certificate that the server created is its own authority.
    let own = site.world.server.state_dir().join("admin/tls.crt");
    std::fs::copy(own, site.path("ca.pem")).unwrap();
    check(&site);
}
