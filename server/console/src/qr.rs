//! A QR code as an SVG image.

use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};

/// Width of the quiet zone that readers require: four modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// The QR code of a text, dark modules in the colour of the text around it; `None` if the text is too long.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let modules = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path: String =
        modules.map(|(index, _)| format!("M{} {}h1v1h-1z", index % width + QUIET, index / width + QUIET)).collect();
    let size = width + 2 * QUIET;
    let head = format!("<svg viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">");
    Some(format!("{head}<path fill=\"currentColor\" d=\"{path}\"></path></svg>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_has_no_code() {
        assert!(svg("otpauth://totp/Tornado:ops-amelia?secret=ABC").unwrap().starts_with("<svg viewBox="));
        assert_eq!(svg(&"x".repeat(4000)), None);
    }
}
