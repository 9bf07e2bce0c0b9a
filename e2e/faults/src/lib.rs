//! The fault campaign: a complete server under the load of 200 devices. In each round a process dies, a disk fills up,
//! data are lost or the clock jumps, at a random moment. After each round the real state is read, and all invariants
//! must hold.
//!
//! ```text
//! TORNADO_FAULT_ROUNDS=500 cargo xtask test faults     rounds in total, for both profiles together
//! TORNADO_FAULT_SEED=7                                 the same faults in the same order
//! TORNADO_FAULT_ONLY=disk                              only faults whose name contains this
//! ```

#![forbid(unsafe_code)]

pub mod campaign;
pub mod chance;
pub mod device;
pub mod fleet;
pub mod harm;
pub mod lane;
pub mod truth;
pub mod world;
