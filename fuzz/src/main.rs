//! One program for all targets, chosen by `TORNADO_FUZZ_TARGET`, because linking is slow.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod program {
    use std::sync::OnceLock;
    use tornado_fuzz::Target;

    static TARGET: OnceLock<Target> = OnceLock::new();

    libfuzzer_sys::fuzz_target!(
        init: {
            let name = std::env::var("TORNADO_FUZZ_TARGET").unwrap_or_default();
            match tornado_fuzz::target(&name) {
                Some(target) => drop(TARGET.set(target)),
                None => {
                    eprintln!("TORNADO_FUZZ_TARGET must name a target, not '{name}'");
                    std::process::exit(2);
                }
            }
        },
        |data: &[u8]| {
            if let Some(target) = TARGET.get() {
                (target.run)(data);
            }
        }
    );
}

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    eprintln!("this program must be built for libFuzzer; run `cargo xtask fuzz TARGET`");
    std::process::ExitCode::from(2)
}
