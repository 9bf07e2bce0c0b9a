//! The suite `kernel`: repeats tests of the lanes on a kernel with WireGuard.
//!
//! Debian's kernel runs in an emulated machine, independent of the kernel of this machine. QEMU does not use hardware
//! virtualisation: that works everywhere and is several times slower. The built test programs are in the memory of the
//! guest, which has no network and no disk.

use super::binary::{Binary, Ran};
use super::tally::Tally;
use super::watch::watch;
use crate::machine::programs::{self, Need};
use crate::{machine, shell};
use anyhow::{Context as _, bail};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tornado_e2e_harness::patient;

/// Package that depends on Debian's newest kernel for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";
/// Programs that the tests call; they are copied with their libraries.
const PROGRAMS: &[&str] =
    &["dash", "busybox", "mount", "kmod", "ip", "nft", "ping", "sysctl", "tcpdump", "wg", "wireguard-go", "curl", "ss"];
/// Kernel modules that network namespaces and tunnels need.
const MODULES: &[&str] = &["net", "lib", "crypto", "arch", "drivers/net/wireguard", "drivers/net/tun.ko"];
const MORE_MODULES: &[&str] = &["drivers/net/veth.ko", "drivers/net/dummy.ko"];
/// Time limit of a run, which takes about a quarter of it; twice as long on a busy machine.
const WITHIN: Duration = Duration::from_secs(900);
/// The time limits of one second of the tests, emulated; up to four times as long on a busy machine.
const EMULATED: Duration = Duration::from_secs(12);
/// A guest processor that hangs in the kernel, or a task that waits in it for two minutes, ends the run at once, with a
/// trace of all processors.
const WATCHDOG: &str = "watchdog_thresh=30 softlockup_panic=1 sysctl.kernel.softlockup_all_cpu_backtrace=1 \
                        sysctl.kernel.hung_task_timeout_secs=120 sysctl.kernel.hung_task_panic=1 \
                        sysctl.kernel.hung_task_all_cpu_backtrace=1 rcupdate.rcu_cpu_stall_timeout=60";
/// The guest prints this line after all programs have ended.
const END: &str = "ALL PROGRAMS HAVE ENDED";

/// Test programs that run in the guest: package, name, and additional arguments.
const TESTS: &[(&str, &str, &[&str])] = &[
    ("server/wg", "lanes_start", &[]),
    ("server/wg", "lanes_failure", &[]),
    ("server/wg", "lanes_traffic", &[]),
    ("server/wg", "lanes_guard", &[]),
    // Two hundred switches under load add nothing here and take minutes.
    ("server/wg", "lanes_tor_states", &["--skip", "two_hundred_switches"]),
    ("desktop/tunnel", "lanes_namespace", &[]),
];

/// Runs the suite.
pub fn run(binaries: &[Binary]) -> Ran {
    attempt(binaries).unwrap_or_else(|error| {
        println!("  cannot run the machine: {error:#}");
        Tally::ONE_FAILED.into()
    })
}

/// Downloads what the suite needs, if that is possible on this machine.
pub fn prepare() -> anyhow::Result<()> {
    if is_possible() {
        machine::provide(&[Need::Kernel])?;
        Kernel::fetch(&directory()?)?;
    }
    Ok(())
}

fn is_possible() -> bool {
    std::env::consts::ARCH == "x86_64" && shell::has("apt-get")
}

