//! Returns the memory of ended connections to the kernel.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Ended connections that are worth it; each had some 30 KiB.
const MANY: u64 = 100;
/// Pause after the latest end.
const QUIET: Duration = Duration::from_secs(2);
/// Maximum time to wait for the pause.
const LONGEST: Duration = Duration::from_secs(20);

/// Calls `release` after many connections have ended, until `ended`, their number, has no sender.
pub async fn release_after(mut ended: watch::Receiver<u64>, release: impl Fn()) {
    let mut released = 0;
    loop {
        if ended.wait_for(|ended| ended.wrapping_sub(released) >= MANY).await.is_err() {
            return;
        }
        let quiet = async { while timeout(QUIET, ended.changed()).await.is_ok_and(|changed| changed.is_ok()) {} };
        drop(timeout(LONGEST, quiet).await);
        released = *ended.borrow_and_update();
        release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn memory_is_released_once_after_many_ends() {
        let (ended, calls) = (watch::Sender::new(0), AtomicU32::new(0));
        let count = || {
            calls.fetch_add(1, Ordering::Relaxed);
        };
        let released = release_after(ended.subscribe(), count);
        let end = async {
            let end = |number: u64| ended.send_modify(|ended| *ended += number);
            end(MANY - 1);
            tokio::time::sleep(LONGEST).await;
            assert_eq!(calls.load(Ordering::Relaxed), 0, "too few");
            for _ in 0..5 {
                end(MANY);
                tokio::time::sleep(QUIET / 2).await;
            }
            tokio::time::sleep(QUIET).await;
            assert_eq!(calls.load(Ordering::Relaxed), 1);
            // A connection ends every second: there is no pause.
            for _ in 0..4 * MANY {
                end(1);
                tokio::time::sleep(QUIET / 2).await;
            }
            assert_eq!(calls.load(Ordering::Relaxed), 4);
            drop(ended);
        };
        tokio::join!(released, end);
    }
}
