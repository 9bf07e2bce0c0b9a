//! The mark, drawn for the tray: one helix, whose drawing says the state without colour.

/// Width and height of the picture in pixels.
pub const SIZE: u32 = 44;
/// Width of the mark's field; its points are in these units.
const FIELD: f32 = 24.0;
/// Half the width of the line.
const HALF: f32 = 1.25;
/// Points for each curve.
const STEPS: u32 = 24;
/// Light grey, legible on the dark bars of most desktops, with a dark edge for light ones.
const INK: [u8; 3] = [0xf2, 0xf5, 0xf8];
const EDGE: [u8; 3] = [0x20, 0x26, 0x2f];

/// A point in the field.
type Point = [f32; 2];

/// What the mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Connected on the direct lane: the whole helix.
    Direct,
    /// Connected on the tor lane: the helix with two dots.
    Tor,
    /// Not connected: dashed.
    Off,
    /// Under way: half of it.
    Pending,
    /// Blocked, or the server does not respond over the tunnel: struck through.
    Blocked,
    /// The helper does not respond: dotted.
    Unknown,
}

/// The curves of the mark: start, two control points, end.
const CURVES: [[Point; 4]; 5] = [
    [[4.2, 4.8], [4.2, 2.7], [19.8, 2.7], [19.8, 4.8]],
    [[19.8, 4.8], [19.8, 7.8], [6.4, 6.8], [6.4, 9.6]],
    [[6.4, 9.6], [6.4, 12.2], [17.2, 11.2], [17.2, 13.8]],
    [[17.2, 13.8], [17.2, 16.2], [9.4, 15.4], [9.4, 17.6]],
    [[9.4, 17.6], [9.4, 19.4], [12.8, 19.0], [13.4, 21.4]],
];

/// The picture as rows of red, green, blue and opacity, [`SIZE`] × [`SIZE`].
pub fn draw(mark: Mark) -> Vec<u8> {
    let lines = lines(mark);
    let mut picture = Vec::with_capacity((SIZE * SIZE * 4) as usize);
    let scale = FIELD / SIZE as f32;
    for row in 0..SIZE {
        for column in 0..SIZE {
            let point = [(column as f32 + 0.5) * scale, (row as f32 + 0.5) * scale];
            let distance = lines.iter().map(|line| distance(point, *line)).fold(f32::MAX, f32::min);
            // One pixel of transition on each side of the line, and an edge around it.
            let cover = |half: f32| ((half - distance) / scale + 0.5).clamp(0.0, 1.0);
            let (ink, edge) = (cover(HALF), cover(HALF + 0.7));
            for (light, dark) in INK.into_iter().zip(EDGE) {
                picture.push((f32::from(dark) + (f32::from(light) - f32::from(dark)) * ink).round() as u8);
            }
            picture.push((ink.max(edge * 0.7) * 255.0).round() as u8);
        }
    }
    picture
}

/// The lines of a mark; a dot is a line without length.
fn lines(mark: Mark) -> Vec<[Point; 2]> {
    let points: Vec<Point> =
        CURVES.iter().flat_map(|curve| (0..STEPS).map(|step| on(curve, step as f32 / STEPS as f32))).collect();
    let all = points.iter().copied().zip(points.iter().copied().skip(1)).map(|(a, b)| [a, b]).enumerate();
    let is_drawn = |index: usize| match mark {
        Mark::Direct | Mark::Tor | Mark::Blocked => true,
        Mark::Off => index % 12 < 5,
        Mark::Unknown => index % 12 < 1,
        Mark::Pending => index >= points.len() / 2,
    };
    let mut lines: Vec<_> = all.filter(|(index, _)| is_drawn(*index)).map(|(_, line)| line).collect();
    match mark {
        Mark::Tor => lines.extend([[[20.4, 18.2]; 2], [[20.4, 21.6]; 2]]),
        Mark::Blocked => lines.push([[3.0, 21.0], [21.0, 3.0]]),
        Mark::Direct | Mark::Off | Mark::Pending | Mark::Unknown => {}
    }
    lines
}

/// The point of a cubic Bézier curve at `t`, 0 to 1.
fn on(curve: &[Point; 4], t: f32) -> Point {
    let u = 1.0 - t;
    let weights = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
    let sum = |axis: usize| curve.iter().zip(weights).filter_map(|(point, w)| point.get(axis).map(|p| p * w)).sum();
    [sum(0), sum(1)]
}

/// The distance of a point from a line.
fn distance([x, y]: Point, [[ax, ay], [bx, by]]: [Point; 2]) -> f32 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - ax - t * dx).hypot(y - ay - t * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_another_picture() {
        let marks = [Mark::Direct, Mark::Tor, Mark::Off, Mark::Pending, Mark::Blocked, Mark::Unknown];
        let pictures: std::collections::BTreeSet<Vec<u8>> = marks.into_iter().map(draw).collect();
        assert_eq!(pictures.len(), marks.len());
        assert!(pictures.iter().all(|picture| picture.len() == (SIZE * SIZE * 4) as usize));
    }

    #[test]
    fn states_differ_without_colour() {
        let cover = |mark: Mark| draw(mark).chunks(4).map(|pixel| u64::from(pixel[3])).sum::<u64>();
        assert!(cover(Mark::Off) < cover(Mark::Direct) && cover(Mark::Pending) < cover(Mark::Direct));
        assert!(cover(Mark::Tor) > cover(Mark::Direct) && cover(Mark::Blocked) > cover(Mark::Tor));
    }
}
