//! The apt repository and the signed list of digests. Needs root, and what `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use std::path::Path;
use std::process::{Command, Output};
use tornado_e2e_packages::{Machine, Network, Release, Version};

const SOURCE: &str = "deb [signed-by=/etc/apt/tornado.gpg] copy:/srv/apt stable main\n";
/// Reads only the list of this repository, because the machine has no network.
const UPDATE: &[&str] = &[
    "apt-get",
    "update",
    "--error-on=any",
    "--option=Dir::Etc::SourceList=/etc/apt/sources.list.d/tornado.list",
    "--option=Dir::Etc::SourceParts=-",
    "--option=APT::Get::List-Cleanup=0",
];

#[test]
fn apt_installs_from_the_repository_and_refuses_a_changed_one() {
    let machine = Machine::new(Release::Bookworm, Network::Separate).unwrap();
    let repository = Version::New.directory().unwrap().join("apt");
    let srv = machine.path("srv");
    let copied = Command::new("cp").arg("--recursive").arg(&repository).arg(&srv).status().unwrap();
    assert!(copied.success());
    std::fs::copy(repository.join("tornado-archive-keyring.gpg"), machine.path("etc/apt/tornado.gpg")).unwrap();
    std::fs::write(machine.path("etc/apt/sources.list.d/tornado.list"), SOURCE).unwrap();
    machine.run(UPDATE).unwrap();
    machine.run(&["apt-get", "install", "--yes", "--no-install-recommends", "tornado-cli"]).unwrap();
    machine.run(&["tornado", "status"]).unwrap();

    let lists = srv.join("apt/dists/stable/main/binary-amd64");
    let packages = std::fs::read_to_string(lists.join("Packages")).unwrap();
    std::fs::write(lists.join("Packages"), packages.replace("Section: net", "Section: new")).unwrap();
    std::fs::remove_file(lists.join("Packages.gz")).unwrap();
    // Without the copy of the first update, apt would not read the list again.
    machine.run(&["sh", "-c", "rm /var/lib/apt/lists/_srv_apt*"]).unwrap();
    assert!(machine.run(UPDATE).is_err(), "a list with another digest is accepted");

    let release = srv.join("apt/dists/stable/InRelease");
    let text = std::fs::read_to_string(&release).unwrap();
    std::fs::write(&release, text.replace("Label: Tornado VPN", "Label: tornado vpn")).unwrap();
    std::fs::remove_file(srv.join("apt/dists/stable/Release.gpg")).unwrap();
    let error = machine.run(UPDATE).unwrap_err().to_string();
    assert!(error.contains("signature"), "{error}");
}

fn verified(key: &Path, list: &Path) -> Output {
    Command::new("minisign").args(["-V", "-p"]).arg(key).arg("-m").arg(list).output().unwrap()
}

#[test]
fn the_list_of_digests_is_signed_and_matches_the_packages() {
    let directory = Version::New.directory().unwrap();
    let key = directory.parent().unwrap().join("keys/minisign.pub");
    let output = verified(&key, &directory.join("SHA256SUMS"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let check = Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&directory).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));

    let copy = tempfile::tempdir().unwrap();
    let list = std::fs::read_to_string(directory.join("SHA256SUMS")).unwrap();
    assert_eq!(list.lines().count(), 9, "three packages of two kinds and their lists of crates: {list}");
    std::fs::write(copy.path().join("SHA256SUMS"), list.replace("tornado-cli", "tornado-ill")).unwrap();
    let signature = "SHA256SUMS.minisig";
    std::fs::copy(directory.join(signature), copy.path().join(signature)).unwrap();
    assert!(!verified(&key, &copy.path().join("SHA256SUMS")).status.success(), "a changed list is accepted");
}
