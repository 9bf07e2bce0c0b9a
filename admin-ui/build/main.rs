//! Generates the texts from the message files, and for the server the stylesheet and the stamp of the sources.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "cargo reads the output of a build script")]

mod assets;
#[path = "../src/messages.rs"]
mod messages;
mod stamp;
mod table;
mod texts;

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=src/messages.rs");
    let is_server = std::env::var_os("CARGO_FEATURE_SSR").is_some();
    println!("cargo:rustc-check-cfg=cfg(has_tables)");
    if is_server {
        println!("cargo:rustc-cfg=has_tables");
    }
    texts::generate(&root.join("locales"), &out.join("texts.rs"), is_server)?;
    if is_server {
        assets::generate(&root, &out.join("console.css"))?;
    }
    Ok(())
}
