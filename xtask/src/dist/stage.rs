//! The files of a package in a directory, from which every kind of package is packed.

use super::contents::{Package, Source};
use crate::shell;
use anyhow::Context as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Address of the maintainers, unless `DEBEMAIL` is set, as for Debian's own tools.
const MAINTAINER: &str = "maintainers@tornado-vpn.example";

/// What two packages of the same files may differ in.
pub struct Edition {
    /// Version of the package.
    pub version: String,
    /// Time of all files, in seconds since 1970.
    pub epoch: u64,
    /// Weak compression, for tests.
    pub is_quick: bool,
}

/// The files of a package.
pub struct Stage {
    /// Directory with `root` and the working files of the packing programs.
    pub directory: PathBuf,
    /// The directory that becomes `/`.
    pub root: PathBuf,
    /// The programs in it.
    pub programs: Vec<PathBuf>,
    /// The values for the names in the templates.
    pub names: Names,
}

impl Stage {
    /// Writes the files of a package. The directory is emptied before.
    pub fn write(package: &Package, edition: &Edition, directory: &Path) -> anyhow::Result<Self> {
        if directory.exists() {
            std::fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
        }
        let root = directory.join("root");
        let names = Names::of(package, edition)?;
        let mut programs = Vec::new();
        for (path, source) in &package.files {
            write(&root, path, source, &names)?;
            if matches!(source, Source::Program(_)) {
                programs.push(root.join(path));
            }
        }
        Ok(Self { directory: directory.to_owned(), root, programs, names })
    }

    /// Adds a file.
    pub fn add(&self, path: &str, source: &Source) -> anyhow::Result<()> {
        write(&self.root, path, source, &self.names)
    }
}

/// The values for the names in the templates.
pub struct Names {
    package: &'static str,
    version: String,
    /// As dpkg names it.
    pub architecture: String,
    maintainer: String,
    /// The time of the files, as in mails.
    date: String,
    /// The same as year, month and day.
    day: String,
    /// The same as rpm writes it.
    rpm_day: String,
    /// Dependencies on packages of libraries, for Debian.
    pub libraries: String,
    /// Size of all files.
    pub kibibytes: u64,
}

impl Names {
    fn of(package: &Package, edition: &Edition) -> anyhow::Result<Self> {
        let maintainer = std::env::var("DEBEMAIL").unwrap_or_else(|_| MAINTAINER.to_owned());
        let time = format!("--date=@{}", edition.epoch);
        let date = |how: &str| {
            let mut date = shell::command("date", &["--utc", &time, how]);
            anyhow::Ok(shell::read(date.env("LC_ALL", "C"))?.trim().to_owned())
        };
        let architecture = shell::read(shell::command("dpkg", &["--print-architecture"]))?.trim().to_owned();
        Ok(Self {
            package: package.name,
            version: edition.version.clone(),
            architecture,
            maintainer,
            date: date("--rfc-email")?,
            day: date("--iso-8601")?,
            rpm_day: date("+%a %b %d %Y")?,
            libraries: String::new(),
            kibibytes: 0,
        })
    }

    /// A template with the values in place of the names. `@CHECKS@` stands for the checks before an installation of the
    /// server, which its packages for Debian and for rpm share.
    pub fn fill(&self, template: &str) -> anyhow::Result<String> {
        let size = self.kibibytes.to_string();
        let checks = if template.contains("@CHECKS@") { read(&shell::root().join(CHECKS))? } else { String::new() };
        let values = [
            ("@CHECKS@", checks.trim_end()),
            ("@PACKAGE@", self.package),
            ("@VERSION@", self.version.as_str()),
            ("@ARCHITECTURE@", self.architecture.as_str()),
            ("@MAINTAINER@", self.maintainer.as_str()),
            ("@DATE@", self.date.as_str()),
            ("@DAY@", self.day.as_str()),
            ("@RPM_DAY@", self.rpm_day.as_str()),
            ("@LIBRARIES@", self.libraries.as_str()),
            ("@SIZE@", size.as_str()),
        ];
        Ok(values.into_iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value)))
    }
}

/// The checks before an installation of the server.
const CHECKS: &str = "installers/server-checks.sh";

fn write(root: &Path, path: &str, source: &Source, names: &Names) -> anyhow::Result<()> {
    let to = root.join(path);
    directory(to.parent().context("a file of a package is in no directory")?)?;
    match source {
        Source::File(from) => {
            let content = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
            put(&to, &content, 0o644)
        }
        Source::Program(from) => {
            std::fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
            set_mode(&to, 0o755)
        }
        Source::Template(from) => put(&to, names.fill(&read(from)?)?.as_bytes(), 0o644),
        Source::Text(text) if path.ends_with(".gz") => put(&to, &compressed(text)?, 0o644),
        Source::Text(text) => put(&to, text.as_bytes(), 0o644),
    }
}

/// Without name and time, so that the result depends on the text only.
fn compressed(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut gzip = shell::command("gzip", &["-9n"]);
    let mut gzip = gzip.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start gzip")?;
    let mut input = gzip.stdin.take().context("gzip has no input")?;
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = gzip.wait_with_output()?;
    let written = writer.join().map_err(|_| anyhow::anyhow!("writing to gzip panicked"))?;
    written.context("cannot write to gzip")?;
    anyhow::ensure!(output.status.success(), "gzip failed with {}", output.status);
    Ok(output.stdout)
}

/// Creates a directory with mode 0755, whatever the umask is.
pub fn directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    directory(path.parent().context("the path has no parent")?)?;
    std::fs::create_dir(path).with_context(|| format!("cannot create {}", path.display()))?;
    set_mode(path, 0o755)
}

/// Writes a file with this mode.
pub fn put(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

/// Reads a template.
pub fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
