//! Notifications of changes.

use crate::os::succeeded;
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::Arc;
use tokio::sync::Notify;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::NetworkManagement::IpHelper::{
    CancelMibChangeNotify2, MIB_IPFORWARD_ROW2, MIB_IPINTERFACE_ROW, MIB_NOTIFICATION_TYPE, MIB_UNICASTIPADDRESS_ROW,
    NotifyIpInterfaceChange, NotifyRouteChange2, NotifyUnicastIpAddressChange,
};
use windows_sys::Win32::Networking::WinSock::AF_UNSPEC;

/// Receives notifications of changed interfaces, addresses and routes.
pub struct Watch {
    changes: Arc<Notify>,
    subscriptions: Vec<Subscription>,
}

/// The handle of a subscription. It is a number, and any thread may cancel it.
struct Subscription(usize);

impl Watch {
    /// Subscribes to all changes.
    ///
    /// # Errors
    /// Those of Windows.
    pub fn open() -> io::Result<Self> {
        let mut watch = Self { changes: Arc::new(Notify::new()), subscriptions: Vec::new() };
        let context = Arc::as_ptr(&watch.changes).cast::<c_void>();
        let mut subscribe = |subscribe: &dyn Fn(*mut HANDLE) -> u32| {
            let mut handle = null_mut();
            succeeded(subscribe(&raw mut handle))?;
            watch.subscriptions.push(Subscription(handle as usize));
            io::Result::Ok(())
        };
        #[expect(unsafe_code, reason = "calls of the Windows API with a function and its argument")]
        // SAFETY: the subscriptions are cancelled before the context is dropped, and cancelling waits for callbacks.
        unsafe {
            subscribe(&|handle| NotifyRouteChange2(AF_UNSPEC, Some(route), context, false, handle))?;
            subscribe(&|handle| NotifyUnicastIpAddressChange(AF_UNSPEC, Some(address), context, false, handle))?;
            subscribe(&|handle| NotifyIpInterfaceChange(AF_UNSPEC, Some(interface), context, false, handle))?;
        }
        Ok(watch)
    }

    /// Waits for a change since the last call.
    ///
    /// # Cancel safety
    /// A change during a dropped call is reported by the next one.
    pub async fn changed(&self) {
        self.changes.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for Subscription(handle) in self.subscriptions.drain(..) {
            #[expect(unsafe_code, reason = "a call of the Windows API with a handle")]
            // SAFETY: the handle is that of a subscription, which is cancelled only here.
            let cancelled = unsafe { CancelMibChangeNotify2(handle as HANDLE) };
            if cancelled != 0 {
                // A callback could still use the context, so it must never be freed.
                std::mem::forget(Arc::clone(&self.changes));
            }
        }
    }
}

#[expect(unsafe_code, reason = "the argument is a pointer")]
unsafe extern "system" fn route(context: *const c_void, _: *const MIB_IPFORWARD_ROW2, _: MIB_NOTIFICATION_TYPE) {
    // SAFETY: the context is that of `Watch::open`.
    unsafe { notify(context) }
}

#[expect(unsafe_code, reason = "as above")]
unsafe extern "system" fn address(
    context: *const c_void,
    _: *const MIB_UNICASTIPADDRESS_ROW,
    _: MIB_NOTIFICATION_TYPE,
) {
    // SAFETY: the context is that of `Watch::open`.
    unsafe { notify(context) }
}

#[expect(unsafe_code, reason = "as above")]
unsafe extern "system" fn interface(context: *const c_void, _: *const MIB_IPINTERFACE_ROW, _: MIB_NOTIFICATION_TYPE) {
    // SAFETY: the context is that of `Watch::open`.
    unsafe { notify(context) }
}

#[expect(unsafe_code, reason = "as above")]
unsafe fn notify(context: *const c_void) {
    // SAFETY: the caller passes a pointer to a `Notify` that is not freed while the subscription exists.
    unsafe { &*context.cast::<Notify>() }.notify_one();
}
