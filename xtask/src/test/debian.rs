//! Root file systems of Debian for the suite `packages`, and the packages that it installs there.

use crate::machine::programs::Need;
use crate::{dist, machine, shell};
use anyhow::Context as _;
use std::path::Path;

/// The releases on which the packages are tested.
const RELEASES: &[&str] = &["bookworm", "trixie"];
/// Packages of a minimal machine with systemd.
const INCLUDED: &str = "systemd-sysv,dbus,iproute2";
/// Packages of which apt has copies, so that it can install ours, with dependencies, without a network; and those with
/// which tests show the window and install packages for rpm.
const CACHED: &str = "ca-certificates nftables tor \
                      libwebkit2gtk-4.1-0 libayatana-appindicator3-1 desktop-file-utils dbus-daemon xvfb x11-utils rpm";
/// Removes the copies of installed packages, then fetches those above.
const FETCH: &str = "rm -f \"$1\"/var/cache/apt/archives/*.deb && \
                     chroot \"$1\" apt-get --quiet --yes --no-install-recommends --download-only install";
/// apt must not use the network by itself.
const TIMERS: &str = "ln -s /dev/null \"$1/etc/systemd/system/apt-daily.timer\" && \
                      ln -s /dev/null \"$1/etc/systemd/system/apt-daily-upgrade.timer\"";

/// Checks that a machine can be booted: separate namespaces and a control group that belongs to it.
const PROBE: &str = "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/cgroup /mnt/a /mnt/b /mnt/c && \
                     mount -t overlay -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c overlay /mnt/a && \
                     mount -t cgroup2 cgroup2 /mnt/cgroup && mkdir /mnt/cgroup/tornado-probe-$$ && \
                     rmdir /mnt/cgroup/tornado-probe-$$";

/// Why machines cannot be booted here, if so.
pub fn obstacle() -> Option<String> {
    if std::env::consts::ARCH != "x86_64" || !shell::has("apt-get") {
        return Some("the suite needs Debian on amd64".to_owned());
    }
    let namespaces = ["--mount", "--net", "--uts", "--ipc", "--pid", "--cgroup", "--fork"];
    let mut probe = shell::command("unshare", &namespaces);
    probe.args(["sh", "-c", PROBE]);
    shell::read(probe)
        .err()
        .map(|error| format!("this machine does not allow namespaces with control groups: {error:#}"))
}

/// Installs the tools, and creates the root file systems that do not exist.
pub fn prepare() -> anyhow::Result<()> {
    if !shell::is_root() || obstacle().is_some() {
        return Ok(());
    }
    machine::provide(&[Need::Package])?;
    let directory = shell::target_dir().join("debian");
    std::fs::create_dir_all(&directory)?;
    let mirror = mirror();
    for release in RELEASES {
        image(&directory, release, &mirror)
            .with_context(|| format!("cannot create a root file system of {release}"))?;
    }
    Ok(())
}

/// Builds the packages of the programs that the build of the tests has built.
pub fn build_packages() -> anyhow::Result<()> {
    dist::for_tests(&shell::target_dir().join("test-packages"))
}

fn image(directory: &Path, release: &str, mirror: &str) -> anyhow::Result<()> {
    let to = directory.join(release);
    // Written last, with what the image contains.
    let (mark, content) = (directory.join(format!("{release}.complete")), format!("{INCLUDED} {CACHED}\n"));
    if std::fs::read_to_string(&mark).is_ok_and(|found| found == content) {
        return Ok(());
    }
    println!("  fetching Debian {release} from {mirror}");
    for old in [&mark, &to] {
        remove(old)?;
    }
    let mut build = shell::command("mmdebstrap", &["--mode=root", "--variant=minbase", "--quiet"]);
    build.args(["--dpkgopt=force-unsafe-io", "--skip=cleanup/apt/lists,cleanup/apt/cache"]);
    build.arg("--aptopt=Acquire::Languages \"none\"").arg(format!("--include={INCLUDED}"));
    build.arg(format!("--customize-hook={TIMERS}")).arg(format!("--customize-hook={FETCH} {CACHED}"));
    build.arg(release).arg(&to).arg(mirror);
    shell::run(build)?;
    std::fs::write(mark, content)?;
    Ok(())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let is_directory = path.is_dir();
    let removed = if is_directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Debian's archive as this machine uses it.
fn mirror() -> String {
    const LINES: &[&str] = &["indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"];
    let listed = shell::read(shell::command("apt-get", LINES)).unwrap_or_default();
    let found = listed.lines().find_map(|line| line.strip_prefix("Debian "));
    found.map_or_else(|| "http://deb.debian.org/debian".to_owned(), |uri| uri.trim_end_matches('/').to_owned())
}
