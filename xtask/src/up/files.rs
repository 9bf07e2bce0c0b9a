//! The files that `up` installs on this machine. They are copies that belong to root, so that nothing runs from a
//! working tree.

use super::foreign;
use super::paths::{BIN, COMMANDS, CONFIG, CONFIG_DIR, LIB, PROGRAMS, UNIT};
use crate::shell;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tornado_kit::files::{Access, Durability, replace};

/// Crates whose programs are installed.
pub const PACKAGES: &[&str] = &["tornadod", "tornado-helper", "tornado-cli"];

/// Installs files that are missing or differ. Returns the paths that were written.
pub fn install() -> anyhow::Result<Vec<String>> {
    let mut changed = Vec::new();
    for program in PROGRAMS {
        let built = shell::target_dir().join("release").join(program);
        let content =
            std::fs::read(&built).with_context(|| format!("cannot read {}; build it first", built.display()))?;
        changed.extend(write(&Path::new(LIB).join(program), &content, 0o755)?);
    }
    for program in COMMANDS {
        link(program)?;
    }
    if !Path::new(CONFIG).exists() {
        let first = std::fs::read(shell::root().join("installers/tornado.toml"))
            .context("cannot read the initial configuration")?;
        changed.extend(write(Path::new(CONFIG), &first, 0o644)?);
    }
    if shell::has_systemd() {
        let unit = shell::root().join("installers/systemd/tornado.service");
        let unit = std::fs::read_to_string(&unit).with_context(|| format!("cannot read {}", unit.display()))?;
        // The unit of the package refers to /usr/bin; these programs are in /usr/local.
        let unit = unit.replace("/usr/bin/tornadod", &format!("{LIB}/tornadod"));
        changed.extend(write(Path::new(UNIT), unit.as_bytes(), 0o644)?);
    }
    Ok(changed)
}

/// Installs the console's files for the browser. Returns true if they have changed.
pub fn install_console() -> anyhow::Result<bool> {
    copy_console(&shell::target_dir().join("console"), &Path::new(LIB).join("console"))
}

/// Copies the files, the list last: without its line, the server uses no file.
fn copy_console(built: &Path, installed: &Path) -> anyhow::Result<bool> {
    const LIST: &str = "files.txt";
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let names = |directory: &Path| -> anyhow::Result<BTreeSet<OsString>> {
        let entries = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
        entries.map(|entry| Ok(entry?.file_name())).filter(|name| !name.as_ref().is_ok_and(|one| one == LIST)).collect()
    };
    let new = names(built)?;
    for name in &new {
        write(&installed.join(name), &read(&built.join(name))?, 0o644)?;
    }
    let list = write(&installed.join(LIST), &read(&built.join(LIST))?, 0o644)?;
    for name in names(installed)?.difference(&new) {
        remove(&installed.join(name)).with_context(|| format!("cannot remove {}", installed.join(name).display()))?;
    }
    Ok(list.is_some())
}

/// Removes all installed files that are ours, and the state. Returns the removed paths, and the paths at which another
/// program has a file.
pub fn purge() -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (ours, others) = foreign::sort(Path::new("/"));
    let mut removed = Vec::new();
    for path in ours {
        remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        removed.push(path.display().to_string());
    }
    // Fails if another program has files in it, which stay.
    if std::fs::remove_dir(CONFIG_DIR).is_ok() {
        removed.push(CONFIG_DIR.to_owned());
    }
    Ok((removed, others.iter().map(|path| path.display().to_string()).collect()))
}

/// Removes a file, a directory, or a link together with the contents of the directory that it names.
fn remove(path: &Path) -> std::io::Result<()> {
    let one = |path: &Path| {
        let is_directory = path.symlink_metadata()?.is_dir();
        if is_directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
    };
    if path.is_symlink() && path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            one(&entry?.path())?;
        }
    }
    one(path)
}

/// Marker file: exists after an invitation was printed. It is in the directory of the programs, so that it is removed
/// with them.
const INVITED: &str = "/usr/local/lib/tornado/invited";

/// Returns true if an earlier run printed an invitation.
pub fn was_invited() -> bool {
    Path::new(INVITED).exists()
}

/// Records that an invitation was printed.
pub fn note_invitation() -> anyhow::Result<()> {
    write(Path::new(INVITED), b"", 0o644).map(drop)
}

/// Path of the installed server program.
pub fn tornadod() -> PathBuf {
    Path::new(LIB).join("tornadod")
}

/// Returns true if a change of this file requires a restart of the server. Programs of the device do not.
pub fn concerns_server(path: &str) -> bool {
    let admind = Path::new(LIB).join("tornado-admind");
    [tornadod().as_path(), &admind, Path::new(CONFIG), Path::new(UNIT)].contains(&Path::new(path))
}

/// Replaces the file, so that a running program keeps the old one and no reader sees a partial one.
fn write(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<Option<String>> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(None);
    }
    let failed = || format!("cannot write {}", path.display());
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(failed)?;
    }
    replace(path, content, Access::mode(mode), Durability::Unsynced).with_context(failed)?;
    Ok(Some(path.display().to_string()))
}

fn link(program: &str) -> anyhow::Result<()> {
    let (link, to) = (Path::new(BIN).join(program), Path::new(LIB).join(program));
    if std::fs::read_link(&link).is_ok_and(|old| old == to) {
        return Ok(());
    }
    let failed = || format!("cannot link {}", link.display());
    std::fs::create_dir_all(BIN).with_context(failed)?;
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(&link).with_context(failed)?;
    }
    symlink(&to, &link).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_console_replace_those_before() {
        let (built, installed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let put = |directory: &Path, name: &str| std::fs::write(directory.join(name), name).unwrap();
        for name in ["files.txt", "console.2.wasm", "console.2.wasm.br"] {
            put(built.path(), name);
        }
        put(installed.path(), "console.1.wasm");
        assert!(copy_console(built.path(), installed.path()).unwrap());
        assert!(!installed.path().join("console.1.wasm").exists());
        assert!(installed.path().join("console.2.wasm.br").exists() && installed.path().join("files.txt").exists());
        assert!(!copy_console(built.path(), installed.path()).unwrap(), "a second copy changes nothing");
    }
}
