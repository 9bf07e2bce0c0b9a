//! Directories of secrets.

use super::descriptor::Descriptor;
use super::{checked, own_user, wide};
use crate::{Security, Sid};
use std::io;
use std::path::Path;
use windows_sys::Win32::Foundation::ERROR_ALREADY_EXISTS;
use windows_sys::Win32::Storage::FileSystem::CreateDirectoryW;

/// Creates a directory to which only LocalSystem and administrators have access, or makes an existing one private. Its
/// parent must exist. `%ProgramData%` lets every user create directories, so the owner is checked: the owner of a
/// directory can always change its access list.
///
/// # Errors
/// `PermissionDenied` if the directory belongs to another user. Other errors are those of Windows.
pub fn make_private(path: &Path) -> io::Result<()> {
    let own = own_user()?;
    let descriptor = Descriptor::of(&Security::of_directory(own))?;
    let (name, attributes) = (wide(path)?, descriptor.attributes());
    #[expect(unsafe_code, reason = "a call of the Windows API with pointers")]
    // SAFETY: the name ends with NUL, and the descriptor outlives the call.
    let made = checked(unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) });
    match made {
        Err(error) if error.raw_os_error() == Some(ERROR_ALREADY_EXISTS.cast_signed()) => {
            let owner = Descriptor::of_path(path)?.owner()?;
            if ![Sid::SYSTEM, Sid::ADMINISTRATORS, own].contains(&owner) {
                let text = format!("it belongs to {owner}, who can read and change it; remove it as an administrator");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            descriptor.apply_list(path)
        }
        made => made,
    }
}

/// A user or group besides LocalSystem, administrators and this process's user that may access the file or directory.
///
/// # Errors
/// If the access list cannot be read.
pub fn exposed_to(path: &Path) -> io::Result<Option<Sid>> {
    let own = own_user()?;
    let allowed = Descriptor::of_path(path)?.allowed()?;
    Ok(allowed.into_iter().find(|who| ![Sid::SYSTEM, Sid::ADMINISTRATORS, own].contains(who)))
}
