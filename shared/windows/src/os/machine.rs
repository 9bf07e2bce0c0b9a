//! Directories and clocks of this machine.

use super::{checked, text};
use std::io;
use std::path::PathBuf;
use std::ptr::null_mut;
use std::time::Duration;
use windows_sys::Win32::System::Com::CoTaskMemFree;
use windows_sys::Win32::System::SystemInformation::GetTickCount64;
use windows_sys::Win32::System::WindowsProgramming::QueryUnbiasedInterruptTime;
use windows_sys::Win32::UI::Shell::{FOLDERID_ProgramData, SHGetKnownFolderPath};

/// The directory for data of programs that belongs to no user, usually `C:\ProgramData`. It does not depend on an
/// environment variable, which a user could have set.
///
/// # Errors
/// Those of Windows.
pub fn program_data() -> io::Result<PathBuf> {
    let mut path = null_mut();
    #[expect(unsafe_code, reason = "calls of the Windows API with pointers")]
    // SAFETY: the variable receives an allocated text, or null, and both may be read and freed.
    let (result, found) = unsafe {
        let result = SHGetKnownFolderPath(&FOLDERID_ProgramData, 0, null_mut(), &raw mut path);
        let found = text(path);
        CoTaskMemFree(path.cast());
        (result, found)
    };
    if result < 0 || found.is_empty() { Err(io::Error::from_raw_os_error(result)) } else { Ok(found.into()) }
}

/// Two clocks: one that counts sleep, and one that stops while the machine sleeps.
///
/// # Errors
/// Those of Windows.
pub fn clocks() -> io::Result<(Duration, Duration)> {
    let mut awake = 0;
    #[expect(unsafe_code, reason = "calls of the Windows API")]
    // SAFETY: the variable outlives the call.
    let with_sleep = unsafe {
        checked(QueryUnbiasedInterruptTime(&raw mut awake))?;
        GetTickCount64()
    };
    Ok((Duration::from_millis(with_sleep), Duration::from_nanos(awake.saturating_mul(100))))
}
