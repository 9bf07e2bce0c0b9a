//! The tor lane while its parts die, hang, lose the network or run out of room: it fails closed, leaks nothing,
//! comes back by itself, and an operator's "down" survives all of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "what was measured is shown by the runner")]

mod deaths;
mod files;
mod network;
mod silence;
mod support;

use support::Bench;

/// Two labs at a time, as most of it is waiting; their networks are put up one after the other, as the relays' votes
/// are lost when they wait too long.
#[test]
fn the_lane_fails_closed_and_comes_back() {
    let (started, wait) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut bench = Bench::cut_off();
            started.send(()).unwrap();
            network::a_tor_without_a_network_never_opens_the_lane(&mut bench);
            network::a_long_cut_needs_no_help(&mut bench);
            silence::a_tor_without_a_control_socket_is_replaced(&mut bench);
        });
        // An error means that the other has failed, which is told when it is joined.
        let _ = wait.recv();
        let mut bench = Bench::ready();
        deaths::of_tor(&mut bench);
        deaths::of_service_tor(&mut bench);
        deaths::of_wg(&mut bench);
        deaths::of_master(&mut bench);
        // Services were started anew, so Tor's pauses between starts are short again.
        files::a_full_disk(&mut bench);
        files::no_program(&mut bench);
        files::a_torrc_that_tor_refuses(&mut bench);
        silence::a_tor_that_hangs_is_replaced(&mut bench);
    });
}
