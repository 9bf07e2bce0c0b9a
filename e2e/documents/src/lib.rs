//! Reads the documents of the tree, so that tests can compare what they say with the programs: commands, routes,
//! configuration keys, links.

#![forbid(unsafe_code)]

mod commands;
mod coverage;
mod links;
mod routes;
mod text;

pub use commands::{Command, check_command, commands};
pub use coverage::{missing_in_completions, missing_in_pages, undocumented};
pub use links::{CONTENTS, Link, anchors, beside, links};
pub use routes::routes;
pub use text::{Block, Document, Place, read, section};
