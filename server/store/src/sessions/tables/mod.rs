//! One file per table: functions with the SQL of one statement or a few.

pub mod exits;
pub mod history;
pub mod isolation;
pub mod leases;
pub mod marks;
pub mod quotas;
pub mod sessions;
pub mod turns;
pub mod usage;
pub mod usage_days;
