//! Charts as SVG. The plot stretches with its box; words are HTML around it, so that they do not.
//!
//! Times run from left to right in all languages. A missing value is a gap.

use crate::{Views as _, live, view};
use leptos::prelude::*;

/// Values in equal steps of time; `None` where nothing was measured.
pub type Values = Vec<Option<f64>>;

/// A number with a fixed count of decimals. Without the standard library's exact algorithm, which is larger than a
/// page.
pub fn fixed(value: f64, decimals: u32) -> String {
    let scale = 10_u64.pow(decimals);
    let scaled = (value.abs() * scale as f64).round() as u64;
    let sign = if value < 0.0 && scaled > 0 { "-" } else { "" };
    let (whole, rest) = (scaled / scale, scaled % scale);
    if decimals == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
}

/// The range that a plot shows: from zero to a round number above the highest value.
pub fn ceiling(highest: f64) -> f64 {
    if !highest.is_finite() || highest <= 0.0 {
        return 1.0;
    }
    // The power of ten below it. Logarithm and power would be the only ones that the browser downloads.
    let mut magnitude = 1.0;
    while magnitude * 10.0 <= highest {
        magnitude *= 10.0;
    }
    while magnitude > highest {
        magnitude /= 10.0;
    }
    [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * magnitude)
        .find(|round| *round >= highest)
        .unwrap_or(highest)
}

/// The highest value, if there is one.
pub fn highest(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().reduce(f64::max)
}

/// The lowest value, if there is one.
pub fn lowest(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().reduce(f64::min)
}

/// Path data of a line, and of the area below it, in a box of `width` × `height`. Gaps split both.
pub fn paths(values: &[Option<f64>], top: f64, width: f64, height: f64) -> (String, String) {
    let step = if values.len() > 1 { width / (values.len() - 1) as f64 } else { 0.0 };
    let (mut line, mut area) = (String::new(), String::new());
    let mut first: Option<f64> = None;
    let mut last = 0.0;
    let close = |area: &mut String, first: &mut Option<f64>, last: f64| {
        if let Some(start) = first.take() {
            let (last, start, bottom) = (fixed(last, 1), fixed(start, 1), fixed(height, 1));
            area.push_str(&format!("L{last},{bottom} {start},{bottom}z"));
        }
    };
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            close(&mut area, &mut first, last);
            continue;
        };
        let x = index as f64 * step;
        let y = height - (value / top).clamp(0.0, 1.0) * height;
        let verb = if first.is_none() { 'M' } else { 'L' };
        first.get_or_insert(x);
        last = x;
        let point = format!("{verb}{},{}", fixed(x, 1), fixed(y, 1));
        line.push_str(&point);
        area.push_str(&point);
    }
    close(&mut area, &mut first, last);
    (line, area)
}

/// The small line of a tile or a cell. Decoration: the figure beside it is the value.
#[component]
pub fn Sparkline(
    /// The values.
    #[prop(into)]
    values: Signal<Values>,
    /// Suffix of the classes `ln-…` and `ar-…`: `ok`, `off`, `direct`, `tor`, or nothing for grey.
    #[prop(optional)]
    tone: &'static str,
    /// For a cell of a table.
    #[prop(optional)]
    cell: bool,
) -> impl IntoView {
    let drawn = Memo::new(move |_| {
        values.with(|values| {
            let top = highest(values).unwrap_or(1.0).max(f64::MIN_POSITIVE) * 1.1;
            paths(values, top, 120.0, 28.0)
        })
    });
    let suffix = if tone.is_empty() { String::new() } else { format!("-{tone}") };
    view! {
        <svg
            class=if cell { "spark spark-cell" } else { "spark" }
            viewBox="0 0 120 28"
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <path class=format!("ar ar{suffix}") d=live(move || drawn.with(|(_, area)| area.clone()))></path>
            <path class=format!("ln ln{suffix}") d=live(move || drawn.with(|(line, _)| line.clone()))></path>
        </svg>
    }
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its word in the legend.
    pub name: String,
    /// Its latest value with unit, in the legend.
    pub now: String,
    /// Suffix of its classes, as of [`Sparkline`].
    pub tone: &'static str,
    /// With the area below it.
    pub is_filled: bool,
    /// The values.
    pub values: Values,
}

