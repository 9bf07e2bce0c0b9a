//! Test support: runs a loop through sixty simulated days and limits its wake-ups per hour.
//!
//! It works in tests with `#[tokio::test(start_paused = true)]`: tokio advances its clock to the next timer when every
//! task waits, so the days cost only the processor time that the loop uses. A loop that reads the operating system's
//! clock or waits for real input cannot be tested this way; pass time and input as arguments instead.

#![forbid(unsafe_code)]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, advance, sleep};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const DAYS: u32 = 60;
/// Time per day that is simulated in full, after the first hours.
const AWAKE: Duration = Duration::from_secs(60);
/// Simulated hours before the first leap.
const FIRST_HOURS: u32 = 2;
/// Wake-ups per hour caused by this module, plus those at the boundaries of an hour.
const SLACK: u64 = 8;

/// Polls `task` for sixty simulated days: the first hours in full, then each day as a leap (the machine slept, or the
/// process was suspended) and one minute in full. Returns the number of wake-ups of the busiest hour.
///
/// # Panics
///
/// If `task` ends, or wakes up more than `per_hour` times within an hour. A loop that spins stops the clock and reaches
/// that limit within the same hour. Iterations without a wait in between count as one wake-up per about 128 iterations
/// (tokio's cooperative budget). If single iterations matter, the test must count the work itself.
pub async fn sixty_days<T>(per_hour: u64, task: impl Future<Output = T>) -> u64 {
    let mut task = pin!(task);
    let started = Instant::now();
    let (mut hour, mut polls, mut busiest) = (0, 0, 0);
    let counted = poll_fn(|context| {
        let now = started.elapsed().as_secs() / HOUR.as_secs();
        if now != hour {
            (hour, polls) = (now, 0);
        }
        polls += 1;
        busiest = busiest.max(polls);
        assert!(polls <= per_hour + SLACK, "more than {per_hour} wake-ups in hour {hour}");
        match task.as_mut().poll(context) {
            Poll::Ready(_) => panic!("the loop ended in hour {hour}"),
            Poll::Pending => Poll::<()>::Pending,
        }
    });
    let calendar = async {
        sleep(HOUR * FIRST_HOURS).await;
        for _ in 0..DAYS {
            advance(DAY - AWAKE).await;
            sleep(AWAKE).await;
        }
    };
    tokio::select! {
        () = counted => {}
        () = calendar => {}
    }
    busiest
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{MissedTickBehavior, interval, sleep_until};

    #[tokio::test(start_paused = true)]
    async fn a_steady_loop_is_counted() {
        #[expect(clippy::disallowed_methods, reason = "missed ticks are skipped")]
        let mut ticks = interval(Duration::from_secs(60));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let steady = async {
            loop {
                ticks.tick().await;
            }
        };
        let busiest = sixty_days(60, steady).await;
        assert!((60..=68).contains(&busiest), "{busiest}");
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "wake-ups in hour 1")]
    async fn a_deadline_that_stays_in_the_past_is_found() {
        let deadline = Instant::now() + HOUR;
        sixty_days(60, async {
            loop {
                sleep_until(deadline).await;
            }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "the loop ended")]
    async fn a_loop_that_ends_is_found() {
        sixty_days(1, sleep(HOUR)).await;
    }
}
