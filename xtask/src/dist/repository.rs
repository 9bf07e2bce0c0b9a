//! An apt repository with the packages, and the signatures of those who publish them.
//!
//! apt verifies the signature of the repository's list, which contains the digest of each package; a package itself has
//! no signature that apt would check.

use super::DIGESTS;
use crate::shell;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Name of the repository's only suite.
const SUITE: &str = "stable";
/// The public key, for `signed-by` in a source of apt.
const PUBLIC_KEY: &str = "tornado-archive-keyring.gpg";
/// The same key, for `rpm --import`.
const RPM_KEY: &str = "tornado-rpm-key.asc";

/// A key of gpg that signs the repository.
pub struct Signer {
    /// Its name, as gpg(1) accepts it.
    pub key: String,
    /// Directory of the keys; `None` for that of the user.
    pub home: Option<PathBuf>,
}

impl Signer {
    fn gpg(&self, words: &[&str]) -> Command {
        let mut gpg = shell::command("gpg", &["--batch", "--yes", "--quiet", "--local-user", &self.key]);
        if let Some(home) = &self.home {
            gpg.env("GNUPGHOME", home);
        }
        gpg.args(words);
        gpg
    }

    /// Signs packages for rpm, and writes the public key to `out`.
    pub fn sign_rpms(&self, packages: &[PathBuf], out: &Path) -> anyhow::Result<()> {
        let gpg = shell::find("gpg").context("gpg is not installed")?;
        let program = format!("__gpg {}", gpg.display());
        let mut sign = shell::command("rpmsign", &["--define", &program, "--define"]);
        sign.arg(format!("_gpg_name {}", self.key)).arg("--addsign").args(packages);
        if let Some(home) = &self.home {
            sign.env("GNUPGHOME", home);
        }
        shell::read(sign).context("cannot sign the packages for rpm")?;
        // rpmsign(8) reports success even if gpg failed.
        let format = "%|RSAHEADER?{signed}:{%|DSAHEADER?{signed}:{unsigned}|}|\n";
        let found = shell::read(shell::command("rpm", &["-qp", "--nosignature", "--qf", format]).args(packages))?;
        anyhow::ensure!(!found.contains("unsigned"), "gpg did not sign with the key '{}'", self.key);
        shell::run(self.gpg(&["--armor", "--output"]).arg(out.join(RPM_KEY)).args(["--export", &self.key]))
    }
}

/// Creates the repository in `out/apt`, signed with a key of gpg. Returns its directory.
pub fn create(packages: &[PathBuf], signer: &Signer, epoch: u64, out: &Path) -> anyhow::Result<PathBuf> {
    let root = out.join("apt");
    if root.exists() {
        std::fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    let (pool, suite) = (root.join("pool"), root.join("dists").join(SUITE));
    let lists = suite.join("main/binary-amd64");
    for directory in [&pool, &lists] {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    }
    for package in packages {
        std::fs::copy(package, pool.join(package.file_name().context("a package has no name")?))?;
    }
    let mut scan = shell::command("dpkg-scanpackages", &["--multiversion", "pool"]);
    let list = shell::read(scan.current_dir(&root).stderr(Stdio::null()))?;
    std::fs::write(lists.join("Packages"), list)?;
    shell::run(shell::command("gzip", &["-9nk"]).arg(lists.join("Packages")))?;
    std::fs::write(suite.join("Release"), release(&suite, epoch)?)?;
    for (how, name) in [("--clearsign", "InRelease"), ("--detach-sign", "Release.gpg")] {
        let mut sign = signer.gpg(&["--armor", "--output"]);
        shell::run(sign.arg(suite.join(name)).arg(how).arg(suite.join("Release")))?;
    }
    shell::run(signer.gpg(&["--output"]).arg(root.join(PUBLIC_KEY)).args(["--export", &signer.key]))?;
    Ok(root)
}

/// The description of the suite, with the digests of its lists.
fn release(suite: &Path, epoch: u64) -> anyhow::Result<String> {
    let time = format!("--date=@{epoch}");
    let mut date = shell::command("date", &["--utc", &time, "+%a, %d %b %Y %H:%M:%S UTC"]);
    let date = shell::read(date.env("LC_ALL", "C"))?;
    let mut text = format!(
        "Origin: Tornado VPN\nLabel: Tornado VPN\nSuite: {SUITE}\nCodename: {SUITE}\nDate: {date}Architectures: amd64\n\
         Components: main\nSHA256:\n"
    );
    for name in ["main/binary-amd64/Packages", "main/binary-amd64/Packages.gz"] {
        let digest = shell::read(shell::command("sha256sum", &["--", name]).current_dir(suite))?;
        let digest = digest.split_whitespace().next().context("sha256sum printed no digest")?;
        let size = std::fs::metadata(suite.join(name))?.len();
        text.push_str(&format!(" {digest} {size} {name}\n"));
    }
    Ok(text)
}

/// Signs the list of digests with a secret key of minisign(1), into `SHA256SUMS.minisig`.
pub fn sign_digests(key: &Path, out: &Path) -> anyhow::Result<()> {
    let mut minisign = shell::command("minisign", &["-S", "-s"]);
    minisign.arg(key).arg("-m").arg(out.join(DIGESTS)).stdout(Stdio::null());
    shell::run(minisign)
}
