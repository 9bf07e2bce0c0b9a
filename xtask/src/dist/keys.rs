//! Keys for signatures.

use super::repository::Signer;
use crate::machine::programs::Need;
use crate::{machine, shell};
use anyhow::{Context as _, ensure};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Arguments of `cargo xtask dist keygen`.
#[derive(clap::Args)]
pub struct Keys {
    /// Directory of the keys, which is created with mode 0700
    directory: PathBuf,
    /// Do not encrypt the secret key, for machines that sign without a person
    #[arg(long)]
    without_password: bool,
}

impl Keys {
    /// Creates a pair of minisign, and prints how it is used.
    pub fn create(&self) -> anyhow::Result<()> {
        machine::provide(&[Need::Package])?;
        let secret = self.directory.join(SECRET);
        ensure!(!secret.exists(), "{} exists; a new key would make all former signatures invalid", secret.display());
        private_directory(&self.directory)?;
        minisign(&self.directory, self.without_password)?;
        println!("sign:    cargo xtask dist --minisign-key {}", secret.display());
        println!("publish: {}", self.directory.join(PUBLIC).display());
        Ok(())
    }
}

/// Names of the keys of minisign.
const SECRET: &str = "minisign.key";
const PUBLIC: &str = "minisign.pub";

fn private_directory(path: &Path) -> anyhow::Result<()> {
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.with_context(|| format!("cannot create {}", path.display()))
}

/// Creates a pair in a directory. minisign(1) asks for the password on the terminal.
fn minisign(directory: &Path, is_open: bool) -> anyhow::Result<()> {
    let mut generate = shell::command("minisign", &["-G", "-p"]);
    generate.arg(directory.join(PUBLIC)).arg("-s").arg(directory.join(SECRET));
    if is_open {
        generate.arg("-W").stdout(Stdio::null());
    }
    shell::run(generate)
}

/// Keys for tests, without passphrase.
pub struct TestKeys {
    gpg_home: PathBuf,
    /// The secret key of minisign.
    pub minisign: PathBuf,
}

/// Name of the test key.
const TEST_KEY: &str = "Tornado VPN tests";

impl TestKeys {
    /// Creates both in a directory.
    pub fn create(directory: &Path) -> anyhow::Result<Self> {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        let keys = Self { gpg_home: directory.join("gpg"), minisign: directory.join(SECRET) };
        private_directory(&keys.gpg_home)?;
        let mut gpg = shell::command("gpg", &["--batch", "--quiet", "--passphrase", "", "--quick-generate-key"]);
        shell::run(gpg.args([TEST_KEY, "ed25519", "sign", "never"]).env("GNUPGHOME", &keys.gpg_home))?;
        minisign(directory, true)?;
        Ok(keys)
    }

    /// The key of gpg.
    pub fn signer(&self) -> Signer {
        Signer { key: TEST_KEY.to_owned(), home: Some(self.gpg_home.clone()) }
    }
}

impl Drop for TestKeys {
    fn drop(&mut self) {
        // gpg started an agent. It ends by itself when its directory is removed, but not before.
        let mut agent = shell::command("gpgconf", &["--kill", "gpg-agent"]);
        drop(agent.env("GNUPGHOME", &self.gpg_home).status());
    }
}
