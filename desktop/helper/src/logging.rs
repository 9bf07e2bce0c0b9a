//! The log of the helper.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use tornado_kit::clock::wall_clock;
use tornado_log::line::ProcessId;
use tornado_log::output::{FileAndStderr, FileLimits, LineLayer, LogFile, Stderr, StderrUse, log_panics};
use tornado_rpc::RequestId;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Name of the helper in its log lines.
const SERVICE: &str = "helper";

/// Logs JSON lines to the file of the helper in `directory`, if given, and to standard error; text if that is a
/// terminal.
pub fn start(directory: Option<&Path>) {
    let is_terminal = std::io::stderr().is_terminal();
    let line_layer = |process| {
        let Some(directory) = directory else {
            return (!is_terminal).then(|| LineLayer::new(SERVICE, process, wall_clock, Stderr));
        };
        // A failure is reported with the first line.
        drop(create(directory));
        let file = LogFile::new(directory, SERVICE, FileLimits::default());
        let stderr = if is_terminal { StderrUse::Reports } else { StderrUse::of_this_process() };
        Some(LineLayer::new(SERVICE, process, wall_clock, FileAndStderr::new(file, stderr)))
    };
    let filter = || {
        tracing_subscriber::EnvFilter::try_from_env("TORNADO_LOG")
            .unwrap_or_else(|_| "info,gotatun=warn,rustls=error".into())
    };
    let request = || RequestId::current().map(|id| id.to_string());
    let lines = line_layer(ProcessId(rand::random())).map(|lines| lines.with_request(request));
    let text = is_terminal.then(|| tracing_subscriber::fmt::layer().with_ansi(true).with_writer(std::io::stderr));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter().and(tornado_log::Limit::default())))
        .with(text.with_filter(filter().and(tornado_log::Limit::default())))
        .init();
    log_panics();
}

#[cfg(unix)]
fn create(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(directory)
}

/// Only administrators may read the log: it names the server.
#[cfg(windows)]
fn create(directory: &Path) -> io::Result<()> {
    tornado_windows::os::make_private(directory)
}
