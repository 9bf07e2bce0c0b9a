//! The paths on this machine at which the server is installed.

/// The installed programs. `tornadod` starts `tornado-admind`.
pub const PROGRAMS: &[&str] = &["tornado-admind", "tornadod", "tornado-helperd", "tornado"];
/// Those that people run.
pub const COMMANDS: &[&str] = &["tornadod", "tornado-helperd", "tornado"];

/// Directory of the programs.
pub const LIB: &str = "/usr/local/lib/tornado";
/// Directory of the links to the programs.
pub const BIN: &str = "/usr/local/bin";
/// Directory of the configuration. Other programs may have files in it.
pub const CONFIG_DIR: &str = "/etc/tornado";

/// The configuration file. It is never overwritten.
pub const CONFIG: &str = "/etc/tornado/tornado.toml";
/// The state directory of the server.
pub const STATE: &str = "/var/lib/tornado";
/// Directory of the sockets.
pub const RUN: &str = "/run/tornado";
/// Directory of the log files.
pub const LOG: &str = "/var/log/tornado";
/// The unit file on a machine with systemd.
pub const UNIT: &str = "/etc/systemd/system/tornado.service";
