//! The complete service in one process: a real database, fake services, and a clock that the test controls.

mod accounting;
mod endurance;
mod exits;
mod lanes;
mod lifecycle;
mod operators;
mod policies;
mod simulation;
mod socket;
mod support;
