//! Writes a Debian package with dpkg-deb(1).

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
/// The maintainer scripts, as far as a package has them.
const SCRIPTS: &[&str] = &["preinst", "postinst", "prerm", "postrm"];

/// What two packages of the same files may differ in.
pub struct Edition {
    /// Version of the package.
    pub version: String,
    /// Time of all files, in seconds since 1970.
    pub epoch: u64,
    /// Weak compression, for tests.
    pub is_quick: bool,
}

/// Builds a package in `out`. `stage` is a directory for its files, which is emptied.
pub fn build(package: &Package, edition: &Edition, stage: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    if stage.exists() {
        std::fs::remove_dir_all(stage).with_context(|| format!("cannot remove {}", stage.display()))?;
    }
    let root = stage.join("root");
    let mut names = Names::of(package, edition)?;
    let mut programs = Vec::new();
    for (path, source) in &package.files {
        write(&root, path, source)?;
        if matches!(source, Source::Program(_)) {
            programs.push(root.join(path));
        }
    }
    let documents = format!("usr/share/doc/{}", package.name);
    let templates = shell::root().join("installers/debian");
    write(&root, &format!("{documents}/copyright"), &Source::File(templates.join("copyright")))?;
    let changes = names.fill(&read(&templates.join("changelog"))?);
    write(&root, &format!("{documents}/changelog.gz"), &Source::Text(changes))?;

    let (files, size) = files_in(&root)?;
    names.libraries = libraries(&programs, stage)?;
    names.kibibytes = size.div_ceil(1024);
    let control = root.join("DEBIAN");
    directory(&control)?;
    put(&control.join("control"), names.fill(&read(&package.control.join("control"))?).as_bytes(), 0o644)?;
    let digests = shell::read(shell::command("md5sum", &["--"]).args(&files).current_dir(&root))?;
    put(&control.join("md5sums"), digests.as_bytes(), 0o644)?;
    if !package.conffiles.is_empty() {
        put(&control.join("conffiles"), format!("{}\n", package.conffiles.join("\n")).as_bytes(), 0o644)?;
    }
    for script in SCRIPTS {
        let path = package.control.join(script);
        if path.exists() {
            put(&control.join(script), read(&path)?.as_bytes(), 0o755)?;
        }
    }
    let built = out.join(format!("{}_{}_{}.deb", package.name, edition.version, names.architecture));
    // One thread, because the number of threads changes the compressed bytes.
    let mut pack = shell::command("dpkg-deb", &["--root-owner-group", "--threads-max=1"]);
    pack.args(if edition.is_quick { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z6"] });
    pack.arg("--build")
        .arg(&root)
        .arg(&built)
        .env("SOURCE_DATE_EPOCH", edition.epoch.to_string())
        .stdout(Stdio::null());
    shell::run(pack)?;
    Ok(built)
}

/// The values for the names in the templates.
struct Names {
    package: &'static str,
    version: String,
    architecture: String,
    maintainer: String,
    date: String,
    libraries: String,
    kibibytes: u64,
}

impl Names {
    fn of(package: &Package, edition: &Edition) -> anyhow::Result<Self> {
        let maintainer = std::env::var("DEBEMAIL").unwrap_or_else(|_| MAINTAINER.to_owned());
        let time = format!("--date=@{}", edition.epoch);
        let date = shell::read(shell::command("date", &["--utc", "--rfc-email", &time]))?.trim().to_owned();
        let architecture = shell::read(shell::command("dpkg", &["--print-architecture"]))?.trim().to_owned();
        let (libraries, version) = (String::new(), edition.version.clone());
        Ok(Self { package: package.name, version, architecture, maintainer, date, libraries, kibibytes: 0 })
    }

    fn fill(&self, template: &str) -> String {
        let size = self.kibibytes.to_string();
        [
            ("@PACKAGE@", self.package),
            ("@VERSION@", self.version.as_str()),
            ("@ARCHITECTURE@", self.architecture.as_str()),
            ("@MAINTAINER@", self.maintainer.as_str()),
            ("@DATE@", self.date.as_str()),
            ("@LIBRARIES@", self.libraries.as_str()),
            ("@SIZE@", size.as_str()),
        ]
        .into_iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// The packages of the libraries that the programs need, as a list of dependencies.
fn libraries(programs: &[PathBuf], stage: &Path) -> anyhow::Result<String> {
    // dpkg-shlibdeps(1) requires the control file of a source package.
    let source = stage.join("source");
    directory(&source.join("debian"))?;
    put(&source.join("debian/control"), b"Source: tornado\n\nPackage: tornado\nArchitecture: any\n", 0o644)?;
    let mut command = shell::command("dpkg-shlibdeps", &["-O"]);
    command.args(programs).current_dir(&source).stderr(Stdio::null());
    let found = shell::read(command)?;
    let list = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    list.map(str::to_owned).context("dpkg-shlibdeps printed no dependencies")
}

fn write(root: &Path, path: &str, source: &Source) -> anyhow::Result<()> {
    let to = root.join(path);
    directory(to.parent().context("a file of a package is in no directory")?)?;
    match source {
        Source::File(from) => {
            let content = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
            put(&to, &content, 0o644)
        }
        Source::Program(from) => {
            std::fs::copy(from, &to).with_context(|| format!("cannot copy {}; build it first", from.display()))?;
            shell::run(shell::command("strip", &["--strip-unneeded"]).arg(&to))?;
            set_mode(&to, 0o755)
        }
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
fn directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    directory(path.parent().context("the path has no parent")?)?;
    std::fs::create_dir(path).with_context(|| format!("cannot create {}", path.display()))?;
    set_mode(path, 0o755)
}

fn put(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The files below a directory by their relative paths, in order, and their size in bytes.
fn files_in(root: &Path) -> anyhow::Result<(Vec<PathBuf>, u64)> {
    let (mut files, mut size, mut left) = (Vec::new(), 0, vec![root.to_owned()]);
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            } else {
                size += entry.metadata()?.len();
                files.push(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    files.sort();
    Ok((files, size))
}
