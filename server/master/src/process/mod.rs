//! Operations on processes, without decisions.

pub mod proc;
pub mod record;
pub mod spawn;
pub mod stray;
pub mod watch;
