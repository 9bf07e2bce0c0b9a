//! Runs a program with the user's token, but without the rights of an administrator.

use crate::service::Ended;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use tornado_windows::Sid;
use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_OBJECT_0};
use windows_sys::Win32::Security::{
    CreateRestrictedToken, SID_AND_ATTRIBUTES, TOKEN_ASSIGN_PRIMARY, TOKEN_DUPLICATE, TOKEN_QUERY,
};
use windows_sys::Win32::System::Threading::{
    CreateProcessAsUserW, GetCurrentProcess, GetExitCodeProcess, OpenProcessToken, PROCESS_INFORMATION,
    STARTF_USESTDHANDLES, STARTUPINFOW, WaitForSingleObject,
};

/// How long the program may run, milliseconds.
const PATIENCE: u32 = 60_000;

/// Runs a program of this workspace without the group of administrators, as every program of a user runs that was not
/// started as an administrator.
///
/// # Errors
/// Those of Windows.
#[expect(unsafe_code, reason = "calls of the Windows API")]
pub fn run_restricted(program: &Path, words: &[&str]) -> io::Result<Ended> {
    let token = restricted()?;
    let output = tempfile::tempfile()?;
    let quoted = words.iter().map(|word| format!(" \"{word}\""));
    let line = format!("\"{}\"{}", program.display(), quoted.collect::<String>());
    let mut line: Vec<u16> = std::ffi::OsStr::new(&line).encode_wide().chain([0]).collect();
    let handle = output.as_raw_handle();
    // SAFETY: the handle is open.
    checked(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) })?;
    let start = STARTUPINFOW {
        cb: u32::try_from(size_of::<STARTUPINFOW>()).map_err(io::Error::other)?,
        dwFlags: STARTF_USESTDHANDLES,
        hStdOutput: handle,
        hStdError: handle,
        ..STARTUPINFOW::default()
    };
    let mut process = PROCESS_INFORMATION::default();
    // SAFETY: the line ends with NUL and may be changed; the structures outlive the call.
    checked(unsafe {
        CreateProcessAsUserW(
            token.as_raw_handle(),
            null(),
            line.as_mut_ptr(),
            null(),
            null(),
            1,
            0,
            null(),
            null(),
            &raw const start,
            &raw mut process,
        )
    })?;
    // SAFETY: both handles were just opened and have no other owner.
    let (child, _thread) =
        unsafe { (OwnedHandle::from_raw_handle(process.hProcess), OwnedHandle::from_raw_handle(process.hThread)) };
    let mut code = 0;
    // SAFETY: the handle is open, and the variable outlives the call.
    unsafe {
        if WaitForSingleObject(child.as_raw_handle(), PATIENCE) != WAIT_OBJECT_0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        checked(GetExitCodeProcess(child.as_raw_handle(), &raw mut code))?;
    }
    Ok(Ended { code: i32::try_from(code).ok(), text: read_all(output)? })
}

fn read_all(mut file: std::fs::File) -> io::Result<String> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The token of this process, in which the group of administrators can only deny.
#[expect(unsafe_code, reason = "calls of the Windows API")]
fn restricted() -> io::Result<OwnedHandle> {
    let (mut own, mut restricted) = (null_mut(), null_mut());
    let mut group = Sid::ADMINISTRATORS.to_bytes();
    let disabled = SID_AND_ATTRIBUTES { Sid: group.as_mut_ptr().cast(), Attributes: 0 };
    // SAFETY: the pseudo handle is valid, the variables receive open handles, and the list has one entry.
    unsafe {
        let rights = TOKEN_DUPLICATE | TOKEN_QUERY | TOKEN_ASSIGN_PRIMARY;
        checked(OpenProcessToken(GetCurrentProcess(), rights, &raw mut own))?;
        let own = OwnedHandle::from_raw_handle(own);
        let handle = own.as_raw_handle();
        checked(CreateRestrictedToken(handle, 0, 1, &raw const disabled, 0, null(), 0, null(), &raw mut restricted))?;
        Ok(OwnedHandle::from_raw_handle(restricted))
    }
}

fn checked(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
