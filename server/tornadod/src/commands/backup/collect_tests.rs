use super::*;
use std::os::unix::fs::symlink;

/// Hostile names that a service can create: known files are found, the others are reported.
#[test]
fn whatever_a_service_puts_there_the_rest_is_found_and_it_is_reported() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (own, secret) = (dir.path().join("wg"), dir.path().join("secret.key"));
    std::fs::write(&secret, "key of another service").unwrap();
    std::fs::create_dir_all(own.join("keys")).unwrap();
    for name in ["direct.key", "a b.key", "x\u{202e}.key", "odd", "tor.key.new"] {
        std::fs::write(own.join(name), "mine").unwrap();
    }
    std::fs::write(own.join(std::ffi::OsStr::from_bytes(b"\xff.key")), "mine").unwrap();
    std::fs::write(own.join("large.json"), vec![0; 5 * 1024 * 1024]).unwrap();
    symlink(&secret, own.join("link.key")).unwrap();
    nix::unistd::mkfifo(&own.join("fifo.key"), nix::sys::stat::Mode::S_IRUSR).unwrap();

    let at = Beneath::new(&own, Some(nix::unistd::geteuid().as_raw())).unwrap();
    let (mut found, mut all) = (Vec::new(), Collected::default());
    walk(&at, "wg", &mut found, &mut all).unwrap();
    let mut refused = Vec::new();
    for (number, (path, treatment)) in found.into_iter().enumerate() {
        assert_eq!(treatment, Treatment::Copy);
        let to = dir.path().join(number.to_string());
        match copy(at.file(Path::new(path.strip_prefix("wg/").unwrap())), &to).unwrap() {
            Saved::Whole => {
                assert_eq!((path.as_str(), std::fs::read_to_string(&to).unwrap().as_str()), ("wg/direct.key", "mine"))
            }
            Saved::Refused(why) => refused.push((path, why)),
            Saved::Gone => panic!("{path}"),
        }
    }
    refused.sort();
    let refused: Vec<&str> = refused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(refused, ["wg/fifo.key", "wg/large.json", "wg/link.key"]);
    let mut skipped: Vec<&str> = all.skipped.iter().map(|skipped| skipped.path.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["wg/a b.key", "wg/keys", "wg/odd", "wg/x\\u{202e}.key", "wg/\u{fffd}.key"]);
    assert!(all.skipped.iter().all(|skipped| !skipped.is_missed));
}
