//! Starts the log of a process.

use crate::config::Config;
use tornado_log::line::ProcessId;
use tornado_log::output::{FileAndStderr, FileLimits, LineLayer, LogFile, StderrUse, log_panics};
use tornado_rpc::RequestId;
use tornado_runtime::clock::wall_clock;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Limits for libraries that log where devices connect, a line for each packet, netlink messages with keys in them,
/// names that devices query, or a warning for every handshake of a stranger. They come first in the filter, so that an
/// operator who names such a library in `[log] level` still gets its messages.
const QUIET: &str = "rustls=error,tokio_rustls=error,gotatun=off,netlink_proto=warn,\
     genetlink=warn,hickory_server=off,hickory_resolver=off,hickory_net=off,hickory_proto=off";

/// Logs JSON lines of `service` to its file and to standard error, panics included.
pub fn start(service: &str, config: &Config) {
    let file = LogFile::new(&config.paths.log.join(service), service, limits(config.log.file_mib));
    let output = FileAndStderr::new(file, StderrUse::of_this_process());
    let lines = LineLayer::new(service, ProcessId(rand::random()), wall_clock, output)
        .with_request(|| RequestId::current().map(|id| id.to_string()));
    lines.counter().publish();
    let mut level = config.log.level.clone();
    if config.telemetry.otlp.needs_calls() {
        level = format!("{}=debug,{level}", tornado_rpc::CALLS);
    }
    let started = tracing_subscriber::registry().with(lines.with_filter(filter(&level))).try_init();
    if started.is_err() {
        crate::output::complain("tornadod: logging was already started");
    }
    log_panics();
}

fn limits(mib: u32) -> FileLimits {
    let size = if mib == 0 { u64::MAX } else { u64::from(mib) * 1024 * 1024 };
    FileLimits { size, ..FileLimits::default() }
}

/// The filter for `level`, with rate limits.
fn filter<S: tracing::Subscriber>(level: &str) -> impl tracing_subscriber::layer::Filter<S> + 'static {
    let wanted = EnvFilter::try_new(format!("{QUIET},{level}"));
    let wanted = wanted.unwrap_or_else(|_| EnvFilter::new(format!("{QUIET},info")));
    wanted.and(tornado_log::Limit::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// rustls warns about a server name that is an IP address, and a stranger can send any number of them.
    #[test]
    fn no_stranger_fills_the_log() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter("info")));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..500 {
                tracing::warn!(target: "rustls::msgs::handshake", "Illegal SNI hostname received");
                tracing::warn!("a device was refused");
            }
            tracing::error!(target: "rustls::msgs::handshake", "kept");
        });
        let text = String::from_utf8_lossy(&lines.0.lock()).into_owned();
        let count = |word: &str| text.matches(word).count();
        assert_eq!((count("Illegal SNI"), count("kept")), (0, 1));
        assert!((1..60).contains(&count("a device was refused")), "{}", count("a device was refused"));
    }
}
