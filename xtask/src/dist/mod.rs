//! `cargo xtask dist`: Debian packages of the server and of the client, and their digests.
//!
//! `docs/build_linux.md` describes the packages, `installers/debian` has their control files and maintainer scripts.

mod contents;
mod deb;
mod linked;
mod repository;
mod sbom;

use crate::machine::programs::Need;
use crate::{machine, shell, web};
use anyhow::{Context as _, bail};
use contents::Programs;
use deb::Edition;
use repository::{Signer, TestKeys};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Crates whose programs are packaged.
const CRATES: &[&str] = &["tornadod", "tornado-helper", "tornado-cli"];
/// Cargo's profile of published programs.
const PROFILE: &str = "dist";
/// Environment variable with the time of all files in a package, in seconds since 1970.
const EPOCH: &str = "SOURCE_DATE_EPOCH";
/// File with the SHA-256 digests of the packages, in the format of sha256sum(1).
const DIGESTS: &str = "SHA256SUMS";

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Dist {
    /// Package the programs of the debug build, with weak compression; for tests
    #[arg(long)]
    debug: bool,
    /// Directory of the packages [default: target/packages]
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Version of the packages
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    package_version: String,
    /// Also create an apt repository, signed with this key of gpg
    #[arg(long, value_name = "KEY")]
    repository_key: Option<String>,
    /// Sign the list of digests with this secret key of minisign
    #[arg(long, value_name = "FILE")]
    minisign_key: Option<PathBuf>,
}

impl Dist {
    /// Builds programs and packages, and prints the paths of the packages.
    pub fn run(self) -> anyhow::Result<()> {
        machine::provide(&[Need::Package])?;
        let out = std::path::absolute(self.out.unwrap_or_else(|| shell::target_dir().join("packages")))?;
        let programs = if self.debug { debug_build()? } else { dist_build()? };
        let edition = Edition { version: self.package_version, epoch: epoch()?, is_quick: self.debug };
        let packages = build(&programs, &edition, &out)?;
        for package in &packages {
            println!("{}", package.display());
        }
        println!("{}", out.join(DIGESTS).display());
        if let Some(key) = &self.minisign_key {
            repository::sign_digests(key, &out)?;
        }
        if let Some(key) = self.repository_key {
            let root = repository::create(&packages, &Signer { key, home: None }, edition.epoch, &out)?;
            println!("{}", root.display());
        }
        Ok(())
    }
}

/// Packages of the debug build in two versions, `old` and `new`, for the suite `packages`. The newer ones are packed
/// `again` for comparison, and are also in a repository and signed. The programs must be built.
pub fn for_tests(out: &Path) -> anyhow::Result<()> {
    let programs = Programs::of(&shell::target_dir(), "debug");
    let (version, epoch) = (env!("CARGO_PKG_VERSION"), epoch()?);
    let edition = |version: String| Edition { version, epoch, is_quick: true };
    build(&programs, &edition(format!("{version}~1")), &out.join("old"))?;
    let new = out.join("new");
    build(&programs, &edition(version.to_owned()), &out.join("again"))?;
    let packages = build(&programs, &edition(version.to_owned()), &new)?;
    let keys = TestKeys::create(&out.join("keys"))?;
    repository::sign_digests(&keys.minisign, &new)?;
    repository::create(&packages, &keys.signer(), epoch, &new).map(drop)
}

fn build(programs: &Programs, edition: &Edition, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("packages are built on amd64 only; this machine is {}", std::env::consts::ARCH);
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let stage = out.join("stage");
    let mut packages = Vec::new();
    for package in [contents::server(programs)?, contents::cli(programs)?] {
        packages.push(deb::build(&package, edition, &stage, out)?);
    }
    std::fs::remove_dir_all(&stage).with_context(|| format!("cannot remove {}", stage.display()))?;
    // The lists of crates are signed with the packages.
    let lists = crate_lists(edition, out)?;
    let names = packages.iter().chain(&lists).filter_map(|path| path.file_name());
    let list = shell::read(shell::command("sha256sum", &["--"]).args(names).current_dir(out))?;
    std::fs::write(out.join(DIGESTS), list).context("cannot write the digests")?;
    Ok(packages)
}

/// Writes a list of the crates in each package. Returns the paths.
fn crate_lists(edition: &Edition, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (graph, version) = (sbom::read()?, &edition.version);
    let seconds = format!("--date=@{}", edition.epoch);
    let time = shell::read(shell::command("date", &["--utc", &seconds, "+%Y-%m-%dT%H:%M:%SZ"]))?;
    let mut paths = Vec::new();
    let server = ("tornado-server", ["tornadod"].as_slice());
    let cli = ("tornado-cli", ["tornado-helper", "tornado-cli"].as_slice());
    for (package, crates) in [server, cli] {
        let list = sbom::list(&graph, package, version, time.trim(), crates)?;
        let path = out.join(format!("{package}_{version}.cdx.json"));
        std::fs::write(&path, format!("{list:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
        paths.push(path);
    }
    Ok(paths)
}

fn debug_build() -> anyhow::Result<Programs> {
    let mut words = vec!["build", "--quiet"];
    words.extend(CRATES.iter().flat_map(|package| ["--package", package]));
    shell::run(shell::cargo(&words))?;
    Ok(Programs::of(&shell::target_dir(), "debug"))
}

/// Builds the programs and the console's files. Paths of this machine do not get into the programs, so that two builds
/// in different directories are equal.
fn dist_build() -> anyhow::Result<Programs> {
    let mut words = vec!["build", "--locked", "--profile", PROFILE];
    words.extend(CRATES.iter().flat_map(|package| ["--package", package]));
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut flags = vec![remap(shell::root().as_os_str(), "/usr/src/tornado")];
    flags.extend(home.map(|home| remap(home.as_os_str(), "/usr/src/cargo")));
    // The separator of the variable, so that paths may contain spaces.
    shell::run(shell::cargo(&words).env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")))?;
    web::build()?;
    Ok(Programs::of(&shell::target_dir(), PROFILE))
}

fn remap(from: &OsStr, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.to_string_lossy())
}

/// The time of all files: from the environment, or of the latest commit.
fn epoch() -> anyhow::Result<u64> {
    if let Ok(text) = std::env::var(EPOCH) {
        return text.parse().with_context(|| format!("{EPOCH} is not a number of seconds: '{text}'"));
    }
    let latest = shell::read(shell::command("git", &["log", "-1", "--format=%ct"]))
        .with_context(|| format!("cannot read the time of the latest commit; set {EPOCH}"))?;
    latest.trim().parse().context("git printed no time")
}
