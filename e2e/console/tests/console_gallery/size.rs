//! The size of what the browser downloads.

use crate::support::built;

/// Limit of the compressed WebAssembly, in bytes. The product's is smaller: this one has the gallery, too.
const LIMIT: u64 = 350 * 1024;

#[test]
fn the_web_assembly_is_small() -> anyhow::Result<()> {
    let product = built()?.with_file_name("console");
    for folder in [built()?, product] {
        let files = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
        let wasm = files.iter().find(|file| file.file_name().to_string_lossy().ends_with(".wasm.br"));
        let size = match wasm {
            Some(file) => file.metadata()?.len(),
            None => anyhow::bail!("{} has no compressed WebAssembly; build it without --dev", folder.display()),
        };
        println!("{}: {size} bytes", folder.display());
        anyhow::ensure!(size <= LIMIT, "{}: {size} bytes", folder.display());
    }
    Ok(())
}
