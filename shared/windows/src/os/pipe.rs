//! Named pipes between a service and the programs of users.
//!
//! - Only LocalSystem can create a pipe whose owner is LocalSystem, and the client checks the owner before it sends a
//!   byte. So a program that creates the pipe first ("pipe squatting") receives nothing.
//! - The client allows identification only: the server learns its user, and cannot act in its name.
//! - The server identifies a client by its token, which Windows recorded when the pipe was opened, and by that of its
//!   process: both must name the same user. wine has no token of a pipe's client, and gives the server its own.

use super::descriptor::Descriptor;
use super::token::Token;
use super::{checked, wide};
use crate::{PIPE_CLIENT, Security, Sid};
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, IntoRawHandle as _, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::time::Duration;
use tokio::net::windows::named_pipe::{NamedPipeClient, NamedPipeServer, ServerOptions};
use tokio::time::{Instant, sleep};
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Security::RevertToSelf;
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, ImpersonateNamedPipeClient};

/// Prefix of the pipes of this machine. Another one would be on another machine.
const LOCAL: &str = r"\\.\pipe\";
/// How long a client waits for a free instance, and how often it tries.
const BUSY: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(20);

/// Which instance of a pipe is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// The first one. Fails if the pipe exists.
    First,
    /// A further one.
    Next,
}

/// The process at the other end of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The user of its token.
    pub user: Sid,
    /// Whether it has the rights of LocalSystem or of an elevated administrator.
    pub is_administrator: bool,
    /// Whether it runs in a session to which its user is signed in. A process that was started as another user
    /// (`runas`), or by the task scheduler without a session, does not.
    pub is_in_own_session: bool,
    /// Its process ID. Only for logs: another process may have the ID by now.
    pub pid: u32,
}

/// Creates an instance of the pipe. Call it inside a Tokio runtime.
///
/// # Errors
/// `AddrInUse` for the first instance if the pipe exists; `InvalidInput` if `path` is not a pipe of this machine. If
/// the owner in `security` is LocalSystem, only LocalSystem succeeds.
pub fn serve(path: &Path, security: &Security, instance: Instance) -> io::Result<NamedPipeServer> {
    check_name(path)?;
    // wine ignores the flag for the first instance. Windows applies it: no gap remains between check and creation.
    if instance == Instance::First && is_served(path)? {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let descriptor = Descriptor::of(security)?;
    let mut attributes = descriptor.attributes();
    let mut options = ServerOptions::new();
    options.first_pipe_instance(instance == Instance::First).reject_remote_clients(true);
    #[expect(unsafe_code, reason = "a structure with a pointer to the descriptor")]
    // SAFETY: the attributes and their descriptor outlive the call.
    let made = unsafe { options.create_with_security_attributes_raw(path, (&raw mut attributes).cast()) };
    // Another process may have created the pipe since the check above.
    let is_taken = |error: &io::Error| instance == Instance::First && error.kind() == io::ErrorKind::PermissionDenied;
    made.map_err(|error| if is_taken(&error) { io::ErrorKind::AddrInUse.into() } else { error })
}

/// Opens the pipe as a client, and checks that its owner is `owner`. Call it inside a Tokio runtime.
///
/// # Errors
/// `NotFound` if the pipe does not exist; `PermissionDenied` if this user may not open it, or another user owns it;
/// `TimedOut` if no instance is free for five seconds.
pub async fn connect(path: &Path, owner: Sid) -> io::Result<NamedPipeClient> {
    check_name(path)?;
    let give_up = Instant::now() + BUSY;
    let pipe = loop {
        match open(path) {
            Err(error) if is(&error, ERROR_PIPE_BUSY) && Instant::now() < give_up => sleep(RETRY).await,
            Err(error) if is(&error, ERROR_PIPE_BUSY) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let text = "this user may not open it; an administrator can allow that";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            opened => break opened?,
        }
    };
    let found = Descriptor::of_pipe(&pipe)?.owner()?;
    if found != owner {
        let text = format!("the pipe belongs to {found}, not to {owner}; another program pretends to be the helper");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    #[expect(unsafe_code, reason = "the handle changes its owner")]
    // SAFETY: it is the handle of a pipe, opened for overlapped operations.
    unsafe {
        NamedPipeClient::from_raw_handle(pipe.into_raw_handle())
    }
}

/// Identifies the client of a connected instance.
///
/// # Errors
/// If the client does not allow its identification, or has disconnected.
#[expect(unsafe_code, reason = "calls of the Windows API with handles")]
pub fn client(pipe: &NamedPipeServer) -> io::Result<Client> {
    let mut pid = 0;
    // SAFETY: the handle is open, and the variable outlives the call.
    checked(unsafe { GetNamedPipeClientProcessId(pipe.as_raw_handle(), &raw mut pid) })?;
    let token = {
        // SAFETY: the handle is open.
        checked(unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) })?;
        let _revert = Revert;
        Token::of_thread()?
    };
    let (user, process) = (token.user()?, Token::of(pid)?);
    if process.user()? != user {
        let text = "the client acts in the name of another user";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    // Of the two tokens, the one with fewer rights counts.
    let may_administer = |token: &Token| token.is_member(&Sid::ADMINISTRATORS);
    let is_administrator = user == Sid::SYSTEM || (may_administer(&token)? && may_administer(&process)?);
    let signed_in = Token::of_session(token.session()?).and_then(|token| token.user());
    Ok(Client { user, is_administrator, is_in_own_session: signed_in.is_ok_and(|found| found == user), pid })
}

/// Ends the impersonation of this thread.
struct Revert;

impl Drop for Revert {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a call of the Windows API")]
        // SAFETY: it takes no arguments.
        let reverted = unsafe { RevertToSelf() };
        if reverted == 0 {
            // The thread would continue with the rights of a client.
            std::process::abort();
        }
    }
}

fn check_name(path: &Path) -> io::Result<()> {
    let name = path.to_str().and_then(|path| path.strip_prefix(LOCAL)).unwrap_or_default();
    if name.is_empty() || name.contains('\\') {
        let text = format!(r"{} is not a pipe of this machine; such a name begins with {LOCAL}", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

/// Whether a process serves a pipe of this name.
///
/// # Errors
/// Those of Windows.
pub fn is_served(path: &Path) -> io::Result<bool> {
    match open(path) {
        Ok(_) => Ok(true),
        Err(error) if is(&error, ERROR_FILE_NOT_FOUND) => Ok(false),
        Err(error) if is(&error, ERROR_PIPE_BUSY) || error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        Err(error) => Err(error),
    }
}

fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// Opens the pipe with the rights of a client: `GENERIC_WRITE`, which tokio requests, would include the right to create
/// instances.
fn open(path: &Path) -> io::Result<OwnedHandle> {
    let name = wide(path)?;
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    #[expect(unsafe_code, reason = "calls of the Windows API with pointers")]
    // SAFETY: the name ends with NUL, and the optional pointers are null.
    let handle = unsafe { CreateFileW(name.as_ptr(), PIPE_CLIENT, 0, null(), OPEN_EXISTING, flags, null_mut()) };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "the handle gets an owner")]
    // SAFETY: the handle was just opened and has no other owner.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}
