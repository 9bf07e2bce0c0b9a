//! What the console keeps in memory between requests.

pub mod courses;
pub mod rates;
pub mod sign_in;
