//! The server with invented data.

use anyhow::{Context, bail};
use tornado_admin_ui::serve::{Assets, page_router};
pub use tornado_e2e_console::browser::{Browser, root};
use tornado_e2e_console::gallery::Gallery;
use tornado_e2e_console::sample;

/// The directory of files for the browser that `cargo xtask test console` built: `console` of the product,
/// `e2e-console` of the gallery.
pub fn built(name: &str) -> anyhow::Result<std::path::PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("no directory of builds")?.join(name))
}

/// The files for the browser.
fn assets(name: &str, build: &str) -> anyhow::Result<Assets> {
    let assets = Assets::of(vec![built(name)?]);
    if assets.path_of(".wasm").is_none() {
        bail!("no files for the browser of these sources; run: {build}");
    }
    Ok(assets)
}

/// Serves the console with invented data on a free port of loopback.
pub async fn serve() -> anyhow::Result<String> {
    start(sample::router(assets("console", "cargo xtask web")?)).await
}

/// Serves the gallery of parts.
pub async fn serve_gallery() -> anyhow::Result<String> {
    const BUILD: &str = "cargo xtask web -- --package tornado-e2e-console --source e2e/console --out e2e-console";
    start(page_router(Gallery, assets("e2e-console", BUILD)?, None)).await
}

async fn start(router: axum::Router) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}