fn directory() -> anyhow::Result<PathBuf> {
    let directory = shell::target_dir().join("guest");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn attempt(binaries: &[Binary]) -> anyhow::Result<Ran> {
    if !is_possible() {
        println!("  SKIPPED: the suite needs Debian on amd64, to download its kernel");
        return Ok(Tally::ONE_SKIPPED.into());
    }
    if !shell::has("qemu-system-x86_64") {
        bail!("install {} first, or run this as root", programs::packages(&[Need::Kernel]).join(", "));
    }
    let directory = directory()?;
    let kernel = Kernel::fetch(&directory)?;
    let memory = fill(&directory, &kernel, binaries)?;

    let mut qemu = Command::new("qemu-system-x86_64");
    // One processor: the kernel patches its own code, and with two emulated ones QEMU 7.2 can hang while the other one
    // runs it (seen at hooks, at sockets with time stamps, and as tasks that wait without end).
    // Emulated even if /dev/kvm exists: in a virtual machine KVM may fail during the boot, and QEMU then hangs.
    qemu.args(["-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "2048", "-nic", "none"]);
    qemu.args(["-nographic", "-no-reboot", "-append", &format!("console=ttyS0 quiet panic=-1 {WATCHDOG}")]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(&memory);
    let end = watch(qemu, patient(WITHIN).min(WITHIN * 2))?;
    let said: String = end.output.lines().map(|line| format!("{}\n", line.trim_end_matches('\r'))).collect();
    let tests = end.tests.into_iter().map(|(test, took)| (format!("kernel {test}"), took)).collect();
    Ok(Ran { tally: count(&said), tests })
}

/// Counts the results in the output of the guest. A program without a result, or a run without WireGuard in the kernel,
/// is a failure.
fn count(said: &str) -> Tally {
    let mut sum = Tally::default();
    for (package, name, _) in TESTS {
        let part = said.split(&format!("== {name}\n")).nth(1).unwrap_or_default();
        let part = part.split("\n== ").next().unwrap_or_default();
        let tally = Tally::of_libtest(part).unwrap_or(Tally::ONE_FAILED);
        if !tally.is_green() {
            println!("{}", part.split_once("\nfailures:\n").map_or(part, |(_, why)| why));
        }
        println!("  {package} {name}: {tally}");
        sum.add(tally);
    }
    for (mark, without) in
        [("WIREGUARD IN THE KERNEL", "its kernel has no WireGuard"), (END, "it did not complete the run")]
    {
        if !said.contains(mark) {
            println!("{}\n  the machine failed: {without}", last_words(said));
            sum.add(Tally::ONE_FAILED);
        }
    }
    sum
}

/// The output from the first kernel fault on, or the last lines if there is none.
fn last_words(said: &str) -> &str {
    const LINES: usize = 60;
    let faults = ["BUG:", "Oops:", "Kernel panic", "rcu: INFO:", "INFO: task"];
    let fault = faults.into_iter().filter_map(|mark| said.find(mark)).min();
    let tail = said.rmatch_indices('\n').nth(LINES).map_or(0, |(at, _)| at);
    said.get(fault.unwrap_or(tail)..).unwrap_or(said)
}

/// Debian's kernel, unpacked from its package and not installed.
struct Kernel {
    image: PathBuf,
    modules: PathBuf,
    version: String,
}

impl Kernel {
    fn fetch(directory: &Path) -> anyhow::Result<Self> {
        let depends = shell::read(shell::command("apt-cache", &["depends", "--important", KERNEL]))?;
        let name = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let mut name = name.filter(|name| name.starts_with("linux-image-"));
        let Some(name) = name.next() else { bail!("the package {KERNEL} depends on no kernel") };
        let version = name.trim_start_matches("linux-image-").to_owned();
        let home = directory.join(name);
        let image = home.join("boot").join(format!("vmlinuz-{version}"));
        if !image.is_file() {
            println!("  fetching {name}");
            shell::read(shell::command("apt-get", &["download", "--quiet", name]).current_dir(directory))?;
            let package = shell::package_in(directory, name).context("apt-get downloaded no package")?;
            // Unpacked to another directory and renamed, so that the final directory is always complete.
            let fresh = directory.join("fresh");
            let _ = std::fs::remove_dir_all(&fresh);
            shell::run(shell::command("dpkg-deb", &["--extract"]).arg(&package).arg(&fresh))?;
            std::fs::remove_file(package)?;
            std::fs::rename(fresh, &home)?;
        }
        Ok(Self { image, modules: home.join("lib/modules").join(&version), version })
    }
}

/// Creates the file system of the guest: programs, libraries, modules, tests. Returns the archive.
fn fill(directory: &Path, kernel: &Kernel, binaries: &[Binary]) -> anyhow::Result<PathBuf> {
    let top = directory.join("root");
    let _ = std::fs::remove_dir_all(&top);
    for place in ["bin", "sbin", "usr", "dev", "proc", "sys", "tmp", "run", "etc", "root", "tests", "var/lib"] {
        std::fs::create_dir_all(top.join(place))?;
    }
    std::os::unix::fs::symlink("../bin", top.join("usr/bin"))?;
    std::os::unix::fs::symlink("../bin", top.join("usr/sbin"))?;
    let mut libraries = BTreeSet::new();
    for name in PROGRAMS {
        let program = shell::find(name).with_context(|| format!("the program {name} is not installed"))?;
        libraries.extend(libraries_of(&program)?);
        copy(&program, &top.join("bin").join(name))?;
    }
    for (link, to) in
        [("bin/sh", "dash"), ("bin/modprobe", "kmod"), ("bin/modinfo", "kmod"), ("sbin/modprobe", "../bin/kmod")]
    {
        std::os::unix::fs::symlink(to, top.join(link))?;
    }
    // Applets of busybox replace programs that were not copied.
    for applet in shell::read(shell::command("busybox", &["--list"]))?.lines() {
        let link = top.join("bin").join(applet);
        if link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink("busybox", link)?;
        }
    }
    for (package, name, _) in TESTS {
        let program = binaries.iter().find(|binary| binary.is(package, name));
        let program = program.with_context(|| format!("{package} has no test program {name}"))?.program();
        libraries.extend(libraries_of(program)?);
        copy(program, &top.join("tests").join(name))?;
    }
    for library in libraries {
        copy(&library, &top.join(library.strip_prefix("/")?))?;
    }
    let modules = top.join("lib/modules").join(&kernel.version);
    for part in MODULES.iter().chain(MORE_MODULES) {
        let to = modules.join("kernel").join(part);
        std::fs::create_dir_all(to.parent().context("a module path has no parent")?)?;
        let from = kernel.modules.join("kernel").join(part);
        shell::run(shell::command("cp", &["--recursive"]).arg(from).arg(to))?;
    }
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        copy(&kernel.modules.join(list), &modules.join(list))?;
    }
    shell::run(shell::command("depmod", &["--basedir"]).arg(&top).arg(&kernel.version))?;
    std::fs::write(
        top.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\ntcpdump:x:100:100::/:/bin/false\n",
    )?;
    std::fs::write(top.join("etc/group"), "root:x:0:\nnogroup:x:65534:\ntcpdump:x:100:\n")?;
    std::fs::write(top.join("init"), script())?;
    std::fs::set_permissions(top.join("init"), std::fs::Permissions::from_mode(0o755))?;

    let archive = directory.join("memory.cpio");
    let pack = ["-ec", "find . | cpio --quiet --create --format=newc >\"$0\""];
    shell::run(shell::command("sh", &pack).arg(&archive).current_dir(&top))?;
    Ok(archive)
}

/// The init script of the guest.
fn script() -> String {
    let mut script = String::from(
        "#!/bin/sh\nexport PATH=/bin:/sbin\n\
         mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev\n\
         mount -t tmpfs tmp /tmp; mount -t tmpfs run /run; mkdir -p /run/netns /dev/net\n\
         ip link set lo up; modprobe tun; modprobe wireguard && echo WIREGUARD IN THE KERNEL\n\
         # Under emulation the first use of a module would take longer than the time limit in wg.\n\
         modprobe -a nf_tables nft_chain_nat nft_masq nft_ct nft_reject_inet nft_limit nft_fib_inet nft_log nft_connlimit\n\
         modprobe -a nf_conntrack_netlink nfnetlink_cttimeout\n\
         nft list ruleset\n\
         # The kernel patches its own code for the first and the last hook, and for the first and the last socket with\n\
         # time stamps. QEMU can hang at a patched place (seen in ip_local_deliver), so one of each always exists here.\n\
         for family in ip ip6; do nft add table $family hold\n\
         for hook in prerouting input forward output postrouting; do\n\
         nft \"add chain $family hold $hook { type filter hook $hook priority 300; }\"; done; done\n\
         ping -q -i 60 127.0.0.1 >/dev/null &\n\
         cd /tests\n",
    );
    script.push_str(&format!("export TORNADO_TEST_PATIENCE={}\n", patient(EMULATED).min(EMULATED * 4).as_secs()));
    for (_, name, words) in TESTS {
        let words = words.join(" ");
        script.push_str(&format!("echo; echo '== {name}'; ./{name} --test-threads 1 --show-output {words} 2>&1\n"));
    }
    script.push_str(&format!("echo; echo '== end'; echo '{END}'; busybox poweroff -f\n"));
    script
}

/// The shared libraries and the loader of a program; none for a statically linked one.
fn libraries_of(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let said = shell::command("ldd", &[]).arg(program).output().context("cannot run ldd")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    Ok(said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

/// Copies a file; follows symbolic links.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(place) = to.parent() {
        std::fs::create_dir_all(place)?;
    }
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to the machine", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_says_nothing_has_failed() {
        let silent = count("WIREGUARD IN THE KERNEL\n== lanes_start\n");
        assert_eq!(silent.failed as usize, TESTS.len() + 1, "the missing end counts as a failure");
    }

    #[test]
    fn the_report_of_a_fault_is_printed_whole_and_nothing_before_it() {
        let lines = "a line\n".repeat(100);
        assert_eq!(last_words(&lines).lines().filter(|line| !line.is_empty()).count(), 60);
        let said = format!("{lines}BUG: soft lockup\n{lines}");
        assert_eq!(last_words(&said), &said[lines.len()..]);
    }

    #[test]
    fn the_machines_words_are_counted() {
        let result = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        let mut said = String::from("WIREGUARD IN THE KERNEL\n");
        for (_, name, _) in TESTS {
            said.push_str(&format!("\n== {name}\n\nrunning 2 tests\n\n{result}\n"));
        }
        said.push_str(&format!("\n== end\n{END}\n"));
        assert_eq!(count(&said), Tally { passed: 2 * TESTS.len() as u32, failed: 0, skipped: 0 });
    }
}
