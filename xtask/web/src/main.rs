//! `cargo xtask web`: the console's files for the browser, and those of the desktop client's window, without a tool
//! that has to be installed.
//!
//! Compiles the WebAssembly, binds it to JavaScript, joins the stylesheets, names each file after its content and
//! compresses it. A separate program, so that `cargo xtask up` compiles the crates for this after the server has
//! started. The server reads the files at run time (`admin-ui/src/serve/assets.rs`).

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line program prints its results")]

mod licences;
#[path = "../../src/dist/linked.rs"]
#[expect(dead_code, reason = "the list for the window is shorter than the one for packages")]
mod linked;
#[path = "../../../admin-ui/src/messages.rs"]
mod messages;
mod publish;
mod shrink;
#[path = "../../../admin-ui/build/stamp.rs"]
mod stamp;
mod style;
#[path = "../../../admin-ui/build/table.rs"]
mod table;
mod unused;
mod window;

use anyhow::{Context as _, anyhow, bail};
use clap::Parser;
use publish::Publisher;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Target of the compiler.
const TARGET: &str = "wasm32-unknown-unknown";
/// Name of the files before their digest.
const NAME: &str = "console";
/// The list of the files; its first line is the stamp of the sources.
const LIST: &str = "files.txt";

/// Builds the console's files for the browser.
#[derive(Parser)]
struct Web {
    /// Builds fast and without optimisation, for development
    #[arg(long)]
    dev: bool,
    /// Builds the files of the desktop client's window in `target/window` instead
    #[arg(long, conflicts_with_all = ["package", "source", "out"])]
    window: bool,
    /// The package whose library takes over in the browser
    #[arg(long, default_value = "tornado-admin-ui")]
    package: String,
    /// Directory of the package, below the root of the tree
    #[arg(long, default_value = "admin-ui")]
    source: String,
    /// Directory of the files, below the directory of builds
    #[arg(long, default_value = "console")]
    out: PathBuf,
}