/// A chart with its legend, scale and times.
#[component]
pub fn Chart(
    /// Heading.
    #[prop(into)]
    title: String,
    /// The sentence for screen readers: lowest, highest and current value.
    #[prop(into)]
    summary: Signal<String>,
    /// The lines; all start and end together.
    #[prop(into)]
    series: Signal<Vec<Series>>,
    /// Words of the scale from the value, as "400".
    #[prop(into)]
    scale: Callback<f64, String>,
    /// Words at equal distances below the plot.
    #[prop(into)]
    times: Signal<Vec<String>>,
) -> impl IntoView {
    const WIDTH: f64 = 600.0;
    const HEIGHT: f64 = 160.0;
    let top = Memo::new(move |_| {
        series.with(|series| ceiling(series.iter().filter_map(|line| highest(&line.values)).fold(0.0, f64::max)))
    });
    let lines = move || {
        let top = top.get();
        series.with(|series| {
            series
                .iter()
                .map(|one| {
                    let (line, area) = paths(&one.values, top, WIDTH, HEIGHT);
                    let suffix = if one.tone.is_empty() { String::new() } else { format!("-{}", one.tone) };
                    view! {
                        <path class=format!("ar ar{suffix}") d=if one.is_filled { area } else { String::new() }></path>
                        <path class=format!("ln ln{suffix}") d=line></path>
                    }
                })
                .views()
        })
    };
    let legend = move || {
        series.with(|series| {
            series
                .iter()
                .map(|one| {
                    let class = if one.tone.is_empty() { "ln".to_owned() } else { format!("ln ln-{}", one.tone) };
                    view! {
                        <li>
                            <svg class="key" viewBox="0 0 16 8" aria-hidden="true">
                                <line class=class x1="1" x2="15" y1="4" y2="4"></line>
                            </svg>
                            {one.name.clone()}
                            <b>{one.now.clone()}</b>
                        </li>
                    }
                })
                .views()
        })
    };
    view! {
        <section class="card">
            <div class="card-head">
                <h2>{title}</h2>
                <ul class="legend">{legend}</ul>
            </div>
            <div class="card-body">
                <div class="chart-body">
                    <div class="chart-y" aria-hidden="true">
                        {[1.0, 0.5, 0.0]
                            .into_iter()
                            .map(|part| view! { <span>{live(move || scale.run(top.get() * part))}</span> })
                            .views()}
                    </div>
                    <div class="plot-box">
                        <svg
                            class="plot"
                            viewBox="0 0 600 160"
                            preserveAspectRatio="none"
                            role="img"
                            aria-label=live(move || summary.get())
                        >
                            <line class="grid-ln" x1="0" x2="600" y1="0" y2="0"></line>
                            <line class="grid-ln" x1="0" x2="600" y1="80" y2="80"></line>
                            <line class="base-ln" x1="0" x2="600" y1="160" y2="160"></line>
                            {lines}
                        </svg>
                    </div>
                    <div class="chart-x" aria-hidden="true">
                        {live(move || times.get().into_iter().map(|time| view! { <span>{time}</span> }).views().into_any())}
                    </div>
                </div>
            </div>
        </section>
    }
}

/// The rectangles of stacked bars in a box of `width` × `height`: part, x, y, width and height of each that is not
/// empty.
pub fn stack(bars: &[Vec<f64>], top: f64, width: f64, height: f64) -> Vec<(usize, [f64; 4])> {
    let step = width / bars.len().max(1) as f64;
    let mut drawn = Vec::new();
    for (index, parts) in bars.iter().enumerate() {
        let mut base = height;
        for (part, value) in parts.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            // Also a single line among thousands is visible.
            let tall = (value / top * height).clamp(1.0, height);
            base -= tall;
            drawn.push((part, [index as f64 * step + step * 0.12, base, step * 0.76, tall]));
        }
    }
    drawn
}

