//! Input from the kernel and from peers.

/// Messages of a netlink socket.
pub fn netlink(bytes: &[u8]) {
    tornado_wg::fuzzing::netlink(bytes);
}

/// The output of nft(8).
pub fn nft_listing(bytes: &[u8]) {
    tornado_wg::fuzzing::listing(&String::from_utf8_lossy(bytes));
}

/// A combined packet from the kernel, to be split.
pub fn split(bytes: &[u8]) {
    tornado_packet_io::fuzzing::split(bytes);
}

/// Packets of peers on their way to the kernel.
pub fn join(bytes: &[u8]) {
    tornado_packet_io::fuzzing::join_and_split(bytes);
}

/// Datagrams from any sender to a tunnel.
pub fn datagrams(bytes: &[u8]) {
    tornado_packet_io::fuzzing::datagrams(bytes);
}
