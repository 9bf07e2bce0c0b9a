//! Writes a Debian package with dpkg-deb(1).

use super::contents::{Package, Source};
use super::stage::{self, Edition, Stage};
use crate::shell;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The maintainer scripts, as far as a package has them.
const SCRIPTS: &[&str] = &["preinst", "postinst", "prerm", "postrm"];

/// Packs a package into `out`. Adds Debian's files to the stage.
pub fn pack(package: &Package, edition: &Edition, stage: &mut Stage, out: &Path) -> anyhow::Result<PathBuf> {
    let documents = format!("usr/share/doc/{}", package.name);
    let templates = shell::root().join("installers/debian");
    let own = templates.join(package.control);
    stage.add(&format!("{documents}/copyright"), &Source::File(templates.join("copyright")))?;
    let changes = stage.names.fill(&stage::read(&templates.join("changelog"))?)?;
    stage.add(&format!("{documents}/changelog.gz"), &Source::Text(changes))?;

    let (files, size) = files_in(&stage.root)?;
    stage.names.libraries = libraries(&stage.programs, &stage.directory)?;
    stage.names.kibibytes = size.div_ceil(1024);
    let control = stage.root.join("DEBIAN");
    stage::directory(&control)?;
    let filled = |path: &Path| stage.names.fill(&stage::read(path)?);
    stage::put(&control.join("control"), filled(&own.join("control"))?.as_bytes(), 0o644)?;
    let digests = shell::read(shell::command("md5sum", &["--"]).args(&files).current_dir(&stage.root))?;
    stage::put(&control.join("md5sums"), digests.as_bytes(), 0o644)?;
    if !package.conffiles.is_empty() {
        stage::put(&control.join("conffiles"), format!("{}\n", package.conffiles.join("\n")).as_bytes(), 0o644)?;
    }
    for script in SCRIPTS {
        let path = own.join(script);
        if path.exists() {
            stage::put(&control.join(script), filled(&path)?.as_bytes(), 0o755)?;
        }
    }
    let built = out.join(format!("{}_{}_{}.deb", package.name, edition.version, stage.names.architecture));
    // One thread, because the number of threads changes the compressed bytes.
    let mut pack = shell::command("dpkg-deb", &["--root-owner-group", "--threads-max=1"]);
    pack.args(if edition.is_quick { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z6"] });
    pack.arg("--build")
        .arg(&stage.root)
        .arg(&built)
        .env("SOURCE_DATE_EPOCH", edition.epoch.to_string())
        .stdout(Stdio::null());
    shell::run(pack)?;
    Ok(built)
}

/// The packages of the libraries that the programs need, as a list of dependencies.
fn libraries(programs: &[PathBuf], directory: &Path) -> anyhow::Result<String> {
    // dpkg-shlibdeps(1) requires the control file of a source package.
    let source = directory.join("source");
    stage::directory(&source.join("debian"))?;
    let control = b"Source: tornado\n\nPackage: tornado\nArchitecture: any\n";
    stage::put(&source.join("debian/control"), control, 0o644)?;
    let mut command = shell::command("dpkg-shlibdeps", &["-O"]);
    command.args(programs).current_dir(&source).stderr(Stdio::null());
    let found = shell::read(command)?;
    let list = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    list.map(str::to_owned).context("dpkg-shlibdeps printed no dependencies")
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
