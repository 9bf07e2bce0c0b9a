//! The size of what the browser downloads.

use crate::support::built;

/// Limit of the compressed WebAssembly, in bytes.
const LIMIT: u64 = 350 * 1024;

#[test]
fn the_web_assembly_is_small() -> anyhow::Result<()> {
    let folder = built("console")?;
    let files = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    let wasm = files.iter().find(|file| file.file_name().to_string_lossy().ends_with(".wasm.br"));
    let size = match wasm {
        Some(file) => file.metadata()?.len(),
        None => anyhow::bail!("{} has no compressed WebAssembly; build it without --dev", folder.display()),
    };
    println!("{size} bytes");
    anyhow::ensure!(size <= LIMIT, "{size} bytes, {LIMIT} are allowed");
    Ok(())
}
