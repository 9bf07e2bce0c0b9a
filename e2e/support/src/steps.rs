//! Lets tokio's paused time pass in small steps.

use std::time::Duration;

/// Starts steps of this width.
///
/// Tokio advances a paused clock to the next timer whenever no task is ready, even while a packet is in transit over
/// loopback. Small steps keep such a wait from using up a whole deadline. Each step yields the core first: on a busy
/// one the kernel delivers the packet from a thread that has to run (`ksoftirqd`).
pub fn small_steps(width: Duration) {
    tokio::spawn(async move {
        loop {
            std::thread::yield_now();
            tokio::time::sleep(width).await;
        }
    });
}
