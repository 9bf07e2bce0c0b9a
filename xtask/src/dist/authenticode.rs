//! Signatures of Windows programs and installers, with osslsigncode(1).

use crate::shell;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A certificate for signing code.
pub struct Authenticode {
    /// The certificate and those between it and its root, PEM.
    pub certificate: PathBuf,
    /// Its secret key, PEM.
    pub key: PathBuf,
    /// Address of a service for timestamps (RFC 3161). Without it, signatures end with the certificate.
    pub timestamps: Option<String>,
}

impl Authenticode {
    /// Signs a file in place.
    pub fn sign(&self, path: &Path) -> anyhow::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".signed");
        let signed = PathBuf::from(name);
        let mut sign = shell::command("osslsigncode", &["sign", "-h", "sha256", "-n", "Tornado VPN"]);
        sign.arg("-certs").arg(&self.certificate).arg("-key").arg(&self.key);
        if let Some(address) = &self.timestamps {
            sign.args(["-ts", address]);
        }
        sign.arg("-in").arg(path).arg("-out").arg(&signed);
        shell::read(sign).with_context(|| format!("cannot sign {}", path.display()))?;
        std::fs::rename(&signed, path).with_context(|| format!("cannot replace {}", path.display()))
    }

    /// Creates a certificate that only tests trust.
    pub fn for_tests(directory: &Path) -> anyhow::Result<Self> {
        let (certificate, key) = (directory.join("authenticode.crt"), directory.join("authenticode.key"));
        let mut create = shell::command("openssl", &["req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "30"]);
        create.args(["-subj", "/CN=Tornado VPN tests", "-addext", "extendedKeyUsage=codeSigning"]);
        create.arg("-keyout").arg(&key).arg("-out").arg(&certificate).stderr(Stdio::null());
        shell::run(create)?;
        Ok(Self { certificate, key, timestamps: None })
    }
}
