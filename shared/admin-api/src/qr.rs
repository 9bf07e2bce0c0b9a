//! QR codes as images.

use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};

/// Width of the quiet zone required by readers: four modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// The QR code of a text as an SVG element, black on white in both colour schemes, with `label` as its description.
/// `None` if the text is too long.
#[must_use]
pub fn svg(text: &str, label: &'static str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let modules = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path: String =
        modules.map(|(index, _)| format!("M{} {}h1v1h-1z", index % width + QUIET, index / width + QUIET)).collect();
    let size = width + 2 * QUIET;
    Some(format!(
        "<svg class=\"qr\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" role=\"img\" \
         aria-label=\"{label}\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"></path>\
         <path fill=\"#000\" d=\"{path}\"></path></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_has_no_code() {
        assert!(svg("otpauth://totp/Tornado:ops-amelia?secret=ABC", "A code").unwrap().contains("viewBox="));
        assert_eq!(svg(&"x".repeat(4000), "A code"), None);
    }
}
