//! Makes `cfg(fuzzing)`, which fuzzers set, known to the compiler.

#![expect(clippy::print_stdout, reason = "this is how build scripts speak to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
}
