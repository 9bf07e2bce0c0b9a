//! Service `tor`: input from Tor, its directory, devices and operators.

use tornado_tor::fuzzing;

/// The first byte is the position at which the stream is cut, the rest is the stream.
pub fn control(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    fuzzing::control(stream, usize::from(*cut));
}

/// A line of the control port.
pub fn line(bytes: &[u8]) {
    fuzzing::words(&String::from_utf8_lossy(bytes));
}

/// Relays of the directory.
pub fn directory(bytes: &[u8]) {
    fuzzing::relays(&String::from_utf8_lossy(bytes));
}

/// A bridge line.
pub fn bridge(bytes: &[u8]) {
    fuzzing::bridge(&String::from_utf8_lossy(bytes));
}

/// A request for the maintenance page.
pub fn page(bytes: &[u8]) {
    fuzzing::page(bytes);
}
