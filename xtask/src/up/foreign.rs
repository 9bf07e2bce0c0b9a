//! Detects files of other programs or people at the paths that `up` uses. `up` fails before it writes anything, and
//! `down --purge` removes only our own files.

use super::paths::{BIN, COMMANDS, CONFIG_DIR, LIB, LOG, RUN, STATE, UNIT};
use anyhow::bail;
use std::path::{Path, PathBuf};

/// Our directories, each with patterns of names. A directory is ours if it is empty or contains a name that matches one
/// of them. A `*` at the end matches any end of the name.
const DIRECTORIES: &[(&str, &[&str])] = &[
    (LIB, &["tornadod", "tornadod.new", ".unfinished-tornadod"]),
    (STATE, &["auth", "session", "wg", "tor", ".backup*"]),
    (RUN, &["master.sock", "master.lock", "auth.sock", "session.sock", "wg.sock"]),
    (LOG, &["tornadod.log", "tornadod.log.1", "tornadod.log.2", "master", "auth", "session", "wg"]),
];
/// Names that we and the server create in the directory of the configuration, which others may share. `*` as above.
const CONFIGURATION: &[&str] =
    &["tornado.toml", "tornado.toml.before-*", "tornado.new", ".unfinished-tornado.toml", "secrets"];
/// Text in each of our unit files.
const UNIT_LINE: &str = "/tornadod master";

/// Unit of the Debian package.
const PACKAGED_UNIT: &str = "/usr/lib/systemd/system/tornado.service";

/// Fails if a file below `root` at one of our paths is not ours, or if the package is installed.
pub fn refuse(root: &Path) -> anyhow::Result<()> {
    if below(root, PACKAGED_UNIT).exists() {
        bail!("the package tornado-server is installed; upgrade it (`cargo xtask dist`), or remove it first");
    }
    let found: Vec<String> =
        all(root).filter(|path| !is_ours(root, path)).map(|path| path.display().to_string()).collect();
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "another program or person uses paths that the server needs: {}; move them away if they are not needed, then run `cargo xtask up` again",
        found.join(", ")
    )
}

/// The paths to remove, and those that stay because they are not ours.
pub fn sort(root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut ours, others): (Vec<PathBuf>, Vec<PathBuf>) =
        all(root).filter(|path| path.symlink_metadata().is_ok()).partition(|path| is_ours(root, path));
    ours.retain(|path| path.symlink_metadata().is_ok());
    let directory = below(root, CONFIG_DIR);
    let own = names(&directory).into_iter().filter(|name| is_marked(name, CONFIGURATION));
    ours.extend(own.map(|name| directory.join(name)));
    (ours, others)
}

fn all(root: &Path) -> impl Iterator<Item = PathBuf> {
    let links = COMMANDS.iter().map(|program| below(root, BIN).join(program));
    links.chain(DIRECTORIES.iter().map(|(path, _)| below(root, path))).chain([below(root, UNIT)])
}

/// Also returns true if the path does not exist.
fn is_ours(root: &Path, path: &Path) -> bool {
    if path.symlink_metadata().is_err() {
        return true;
    }
    if let Some((_, marks)) = DIRECTORIES.iter().find(|(directory, _)| below(root, directory) == *path) {
        let names = names(path);
        // A newly created file system contains this directory.
        let is_empty = names.iter().all(|name| name == "lost+found");
        // A link to a directory is one: an operator keeps the state on another disk.
        return path.is_dir() && (is_empty || names.iter().any(|name| is_marked(name, marks)));
    }
    if path == below(root, UNIT) {
        return std::fs::read_to_string(path).is_ok_and(|text| text.contains(UNIT_LINE));
    }
    let target = std::fs::read_link(path);
    target.is_ok_and(|target| Some(target) == path.file_name().map(|name| Path::new(LIB).join(name)))
}

fn is_marked(name: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| mark.strip_suffix('*').map_or(name == *mark, |start| name.starts_with(start)))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn write(root: &Path, path: &str, text: &str) {
        let path = below(root, path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A complete installation of ours.
    fn installed() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        for program in COMMANDS {
            write(at, &format!("{LIB}/{program}"), "");
            std::fs::create_dir_all(below(at, BIN)).unwrap();
            symlink(Path::new(LIB).join(program), below(at, BIN).join(program)).unwrap();
        }
        write(at, &format!("{STATE}/auth/identity.db"), "");
        write(at, &format!("{RUN}/master.lock"), "");
        write(at, &format!("{LOG}/tornadod.log.1"), "");
        write(at, UNIT, "[Service]\nExecStart=/usr/local/lib/tornado/tornadod master\n");
        write(at, &format!("{CONFIG_DIR}/tornado.toml.before-7"), "");
        root
    }

    #[test]
    fn nothing_and_an_installation_of_ours_are_no_obstacle() {
        let empty = tempfile::tempdir().unwrap();
        refuse(empty.path()).unwrap();
        std::fs::create_dir_all(below(empty.path(), STATE).join("lost+found")).unwrap();
        refuse(empty.path()).unwrap();
        let root = installed();
        refuse(root.path()).unwrap();
        let (ours, others) = sort(root.path());
        assert_eq!((ours.len(), others.len()), (9, 0), "{ours:?} {others:?}");
    }

    #[test]
    fn what_others_have_at_our_paths_is_named_and_stays() {
        for path in [
            "/usr/local/bin/tornado",
            "/usr/local/lib/tornado/web.py",
            "/usr/local/lib/tornado/tornado.py",
            "/var/lib/tornado/app.db",
            "/var/lib/tornado/tornado.db",
            "/var/lib/tornado/auth.db",
            "/run/tornado/app.sock",
            "/var/log/tornado/access.log",
            "/etc/systemd/system/tornado.service",
        ] {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), path, "of another program");
            let error = refuse(root.path()).unwrap_err().to_string();
            let (ours, others) = sort(root.path());
            assert!(ours.is_empty() && others.len() == 1, "{path}: {ours:?} {others:?}");
            assert!(error.contains(&others[0].display().to_string()) && error.contains("move them away"), "{error}");
        }
    }

    #[test]
    fn the_package_is_an_obstacle() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), PACKAGED_UNIT, "");
        assert!(refuse(root.path()).unwrap_err().to_string().contains("the package tornado-server is installed"));
    }

    #[test]
    fn state_on_another_disk_is_ours() {
        let root = installed();
        let (state, disk) = (below(root.path(), STATE), root.path().join("disk"));
        std::fs::rename(&state, &disk).unwrap();
        symlink(&disk, &state).unwrap();
        refuse(root.path()).unwrap();
        assert!(sort(root.path()).0.contains(&state));
    }

    #[test]
    fn a_link_of_another_program_and_its_configuration_stay() {
        let root = installed();
        let link = below(root.path(), BIN).join("tornado");
        std::fs::remove_file(&link).unwrap();
        symlink("/opt/tornado/bin/tornado", &link).unwrap();
        write(root.path(), &format!("{CONFIG_DIR}/web.conf"), "");
        write(root.path(), &format!("{CONFIG_DIR}/secrets.env"), "");
        assert!(refuse(root.path()).is_err());
        let (ours, others) = sort(root.path());
        assert_eq!(others, [link]);
        assert!(
            !ours.iter().any(|path| path.ends_with("web.conf")
                || path.ends_with("secrets.env")
                || path.ends_with("etc/tornado")),
            "{ours:?}"
        );
    }
}
