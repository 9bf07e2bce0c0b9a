//! `cargo xtask dist`: packages of the server and of the client for Debian and for distributions with rpm, and their
//! digests.
//!
//! `docs/build_linux.md` describes the packages; `installers/debian` and `installers/rpm` have their control files and
//! scripts.

mod authenticode;
mod contents;
mod deb;
mod keys;
mod linked;
mod msi;
mod programs;
mod repository;
mod rpm;
mod same;
mod sbom;
mod stage;

use crate::machine::programs::Need;
use crate::{machine, shell};
use anyhow::{Context as _, bail};
use authenticode::Authenticode;
use contents::Programs;
use keys::{Keys, TestKeys};
use repository::Signer;
use stage::{Edition, Stage};
use std::path::{Path, PathBuf};

/// Environment variable with the time of all files in a package, in seconds since 1970.
const EPOCH: &str = "SOURCE_DATE_EPOCH";
/// File with the SHA-256 digests of the packages, in the format of sha256sum(1).
const DIGESTS: &str = "SHA256SUMS";

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Dist {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    packages: Packages,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Creates the keys with which packages and digests are signed
    Keygen(Keys),
}

#[derive(clap::Args)]
struct Packages {
    /// Package the programs of the debug build, with weak compression; for tests
    #[arg(long)]
    debug: bool,
    /// Directory of the packages [default: target/packages]
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Version of the packages
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    package_version: String,
    /// Sign the packages for rpm with this key of gpg, and create an apt repository, signed with it
    #[arg(long, value_name = "KEY")]
    repository_key: Option<String>,
    /// Sign the list of digests with this secret key of minisign
    #[arg(long, value_name = "FILE")]
    minisign_key: Option<PathBuf>,
    /// Also build the installer of the client for Windows
    #[arg(long)]
    windows: bool,
    /// Sign programs and installer for Windows with this certificate, PEM
    #[arg(long, value_name = "FILE", requires = "windows", requires = "authenticode_key")]
    authenticode_certificate: Option<PathBuf>,
    /// Secret key of the certificate, PEM
    #[arg(long, value_name = "FILE")]
    authenticode_key: Option<PathBuf>,
    /// Address of a service for timestamps of these signatures (RFC 3161)
    #[arg(long, value_name = "URL")]
    authenticode_timestamps: Option<String>,
    /// Pack everything a second time in another directory, and fail if a byte differs
    #[arg(long)]
    check_reproducible: bool,
}

impl Dist {
    /// Builds programs and packages, and prints the paths of the packages.
    pub fn run(self) -> anyhow::Result<()> {
        match self.task {
            Some(Task::Keygen(keys)) => keys.create(),
            None => self.packages.build(),
        }
    }
}

impl Packages {
    fn build(self) -> anyhow::Result<()> {
        // The tools, and the libraries that the window is linked with.
        machine::provide(&[Need::Package, Need::Desktop])?;
        let out = std::path::absolute(self.out.unwrap_or_else(|| shell::target_dir().join("packages")))?;
        let programs = if self.debug { programs::debug()? } else { programs::dist()? };
        let programs = programs.stripped(&out.join("programs"))?;
        let edition = Edition { version: self.package_version, epoch: epoch()?, is_quick: self.debug };
        let mut built = build(&programs, &edition, &out)?;
        if self.windows {
            machine::provide(&[Need::Windows])?;
            programs::windows(self.debug)?;
            built.installers.push(installer(&programs, &edition, None, &out)?);
        }
        if self.check_reproducible {
            let again = out.join("again-in-another-directory");
            build(&programs, &edition, &again)?;
            if self.windows {
                installer(&programs, &edition, None, &again)?;
            }
            same::check(&out, &again)?;
            std::fs::remove_dir_all(&again).with_context(|| format!("cannot remove {}", again.display()))?;
            println!("packing twice gave the same bytes");
        }
        let signer = self.repository_key.map(|key| Signer { key, home: None });
        if let Some(signer) = &signer {
            signer.sign_rpms(&built.rpms, &out)?;
            println!("{}", repository::create(&built.debs, signer, edition.epoch, &out)?.display());
        }
        if let (Some(certificate), Some(key)) = (self.authenticode_certificate, self.authenticode_key) {
            // The programs inside are signed as well, so it is packed again.
            let signer = Authenticode { certificate, key, timestamps: self.authenticode_timestamps };
            installer(&programs, &edition, Some(&signer), &out)?;
        }
        built.write_digests(&out)?;
        if let Some(key) = &self.minisign_key {
            repository::sign_digests(key, &out)?;
        }
        for package in built.debs.iter().chain(&built.rpms).chain(&built.installers) {
            println!("{}", package.display());
        }
        println!("{}", out.join(DIGESTS).display());
        let copies = out.join("programs");
        std::fs::remove_dir_all(&copies).with_context(|| format!("cannot remove {}", copies.display()))
    }
}

