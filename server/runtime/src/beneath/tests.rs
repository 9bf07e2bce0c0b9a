use super::*;
use std::os::unix::fs::{chown, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

fn uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn open(dir: &Path) -> Beneath {
    Beneath::new(dir, Some(uid())).unwrap()
}

fn read(at: &Beneath, path: &str) -> io::Result<String> {
    io::read_to_string(at.file(Path::new(path))?)
}

#[test]
fn only_regular_files_without_links_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (dir.path().join("own"), dir.path().join("other"));
    for path in [&own.join("sub"), &other] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(own.join("sub/file"), "mine").unwrap();
    std::fs::write(other.join("secret"), "theirs").unwrap();
    symlink(other.join("secret"), own.join("link")).unwrap();
    symlink(&other, own.join("dirlink")).unwrap();
    nix::unistd::mkfifo(&own.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(own.join("socket")).unwrap();

    let at = open(&own);
    assert_eq!(read(&at, "sub/file").unwrap(), "mine");
    let absolute = other.join("secret");
    let refused =
        ["link", "dirlink/secret", "fifo", "socket", "sub", "../other/secret", "", absolute.to_str().unwrap()];
    for path in refused {
        assert!(read(&at, path).is_err(), "{path}");
    }
    assert!(at.metadata(Path::new("link")).unwrap().file_type().is_symlink());
    assert!(at.metadata(Path::new("dirlink/secret")).is_err());
    assert!(Beneath::new(&own.join("dirlink"), None).is_err());
    assert_eq!(at.names(9).unwrap().0.len(), 5);
    let (some, more) = at.names(2).unwrap();
    assert!(some.len() == 2 && more);
}

#[test]
fn files_of_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    let at = Beneath::new(dir.path(), Some(uid() + 1)).unwrap();
    assert!(read(&at, "file").unwrap_err().to_string().contains("belongs to user"));
}

#[test]
fn a_swapped_link_is_never_followed() {
    const ROUNDS: u32 = 2_000;
    /// Bound for a machine whose scheduler hardly ever runs both threads at once.
    const MOST: u32 = 200_000;
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (dir.path().join("own"), dir.path().join("other"));
    for (path, text) in [(&own, "mine"), (&other, "theirs")] {
        std::fs::create_dir_all(path.join("keys")).unwrap();
        std::fs::write(path.join("keys/key"), text).unwrap();
    }
    // A second thread swaps the file, and then its parent directory, with a link and back as fast as possible.
    let file = own.join("keys/key");
    symlink(other.join("keys/key"), own.join("keys/lure")).unwrap();
    symlink(other.join("keys"), own.join("lure")).unwrap();
    let stop = AtomicBool::new(false);
    let exchange = |one: &Path, two: &Path| {
        use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
        renameat2(AT_FDCWD, one, AT_FDCWD, two, RenameFlags::RENAME_EXCHANGE).unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..2 {
                    exchange(&file, &own.join("keys/lure"));
                }
                for _ in 0..2 {
                    exchange(&own.join("keys"), &own.join("lure"));
                }
            }
        });
        let at = open(&own);
        let (mut naive, mut opened) = (0, 0);
        for round in 0..MOST {
            if round >= ROUNDS && naive > 0 && opened > 0 {
                break;
            }
            // The attack must succeed against an open by name; otherwise the test proves nothing.
            naive += u32::from(std::fs::read_to_string(&file).is_ok_and(|text| text == "theirs"));
            if let Ok(text) = read(&at, "keys/key") {
                assert_eq!(text, "mine");
                opened += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(naive > 0 && opened > 0, "naive {naive}, opened {opened}");
    });
}

#[test]
fn a_claimed_directory_has_its_owner_and_mode_and_is_no_link() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let owner = Owner { uid: uid(), gid: nix::unistd::getegid().as_raw() };
    claim(&path, owner, 0o700).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    claim(&path, owner, 0o700).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
    let parent = std::fs::metadata(dir.path().join("a")).unwrap();
    assert_eq!(parent.permissions().mode() & 0o7777, 0o755, "every service must be able to traverse it");
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(claim(&link, owner, 0o755).is_err());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn another_users_rights_open_only_what_that_user_may() {
    const OTHER: u32 = 54_321;
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let [secret, own] = ["secret", "own"].map(|name| dir.path().join(name));
    std::fs::write(&secret, "root's").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    std::fs::create_dir(&own).unwrap();
    chown(&own, Some(OTHER), Some(OTHER)).unwrap();
    symlink(&secret, own.join("link")).unwrap();
    let owner = Owner { uid: OTHER, gid: OTHER };
    let (read, made) = as_user(owner, || {
        // Threads that a library starts inherit the restricted rights.
        let inner = std::thread::scope(|scope| scope.spawn(|| std::fs::read(own.join("link"))).join().unwrap());
        (inner, std::fs::write(own.join("made"), "x"))
    })
    .unwrap();
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    made.unwrap();
    assert_eq!(std::fs::metadata(own.join("made")).unwrap().uid(), OTHER);
    assert!(std::fs::read(&secret).is_ok(), "the caller must keep its rights");
}
