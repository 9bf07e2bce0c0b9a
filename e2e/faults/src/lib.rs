//! The fault campaign: a whole server under 200 devices and their load; again and again something dies, fills up, is
//! forgotten or jumps, at a moment that chance picks. After each time the real state is read and must hold.
//!
//! ```text
//! TORNADO_FAULT_ROUNDS=500 cargo xtask test faults     rounds in all, shared by both profiles
//! TORNADO_FAULT_SEED=7                                 the same faults in the same order
//! TORNADO_FAULT_ONLY=disk                              only faults whose name holds this
//! ```

pub mod campaign;
pub mod chance;
pub mod device;
pub mod fleet;
pub mod harm;
pub mod lane;
pub mod truth;
pub mod world;
