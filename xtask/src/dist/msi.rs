//! Writes the installer for Windows with wixl(1).

use super::authenticode::Authenticode;
use super::contents::Programs;
use super::sbom;
use super::stage::{self, Edition};
use crate::shell;
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Our programs in the installer.
const PROGRAMS: &[&str] = &["tornado.exe", "tornado-helperd.exe"];
/// The driver's library, which its makers have signed, and its place in the package of crates.io.
const WINTUN: &str = "wintun.dll";
const WINTUN_PACKAGE: &str = "wintun-bindings";
const WINTUN_PATH: &str = "wintun/bin/amd64/wintun.dll";
/// Where the helper has the library's digest, which it compares before it loads the library.
const WINTUN_DIGEST: &str = "shared/windows/src/os/wintun.rs";
/// Name of the service, as the helper registers it.
const SERVICE: &str = "tornado-helper";
/// Arguments of the helper as a service. The installer replaces the name by the user who runs it.
const SERVICE_ARGUMENTS: &str = "service --allow-sid [UserSID]";
/// Directory of login and log in `%ProgramData%`.
const DATA: &str = "Tornado VPN";
/// What opens an invitation link.
const LINK_COMMAND: &str = "\"[INSTALLDIR]tornado.exe\" enroll \"%1\"";
/// Properties that reach the part of the installer that has the rights: those of upgrades, and the question about data.
const SECURE: &str = "WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;REMOVEDATA";

/// Packs the installer into `out`. `directory` is for its files, and is emptied. Programs and installer are signed if a
/// certificate is given.
pub fn pack(
    programs: &Programs,
    edition: &Edition,
    signer: Option<&Authenticode>,
    directory: &Path,
    out: &Path,
) -> anyhow::Result<PathBuf> {
    let version = version(&edition.version)?;
    if directory.exists() {
        std::fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    stage::directory(directory)?;
    for name in PROGRAMS {
        let (from, to) = (programs.windows(name), directory.join(name));
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}; build it first", from.display()))?;
        // It writes the time into the program.
        let mut strip = shell::command("x86_64-w64-mingw32-strip", &["--strip-unneeded"]);
        shell::run(strip.arg(&to).env("SOURCE_DATE_EPOCH", edition.epoch.to_string()))?;
        if let Some(signer) = signer {
            signer.sign(&to)?;
        }
    }
    let installers = shell::root().join("installers");
    for (from, name) in [
        (wintun()?, WINTUN),
        (installers.join("icons/tornado.ico"), "tornado.ico"),
        (installers.join("windows/tornado.wxs"), "tornado.wxs"),
    ] {
        std::fs::copy(&from, directory.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    // The cabinet contains the times of the files.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(edition.epoch);
    for entry in std::fs::read_dir(directory)? {
        std::fs::File::options().append(true).open(entry?.path())?.set_modified(time)?;
    }

    let built = out.join(format!("TornadoVPN-{version}-x64.msi"));
    let mut wixl = shell::command("wixl", &["--arch", "x64"]);
    for (name, value) in [
        ("Version", version),
        ("ProductCode", &code("product", version, directory)?),
        ("Service", SERVICE),
        ("ServiceArguments", SERVICE_ARGUMENTS),
        ("Window", "no"),
        ("LinkCommand", LINK_COMMAND),
        ("Data", DATA),
    ] {
        wixl.arg("--define").arg(format!("{name}={value}"));
    }
    wixl.arg("--output").arg(&built).arg("tornado.wxs").current_dir(directory);
    shell::read(at(wixl, edition.epoch)?).context("cannot build the installer")?;

    // wixl has no place for these, and gives each file a random code.
    let query = format!("UPDATE `Property` SET `Value` = '{SECURE}' WHERE `Property` = 'SecureCustomProperties'");
    let mut complete = shell::command("msibuild", &[]);
    complete.arg(&built).args(["-q", &query, "-s", &format!("Tornado VPN {version}"), "Tornado VPN maintainers"]);
    complete.args(["x64;1033", &format!("{{{}}}", code("package", version, directory)?)]);
    shell::read(at(complete, edition.epoch)?).context("cannot complete the installer")?;
    if let Some(signer) = signer {
        signer.sign(&built)?;
    }
    Ok(built)
}

/// The library of the Wintun driver, as cargo downloaded it, with the digest that the helper expects.
fn wintun() -> anyhow::Result<PathBuf> {
    let path = sbom::directory_of(WINTUN_PACKAGE)?.join(WINTUN_PATH);
    let digest = shell::read(shell::command("sha256sum", &["--"]).arg(&path))?;
    let digest = digest.split_whitespace().next().context("sha256sum printed no digest")?;
    let expected = stage::read(&shell::root().join(WINTUN_DIGEST))?;
    ensure!(expected.contains(digest), "{} has another digest than {WINTUN_DIGEST} expects", path.display());
    Ok(path)
}

/// A version as Windows compares it: three numbers.
fn version(version: &str) -> anyhow::Result<&str> {
    let parts: Vec<&str> = version.split('.').collect();
    let fits = |(part, limit): (&&str, u32)| part.parse::<u32>().is_ok_and(|number| number <= limit);
    ensure!(
        parts.len() == 3 && parts.iter().zip([255, 255, 65_535]).all(fits),
        "an installer for Windows cannot have the version '{version}'; it must be three numbers, such as 1.2.3"
    );
    Ok(version)
}

/// A code that depends on the version only, so that equal sources give equal installers.
fn code(kind: &str, version: &str, directory: &Path) -> anyhow::Result<String> {
    let seed = directory.join("seed");
    std::fs::write(&seed, format!("tornado-vpn {kind} {version}"))?;
    let digest = shell::read(shell::command("sha256sum", &["--"]).arg(&seed))?;
    std::fs::remove_file(&seed)?;
    let digits = digest.to_uppercase();
    let part = |from: usize, to: usize| digits.get(from..to).context("sha256sum printed no digest");
    // Version 8 of RFC 9562: the content is ours.
    Ok(format!("{}-{}-8{}-8{}-{}", part(0, 8)?, part(8, 12)?, part(12, 15)?, part(15, 18)?, part(18, 30)?))
}

/// The command with a clock that stands at the time of the files: its output contains the time.
fn at(mut command: Command, epoch: u64) -> anyhow::Result<Command> {
    let time = format!("--date=@{epoch}");
    let date = shell::read(shell::command("date", &["--utc", &time, "+%Y-%m-%d %H:%M:%S"]))?;
    let library = shell::faketime().context("libfaketime is not installed")?;
    command.env("LD_PRELOAD", library).env("FAKETIME", date.trim()).env("TZ", "UTC").env("DONT_FAKE_MONOTONIC", "1");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_numbers_are_a_version() {
        assert_eq!(version("0.1.65535").unwrap(), "0.1.65535");
        for wrong in ["0.1", "0.1.0~1", "256.0.0", "0.1.65536", "1.2.3.4", ""] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn codes_are_stable_and_differ_between_versions() {
        let directory = tempfile::tempdir().unwrap();
        let of = |kind: &str, version: &str| code(kind, version, directory.path()).unwrap();
        assert_eq!(of("product", "0.1.0"), of("product", "0.1.0"));
        assert_eq!(of("product", "0.1.0").len(), 36);
        assert_ne!(of("product", "0.1.0"), of("product", "0.1.1"));
        assert_ne!(of("product", "0.1.0"), of("package", "0.1.0"));
    }
}
