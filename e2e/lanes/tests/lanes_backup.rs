//! Root reads files that services own when it backs up, and restores archives that anyone may have made. Neither may
//! make it read or write other files.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use serde_json::Value;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tornado_backup::{EntryPath, Manifest, Profile, Source};
use tornado_e2e_harness::Output;
use tornado_e2e_lanes::world::World;

const ROUNDS: usize = 12;

/// As `wg`, exchanges its own file with a link to a key of `auth`, and a directory with a link to another directory, as
/// fast as possible until `stop`.
fn swap(own: &Path, link: &Path, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        renameat2(AT_FDCWD, own, AT_FDCWD, link, RenameFlags::RENAME_EXCHANGE).unwrap();
    }
}

fn backup(world: &World, name: &str) -> (PathBuf, Output) {
    let file = world.server.state_dir().with_file_name(name);
    let output = world.server.cli(&["backup", file.to_str().unwrap(), "--unsealed", "--json"]).unwrap();
    (file, output)
}

fn times(needle: &[u8], haystack: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

#[test]
fn what_a_service_puts_there_neither_leaks_nor_stops_a_backup() {
    let mut world = World::up(1, "").unwrap();
    let state = world.server.state_dir();
    let (own, key) = (state.join("wg"), state.join("auth/keys/identity.json"));
    let secret = std::fs::read(&key).unwrap();

    // Unexpected names, a FIFO and a file that is too large.
    std::fs::write(own.join("a b.json"), "x").unwrap();
    std::fs::write(own.join(std::ffi::OsStr::from_bytes(b"bad-\xff.json")), "x").unwrap();
    std::fs::write(own.join("odd"), "x").unwrap();
    nix::unistd::mkfifo(&own.join("fifo.json"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    symlink(&key, own.join("link.json")).unwrap();
    let (file, output) = backup(&world, "odd.backup");
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(times(&secret, &std::fs::read(&file).unwrap()), 1, "the key must appear once, under its own name");
    let skipped = |missed: bool| {
        let all = report["skipped"].as_array().unwrap().iter().filter(|skipped| skipped["is_missed"] == missed);
        let mut all: Vec<String> = all.map(|skipped| skipped["path"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(skipped(true), ["wg/fifo.json", "wg/link.json"]);
    assert_eq!(skipped(false), ["wg/a b.json", "wg/bad-\u{fffd}.json", "wg/odd"]);
    assert_eq!(output.status.code(), Some(1), "skipped files must be reported: {output:?}");
    for entry in std::fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if ["a b.json", "odd", "fifo.json", "link.json"].contains(&name.as_str()) || name.starts_with("bad-") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    let (_, output) = backup(&world, "good.backup");
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    // The race.
    let (lure, link) = (own.join("lure.json"), own.join("link.new"));
    std::fs::write(&lure, "mine").unwrap();
    symlink(&key, &link).unwrap();
    let stop = AtomicBool::new(false);
    let naive = std::thread::scope(|scope| {
        scope.spawn(|| swap(&lure, &link, &stop));
        let mut naive = 0;
        for round in 0..ROUNDS {
            let (file, _) = backup(&world, &format!("race-{round}.backup"));
            assert_eq!(
                times(&secret, &std::fs::read(&file).unwrap()),
                1,
                "round {round}: the archive has another service's key"
            );
            for _ in 0..100 {
                naive += usize::from(std::fs::read(&lure).is_ok_and(|text| text == secret));
            }
        }
        stop.store(true, Ordering::Relaxed);
        naive
    });
    assert!(naive > 0, "the race never succeeds against opening by name, so the test proves nothing");

    hostile_archives(&mut world, &file);
}

fn archive(world: &World, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let base = world.server.state_dir().with_file_name(name);
    let source = |(number, (path, text)): (usize, &(&str, &str))| {
        let file = base.with_extension(number.to_string());
        std::fs::write(&file, text).unwrap();
        Source { path: EntryPath::try_from((*path).to_owned()).unwrap(), file }
    };
    let sources: Vec<Source> = files.iter().enumerate().map(source).collect();
    let manifest = Manifest::new(1_700_000_000, "0.1.0", Profile::Embedded);
    tornado_backup::write(std::fs::File::create(&base).unwrap(), manifest, &sources, None).unwrap();
    base
}

/// Stops the server and moves its state and configuration away.
fn hostile_archives(world: &mut World, open: &Path) {
    world.server.stop_master().unwrap();
    let (state, config) = (world.server.state_dir(), world.server.config_path());
    std::fs::rename(&state, state.with_file_name("state-before")).unwrap();
    let own = std::fs::read_to_string(&config).unwrap();
    let restore = |world: &World, file: &Path, words: &[&str]| {
        let all: Vec<&str> = ["restore", file.to_str().unwrap()].iter().chain(words).copied().collect();
        world.server.cli(&all).unwrap()
    };

    // An unsealed archive where a sealed one is expected.
    let words: &[&[&str]] = &[&[], &["--passphrase-stdin"], &["--force"]];
    for words in words {
        let output = restore(world, open, words);
        assert_eq!(output.status.code(), Some(4), "{words:?}: {output:?}");
        assert!(output.stderr.contains("not sealed") && !state.exists(), "{output:?}");
    }
    let output = restore(world, open, &["--unsealed", "--passphrase-stdin"]);
    assert_eq!(output.status.code(), Some(2), "the options must be mutually exclusive: {output:?}");

    // A machine without a configuration does not take paths from the archive's configuration.
    let target = state.with_file_name("planted");
    let text = format!(
        "[paths]\nstate = '{0}/state'\nrun = '{0}/run'\nsecrets = '{0}/secrets'\n\
         [client_api]\ncertificate = '{0}/certificate'\nkey = '{0}/key'\n",
        target.display()
    );
    let planted = [
        ("config/tornado.toml", text.as_str()),
        ("state/auth/keys/identity.json", "{}"),
        ("tls/certificate.pem", "planted"),
        ("tls/key.pem", "planted"),
        ("secrets/auth.postgres", "planted"),
    ];
    let hostile = archive(world, "hostile.backup", &planted);
    std::fs::remove_file(&config).unwrap();
    let output = restore(world, &hostile, &["--unsealed"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    for named in ["[paths] state", "[paths] secrets", "[client_api] certificate", "--print-config"] {
        assert!(output.stderr.contains(named), "{named}: {output:?}");
    }
    assert!(!target.exists() && !config.exists());
    let printed = restore(world, &hostile, &["--unsealed", "--print-config"]);
    assert!(printed.ok() && printed.stdout.trim() == text.trim(), "{printed:?}");

    // Names that occur only in a hostile archive, on a machine with its own configuration.
    std::fs::write(&config, &own).unwrap();
    let file = archive(world, "secrets.backup", &[("secrets/other", "x"), ("state/auth/keys/identity.json", "{}")]);
    let output = restore(world, &file, &["--unsealed"]);
    assert!(
        output.status.code() == Some(1) && output.stderr.contains("secrets/other") && !state.exists(),
        "{output:?}"
    );

    // The real archive is restored when the operator confirms it; files that no service owns are left out.
    let output = restore(world, open, &["--unsealed"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    world.server.start_master().unwrap();
    world.server.wait_ready(Duration::from_secs(60)).unwrap();
}
