//! Security descriptors in the memory of Windows.

use super::{checked, succeeded, wide};
use crate::{Security, Sid};
use std::io;
use std::os::windows::io::{AsRawHandle, RawHandle};
use std::path::Path;
use std::ptr::{null_mut, slice_from_raw_parts};
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, GetSecurityInfo, SDDL_REVISION_1,
    SE_FILE_OBJECT, SE_KERNEL_OBJECT, SE_OBJECT_TYPE, SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, GetLengthSid, GetSecurityDescriptorDacl,
    GetSecurityDescriptorOwner, OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    PSID, SECURITY_ATTRIBUTES,
};
use windows_sys::Win32::System::SystemServices::{ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE};

/// A security descriptor that Windows allocated.
pub(super) struct Descriptor(PSECURITY_DESCRIPTOR);

#[expect(unsafe_code, reason = "calls of the Windows API with pointers")]
impl Descriptor {
    pub(super) fn of(security: &Security) -> io::Result<Self> {
        let text = wide(Path::new(&security.to_string()))?;
        let mut descriptor = null_mut();
        // SAFETY: the text ends with NUL, and the function stores an allocated descriptor in the variable.
        checked(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                null_mut(),
            )
        })?;
        Ok(Self(descriptor))
    }

    /// Reads owner and access list of a file or directory.
    pub(super) fn of_path(path: &Path) -> io::Result<Self> {
        let name = wide(path)?;
        let mut descriptor = null_mut();
        // SAFETY: the name ends with NUL; parts that are not wanted may be null; the last variable receives a structure
        // that Windows allocates.
        succeeded(unsafe {
            GetNamedSecurityInfoW(
                name.as_ptr(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                &raw mut descriptor,
            )
        })?;
        Ok(Self(descriptor))
    }

    /// Reads the owner of an open pipe.
    pub(super) fn of_pipe(pipe: &impl AsRawHandle) -> io::Result<Self> {
        Self::of_handle(pipe.as_raw_handle(), SE_KERNEL_OBJECT)
    }

    fn of_handle(handle: RawHandle, kind: SE_OBJECT_TYPE) -> io::Result<Self> {
        let mut descriptor = null_mut();
        // SAFETY: the handle is open; parts that are not wanted may be null; the last variable receives an allocated
        // descriptor.
        succeeded(unsafe {
            GetSecurityInfo(
                handle,
                kind,
                OWNER_SECURITY_INFORMATION,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                &raw mut descriptor,
            )
        })?;
        Ok(Self(descriptor))
    }

    /// For a function that creates an object. It must not be used after `self` was dropped.
    pub(super) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        let length = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default();
        SECURITY_ATTRIBUTES { nLength: length, lpSecurityDescriptor: self.0, bInheritHandle: 0 }
    }

    /// The owner; [`Sid::NULL`] if the descriptor has no owner.
    pub(super) fn owner(&self) -> io::Result<Sid> {
        let (mut owner, mut is_default) = (null_mut(), 0);
        // SAFETY: the descriptor is valid, and both variables outlive the call.
        checked(unsafe { GetSecurityDescriptorOwner(self.0, &raw mut owner, &raw mut is_default) })?;
        if owner.is_null() {
            return Ok(Sid::NULL);
        }
        // SAFETY: the owner is a part of the descriptor, which is not freed yet.
        unsafe { read_sid(owner) }
    }

    /// The access list; `None` if the descriptor has no list, which allows everything.
    fn list(&self) -> io::Result<Option<*mut ACL>> {
        let (mut list, mut is_present, mut is_default) = (null_mut(), 0, 0);
        // SAFETY: the descriptor is valid, and the variables outlive the call.
        checked(unsafe { GetSecurityDescriptorDacl(self.0, &raw mut is_present, &raw mut list, &raw mut is_default) })?;
        Ok(if is_present == 0 || list.is_null() { None } else { Some(list) })
    }

    /// Users and groups to which the access list gives any right. An entry of an unknown kind counts as everyone.
    pub(super) fn allowed(&self) -> io::Result<Vec<Sid>> {
        let Some(list) = self.list()? else { return Ok(vec![Sid::EVERYONE]) };
        // SAFETY: the list is a part of the descriptor, which is not freed yet.
        let count = unsafe { (*list).AceCount };
        let mut allowed = Vec::new();
        for index in 0..count {
            let mut entry = null_mut();
            // SAFETY: the list is valid, and the index is smaller than its length.
            checked(unsafe { GetAce(list, index.into(), &raw mut entry) })?;
            // SAFETY: every entry begins with this header.
            let kind = u32::from(unsafe { (*entry.cast::<ACE_HEADER>()).AceType });
            match kind {
                ACCESS_ALLOWED_ACE_TYPE => {
                    // SAFETY: the type of the entry says that it has this layout; the SID begins at the last field.
                    allowed
                        .push(unsafe { read_sid((&raw mut (*entry.cast::<ACCESS_ALLOWED_ACE>()).SidStart).cast()) }?);
                }
                ACCESS_DENIED_ACE_TYPE => {}
                _ => allowed.push(Sid::EVERYONE),
            }
        }
        Ok(allowed)
    }

    /// Replaces the access list of a file or directory. Its parent's entries are no longer inherited.
    pub(super) fn apply_list(&self, path: &Path) -> io::Result<()> {
        let (name, list) = (wide(path)?, self.list()?.unwrap_or(null_mut()));
        let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
        // SAFETY: the name ends with NUL, and the list is a part of the descriptor, which is not freed yet.
        succeeded(unsafe {
            SetNamedSecurityInfoW(name.as_ptr(), SE_FILE_OBJECT, what, null_mut(), null_mut(), list, null_mut())
        })
    }
}

impl Drop for Descriptor {
    #[expect(unsafe_code, reason = "Windows allocated it")]
    fn drop(&mut self) {
        // SAFETY: the functions above return memory of `LocalAlloc`, and it is freed only here.
        unsafe { LocalFree(self.0) };
    }
}

/// Copies a SID.
///
/// # Safety
/// `sid` points to a valid SID.
#[expect(unsafe_code, reason = "a structure of variable length")]
pub(super) unsafe fn read_sid(sid: PSID) -> io::Result<Sid> {
    // SAFETY: the caller guarantees that it is valid, so this is the length of its memory.
    let bytes = unsafe { &*slice_from_raw_parts(sid.cast::<u8>(), GetLengthSid(sid) as usize) };
    Sid::from_bytes(bytes).map_err(io::Error::other)
}
