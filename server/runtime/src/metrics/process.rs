//! Processor time, memory and descriptors of this process, with the names that Prometheus recommends for every process,
//! and its log output.

use super::{Reading, Unit};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};
use std::time::Duration;

pub(super) fn read(reading: &mut Reading<'_>) {
    if let Some(cpu) = processor_time() {
        let help = "Processor time of the process in user and kernel mode";
        reading.counter("process_cpu", help, Some(&Unit::Seconds)).add(&[], cpu.as_secs_f64());
    }
    if let Some(bytes) = resident_memory() {
        reading.gauge("process_resident_memory", "Resident memory of the process", Some(&Unit::Bytes)).add(&[], bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        reading.gauge("process_open_fds", "Open file descriptors of the process", None).add(&[], open.count());
    }
}

pub(super) fn read_log(reading: &mut Reading<'_>) {
    let counts = tornado_log::output::counts();
    let help = "Lines of the process's log: lost ones could not be written, suppressed ones were too many of a kind";
    let mut lines = reading.counter("tornado_log_output_lines", help, None);
    lines.add(&[("outcome", "written")], counts.written);
    lines.add(&[("outcome", "lost")], counts.lost);
    lines.add(&[("outcome", "suppressed")], tornado_log::suppressed());
    let help = "Rotations of the process's log file";
    reading.counter("tornado_log_rotations", help, None).add(&[], counts.rotations);
    let help = "How often another process removed or renamed the process's log file";
    reading.counter("tornado_log_files_replaced", help, None).add(&[], counts.replaced);
}

fn processor_time() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let of = |time: nix::sys::time::TimeVal| {
        Some(Duration::new(time.tv_sec().try_into().ok()?, u32::try_from(time.tv_usec()).ok()?.checked_mul(1000)?))
    };
    Some(of(usage.user_time())? + of(usage.system_time())?)
}

/// The second number of /proc/self/statm (proc_pid_statm(5)), in bytes.
fn resident_memory() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    pages.checked_mul(page.try_into().ok()?)
}
