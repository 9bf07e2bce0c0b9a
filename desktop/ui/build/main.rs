//! Generates the texts from the message files, with the tools of the console.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "cargo reads the output of a build script")]

#[path = "../../../admin-ui/src/messages.rs"]
mod messages;
#[path = "../../../admin-ui/build/table.rs"]
mod table;
#[path = "../../../admin-ui/build/texts.rs"]
mod texts;

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build");
    for tool in ["src/messages.rs", "src/texts.rs", "build/table.rs", "build/texts.rs"] {
        println!("cargo:rerun-if-changed=../../admin-ui/{tool}");
    }
    println!("cargo:rustc-check-cfg=cfg(has_tables)");
    println!("cargo:rustc-cfg=has_tables");
    texts::generate(&root.join("locales"), &out.join("texts.rs"), true)
}