/// Packages of the debug build in two versions, `old` and `new`, for the suite `packages`. The newer ones are packed
/// `again` for comparison, and are also in a repository and signed. The programs must be built.
pub fn for_tests(out: &Path) -> anyhow::Result<()> {
    let programs = Programs::of(&shell::target_dir(), "debug").stripped(&out.join("programs"))?;
    let (version, epoch) = (env!("CARGO_PKG_VERSION"), epoch()?);
    let edition = |version: String| Edition { version, epoch, is_quick: true };
    let (old, new, again) = (out.join("old"), out.join("new"), out.join("again/in/another/directory"));
    build(&programs, &edition(format!("{version}~1")), &old)?.write_digests(&old)?;
    build(&programs, &edition(version.to_owned()), &again)?;
    let built = build(&programs, &edition(version.to_owned()), &new)?;
    same::check(&new, &again)?;
    let keys = TestKeys::create(&out.join("keys"))?;
    keys.signer().sign_rpms(&built.rpms, &new)?;
    built.write_digests(&new)?;
    repository::sign_digests(&keys.minisign, &new)?;
    repository::create(&built.debs, &keys.signer(), epoch, &new).map(drop)
}

/// Installers for Windows of the debug build, for the suite `windows`: an `old` version and the `new` one, signed, and
/// the new one before, packed twice. The programs must be built.
pub fn installers_for_tests(out: &Path) -> anyhow::Result<()> {
    let programs = Programs::of(&shell::target_dir(), "debug");
    let (version, epoch) = (env!("CARGO_PKG_VERSION"), epoch()?);
    let keys = out.join("keys");
    std::fs::create_dir_all(&keys).with_context(|| format!("cannot create {}", keys.display()))?;
    let signer = Authenticode::for_tests(&keys)?;
    for (name, version, signer) in [
        ("unsigned", version, None),
        ("again", version, None),
        ("old", "0.0.1", Some(&signer)),
        ("new", version, Some(&signer)),
    ] {
        let directory = out.join(name);
        std::fs::create_dir_all(&directory)?;
        same::remove_outputs(&directory)?;
        let edition = Edition { version: version.to_owned(), epoch, is_quick: true };
        installer(&programs, &edition, signer, &directory)?;
    }
    same::check(&out.join("unsigned"), &out.join("again"))
}

fn installer(
    programs: &Programs,
    edition: &Edition,
    signer: Option<&Authenticode>,
    out: &Path,
) -> anyhow::Result<PathBuf> {
    let directory = out.join("installer");
    let built = msi::pack(programs, edition, signer, &directory, out)?;
    std::fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    Ok(built)
}

/// What was built.
struct Built {
    /// Installers for Windows.
    installers: Vec<PathBuf>,
    debs: Vec<PathBuf>,
    rpms: Vec<PathBuf>,
    /// The lists of crates.
    lists: Vec<PathBuf>,
}

impl Built {
    /// Writes the digests of all files, which must be signed before.
    fn write_digests(&self, out: &Path) -> anyhow::Result<()> {
        let files = self.debs.iter().chain(&self.rpms).chain(&self.installers).chain(&self.lists);
        let names = files.filter_map(|path| path.file_name());
        let list = shell::read(shell::command("sha256sum", &["--"]).args(names).current_dir(out))?;
        std::fs::write(out.join(DIGESTS), list).context("cannot write the digests")
    }
}

/// Builds all packages and lists of crates in `out`, from which those of earlier builds are removed.
fn build(programs: &Programs, edition: &Edition, out: &Path) -> anyhow::Result<Built> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("packages are built on amd64 only; this machine is {}", std::env::consts::ARCH);
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    same::remove_outputs(out)?;
    let directory = out.join("stage");
    let (mut debs, mut rpms) = (Vec::new(), Vec::new());
    for package in [contents::server(programs)?, contents::cli(programs)?, contents::client(programs)?] {
        let mut stage = Stage::write(&package, edition, &directory)?;
        rpms.push(rpm::pack(&package, edition, &stage, out)?);
        debs.push(deb::pack(&package, edition, &mut stage, out)?);
    }
    std::fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    Ok(Built { debs, rpms, installers: Vec::new(), lists: crate_lists(edition, out)? })
}

/// Writes a list of the crates in each package. Returns the paths.
fn crate_lists(edition: &Edition, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (graph, version) = (sbom::read()?, &edition.version);
    let seconds = format!("--date=@{}", edition.epoch);
    let time = shell::read(shell::command("date", &["--utc", &seconds, "+%Y-%m-%dT%H:%M:%SZ"]))?;
    let mut paths = Vec::new();
    for (package, crates) in [
        ("tornado-server", ["tornadod"].as_slice()),
        ("tornado-cli", &["tornado-helper", "tornado-cli"]),
        // The second runs in the window.
        ("tornado-client", &["tornado-gui", "tornado-desktop-ui"]),
    ] {
        let list = sbom::list(&graph, package, version, time.trim(), crates)?;
        let path = out.join(format!("{package}_{version}.cdx.json"));
        std::fs::write(&path, format!("{list:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
        paths.push(path);
    }
    Ok(paths)
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
