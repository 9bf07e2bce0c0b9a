//! The packages as files. Needs what `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use std::path::Path;
use std::process::Command;
use tornado_e2e_packages::Version;

/// A program that people do not run.
const ADMIND: &str = "./usr/lib/tornado/tornado-admind";
const PACKAGES: [&str; 2] = ["tornado-server", "tornado-cli"];

fn read(program: &str, words: &[&str], path: &Path) -> String {
    let output = Command::new(program).args(words).arg(path).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {words:?} {}: {out}{error}", path.display());
    out.into_owned()
}

#[test]
fn lintian_finds_no_error() {
    for name in PACKAGES {
        // Tests compress weakly, and the sources have no Debian bug that a changelog could close.
        let found =
            read("lintian", &["--fail-on=error", "--tag-display-limit=0"], &Version::New.package(name).unwrap());
        println!("{name}:\n{found}");
    }
}

#[test]
fn every_file_belongs_to_root_and_only_root_writes_it() {
    for name in PACKAGES {
        let listed = read("dpkg-deb", &["--contents"], &Version::New.package(name).unwrap());
        assert!(listed.lines().count() > 10, "{listed}");
        for line in listed.lines() {
            let mut words = line.split_whitespace();
            let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
            assert_eq!(owner, "root/root", "{line}");
            let path = words.nth(3).unwrap();
            let is_program = (path.starts_with("./usr/bin/") && !path.ends_with('/')) || path == ADMIND;
            let expected = match (mode.starts_with('d'), is_program) {
                (true, _) => "drwxr-xr-x",
                (false, true) => "-rwxr-xr-x",
                (false, false) => "-rw-r--r--",
            };
            assert_eq!(mode, expected, "{line}");
        }
    }
}

#[test]
fn manual_pages_and_completions_are_included() {
    let of = |name| read("dpkg-deb", &["--contents"], &Version::New.package(name).unwrap());
    for (package, program) in [("tornado-server", "tornadod"), ("tornado-cli", "tornado")] {
        let listed = of(package);
        for path in [
            format!("./usr/share/man/man1/{program}.1.gz"),
            format!("./usr/share/bash-completion/completions/{program}"),
            format!("./usr/share/zsh/vendor-completions/_{program}"),
            format!("./usr/share/fish/vendor_completions.d/{program}.fish"),
        ] {
            assert!(listed.lines().any(|line| line.ends_with(&path)), "{path} is missing:\n{listed}");
        }
    }
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let new = Version::New.directory().unwrap();
    let again = new.parent().unwrap().join("again");
    let names: Vec<_> = std::fs::read_dir(&again).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 5, "two packages, their lists of crates, and the digests: {names:?}");
    for name in names {
        let [first, second] = [&new, &again].map(|directory| std::fs::read(directory.join(&name)).unwrap());
        assert!(first == second, "{} differs", name.display());
    }
}
