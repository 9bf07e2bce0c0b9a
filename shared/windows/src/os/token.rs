//! Access tokens: the user, the groups and the session of a process or thread.

use super::checked;
use super::descriptor::read_sid;
use crate::Sid;
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr::null_mut;
use windows_sys::Win32::Security::{
    CheckTokenMembership, DuplicateToken, GetTokenInformation, SecurityIdentification, TOKEN_DUPLICATE,
    TOKEN_ELEVATION, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TOKEN_USER, TokenElevation, TokenSessionId, TokenUser,
};
use windows_sys::Win32::System::RemoteDesktop::WTSQueryUserToken;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcess, OpenProcessToken, OpenThreadToken,
    PROCESS_QUERY_LIMITED_INFORMATION,
};

/// Size of the largest result that is read: a user with the longest SID.
const LARGEST: usize = size_of::<TOKEN_USER>() + 68;

/// A token that can be queried.
pub(super) struct Token(OwnedHandle);

#[expect(unsafe_code, reason = "calls of the Windows API with pointers")]
impl Token {
    /// The token of this process.
    fn of_process() -> io::Result<Self> {
        let mut handle = null_mut();
        // SAFETY: the pseudo handle is always valid, and the variable receives an open handle.
        checked(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut handle) })?;
        // SAFETY: the handle was just opened and has no other owner.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// The token that this thread impersonates. The access check uses the token of the process.
    pub(super) fn of_thread() -> io::Result<Self> {
        let mut handle = null_mut();
        // SAFETY: the pseudo handle is always valid, and the variable receives an open handle.
        checked(unsafe { OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, 1, &raw mut handle) })?;
        // SAFETY: the handle was just opened and has no other owner.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// A copy of the token of another process, with which membership can be checked.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let (mut token, mut copy) = (null_mut(), null_mut());
        // SAFETY: the calls take numbers, open handles and variables; each handle gets one owner as soon as it is open.
        unsafe {
            let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
            checked(i32::from(!process.is_null()))?;
            let process = OwnedHandle::from_raw_handle(process);
            checked(OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY | TOKEN_DUPLICATE, &raw mut token))?;
            let token = OwnedHandle::from_raw_handle(token);
            checked(DuplicateToken(token.as_raw_handle(), SecurityIdentification, &raw mut copy))?;
            Ok(Self(OwnedHandle::from_raw_handle(copy)))
        }
    }

    /// The token of the user who is signed in to a session. Only LocalSystem may ask.
    pub(super) fn of_session(session: u32) -> io::Result<Self> {
        let mut handle = null_mut();
        // SAFETY: the variable receives an open handle.
        checked(unsafe { WTSQueryUserToken(session, &raw mut handle) })?;
        // SAFETY: the handle was just opened and has no other owner.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    pub(super) fn user(&self) -> io::Result<Sid> {
        // Aligned as a `TOKEN_USER`.
        let mut buffer = [0_usize; LARGEST.div_ceil(size_of::<usize>())];
        self.query(TokenUser, &mut buffer)?;
        // SAFETY: the call above succeeded, so the buffer begins with this structure, whose SID is in the buffer, too.
        unsafe { read_sid((*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid) }
    }

    pub(super) fn session(&self) -> io::Result<u32> {
        let mut buffer = [0_u32];
        self.query(TokenSessionId, &mut buffer)?;
        Ok(buffer[0])
    }

    fn is_elevated(&self) -> io::Result<bool> {
        let mut buffer = [TOKEN_ELEVATION { TokenIsElevated: 0 }];
        self.query(TokenElevation, &mut buffer)?;
        Ok(buffer[0].TokenIsElevated != 0)
    }

    /// Whether the token has the group, and it is enabled. The token must be an impersonation token.
    pub(super) fn is_member(&self, group: &Sid) -> io::Result<bool> {
        let (mut bytes, mut is_member) = (group.to_bytes(), 0);
        // SAFETY: the handle is open, and the bytes are a valid SID.
        checked(unsafe {
            CheckTokenMembership(self.0.as_raw_handle(), bytes.as_mut_ptr().cast(), &raw mut is_member)
        })?;
        Ok(is_member != 0)
    }

    fn query<T>(&self, class: TOKEN_INFORMATION_CLASS, buffer: &mut [T]) -> io::Result<()> {
        let size = u32::try_from(size_of_val(buffer)).map_err(io::Error::other)?;
        let mut used = 0;
        // SAFETY: the handle is open, and the buffer has the stated size.
        checked(unsafe {
            GetTokenInformation(self.0.as_raw_handle(), class, buffer.as_mut_ptr().cast(), size, &raw mut used)
        })
    }
}

/// The user of this process.
///
/// # Errors
/// Those of Windows.
pub fn own_user() -> io::Result<Sid> {
    Token::of_process()?.user()
}

/// Whether this process has the rights of an administrator.
///
/// # Errors
/// Those of Windows.
pub fn is_elevated() -> io::Result<bool> {
    Token::of_process()?.is_elevated()
}
