//! Keeps the lanes closed while other programs change rules, routes and interfaces, and raises the alarm.

mod alarm;
mod audit_queue;
mod host;
mod rules;

pub(crate) use alarm::Alarm;
pub(crate) use host::HostWatch;
pub(crate) use rules::RulesWatch;
