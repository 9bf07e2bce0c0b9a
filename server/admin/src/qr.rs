//! A QR code as SVG.

use maud::{Markup, html};
use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};
use std::fmt::Write as _;

/// Width of the quiet zone required by readers: four modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// The QR code of a text as an SVG element, black on white in both colour schemes. `None` if the text is too long.
#[must_use]
pub fn svg(text: &str, label: &str) -> Option<Markup> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index % width + QUIET, index / width + QUIET);
            write!(path, "M{x} {y}h1v1h-1z").ok()?;
        }
    }
    let size = width + 2 * QUIET;
    let view = format!("0 0 {size} {size}");
    Some(html! {
        svg.qr xmlns="http://www.w3.org/2000/svg" viewBox=(view) role="img" aria-label=(label)
            shape-rendering="crispEdges" {
            path fill="#fff" d={ "M0 0h" (size) "v" (size) "H0z" } {}
            path fill="#000" d=(path) {}
        }
    })
}
