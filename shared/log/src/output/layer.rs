//! The layer that turns events into lines.

use crate::line::{Fields, Level, Line, Micros, ProcessId, Value};
use crate::redact::redact;
use parking_lot::Mutex;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Field of an event or a span that becomes [`Line::request_id`].
const REQUEST_ID: &str = "request_id";

/// Takes lines, without line ends.
pub trait Sink: Send + 'static {
    /// Writes one line completely.
    ///
    /// # Errors
    /// When the line was not written.
    fn write_line(&mut self, line: &str) -> io::Result<()>;

    /// Number of rotations.
    fn rotations(&self) -> u64 {
        0
    }

    /// How often another process removed or renamed the file.
    fn replaced(&self) -> u64 {
        0
    }
}

/// Writes to standard error, for the journal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Sink for Stderr {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        io::stderr().lock().write_all(format!("{line}\n").as_bytes())
    }
}

/// Target of the line that reports lost lines.
const LOST_TARGET: &str = "tornado_log::lost";

/// Counts since the process started, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputCounts {
    /// Lines written.
    pub written: u64,
    /// Lines that could not be written, for example to a full disk. Their sequence numbers are missing in the file.
    pub lost: u64,
    /// Rotations of the file.
    pub rotations: u64,
    /// How often another process removed or renamed the file.
    pub replaced: u64,
}

/// Writes each event as one redacted line with the next sequence number.
pub struct LineLayer {
    service: String,
    process: ProcessId,
    clock: fn() -> SystemTime,
    request: fn() -> Option<String>,
    output: Arc<Mutex<Output>>,
}

struct Output {
    sink: Box<dyn Sink>,
    counts: OutputCounts,
    /// Lost lines that no line reports yet.
    unreported: u64,
}

impl Output {
    /// Writes a line with the next number, which follows the order of the file. A lost line leaves a gap.
    fn write(&mut self, line: &mut Line) -> bool {
        line.seq = self.counts.written + self.counts.lost + 1;
        let is_written = self.sink.write_line(&line.to_json()).is_ok();
        if is_written {
            self.counts.written += 1;
        } else {
            self.counts.lost += 1;
            self.unreported += 1;
        }
        is_written
    }

    /// Reports lost lines after the first line that was written again.
    fn report(&mut self, after: &Line) {
        let lines = std::mem::take(&mut self.unreported);
        let mut report = Line {
            level: Level::Warn,
            target: LOST_TARGET.to_owned(),
            message: "lines could not be written to the log file".to_owned(),
            request_id: None,
            fields: [("lines".to_owned(), Value::whole(lines))].into(),
            ..after.clone()
        };
        if !self.write(&mut report) {
            self.unreported += lines;
        }
    }
}

/// Reads the counts of a [`LineLayer`].
#[derive(Clone)]
pub struct OutputCounter(Arc<Mutex<Output>>);

static OF_THIS_PROCESS: OnceLock<OutputCounter> = OnceLock::new();

/// The counts of the process's own log, for metrics; zeros before [`OutputCounter::publish`].
#[must_use]
pub fn counts() -> OutputCounts {
    OF_THIS_PROCESS.get().map(OutputCounter::read).unwrap_or_default()
}

impl OutputCounter {
    /// Makes these the counts of the process. Later calls change nothing.
    pub fn publish(self) {
        drop(OF_THIS_PROCESS.set(self));
    }

    /// The counts now.
    #[must_use]
    pub fn read(&self) -> OutputCounts {
        let output = self.0.lock();
        OutputCounts { rotations: output.sink.rotations(), replaced: output.sink.replaced(), ..output.counts }
    }
}

impl LineLayer {
    /// A layer for `service`. `process` must differ between processes of the service.
    #[must_use]
    pub fn new(service: &str, process: ProcessId, clock: fn() -> SystemTime, sink: impl Sink) -> Self {
        let output = Output { sink: Box::new(sink), counts: OutputCounts::default(), unreported: 0 };
        let output = Arc::new(Mutex::new(output));
        Self { service: service.to_owned(), process, clock, request: || None, output }
    }

    /// Lines get the id of their request from `request`, unless the event or one of its spans has a field `request_id`.
    #[must_use]
    pub fn with_request(mut self, request: fn() -> Option<String>) -> Self {
        self.request = request;
        self
    }

    /// The counts of this layer, also after it is part of a subscriber.
    #[must_use]
    pub fn counter(&self) -> OutputCounter {
        OutputCounter(self.output.clone())
    }
}

/// Values of a span.
#[derive(Default)]
struct Collected {
    message: String,
    request_id: Option<String>,
    fields: Fields,
}

