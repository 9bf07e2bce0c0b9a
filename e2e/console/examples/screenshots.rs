//! Writes the pictures of `docs/screenshots`: every page with invented data, in light, 1280 pixels wide.
//!
//! Run after `cargo xtask web`: `cargo run --package tornado-e2e-console --example screenshots`.

#![expect(clippy::print_stdout, reason = "a command line program prints its results")]

#[path = "../tests/console_gallery/support.rs"]
#[expect(dead_code, reason = "the gallery of parts has no picture")]
mod support;

use anyhow::{Context as _, ensure};
use std::collections::HashMap;
use support::{Browser, root, serve};
use tornado_e2e_console::sample::PAGES;

/// Rows that are kept of a picture that would be too large: the texts of some pages are long.
const ROWS: u32 = 1_400;
/// Largest size of a picture, in bytes.
const LIMIT: u64 = 120_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let folder = root().join("docs/screenshots");
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.resize(1280, 800).await?;
    browser.look(&base, "en", "light").await?;
    for (path, name) in PAGES {
        browser.open(&format!("{base}{path}")).await?;
        let file = folder.join(format!("{name}.png"));
        browser.picture(&file).await?;
        let picture = std::fs::read(&file)?;
        let whole = small(&picture, u32::MAX)?;
        let is_small = u64::try_from(whole.len())? <= LIMIT;
        std::fs::write(&file, if is_small { whole } else { small(&picture, ROWS)? })?;
        let size = std::fs::metadata(&file)?.len();
        println!("{name}: {size} bytes");
        ensure!(size <= LIMIT, "{name} is larger than {LIMIT} bytes");
    }
    browser.close().await
}

/// The upper rows of the picture, with the 256 most frequent of its colours.
fn small(picture: &[u8], rows: u32) -> anyhow::Result<Vec<u8>> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("the picture is too large")?];
    let info = reader.next_frame(&mut pixels)?;
    let width = info.color_type.samples();
    let height = info.height.min(rows);
    pixels.truncate(usize::try_from(info.width)? * width * usize::try_from(height)?);
    let colours = |pixel: &[u8]| [pixel[0] & 0xfc, pixel[1] & 0xfc, pixel[2] & 0xfc];
    let mut counts: HashMap<[u8; 3], u32> = HashMap::new();
    for pixel in pixels.chunks_exact(width) {
        *counts.entry(colours(pixel)).or_default() += 1;
    }
    let mut palette: Vec<([u8; 3], u32)> = counts.into_iter().collect();
    palette.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), *colour));
    palette.truncate(256);
    let distance = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    let mut nearest: HashMap<[u8; 3], u8> = HashMap::new();
    let indices: Vec<u8> = pixels
        .chunks_exact(width)
        .map(|pixel| {
            let wanted = colours(pixel);
            *nearest.entry(wanted).or_insert_with(|| {
                let best = (0_u8..=255).zip(&palette).min_by_key(|(_, (colour, _))| distance(*colour, wanted));
                best.map_or(0, |(index, _)| index)
            })
        })
        .collect();
    let mut small = Vec::new();
    let mut encoder = png::Encoder::new(&mut small, info.width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    // White is white again.
    let bright = |part: u8| part | part >> 6;
    encoder.set_palette(palette.iter().flat_map(|(colour, _)| colour.map(bright)).collect::<Vec<u8>>());
    encoder.write_header()?.write_image_data(&indices)?;
    Ok(small)
}
