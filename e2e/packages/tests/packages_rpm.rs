//! The packages for rpm. Needs root, and what `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tornado_e2e_packages::{Machine, Network, Release, Version, root};

const PACKAGES: [&str; 3] = ["tornado-server", "tornado-cli", "tornado-client"];

fn package(name: &str) -> PathBuf {
    package_of(Version::New, name)
}

fn package_of(version: Version, name: &str) -> PathBuf {
    let directory = version.directory().unwrap();
    let names = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy();
        file.starts_with(&format!("{name}-")) && file.ends_with(".rpm")
    };
    names.filter(is_it).collect::<Vec<_>>().pop().unwrap()
}

fn output(words: &[&str], path: &Path) -> Output {
    Command::new(words[0]).args(&words[1..]).arg(path).output().unwrap()
}

fn read(words: &[&str], path: &Path) -> String {
    let output = output(words, path);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words:?} {}: {out}{error}", path.display());
    out.into_owned()
}

#[test]
fn rpm_verifies_signature_and_digests_and_refuses_a_changed_package() {
    let keys = tempfile::tempdir().unwrap();
    let database = format!("--dbpath={}", keys.path().display());
    let path = package("tornado-cli");
    assert!(!output(&["rpm", &database, "-K"], &path).status.success(), "a package of an unknown key is accepted");
    read(&["rpm", &database, "--import"], &path.with_file_name("tornado-rpm-key.asc"));
    for name in PACKAGES {
        let said = read(&["rpm", &database, "-K"], &package(name));
        assert!(said.ends_with(": digests signatures OK\n"), "{said}");
    }
    let changed = keys.path().join("changed.rpm");
    let mut content = std::fs::read(&path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&changed, content).unwrap();
    assert!(!output(&["rpm", &database, "-K"], &changed).status.success(), "a changed package is accepted");
}

#[test]
fn rpmlint_finds_no_error() {
    // It verifies signatures with the keys of its user.
    let home = tempfile::tempdir().unwrap();
    let database = home.path().join("rpm");
    std::fs::write(home.path().join(".rpmmacros"), format!("%_dbpath {}\n", database.display())).unwrap();
    let key = package("tornado-cli").with_file_name("tornado-rpm-key.asc");
    read(&["rpm", &format!("--dbpath={}", database.display()), "--import"], &key);
    for name in PACKAGES {
        let mut lint = Command::new("rpmlint");
        lint.arg("--config").arg(root("installers/rpm/rpmlint.toml")).arg(package(name)).env("HOME", home.path());
        let output = lint.output().unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && found.contains(" 0 errors"), "{found}");
    }
}

#[test]
fn the_packages_have_the_files_of_those_for_debian() {
    for name in PACKAGES {
        let listed = read(&["rpm", "-qp", "--nosignature", "--qf", "[%{FILENAMES}\n]"], &package(name));
        let debian = read(&["dpkg-deb", "--contents"], &Version::New.package(name).unwrap());
        let files = debian.lines().filter(|line| line.starts_with('-'));
        for file in files.map(|line| line.split_whitespace().nth(5).unwrap().trim_start_matches('.')) {
            let file = file.replace("zsh/vendor-completions", "zsh/site-functions");
            // Licence and changes are elsewhere.
            let is_of_debian = file.ends_with("/copyright") || file.ends_with("/changelog.gz");
            assert!(is_of_debian || listed.lines().any(|line| line == file), "{name} has no {file}:\n{listed}");
        }
    }
}

#[test]
fn rpm_installs_into_an_empty_root_and_verifies_each_file() {
    let empty = tempfile::tempdir().unwrap();
    let inside = format!("--root={}", empty.path().display());
    // An empty root has neither libraries nor a shell.
    let words = ["rpm", &inside, "--nodeps", "--noscripts"];
    for name in PACKAGES {
        read(&[words.as_slice(), &["--nosignature", "--install"]].concat(), &package(name));
        read(&[words.as_slice(), &["--verify"]].concat(), Path::new(name));
    }
    assert!(empty.path().join("usr/bin/tornado-gui").is_file());
    assert!(empty.path().join("etc/tornado/tornado.toml").is_file());
    for name in PACKAGES.iter().rev() {
        read(&[words.as_slice(), &["--erase"]].concat(), Path::new(name));
    }
    for left in ["usr/bin/tornado-gui", "usr/lib/tornado", "etc/tornado", "usr/share/licenses/tornado-cli"] {
        assert!(!empty.path().join(left).exists(), "{left} remains");
    }
}

/// The scripts with systemd. Debian has no packages for rpm, so their dependencies are not in rpm's database.
#[test]
fn the_scripts_start_upgrade_and_remove_helper_and_server() {
    let machine = Machine::new(Release::Bookworm, Network::Separate).unwrap();
    let others = ["ca-certificates", "nftables", "tor", "rpm"];
    machine.run(&[["apt-get", "install", "--yes", "--no-install-recommends"], others].concat()).unwrap();
    let copied = |version: Version, name: &str| {
        let to = format!("root/{}-{name}.rpm", if version == Version::Old { "old" } else { "new" });
        std::fs::copy(package_of(version, name), machine.path(&to)).unwrap();
        format!("/{to}")
    };
    let [old, new] =
        [Version::Old, Version::New].map(|version| ["tornado-server", "tornado-cli"].map(|name| copied(version, name)));
    let rpm = |words: &[&str]| {
        let rpm = ["rpm", "--nodeps", "--nosignature", "--force-debian"];
        machine.run(&[rpm.as_slice(), words].concat()).unwrap()
    };
    let pid = |unit: &str| machine.run(&["systemctl", "show", "--value", "--property=MainPID", unit]).unwrap();
    let said = rpm(&["--install", &old[0], &old[1]]);
    assert!(said.contains("'tornadod setup-link' prints a link for the first operator"), "{said}");
    machine.run(&["tornado", "status"]).unwrap();
    machine.run(&["tornadod", "setup-link"]).unwrap();
    let before = ["tornado.service", "tornado-helper.service"].map(pid);
    rpm(&["--upgrade", &new[0], &new[1]]);
    let after = ["tornado.service", "tornado-helper.service"].map(pid);
    assert!(
        before.iter().zip(&after).all(|(before, after)| before != after && after.trim() != "0"),
        "{before:?} {after:?}"
    );
    machine.run(&["tornado", "status"]).unwrap();

    let said = rpm(&["--erase", "tornado-server", "tornado-cli"]);
    assert!(said.contains("kept /var/lib/tornado (keys, accounts, sessions)"), "{said}");
    assert!(machine.path("var/lib/tornado").exists() && machine.path("var/lib/tornado-helper").exists());
    let running = machine.run(&["sh", "-c", "cat /proc/[0-9]*/comm | grep -c '^tornado' || true"]).unwrap();
    assert_eq!(running.trim(), "0", "processes remain");
    for left in ["usr/bin/tornado", "usr/bin/tornadod", "usr/lib/systemd/system/tornado.service"] {
        assert!(!machine.path(left).exists(), "{left} remains");
    }
    let wants = machine.run(&["find", "/etc/systemd/system", "-name", "tornado*"]).unwrap();
    assert_eq!(wants.trim(), "", "units are still enabled");
}
