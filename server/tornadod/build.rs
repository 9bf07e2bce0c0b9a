//! Options for the linker.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let (os, env) = (std::env::var("CARGO_CFG_TARGET_OS"), std::env::var("CARGO_CFG_TARGET_ENV"));
    if os.as_deref() == Ok("linux") && env.as_deref() == Ok("gnu") {
        // 1.4 MiB of relocations become a few KiB. Each process of the server reads them at its start and keeps their
        // pages. Known to glibc from 2.36 (Debian 12).
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
