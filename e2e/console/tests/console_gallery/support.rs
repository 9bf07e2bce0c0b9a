//! The server with invented data.

use anyhow::{Context, bail};
use tornado_admin_ui::serve::Assets;
pub use tornado_e2e_console::browser::{Browser, root};

/// The directory of the files that `cargo xtask test console` built of this package.
pub fn built() -> anyhow::Result<std::path::PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("no directory of builds")?.join("e2e-console"))
}

/// The files for the browser.
fn assets() -> anyhow::Result<Assets> {
    let assets = Assets::of(vec![built()?]);
    if assets.path_of(".wasm").is_none() {
        bail!(
            "no files for the browser of these sources; run: cargo xtask web -- --package tornado-e2e-console --source \
             e2e/console --out e2e-console"
        );
    }
    Ok(assets)
}

/// Serves the console with invented data on a free port of loopback.
pub async fn serve() -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = tornado_e2e_console::sample::router(assets()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}