/// Stacked bars over time.
#[component]
pub fn Bars(
    /// The sentence for screen readers.
    #[prop(into)]
    summary: String,
    /// For each bar its parts, the lowest first.
    bars: Vec<Vec<f64>>,
    /// Suffix of the class `bar-…` of each part.
    tones: &'static [&'static str],
    /// Words of the scale from the value.
    #[prop(into)]
    scale: Callback<f64, String>,
    /// Words at equal distances below the plot.
    times: Vec<String>,
) -> impl IntoView {
    let top = ceiling(bars.iter().map(|parts| parts.iter().sum()).fold(0.0, f64::max));
    let rectangles = stack(&bars, top, 600.0, 100.0)
        .into_iter()
        .map(|(part, [x, y, width, height])| {
            let tone = tones.get(part).copied().unwrap_or_default();
            let text = |value: f64| fixed(value, 1);
            view! {
                <rect class=format!("bar-{tone}") x=text(x) y=text(y) width=text(width) height=text(height)></rect>
            }
        })
        .views();
    view! {
        <div class="chart-body">
            <div class="chart-y" aria-hidden="true">
                {[1.0, 0.0].into_iter().map(|part| view! { <span>{scale.run(top * part)}</span> }).views()}
            </div>
            <div class="plot-box">
                <svg class="plot plot-s" viewBox="0 0 600 100" preserveAspectRatio="none" role="img" aria-label=summary>
                    <line class="grid-ln" x1="0" x2="600" y1="0" y2="0"></line>
                    <line class="base-ln" x1="0" x2="600" y1="100" y2="100"></line>
                    {rectangles}
                </svg>
            </div>
            <div class="chart-x" aria-hidden="true">
                {times.into_iter().map(|time| view! { <span>{time}</span> }).views()}
            </div>
        </div>
    }
}

/// How much of something finite is used, in percent.
#[component]
pub fn Meter(
    /// Of what.
    #[prop(into)]
    label: String,
    /// 0 to 100; more counts as 100.
    #[prop(into)]
    percent: Signal<u8>,
    /// For a cell of a table.
    #[prop(optional)]
    cell: bool,
    /// A high value is good, or no matter: without the colours of a limit.
    #[prop(optional)]
    is_progress: bool,
) -> impl IntoView {
    let percent = move || percent.get().min(100);
    let tone = move || match percent() {
        _ if is_progress => "",
        100 => "m-bad",
        80..100 => "m-warn",
        _ => "",
    };
    view! {
        <svg
            class=if cell { "meter meter-cell" } else { "meter meter-l" }
            role="meter"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=live(move || percent().to_string())
        >
            <rect class=tone width=live(move || format!("{}%", percent())) height="100%"></rect>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_ends_at_a_round_number() {
        let ends = [(0.0, 1.0), (0.7, 0.8), (1.0, 1.0), (412.0, 500.0), (512.0, 600.0), (901.0, 1000.0)];
        for (highest, end) in ends {
            assert!((ceiling(highest) - end).abs() < 1e-9, "{highest} gives {}", ceiling(highest));
        }
        assert_eq!(ceiling(f64::NAN), 1.0);
    }

    #[test]
    fn a_missing_value_splits_line_and_area() {
        let (line, area) = paths(&[Some(0.0), Some(10.0), None, Some(5.0)], 10.0, 30.0, 10.0);
        assert_eq!(line, "M0.0,10.0L10.0,0.0M30.0,5.0");
        assert_eq!(area, "M0.0,10.0L10.0,0.0L10.0,10.0 0.0,10.0zM30.0,5.0L30.0,10.0 30.0,10.0z");
    }

    #[test]
    fn parts_of_a_bar_stand_on_each_other() {
        let drawn = stack(&[vec![3.0, 1.0], vec![0.0, 2.0]], 4.0, 20.0, 100.0);
        let tops: Vec<_> = drawn.iter().map(|(part, [_, y, _, height])| (*part, *y, *height)).collect();
        assert_eq!(tops, [(0, 25.0, 75.0), (1, 0.0, 25.0), (1, 50.0, 50.0)]);
    }

    #[test]
    fn a_number_has_the_decimals_that_are_asked_for() {
        let written = [(0.0, 1), (9.95, 1), (-0.04, 1), (-2.5, 2), (1234.5678, 3), (6.4, 0)]
            .map(|(value, decimals)| fixed(value, decimals));
        assert_eq!(written, ["0.0", "10.0", "0.0", "-2.50", "1234.568", "6"]);
        assert_eq!(fixed(f64::NAN, 1), "0.0");
    }

    #[test]
    fn no_values_draw_nothing() {
        assert_eq!(paths(&[], 1.0, 10.0, 10.0), (String::new(), String::new()));
        assert_eq!(highest(&[None]), None);
    }
}
