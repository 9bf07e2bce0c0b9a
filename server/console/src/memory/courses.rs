//! Courses of metrics for charts. They are kept for a part of their distance, so that many open pages cost one reading.

use parking_lot::Mutex;
use std::collections::HashMap;
use tornado_admin_api::types::{MetricStep, MetricsQuery, SeriesView};
use tornado_admin_api::{AdminApi, AdminResult};
use tornado_admin_ui::model::Values;
use tornado_admin_ui::model::overview::Range;

/// Microseconds of a second: the unit of times in the history.
const MICROS: i64 = 1_000_000;
/// Values of a course.
pub const VALUES: usize = 120;

/// The metrics of the charts, by name.
pub type Metrics = HashMap<String, Values>;

/// The latest courses.
#[derive(Default)]
pub struct Courses(Mutex<HashMap<&'static str, (i64, Metrics)>>);

/// Length of a range in seconds, and the distance of its points in the history.
pub const fn span(range: Range) -> (i64, MetricStep) {
    match range {
        Range::Live => (120, MetricStep::Second),
        Range::Hour => (3600, MetricStep::Minute),
        Range::Day => (86_400, MetricStep::Minute),
        Range::Month => (30 * 86_400, MetricStep::Hour),
    }
}

impl Courses {
    /// The courses of `names`, a value for each part of the range. The caller shows them only if the sign-in may
    /// read services: every role that may reads metrics, too.
    ///
    /// # Errors
    ///
    /// The sign-in does not allow it, or `telemetry` does not respond.
    pub async fn read(&self, api: &dyn AdminApi, names: &[String], range: Range, now: i64) -> AdminResult<Metrics> {
        let (length, step) = span(range);
        let kept_for = (length / i64::try_from(VALUES).unwrap_or(1)).clamp(1, 60);
        if let Some((at, metrics)) = self.0.lock().get(range.word())
            && (0..kept_for).contains(&(now - at))
        {
            return Ok(metrics.clone());
        }
        let query = |names: &[String]| MetricsQuery {
            names: names.join(","),
            from: (now - length) * MICROS,
            until: now * MICROS,
            step: Some(step),
        };
        let mut metrics = Metrics::new();
        // The API reads up to 20 at once.
        for names in names.chunks(20) {
            for series in api.read_metrics(query(names)).await?.items {
                let values = resample(&series, now - length, length);
                metrics.insert(series.name, values);
            }
        }
        // Without a name, `telemetry` did not respond; the next reading tries again.
        if !metrics.is_empty() {
            self.0.lock().insert(range.word(), (now, metrics.clone()));
        }
        Ok(metrics)
    }
}

/// Averages of the points of each part of the range; a part without a point is a gap, except between two points of a
/// longer distance.
fn resample(series: &SeriesView, from: i64, length: i64) -> Values {
    let count = i64::try_from(VALUES).unwrap_or(1);
    let step = match series.step {
        MetricStep::Second => 1,
        MetricStep::Minute => 60,
        MetricStep::Hour => 3600,
    };
    let mut sums = vec![(0.0, 0_u32); VALUES];
    for point in &series.points {
        // A point covers its whole interval.
        let at = point.at.div_euclid(MICROS);
        let first = ((at - from) * count).div_euclid(length);
        let last = ((at + step - 1 - from) * count).div_euclid(length);
        for index in first.max(0)..=last.min(count - 1) {
            if let Some((sum, number)) = usize::try_from(index).ok().and_then(|index| sums.get_mut(index)) {
                *sum += point.avg;
                *number += 1;
            }
        }
    }
    sums.into_iter().map(|(sum, number)| (number > 0).then(|| sum / f64::from(number))).collect()
}

/// The sum of courses; a part is a gap if it is one in all of them.
pub fn sum<'a>(courses: impl IntoIterator<Item = Option<&'a Values>>) -> Values {
    let mut total: Values = vec![None; VALUES];
    for course in courses.into_iter().flatten() {
        for (total, value) in total.iter_mut().zip(course) {
            if let Some(value) = value {
                *total = Some(total.unwrap_or(0.0) + value);
            }
        }
    }
    total
}

/// The latest value of a course.
pub fn latest(course: &[Option<f64>]) -> Option<f64> {
    course.iter().rev().take(10).flatten().next().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_admin_api::types::PointView;

    fn series(step: MetricStep, points: &[(i64, f64)]) -> SeriesView {
        let points =
            points.iter().map(|(at, avg)| PointView { at: *at * MICROS, min: *avg, avg: *avg, max: *avg }).collect();
        SeriesView { name: "m".into(), step, points }
    }

    #[test]
    fn points_of_a_part_are_averaged_and_missing_ones_are_gaps() {
        let values = resample(&series(MetricStep::Second, &[(1000, 2.0), (1001, 4.0), (1119, 8.0)]), 1000, 120);
        assert_eq!((values[0], values[1], values[2], values[119]), (Some(2.0), Some(4.0), None, Some(8.0)));
        let values = resample(&series(MetricStep::Minute, &[(0, 2.0), (60, 4.0)]), 0, 86_400);
        assert_eq!(values[0], Some(3.0));
    }

    #[test]
    fn a_point_covers_its_interval() {
        let values = resample(&series(MetricStep::Minute, &[(0, 5.0)]), 0, 3600);
        assert_eq!(values[..3], [Some(5.0), Some(5.0), None]);
    }

    #[test]
    fn every_range_is_filled_by_the_points_that_are_kept() {
        for range in Range::ALL {
            let (length, step) = span(range);
            let seconds = match step {
                MetricStep::Second => 1,
                MetricStep::Minute => 60,
                MetricStep::Hour => 3600,
            };
            let points: Vec<_> = (0..length / seconds).map(|index| (index * seconds, 1.0)).collect();
            let values = resample(&series(step, &points), 0, length);
            assert!(values.iter().all(|value| *value == Some(1.0)), "{}: {values:?}", range.word());
        }
    }

    #[test]
    fn a_sum_has_a_gap_where_all_have_one() {
        let (mut one, other) = (vec![Some(1.0); VALUES], vec![None; VALUES]);
        one[3] = None;
        let total = sum([Some(&one), Some(&other), None]);
        assert_eq!((total[0], total[3]), (Some(1.0), None));
        assert_eq!(latest(&total), Some(1.0));
    }
}
