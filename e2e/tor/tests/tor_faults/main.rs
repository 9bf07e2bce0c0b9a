//! The tor lane while its parts die, hang, lose the network or run out of disk space: it fails closed, leaks nothing,
//! recovers without help, and keeps an operator's "down".

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

mod deaths;
mod files;
mod network;
mod silence;
mod support;

use support::Bench;

/// Two labs at a time, because most of the time is spent waiting. Their Tor networks are started one after the other,
/// because the relays' votes are lost if they are delayed too long.
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
        // An error means that the other thread failed, which is reported when it is joined.
        let _ = wait.recv();
        let mut bench = Bench::ready();
        deaths::of_tor(&mut bench);
        deaths::of_service_tor(&mut bench);
        deaths::of_wg(&mut bench);
        deaths::of_master(&mut bench);
        // Services were restarted, so the delays between Tor's restarts are short again.
        files::a_full_disk(&mut bench);
        files::no_program(&mut bench);
        files::a_torrc_that_tor_refuses(&mut bench);
        silence::a_tor_that_hangs_is_replaced(&mut bench);
    });
}
