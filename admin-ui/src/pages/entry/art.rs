//! The picture beside the form: rings of a helix, computed, and the two lanes through it.

use std::fmt::{self, Write as _};
use tornado_ui::chart::fixed;

/// The picture as SVG.
pub fn picture(is_whole: bool) -> String {
    let fit = if is_whole { "meet" } else { "slice" };
    let mut svg = format!("<svg viewBox=\"-30 0 660 900\" preserveAspectRatio=\"xMidYMid {fit}\">");
    let centre_of = |at: f64| 300.0 + 26.0 * (at * 5.2).sin();
    let radius_of = |at: f64| 300.0 * (1.0 - at).powf(0.85) + 22.0;
    let number = |value: f64| fixed(value, 1);
    for index in 0..=40_u32 {
        let at = f64::from(index) / 40.0;
        let (x, y, radius) = (number(centre_of(at)), number(70.0 + 760.0 * at), radius_of(at));
        let (wide, tall) = (number(radius), number(radius * 0.2));
        // Writing to a string does not fail.
        let _: fmt::Result =
            write!(svg, "<ellipse class=\"art-ln\" cx=\"{x}\" cy=\"{y}\" rx=\"{wide}\" ry=\"{tall}\"></ellipse>");
    }
    for (class, phase) in [("art-direct", 0.0), ("art-tor", 2.6)] {
        let mut path = String::new();
        for step in 0..=200_u32 {
            let at = f64::from(step) / 200.0;
            let (turn, radius) = (at * 26.0 + phase, radius_of(at));
            let x = number(centre_of(at) + radius * turn.cos());
            let y = number(70.0 + 760.0 * at + radius * 0.2 * turn.sin());
            let _: fmt::Result = write!(path, "{}{x},{y}", if step == 0 { 'M' } else { 'L' });
        }
        let _: fmt::Result = write!(svg, "<path class=\"{class}\" d=\"{path}\"></path>");
    }
    svg.push_str("</svg>");
    svg
}
