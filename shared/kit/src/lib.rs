//! Small tools that server and device share: replacement of files, the clock, back-off. Depends on nothing.

#![forbid(unsafe_code)]

pub mod backoff;
pub mod clock;
pub mod files;
pub mod trial;
