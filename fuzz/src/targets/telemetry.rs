//! Service `telemetry`: log files and metrics of services, and queries of operators.

use tornado_telemetry::fuzzing;

/// The first two bytes are the position at which the file is cut, the rest is the file.
pub fn lines(bytes: &[u8]) {
    let [high, low, file @ ..] = bytes else { return };
    fuzzing::lines(file, usize::from(u16::from_be_bytes([*high, *low])));
}

/// A query.
pub fn query(bytes: &[u8]) {
    fuzzing::query(&String::from_utf8_lossy(bytes));
}

/// Metrics of a service.
pub fn metrics(bytes: &[u8]) {
    fuzzing::metrics(&String::from_utf8_lossy(bytes));
}
