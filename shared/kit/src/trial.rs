//! Fault injection for tests: a process can be aborted at a chosen step, and its clock can be shifted. Available only
//! in builds with debug assertions, and only if `master` was started with [`DIR`] in its environment.

/// Environment variable with the directory of the switches. `<directory>/<name>`: the next process that reaches the
/// fault point `name` removes the file and aborts. `<directory>/clock`: seconds to add to the wall clock.
pub const DIR: &str = "TORNADO_TRIAL";

/// A point at which a test may abort this process, like `kill -9`: nothing is flushed and no destructor runs.
#[cfg(debug_assertions)]
pub fn fault_point(name: &str) {
    // Only the process that removes the file aborts.
    if dir().is_some_and(|dir| std::fs::remove_file(dir.join(name)).is_ok()) {
        std::process::abort();
    }
}

/// Does nothing in builds without debug assertions.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn fault_point(_: &str) {}

#[cfg(debug_assertions)]
pub(crate) fn dir() -> Option<&'static std::path::Path> {
    static NAMED: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    NAMED.get_or_init(|| std::env::var_os(DIR).map(Into::into)).as_deref()
}
