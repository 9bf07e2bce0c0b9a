//! What the console keeps in memory between requests.

pub mod courses;
pub mod lists;
pub mod metrics;
pub mod names;
pub mod rates;
pub mod sign_in;
