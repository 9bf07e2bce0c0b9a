//! The packages as files. Needs what `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tornado_e2e_packages::Version;

/// A program that people do not run.
const ADMIND: &str = "./usr/lib/tornado/tornado-admind";
const PACKAGES: [&str; 3] = ["tornado-server", "tornado-cli", "tornado-client"];

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
    for page in ["man8/tornado-helperd.8.gz", "man1/tornado.1.gz"] {
        assert!(of("tornado-cli").contains(&format!("./usr/share/man/{page}\n")), "{page} is missing");
    }
    assert!(of("tornado-client").contains("./usr/share/man/man1/tornado-gui.1.gz\n"));
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

/// Options in a text, with their dashes.
fn options(text: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = text.split(|c| !is_of_name(c)).filter(|word| word.starts_with("--") && word.len() > 2);
    words.map(str::to_owned).collect()
}

/// Its page is written by hand, so that the program with the rights does not contain a generator of pages.
#[test]
fn the_page_of_the_helper_has_the_options_of_its_help() {
    let root = unpacked("tornado-cli");
    let help = read("sh", &["-c", "\"$0\" --help"], &root.path().join("usr/bin/tornado-helperd"));
    let page = root.path().join("usr/share/man/man8/tornado-helperd.8.gz");
    let page = read("zcat", &[], &page).replace("\\-", "-");
    let (of_help, of_page) = (options(&help), options(&page));
    assert!(of_help.contains("--block-early") && of_help.len() > 10, "{help}");
    assert_eq!(of_help, of_page);
    let socket = help.split("default: ").find_map(|text| text.starts_with('/').then(|| text.split(']').next()));
    assert!(page.contains(socket.flatten().unwrap()), "the page has another socket: {help}");
}

/// What software centres, menus and links use.
#[test]
fn the_window_is_described_to_the_desktop() {
    let root = unpacked("tornado-client");
    let share = root.path().join("usr/share");
    read("appstreamcli", &["validate", "--no-net"], &share.join("metainfo/org.tornado.client.metainfo.xml"));
    let entry = share.join("applications/org.tornado.client.desktop");
    read("desktop-file-validate", &[], &entry);
    let text = std::fs::read_to_string(entry).unwrap();
    assert!(text.contains("MimeType=x-scheme-handler/tornado;\n"), "{text}");
    for size in [16, 24, 32, 48, 64, 128, 256, 512_u32] {
        let icon = share.join(format!("icons/hicolor/{size}x{size}/apps/org.tornado.client.png"));
        let content = std::fs::read(&icon).unwrap();
        // Width and height in the header of a PNG file.
        assert_eq!(content[16..24], [size.to_be_bytes(), size.to_be_bytes()].concat(), "{}", icon.display());
    }
    for file in ["index.html", "boot.js", "window.js", "window_bg.wasm", "window.css"] {
        assert!(root.path().join("usr/lib/tornado/window").join(file).is_file(), "{file} is missing");
    }
}

/// The files of a package in a temporary directory.
fn unpacked(name: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let package = Version::New.package(name).unwrap();
    let done = Command::new("dpkg-deb").arg("--extract").arg(package).arg(root.path()).status().unwrap();
    assert!(done.success());
    root
}

/// `cargo xtask` compared all files before it signed some of them.
#[test]
fn packing_twice_gives_the_same_bytes() {
    let new = Version::New.directory().unwrap();
    let again = new.parent().unwrap().join("again/in/another/directory");
    let names: Vec<_> = std::fs::read_dir(&again).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 9, "three packages of two kinds, and their lists of crates: {names:?}");
    for name in names {
        let paths = [&new, &again].map(|directory| directory.join(&name));
        if name.to_string_lossy().ends_with(".rpm") {
            // A signature is not part of what is signed.
            let format = ["-qp", "--nosignature", "--qf", "%{SHA256HEADER} %{PAYLOADDIGEST}"];
            let [first, second] = paths.map(|path| read("rpm", &format, &path));
            assert!(first == second && first.len() > 128, "{first} {second}");
        } else {
            let [first, second] = paths.map(|path| std::fs::read(path).unwrap());
            assert!(first == second, "{} differs", name.display());
        }
    }
}
