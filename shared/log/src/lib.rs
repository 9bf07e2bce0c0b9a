//! Log lines: their format, redaction and files, and a limit on how often one place in the code may log.
//!
//! Strangers and devices can cause many lines, for example by failed handshakes or expired tokens. Each place in the
//! code has a token bucket, whatever causes its lines. Lines that exceed it are counted, and a summary follows. Levels
//! below INFO are not limited, because an operator who enables them wants all lines. Lines with a field [`BOUNDED`] are
//! not limited either.

#![forbid(unsafe_code)]

mod buckets;
pub mod line;
pub mod output;
mod redact;

pub use redact::redact_text;

use buckets::{Buckets, Verdict};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::layer::{Context, Filter};

/// Lines that one place may log in a burst.
const BURST: u32 = 50;
/// After a burst, one line per this time.
const REFILL: Duration = Duration::from_secs(10);
/// Delay of the summary after the first suppressed line.
const SUMMARY: Duration = Duration::from_secs(30);

/// Field name that marks lines which only an operator or the server itself can cause, such as a lane switch. All of
/// them are logged.
pub const BOUNDED: &str = "bounded";

static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// Number of lines suppressed since the process started, for metrics.
#[must_use]
pub fn suppressed() -> u64 {
    SUPPRESSED.load(Ordering::Relaxed)
}

/// A place in the code. All lines of the `log` crate share one callsite per level, so target and line number are added.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    callsite: Identifier,
    logged_at: Option<(String, Option<u32>)>,
}

/// A filter for one layer of a subscriber.
#[derive(Debug, Clone)]
pub struct Limit {
    began: Instant,
    buckets: Arc<Mutex<Buckets<Place>>>,
}

impl Default for Limit {
    fn default() -> Self {
        Self { began: Instant::now(), buckets: Arc::new(Mutex::new(Buckets::new(BURST, REFILL))) }
    }
}

impl<S: Subscriber> Filter<S> for Limit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// Without a level here, the level of another filter would not apply to lines of the crate `log`: each of them,
    /// such as those that rustls traces for every handshake, would be compared with all rules of that filter.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let normal = event.normalized_metadata();
        let metadata = normal.as_ref().unwrap_or_else(|| event.metadata());
        let is_bounded = event.metadata().fields().field(BOUNDED).is_some();
        if *metadata.level() > Level::INFO || metadata.target() == SUMMARY_TARGET || is_bounded {
            return true;
        }
        let logged_at = normal.as_ref().map(|place| (place.target().to_owned(), place.line()));
        let place = Place { callsite: event.metadata().callsite(), logged_at };
        let verdict = self.buckets.lock().take(&place, self.began.elapsed());
        match verdict {
            Verdict::Pass => return true,
            Verdict::Suppress => {}
            Verdict::SuppressFirst => self.summarise_later(place, metadata),
        }
        SUPPRESSED.fetch_add(1, Ordering::Relaxed);
        false
    }
}

/// Target of the summaries.
const SUMMARY_TARGET: &str = "tornado_log::summary";

impl Limit {
    /// Writes a summary from a separate thread, because no event may be emitted while another is being filtered. The
    /// thread exists only while lines are suppressed.
    #[expect(clippy::disallowed_methods, reason = "the thread is not one of the runtime")]
    fn summarise_later(&self, place: Place, metadata: &Metadata<'_>) {
        let limit = self.clone();
        let like = format!("{}:{}", metadata.target(), metadata.line().unwrap_or_default());
        let write = move || {
            std::thread::sleep(SUMMARY);
            let lines = limit.buckets.lock().collect(&place);
            tracing::warn!(target: SUMMARY_TARGET, lines, like, "similar lines were suppressed");
        };
        // If the thread cannot be started, the counter still includes the lines.
        drop(std::thread::Builder::new().name("log-summary".into()).spawn(write));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn counted(work: impl FnOnce()) -> impl Fn(&str) -> usize {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(format.with_filter(Limit::default()));
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        move |word| text.matches(word).count()
    }

    #[test]
    fn the_limit_hides_the_level_of_no_other_filter() {
        use tracing_subscriber::filter::FilterExt;
        let both = FilterExt::<tracing_subscriber::Registry>::and(LevelFilter::INFO, Limit::default());
        assert_eq!(Filter::max_level_hint(&both), Some(LevelFilter::INFO));
    }

    #[test]
    fn lines_that_strangers_cannot_cause_are_all_written() {
        let count = counted(|| {
            for number in 0..1000 {
                tracing::info!(bounded = true, number, "the lane was switched");
            }
        });
        assert_eq!(count("the lane was switched"), 1000);
    }

    #[test]
    fn a_place_that_floods_is_limited_and_others_are_not() {
        let before = suppressed();
        let count = counted(|| {
            for number in 0..1000 {
                tracing::warn!(number, "handshake failed");
                tracing::debug!("detail");
            }
            tracing::warn!("something else");
        });
        let burst = usize::try_from(BURST).unwrap();
        assert!((burst..burst + 3).contains(&count("handshake failed")), "{}", count("handshake failed"));
        assert_eq!((count("something else"), count("detail")), (1, 1000));
        assert!(suppressed() >= before + 900);
    }

    #[test]
    fn lines_of_the_log_crate_are_told_apart_by_their_own_place() {
        let count = counted(|| {
            let log = |target: &str| {
                let mut record = log::Record::builder();
                record.level(log::Level::Warn).target(target).line(Some(1));
                tracing_log::format_trace(&record.args(format_args!("said {target}")).build()).unwrap();
            };
            (0..200).for_each(|_| log("noisy"));
            log("calm");
        });
        assert!(count("said noisy") < 60, "{}", count("said noisy"));
        assert_eq!(count("said calm"), 1);
    }
}
