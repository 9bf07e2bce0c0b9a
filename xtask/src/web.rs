//! `cargo xtask web`: the console's files for the browser, without a tool that has to be installed.
//!
//! Builds the WebAssembly, binds it to JavaScript, joins the stylesheets, names each file after its content and
//! compresses it. `admin-ui/build/assets.rs` embeds the result in the next build of the server.

use crate::shell;
use anyhow::{Context, bail};
use clap::Args;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions, StyleSheet};
use lightningcss::targets::{Browsers, Targets};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the files before their digest.
const NAME: &str = "console";

/// What `cargo xtask web` builds.
#[derive(Args)]
pub struct Web {
    /// Builds fast and without optimisation, for tests
    #[arg(long)]
    dev: bool,
    /// The package whose library takes over in the browser
    #[arg(long, default_value = "tornado-admin-ui")]
    package: String,
    /// Directory of the files, below the root of the tree
    #[arg(long, default_value = "target/console")]
    out: PathBuf,
}

impl Web {
    /// The files of the test server, which has the gallery too.
    pub fn of_tests() -> Self {
        Self { dev: true, package: "tornado-e2e-console".to_owned(), out: PathBuf::from("target/e2e-console") }
    }

    /// Builds the files and replaces those of the previous build.
    ///
    /// # Errors
    ///
    /// A build failed, or a file cannot be written.
    pub fn run(&self) -> anyhow::Result<()> {
        let wasm = self.compile()?;
        let out = shell::root().join(&self.out);
        let bound = out.join("bound");
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        std::fs::create_dir_all(&bound)?;
        let mut binding = wasm_bindgen_cli_support::Bindgen::new();
        binding.input_path(&wasm).out_name(NAME).web(true)?.typescript(false).remove_producers_section(!self.dev);
        binding.keep_debug(false).remove_name_section(!self.dev).generate(&bound)?;
        let files = [
            ("css", style(&shell::root().join("admin-ui/style"))?.into_bytes()),
            ("js", std::fs::read(bound.join(format!("{NAME}.js")))?),
            ("wasm", std::fs::read(bound.join(format!("{NAME}_bg.wasm")))?),
        ];
        let mut list = String::new();
        for (extension, content) in files {
            let name = self.publish(&out, extension, &content)?;
            list.push_str(&format!("{name}\n"));
        }
        std::fs::remove_dir_all(bound)?;
        // Last: the server's build takes the files only if the list exists.
        std::fs::write(out.join("files.txt"), list).context("cannot write the list of files")
    }

    fn compile(&self) -> anyhow::Result<PathBuf> {
        let profile = if self.dev { "dev" } else { "wasm-release" };
        let mut command = Command::new("cargo");
        command.current_dir(shell::root()).args(["build", "--lib", "--target", "wasm32-unknown-unknown"]);
        command.args(["--package", &self.package, "--profile", profile]);
        command.args(["--no-default-features", "--features", "hydrate"]);
        if !command.status().context("cannot run cargo")?.success() {
            bail!("cannot build {} for the browser", self.package);
        }
        let folder = if self.dev { "debug" } else { "wasm-release" };
        let file = format!("{}.wasm", self.package.replace('-', "_"));
        Ok(shell::root().join("target/wasm32-unknown-unknown").join(folder).join(file))
    }

    /// Writes a file under the name with its digest, and its compressed forms beside it.
    fn publish(&self, out: &Path, extension: &str, content: &[u8]) -> anyhow::Result<String> {
        let name = format!("{NAME}.{:016x}.{extension}", digest(content));
        std::fs::write(out.join(&name), content)?;
        let mut sizes = format!("{} bytes", content.len());
        if !self.dev {
            let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 11, 22);
            brotli.write_all(content)?;
            let brotli = brotli.into_inner();
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            gzip.write_all(content)?;
            let gzip = gzip.finish()?;
            sizes = format!("{sizes}, {} brotli, {} gzip", brotli.len(), gzip.len());
            std::fs::write(out.join(format!("{name}.br")), brotli)?;
            std::fs::write(out.join(format!("{name}.gz")), gzip)?;
        }
        println!("  {name}: {sizes}");
        Ok(name)
    }
}

/// Distinguishes versions of a file in browsers' caches (FNV-1a). Nothing trusts it.
fn digest(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The sheets in the order of their names, without the one that only imports them.
fn style(folder: &Path) -> anyhow::Result<String> {
    let mut sheets: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    sheets.retain(|path| path.file_name().is_some_and(|name| name != "main.css"));
    sheets.sort();
    let joined: String = sheets.iter().map(std::fs::read_to_string).collect::<std::io::Result<_>>()?;
    // Browsers that know `light-dark()`, `:has()` and layers: nothing is lowered for older ones.
    let version = |major: u32| Some(major << 16);
    let browsers = Browsers {
        chrome: version(123),
        firefox: version(121),
        safari: Some(17 << 16 | 5 << 8),
        ..Browsers::default()
    };
    let targets = Targets::from(browsers);
    let mut sheet = StyleSheet::parse(&joined, ParserOptions::default()).map_err(|error| anyhow::anyhow!("{error}"))?;
    sheet.minify(MinifyOptions { targets, ..MinifyOptions::default() }).map_err(|error| anyhow::anyhow!("{error}"))?;
    let printed = sheet.to_css(PrinterOptions { minify: true, targets, ..PrinterOptions::default() })?;
    Ok(printed.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_has_another_name() {
        assert_ne!(digest(b"a"), digest(b"b"));
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
    }

    #[test]
    fn the_stylesheet_is_valid_and_keeps_both_themes() {
        let sheet = style(&shell::root().join("admin-ui/style")).unwrap();
        assert!(sheet.contains("light-dark("), "colours of both themes");
        assert!(!sheet.contains("@import"), "one file");
    }
}