impl Collected {
    fn put(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => self.message = value.to_string(),
            REQUEST_ID => self.request_id = Some(value.to_string()),
            // Metadata of the crate log, which is read elsewhere, and the mark for the rate limit.
            name if name.starts_with("log.") || name == crate::BOUNDED => {}
            name => drop(self.fields.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Collected {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::real(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::whole(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::whole(u64::try_from(value).unwrap_or(u64::MAX)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Text(format!("{value:?}")));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LineLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut collected = Collected::default();
        attributes.record(&mut collected);
        span.extensions_mut().insert(collected);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(collected) = span.extensions_mut().get_mut::<Collected>() {
            values.record(collected);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let normal = event.normalized_metadata();
        let metadata = normal.as_ref().unwrap_or_else(|| event.metadata());
        let mut all = Collected::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Collected>() {
                all.fields.extend(of_span.fields.clone());
                all.request_id = of_span.request_id.clone().or(all.request_id);
            }
        }
        event.record(&mut all);
        let mut line = Line {
            time: Micros::from((self.clock)()),
            level: Level::from(metadata.level()),
            service: self.service.clone(),
            target: metadata.target().to_owned(),
            message: all.message,
            request_id: all.request_id.or_else(self.request),
            process: self.process,
            seq: 0,
            fields: all.fields,
        };
        redact(&mut line);
        let mut output = self.output.lock();
        if output.write(&mut line) && output.unreported > 0 {
            output.report(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// Keeps lines; fails while `is_full`.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<(Vec<String>, bool)>>);

    impl Sink for Memory {
        fn write_line(&mut self, line: &str) -> io::Result<()> {
            let mut state = self.0.lock();
            if state.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.0.push(line.to_owned());
            Ok(())
        }
    }

    fn clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(1_795_792_838_123_456)
    }

    fn written(work: impl FnOnce(&Memory)) -> (Vec<Line>, OutputCounts) {
        let memory = Memory::default();
        let layer = LineLayer::new("wg", ProcessId(1), clock, memory.clone()).with_request(|| Some("r-2".into()));
        let counter = layer.counter();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || work(&memory));
        let lines = memory.0.lock().0.iter().map(|line| Line::parse(line.as_bytes()).unwrap()).collect();
        (lines, counter.read())
    }

    #[test]
    fn an_event_carries_the_values_and_the_request_of_its_spans() {
        let (lines, _) = written(|_| {
            let request = tracing::info_span!("request", request_id = "r-1", lane = tracing::field::Empty);
            request.record("lane", "tor");
            request.in_scope(|| {
                tracing::info_span!("inner", peers = 3_u64).in_scope(|| {
                    tracing::warn!(
                        bounded = true,
                        peers = 4,
                        ms = 7_u128,
                        rate = 0.5,
                        ok = true,
                        "peers were {}",
                        "set"
                    );
                })
            });
            tracing::info!("outside");
        });
        let inside = &lines[0];
        assert_eq!((inside.message.as_str(), inside.request_id.as_deref()), ("peers were set", Some("r-1")));
        assert_eq!((inside.level, inside.seq, inside.time), (Level::Warn, 1, Micros::from(clock())));
        let expected = [
            ("lane", Value::Text("tor".into())),
            ("ms", Value::Int(7)),
            ("ok", Value::Bool(true)),
            ("peers", Value::Int(4)),
            ("rate", Value::Real(0.5)),
        ];
        assert_eq!(inside.fields, expected.map(|(name, value)| (name.to_owned(), value)).into());
        assert_eq!((lines[1].seq, lines[1].request_id.as_deref(), lines[1].fields.len()), (2, Some("r-2"), 0));
    }

    #[test]
    fn a_full_disk_is_counted_and_leaves_a_gap() {
        let (lines, counts) = written(|memory| {
            tracing::info!("one");
            memory.0.lock().1 = true;
            tracing::info!("two");
            tracing::info!("three");
            memory.0.lock().1 = false;
            tracing::info!("four");
        });
        assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 4, 5]);
        assert_eq!((lines[2].target.as_str(), &lines[2].fields["lines"]), (LOST_TARGET, &Value::Int(2)));
        assert_eq!(counts, OutputCounts { written: 3, lost: 2, ..OutputCounts::default() });
    }

    #[test]
    fn no_secret_is_written_even_by_a_panic() {
        let key = "mFr/0qGdXoRHxUq1lJp2f3cYt0a5b6C7d8E9f0A1B2c=";
        let (lines, _) = written(|_| {
            tracing::info!(peer = key, client = %"192.0.2.7:51820", password = "hunter22", "code ABCDEFGH23456789ABCD");
            tracing::error!(error = ?std::io::Error::other(format!("bad token: {key}")), "failed for 192.0.2.7");
            super::super::panic::log(Some(&format!("key {key} of 192.0.2.7: hunter22 password=hunter22")), None);
        });
        assert_eq!(lines.len(), 3);
        for line in lines {
            let text = line.to_json();
            for secret in [&key[..40], "192.0.2.7", "ABCDEFGH23456789ABCD", "password=h"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
