//! An invitation as a QR code in a picture. The web view decodes the picture, in its sandbox; the code is read here.

use js_sys::Promise;
use leptos::prelude::document;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap};

/// Largest width or height at which a picture is searched, pixels. A larger one is made smaller.
const LARGEST: u32 = 1600;
/// Bytes of a pixel: red, green, blue, opacity.
#[cfg(any(test, target_arch = "wasm32"))]
const PIXEL: usize = 4;

/// The text of the first QR code in a file; `None` if it is no picture or has no code.
pub async fn text(file: &File) -> Option<String> {
    let (width, pixels) = pixels(file).await.ok()?;
    read(width, &pixels)
}

/// Width in pixels, and the pixels of each row.
async fn pixels(file: &File) -> Result<(usize, Vec<u8>), JsValue> {
    let decoded: Promise = leptos::prelude::window().create_image_bitmap_with_blob(file)?;
    let bitmap: ImageBitmap = JsFuture::from(decoded).await?.dyn_into()?;
    let largest = bitmap.width().max(bitmap.height()).max(1);
    let scaled = |side: u32| if largest > LARGEST { (side * LARGEST / largest).max(1) } else { side.max(1) };
    let (width, height) = (scaled(bitmap.width()), scaled(bitmap.height()));
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.dyn_into()?;
    canvas.set_width(width);
    canvas.set_height(height);
    let context = canvas.get_context("2d")?.ok_or("no canvas")?;
    let context: CanvasRenderingContext2d = context.dyn_into()?;
    let (w, h) = (f64::from(width), f64::from(height));
    context.draw_image_with_image_bitmap_and_dw_and_dh(&bitmap, 0.0, 0.0, w, h)?;
    let data = context.get_image_data(0.0, 0.0, w, h)?;
    Ok((width as usize, data.data().0))
}

/// How light a pixel is. What is transparent counts as white.
#[cfg(any(test, target_arch = "wasm32"))]
fn light([red, green, blue, opacity]: [u8; PIXEL]) -> u8 {
    // ITU-R BT.601.
    let light = (u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000;
    let opacity = u32::from(opacity);
    u8::try_from((light * opacity + 255 * (255 - opacity)) / 255).unwrap_or(255)
}

/// The text of the first code that can be read.
#[cfg(target_arch = "wasm32")]
fn read(width: usize, pixels: &[u8]) -> Option<String> {
    let height = pixels.len().checked_div(PIXEL * width).filter(|height| *height > 0)?;
    let at = |x: usize, y: usize| pixels.get((y * width + x) * PIXEL..).and_then(<[u8]>::first_chunk).copied();
    let grey = |x, y| at(x, y).map_or(255, light);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    image.detect_grids().iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}

/// Only the window has a reader of codes, and only it has pictures.
#[cfg(not(target_arch = "wasm32"))]
const fn read(_: usize, _: &[u8]) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_are_white() {
        assert_eq!([[0, 0, 0, 255], [255, 255, 255, 255], [0, 0, 0, 0]].map(light), [0, 255, 255]);
        assert!(light([20, 20, 60, 255]) < 64);
    }
}