fn main() -> std::process::ExitCode {
    match Web::parse().run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot build the files for the browser: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// The root of the tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Web {
    /// Builds the files and replaces those of other sources.
    fn run(&self) -> anyhow::Result<()> {
        let root = root().canonicalize().context("cannot find the root of the tree")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        if self.window { self.window(&root, &target) } else { self.console(&root, &target) }
    }

    /// The files of the desktop client's window.
    fn window(&self, root: &Path, target: &Path) -> anyhow::Result<()> {
        let out = target.join(window::OUT);
        let head = window::head(root, if self.dev { "dev" } else { "release" })?;
        if window::is_up_to_date(&out, &head) {
            println!("the window's files are up to date");
            return Ok(());
        }
        let wasm = self.compile(root, target, window::PACKAGE, "csr")?;
        let bound = self.bind(&out, &wasm, window::OUT)?;
        let binary = self.binary(&bound, window::OUT)?;
        window::write(root, &out, &bound, &binary, &licences::list(root)?, &head)?;
        Ok(std::fs::remove_dir_all(bound)?)
    }

    fn console(&self, root: &Path, target: &Path) -> anyhow::Result<()> {
        let out = target.join(&self.out);
        let own = format!("{}/src", self.source);
        let stamp = stamp::of(root, &[own.as_str()]).context("cannot read the sources")?;
        let console = stamp::of(root, &[]).context("cannot read the sources")?;
        let kind = if self.dev { "dev" } else { "release" };
        // The server compares the first line, this program also the second.
        let head = format!("{console}\n# {stamp} {kind}\n");
        if std::fs::read_to_string(out.join(LIST)).is_ok_and(|list| list.starts_with(&head)) {
            println!("the console's files for the browser are up to date");
            return Ok(());
        }
        let started = Instant::now();
        let wasm = self.compile(root, target, &self.package, "hydrate")?;
        let compiled = started.elapsed();
        let bound = self.bind(&out, &wasm, NAME)?;
        let binary = self.binary(&bound, NAME)?;
        let after_binding = started.elapsed();
        let publisher = Publisher { out: &out, name: NAME, is_compressed: !self.dev };
        let mut list = head;
        let mut files = vec![
            ("css".to_owned(), style::join(&[root.join("admin-ui/style").as_path()])?.into_bytes()),
            ("js".to_owned(), std::fs::read(bound.join(format!("{NAME}.js")))?),
            ("wasm".to_owned(), binary),
        ];
        let tables = table::read(&root.join("admin-ui/locales")).map_err(|error| anyhow!("{error}"))?;
        println!("  {} texts in {} languages", tables.signatures.len(), tables.languages.len());
        files.extend(tables.languages.iter().map(|(tag, texts)| (format!("{tag}.txt"), texts.join("\n").into_bytes())));
        for (extension, content) in files {
            list.push_str(&publisher.publish(&extension, &content)?);
            list.push('\n');
        }
        std::fs::remove_dir_all(bound)?;
        // Last: without the list, nothing reads the files.
        std::fs::write(out.join(LIST), list).context("cannot write the list of files")?;
        let seconds = [compiled, after_binding - compiled, started.elapsed() - after_binding].map(|one| one.as_secs());
        println!("  compiled in {} s, bound in {} s, compressed in {} s", seconds[0], seconds[1], seconds[2]);
        Ok(())
    }

    /// Binds the WebAssembly to JavaScript, in a folder of an emptied `out`. Returns the folder.
    fn bind(&self, out: &Path, wasm: &Path, name: &str) -> anyhow::Result<PathBuf> {
        if out.exists() {
            std::fs::remove_dir_all(out).with_context(|| format!("cannot remove {}", out.display()))?;
        }
        let bound = out.join("bound");
        std::fs::create_dir_all(&bound).with_context(|| format!("cannot create {}", bound.display()))?;
        let mut binding = wasm_bindgen_cli_support::Bindgen::new();
        binding.input_path(wasm).out_name(name).web(true)?.typescript(false).remove_producers_section(!self.dev);
        binding.keep_debug(false).generate(&bound)?;
        Ok(bound)
    }

    /// The bound WebAssembly, small unless for development.
    fn binary(&self, bound: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
        let binary = std::fs::read(bound.join(format!("{name}_bg.wasm")))?;
        if self.dev { Ok(binary) } else { shrink::shrink(&binary).context("cannot shrink the WebAssembly") }
    }

    fn compile(&self, root: &Path, target: &Path, package: &str, feature: &str) -> anyhow::Result<PathBuf> {
        require_target()?;
        let (profile, folder) = if self.dev { ("dev", "debug") } else { ("wasm-release", "wasm-release") };
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(root).args(["build", "--quiet", "--lib", "--target", TARGET]);
        command.args(["--package", package, "--profile", profile]);
        command.args(["--no-default-features", "--features", feature]);
        // Lints run on the build for the server.
        command.env_remove("RUSTC_WORKSPACE_WRAPPER");
        if !command.status().context("cannot run cargo")?.success() {
            bail!("cargo cannot compile {package} for {TARGET}");
        }
        Ok(target.join(TARGET).join(folder).join(format!("{}.wasm", package.replace('-', "_"))))
    }
}

/// Fails if the toolchain has no standard library for the browser: cargo would print an error for every crate.
fn require_target() -> anyhow::Result<()> {
    let asked =
        Command::new("rustc").current_dir(root()).args(["--print", "target-libdir", "--target", TARGET]).output();
    let asked = asked.context("cannot run rustc")?;
    let library = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    let has_std = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    };
    if std::fs::read_dir(&library).is_ok_and(|mut entries| entries.any(has_std)) {
        return Ok(());
    }
    bail!("the toolchain has no standard library for {TARGET}; run: rustup target add {TARGET}")
}
