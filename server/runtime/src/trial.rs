//! Switches for tests that let a process die at a chosen step or let its clock jump. They exist in builds with debug
//! assertions only, and there only where `master` was started with [`DIR`] in its environment.

/// The environment variable with the directory of the switches. `<directory>/<name>`: the next process that passes the
/// fault point `name` takes the file away and aborts. `<directory>/clock`: seconds that are added to the wall clock.
pub const DIR: &str = "TORNADO_TRIAL";

/// A step at which a test may let this process die as `kill -9` does: nothing is flushed, no destructor runs.
#[cfg(debug_assertions)]
pub fn fault_point(name: &str) {
    // The process that removes the file is the one that aborts.
    if dir().is_some_and(|dir| std::fs::remove_file(dir.join(name)).is_ok()) {
        std::process::abort();
    }
}

/// Nothing, in builds that people run.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn fault_point(_: &str) {}

#[cfg(debug_assertions)]
pub(crate) fn dir() -> Option<&'static std::path::Path> {
    static NAMED: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    NAMED.get_or_init(|| std::env::var_os(DIR).map(Into::into)).as_deref()
}
