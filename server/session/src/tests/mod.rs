//! The complete service in one process: a real database, fake services, and a clock that the test controls.

mod accounting;
mod allowances;
mod books;
mod connecting;
mod crashes;
mod exits;
mod fake_tor;
mod fakes;
mod lanes;
mod lifecycle;
mod million;
mod model;
mod months;
mod simulation;
mod socket;
mod spans;
mod treatments;
mod world;
