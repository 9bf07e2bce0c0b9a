//! Where lines go: a subscriber layer that numbers, redacts and writes them, and the file that they are written to.

mod file;
mod layer;
mod panic;
mod repeat;

pub use file::{FileLimits, LogFile};
pub use layer::{LineLayer, OutputCounter, OutputCounts, Sink, Stderr, counts};
pub use panic::log_panics;
pub use repeat::{FileAndStderr, StderrUse};
