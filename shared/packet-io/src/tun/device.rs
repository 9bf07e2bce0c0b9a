//! The file descriptor of a TUN device: ioctls and readiness (Documentation/networking/tuntap.rst).

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::io::{self, IoSlice};
use std::mem::zeroed;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A deleted device reports only `EPOLLERR` (`tun_chr_poll`), which waiting for `READABLE` alone never sees.
const READ: Interest = Interest::READABLE.add(Interest::ERROR);
const TCP: libc::c_uint = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
/// Available since Linux 6.2.
const UDP: libc::c_uint = libc::TUN_F_USO4 | libc::TUN_F_USO6;

mod ioctl {
    use nix::libc::{self, c_int, ifreq};
    nix::ioctl_write_ptr_bad!(set_iff, nix::request_code_write!(b'T', 202, size_of::<c_int>()), ifreq);
    nix::ioctl_write_int!(set_offload, b'T', 208);
    nix::ioctl_write_ptr_bad!(set_mtu, libc::SIOCSIFMTU, ifreq);
}

/// The device, which is removed on drop.
pub(super) struct Device {
    fd: AsyncFd<OwnedFd>,
    /// Every packet has a vnet header.
    pub(super) has_header: bool,
    /// The kernel accepts coalesced UDP packets.
    pub(super) joins_udp: bool,
}

impl Device {
    /// Creates the device `name` with a descriptor of the node, which must be non-blocking. Requires CAP_NET_ADMIN.
    /// Call it inside the runtime that processes the packets.
    pub(super) fn attach(node: OwnedFd, name: &str, mtu: u16, offload: bool) -> io::Result<Self> {
        let base = libc::IFF_TUN | libc::IFF_NO_PI;
        let mut has_header = offload;
        if let Err(error) = set_flags(&node, name, base | if offload { libc::IFF_VNET_HDR } else { 0 }) {
            if !offload || error.raw_os_error() != Some(libc::EINVAL) {
                return Err(error);
            }
            tracing::debug!(%error, "the TUN driver does not support offload");
            set_flags(&node, name, base)?;
            has_header = false;
        }
        // If the kernel rejects a feature, it splits packets itself before it passes them on.
        let joins_tcp = has_header && set_offload(&node, TCP);
        let joins_udp = joins_tcp && set_offload(&node, TCP | UDP);
        set_mtu(name, mtu)?;
        #[expect(unsafe_code, reason = "the caller must guarantee that the descriptor stays valid")]
        // SAFETY: an owned descriptor stays open and the same until the value is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(node, READ | Interest::WRITABLE) };
        Ok(Self { fd: fd.map_err(|error| error.into_parts().1)?, has_header, joins_udp })
    }

    /// Waits until there is a packet, or the device was removed.
    pub(super) async fn readable(&self) -> io::Result<()> {
        // The readiness is not cleared here; the read clears it.
        self.fd.ready(READ).await.map(drop)
    }

    /// Reads one packet. Fails with `WouldBlock` if no packet waits.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // `AsyncFd::try_io` handles only one interest, so readiness is polled without a wake-up.
        let mut ready = pin!(self.fd.ready(READ));
        match ready.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(mut guard)) => guard
                .try_io(|fd| Ok(nix::unistd::read(fd.get_ref(), buffer)?))
                .unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into())),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes one packet that consists of these parts.
    pub(super) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        self.fd.try_io(Interest::WRITABLE, |fd| Ok(nix::sys::uio::writev(fd, parts)?)).map(drop)
    }
}

fn set_flags(node: &OwnedFd, name: &str, flags: libc::c_int) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "nix has no safe form of this ioctl")]
    // SAFETY: the descriptor is open, and the structure outlives the call, which may write the name into it.
    unsafe { ioctl::set_iff(node.as_raw_fd(), &raw const request) }?;
    Ok(())
}

fn set_offload(node: &OwnedFd, flags: libc::c_uint) -> bool {
    #[expect(unsafe_code, reason = "nix has no safe form of this ioctl")]
    // SAFETY: takes numbers only.
    let result = unsafe { ioctl::set_offload(node.as_raw_fd(), flags.into()) };
    result.inspect_err(|error| tracing::debug!(%error, flags, "the TUN driver does not support this offload")).is_ok()
}

fn set_mtu(name: &str, mtu: u16) -> io::Result<()> {
    // Any socket gives access to the interfaces of its network namespace (netdevice(7)).
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = request(name)?;
    request.ifr_ifru.ifru_mtu = mtu.into();
    let fd: RawFd = socket.as_fd().as_raw_fd();
    #[expect(unsafe_code, reason = "nix has no safe form of this ioctl")]
    // SAFETY: the descriptor is open and the structure outlives the call.
    unsafe { ioctl::set_mtu(fd, &raw const request) }?;
    Ok(())
}

fn request(name: &str) -> io::Result<libc::ifreq> {
    #[expect(unsafe_code, reason = "the structure has a union")]
    // SAFETY: all fields may be zero.
    let mut request: libc::ifreq = unsafe { zeroed() };
    // One byte is reserved for the terminating zero.
    if name.is_empty() || name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid interface name"));
    }
    for (to, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([byte]);
    }
    Ok(request)
}
