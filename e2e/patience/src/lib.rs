//! Time limits on busy and slow machines. A separate crate: the lab, and with it `xtask`, build without the
//! contracts and libraries of the other test support.

#![forbid(unsafe_code)]

use std::time::Duration;

/// Environment variable with the factor of a slow machine, for example an emulated one.
const FACTOR: &str = "TORNADO_TEST_PATIENCE";
/// Maximum extension on a busy machine.
const BUSY: f64 = 8.0;

/// Extends a time limit: by the factor in the environment, and on a busy machine by the ratio of load to cores, at most
/// eight times. A wait ends with its event, so only failures take longer.
#[must_use]
pub fn patient(within: Duration) -> Duration {
    let factor = std::env::var(FACTOR).ok().and_then(|factor| factor.parse::<u32>().ok());
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|minute| minute.parse::<f64>().ok()).unwrap_or(0.0);
    (within * factor.unwrap_or(1)).mul_f64((load / cores).clamp(1.0, BUSY))
}
