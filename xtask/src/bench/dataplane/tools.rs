//! Programs and keys that the contestants need.

use super::pair::{End, Pair};
use super::retry;
use crate::shell;
use anyhow::{Context as _, ensure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Debian's suite with the newest wireguard-go.
const SUITE: &str = "sid";
/// The latest release.
const BORINGTUN: &str = "0.7.1";

/// Paths of the programs.
pub struct Tools {
    /// Our program.
    pub ours: PathBuf,
    /// Our program at another commit, if `TORNADO_FORMER_DIR` names the directory of its release programs.
    pub former: Option<PathBuf>,
    /// The newest version that is available.
    pub wireguard_go: PathBuf,
    /// Its version.
    pub wireguard_go_version: String,
    /// `None` if it cannot be built.
    pub boringtun: Option<PathBuf>,
}

impl Tools {
    /// Builds or downloads missing programs.
    pub fn get() -> anyhow::Result<Self> {
        let dir = shell::target_dir().join("bench");
        std::fs::create_dir_all(&dir)?;
        shell::run(shell::cargo(&["build", "--quiet", "--release", "--package", "tornado-e2e-dataplane"]))?;
        let wireguard_go = newest_wireguard_go(&dir).unwrap_or_else(|error| {
            eprintln!("using the installed wireguard-go: {error:#}");
            "wireguard-go".into()
        });
        let said = shell::read(shell::command(&wireguard_go, &["--version"])).unwrap_or_default();
        let wireguard_go_version = said.split_whitespace().find(|word| word.contains(|c: char| c.is_ascii_digit()));
        Ok(Self {
            former: std::env::var_os("TORNADO_FORMER_DIR").map(|dir| Path::new(&dir).join("tornado-dataplane")),
            ours: shell::target_dir().join("release/tornado-dataplane"),
            wireguard_go_version: package_version(&dir).or(wireguard_go_version.map(str::to_owned)).unwrap_or_default(),
            wireguard_go,
            boringtun: boringtun(&dir).map_err(|error| eprintln!("boringtun is not available: {error:#}")).ok(),
        })
    }
}

/// Downloads and unpacks the package of Debian's newest suite without installing it. The system's package lists are not
/// changed.
fn newest_wireguard_go(dir: &Path) -> anyhow::Result<PathBuf> {
    let program = dir.join("wireguard-go/usr/bin/wireguard-go");
    if program.exists() {
        return Ok(program);
    }
    let apt = dir.join("apt");
    for part in ["lists/partial", "cache/archives/partial", "parts"] {
        std::fs::create_dir_all(apt.join(part))?;
    }
    let site =
        shell::read(shell::command("apt-get", &["indextargets", "--format", "$(SITE)", "Created-By: Packages"]))?;
    let site =
        site.lines().find(|line| line.ends_with("/debian")).context("apt has no Debian archive in its sources")?;
    let signed = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";
    std::fs::write(apt.join("sources.list"), format!("deb [{signed}] {site} {SUITE} main\n"))?;
    let options = [
        format!("Dir::Etc::sourcelist={}", apt.join("sources.list").display()),
        format!("Dir::Etc::sourceparts={}", apt.join("parts").display()),
        format!("Dir::State::lists={}", apt.join("lists").display()),
        format!("Dir::Cache={}", apt.join("cache").display()),
    ];
    let run = |words: &[&str]| {
        let mut command = shell::command("apt-get", &["--quiet=2"]);
        command.args(options.iter().flat_map(|option| ["-o", option])).args(words).current_dir(&apt);
        shell::run(command)
    };
    run(&["update"])?;
    run(&["download", "wireguard-go"])?;
    let package = shell::package_in(&apt, "wireguard-go").context("apt-get downloaded no package")?;
    shell::run(shell::command("dpkg", &["--extract"]).arg(&package).arg(dir.join("wireguard-go")))?;
    ensure!(program.exists(), "the package does not contain wireguard-go");
    Ok(program)
}

/// The version in the file name of the package, because the program may not report its version.
fn package_version(dir: &Path) -> Option<String> {
    let package = shell::package_in(&dir.join("apt"), "wireguard-go")?;
    let name = package.file_stem()?.to_str()?.strip_prefix("wireguard-go_")?;
    Some(name.rsplit_once('_')?.0.to_owned())
}

fn boringtun(dir: &Path) -> anyhow::Result<PathBuf> {
    let root = dir.join("boringtun");
    let program = root.join("bin/boringtun-cli");
    if !program.exists() {
        println!("building boringtun-cli (only once)");
        let words = ["install", "--quiet", "--version", BORINGTUN, "boringtun-cli", "--root"];
        shell::run(shell::cargo(&words).arg(&root))?;
    }
    Ok(program)
}

/// Keys of both ends in base64.
pub struct Keys {
    pairs: [(String, String); 2],
    preshared: String,
}

impl Keys {
    /// Generates new keys.
    pub fn make() -> anyhow::Result<Self> {
        let pair = || -> anyhow::Result<(String, String)> {
            let private = wg(&["genkey"], "")?;
            let public = wg(&["pubkey"], &private)?;
            Ok((private, public))
        };
        Ok(Self { pairs: [pair()?, pair()?], preshared: wg(&["genpsk"], "")? })
    }

    fn of(&self, end: End) -> &(String, String) {
        let [near, far] = &self.pairs;
        match end {
            End::Near => near,
            End::Far => far,
        }
    }

    pub fn private(&self, end: End) -> &str {
        &self.of(end).0
    }

    pub fn public(&self, end: End) -> &str {
        &self.of(end).1
    }

    /// The preshared key.
    pub fn preshared(&self) -> &str {
        &self.preshared
    }

    /// Configures a program that implements the protocol of `wg`.
    pub fn configure(&self, pair: &Pair, end: End, other: End, port: u16) -> anyhow::Result<()> {
        let text = format!(
            "[Interface]\nPrivateKey = {}\nListenPort = {port}\n[Peer]\nPublicKey = {}\nPresharedKey = {}\n\
             AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = {}:{port}\n",
            self.private(end),
            self.public(other),
            self.preshared,
            other.outside(),
        );
        let path = shell::target_dir().join(format!("bench/wg-{}.conf", std::process::id()));
        std::fs::write(&path, text)?;
        // The interface may exist shortly before the socket that `wg` uses.
        let configured = retry(50, Duration::from_millis(50), || {
            shell::read(pair.command(end, "wg").args(["setconf", end.interface()]).arg(&path)).map(drop)
        });
        std::fs::remove_file(&path)?;
        configured
    }
}

fn wg(words: &[&str], input: &str) -> anyhow::Result<String> {
    let mut command = shell::command("wg", words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start wg")?;
    child.stdin.take().context("wg has no input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "wg {words:?} failed with {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
