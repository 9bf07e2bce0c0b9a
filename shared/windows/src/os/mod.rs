//! Calls of the Windows API.

mod descriptor;
mod directory;
mod machine;
pub mod names;
pub mod network;
pub mod pipe;
mod token;
pub mod wintun;

pub use directory::{exposed_to, make_private};
pub use machine::{clocks, program_data};
pub use token::{is_elevated, own_user};

use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::slice_from_raw_parts;

/// A path or a text, as the wide functions of Windows take it.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let mut units: Vec<u16> = path.as_os_str().encode_wide().collect();
    if units.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path contains a NUL character"));
    }
    units.push(0);
    Ok(units)
}

/// The result of a function that returns a `BOOL`.
fn checked(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The result of a function that returns an error code.
fn succeeded(code: u32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
}

/// Copies a text that ends with NUL; empty for null.
///
/// # Safety
/// The pointer is null, or leads to such a text.
#[expect(unsafe_code, reason = "a pointer of Windows")]
unsafe fn text(start: *const u16) -> String {
    if start.is_null() {
        return String::new();
    }
    let mut length = 0;
    // SAFETY: the text has at least one more character until its NUL was found.
    while unsafe { *start.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: all characters were read above.
    String::from_utf16_lossy(unsafe { &*slice_from_raw_parts(start, length) })
}
