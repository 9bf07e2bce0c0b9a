//! An invitation as a picture, as a pasted picture, and typed in.

use crate::site::{PASSWORD, Site};
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use tornado_e2e_desktop_gui::driver::Window;

/// Pixels of a module of the QR code.
const SCALE: usize = 5;

/// Uses an invitation in each way. The device is enrolled afterwards.
pub async fn joins(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.heading("Join a server").await?;
    let link = site.invite()?;
    let shows_link = format!("return document.querySelector('#link')?.value === {}", serde_json::to_string(&link)?);
    let file = site.home().join("invitation.png");
    std::fs::write(&file, picture(&link)?)?;
    choose(window, &file).await?;
    window.wait(&shows_link).await?;
    window.client().execute("document.querySelector('#link').value = ''", Vec::new()).await?;
    paste(window, &picture(&link)?).await?;
    window.wait(&shows_link).await?;
    let other = site.home().join("other.txt");
    std::fs::write(&other, "no invitation")?;
    choose(window, &other).await?;
    window.shows("The file has no invitation.").await?;
    site.look(window, "enrol-no-invitation").await?;
    typed(site, window, &link).await
}

/// The parts of the link in separate fields.
async fn typed(site: &Site, window: &Window, link: &str) -> anyhow::Result<()> {
    let part = |name: &str| {
        let after = link.split_once(&format!("{name}=")).map(|(_, after)| after);
        after.and_then(|after| after.split('&').next()).with_context(|| format!("no {name} in the link"))
    };
    let server = link.split('/').nth(2).context("no server in the link")?;
    window.press("Type it in").await?;
    window.fill("#server", server).await?;
    window.fill("#identity", part("?i")?).await?;
    window.fill("#invitation-code", "short").await?;
    window.fill("#username", "ada").await?;
    window.fill("#password", PASSWORD).await?;
    window.fill("#device", "laptop").await?;
    window.press("Join").await?;
    window.shows("This is not a part of an invitation.").await?;
    site.look(window, "enrol-typed").await?;
    window.fill("#invitation-code", part("&c")?).await?;
    window.press("Join").await?;
    window.heading("Not connected").await?;
    ensure!(site.status()?["user"] == "ada", "{}", site.status()?);
    Ok(())
}

/// Chooses a file, as the dialog of the desktop does.
async fn choose(window: &Window, file: &std::path::Path) -> anyhow::Result<()> {
    let input = window.client().find(fantoccini::Locator::Css("#file")).await?;
    Ok(input.send_keys(&file.display().to_string()).await?)
}

/// Pastes a picture, as from a screenshot.
async fn paste(window: &Window, png: &[u8]) -> anyhow::Result<()> {
    let script = "const bytes = Uint8Array.from(atob(arguments[0]), letter => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
        const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        document.querySelector('#link').dispatchEvent(event)";
    let text = base64::engine::general_purpose::STANDARD.encode(png);
    window.client().execute(script, vec![text.into()]).await?;
    Ok(())
}

/// A picture of the QR code of a text: dark blue on transparent, with its quiet zone, as PNG.
fn picture(text: &str) -> anyhow::Result<Vec<u8>> {
    let code = qrcode::QrCode::new(text)?;
    let modules = code.width() + 8;
    let side = modules * SCALE;
    let is_dark = |x: usize, y: usize| {
        let module = |at: usize| (at / SCALE).checked_sub(4).filter(|at| *at < code.width());
        module(x).zip(module(y)).is_some_and(|at| code[at] == qrcode::Color::Dark)
    };
    let pixel = |x, y| if is_dark(x, y) { [20, 20, 60, 255] } else { [0, 0, 0, 0] };
    let pixels: Vec<u8> = (0..side * side).flat_map(|at| pixel(at % side, at / side)).collect();
    let size = u32::try_from(side)?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, size, size);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(out)
}
