//! Lines, and small file systems in a mount namespace of the test's thread, which needs root.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::path::Path;
use tornado_log::line::{Level, Line, Micros, ProcessId};

/// A line of service `wg`.
pub fn line(time: Micros, process: u64, seq: u64) -> Line {
    Line {
        time,
        level: Level::Info,
        service: "wg".into(),
        target: "tornado_wg::peers".into(),
        message: format!("peer {seq} was added to the interface of the lane"),
        request_id: None,
        process: ProcessId(process),
        seq,
        fields: [].into(),
    }
}

/// Runs `work` on a thread with its own mounts, and a file system of `size` at the directory that it receives.
pub fn on_small_disk(size: &str, work: impl FnOnce(&Path) + Send) {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
            resize(dir.path(), size, MsFlags::empty());
            work(dir.path());
        });
        thread.join().unwrap();
    });
}

/// Mounts a file system in memory, or changes its size with `MS_REMOUNT`.
pub fn resize(directory: &Path, size: &str, flags: MsFlags) {
    mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some(format!("size={size}").as_str())).unwrap();
}
