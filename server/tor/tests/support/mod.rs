//! Shared by the tests of service `tor`.

#[expect(dead_code, reason = "each test program uses its own part")]
mod fake_wg;

pub use fake_wg::FakeWg;
