use super::*;
use std::os::fd::AsFd as _;

/// The message of the root process, as the other end receives it.
async fn passed() -> Handed {
    let (root, other) = UnixStream::pair().unwrap();
    hand_over(&root).unwrap();
    receive(&other).await
}

#[tokio::test]
async fn what_open_returns_is_passed() {
    match (open_node(), passed().await.unwrap()) {
        (Ok(_), Ok(fd)) => {
            let found = nix::sys::stat::fstat(fd.as_fd()).unwrap();
            assert_eq!(found.st_rdev, nix::sys::stat::makedev(10, 200));
        }
        (Err(own), Err(passed)) => assert_eq!(own, passed),
        (own, passed) => panic!("{own:?}, and passed {passed:?}"),
    }
}

#[tokio::test]
async fn a_closed_connection_and_invalid_bytes_are_errors() {
    use tokio::io::AsyncWriteExt as _;
    let (mut root, other) = UnixStream::pair().unwrap();
    root.write_all(&0_i32.to_ne_bytes()).await.unwrap();
    assert_eq!(receive(&other).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    root.write_all(&[1]).await.unwrap();
    assert_eq!(receive(&other).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    drop(root);
    assert_eq!(receive(&other).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_parent_is_asked_once_for_each_descriptor() {
    use tokio::io::AsyncReadExt as _;
    let (mut root, other) = UnixStream::pair().unwrap();
    let other = Mutex::new(other);
    let serve = async {
        for _ in 0..3 {
            assert_eq!(root.read_u8().await.unwrap(), REQUEST[0]);
            hand_over(&root).unwrap();
        }
    };
    let ask = async {
        for _ in 0..3 {
            let handed = ask_parent(&other).await.unwrap();
            assert_eq!(handed.is_ok(), open_node().is_ok());
        }
    };
    tokio::join!(serve, ask);
}

#[test]
fn errors_name_file_user_and_cure() {
    let node = TunNode::Socket("/run/tornado/tun.sock".into());
    let errors = [
        TunNodeError::own(Errno::EACCES),
        TunNodeError::refused(Errno::EPERM),
        TunNodeError::unreachable(Errno::EACCES, &node, io::ErrorKind::ConnectionRefused.into()),
    ];
    for error in errors {
        let text = error.to_string();
        for part in ["/dev/net/tun", "uid ", "; "] {
            assert!(text.contains(part), "{text}");
        }
    }
}
