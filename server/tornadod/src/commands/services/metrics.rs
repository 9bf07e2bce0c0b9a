//! `tornadod metrics`

use crate::cli::MetricsArgs;
use crate::commands::{Server, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{say, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::metrics::{LiveMetrics, MetricRange, Metrics as _, MetricsClient, Point, Series};
use tornado_log::line::{Micros, format_time};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

/// Prints current values, or the history of the named metrics.
pub async fn run(server: &Server, args: &MetricsArgs) -> Result<(), Failure> {
    let metrics = MetricsClient::new(server.channel(ServiceName::Telemetry));
    if args.openmetrics {
        metrics.scrape(NoInput {}).await.or_cannot("read metrics")?.text.lines().for_each(say);
        return Ok(());
    }
    let Some(range) = args.range else {
        let mut samples = metrics.live(Acting::root(LiveMetrics::default())).await.or_cannot("read metrics")?;
        refuse_unknown(&args.names, samples.values.keys())?;
        samples.values.retain(|name, _| args.names.is_empty() || args.names.iter().any(|wanted| is_of(name, wanted)));
        return show(args.json, &samples, |samples| {
            let row = |(name, value): (&String, &f64)| [name.clone(), number(*value)];
            table(["METRIC", "VALUE"], samples.values.iter().map(row));
        });
    };
    let all = metrics.names(Acting::root(NoInput {})).await.or_cannot("read metrics")?;
    let names: Vec<String> =
        args.names.iter().flat_map(|wanted| all.iter().filter(|name| is_of(name, wanted)).cloned()).collect();
    refuse_unknown(&args.names, all.iter())?;
    let until = unix_now().saturating_add(1).saturating_mul(1_000_000);
    let length = i64::try_from(range.as_micros()).unwrap_or(i64::MAX);
    let from = until.saturating_sub(length).max(0);
    let range = MetricRange { names, from, until, resolution: None };
    let series = metrics.range(Acting::root(range)).await.or_cannot("read metrics")?;
    show(args.json, &series, |series| series.iter().for_each(print))
}

/// Fails if a name on the command line selects no metric. Otherwise a misspelt name would look like a metric without
/// values.
fn refuse_unknown<'a>(wanted: &[String], known: impl Iterator<Item = &'a String> + Clone) -> Result<(), Failure> {
    match wanted.iter().find(|wanted| !known.clone().any(|name| is_of(name, wanted))) {
        Some(name) => Err(Failure::failed(format!("no metric is named '{name}'; `tornadod metrics` lists all"))),
        None => Ok(()),
    }
}

/// True for a metric, and for all its series if `wanted` has no labels.
fn is_of(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}

fn print(series: &Series) {
    let step = series.resolution.seconds();
    say(&format!("{} (one point for each {})", series.name, crate::output::span(step)));
    let row = |point: &Point| [format_time(Micros(point.at)), number(point.min), number(point.avg), number(point.max)];
    table(["TIME", "MIN", "AVERAGE", "MAX"], series.points.iter().map(row));
}

/// At most six digits after the point.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_labels_selects_all_its_series() {
        assert!(is_of("tornado_peers{service=wg}", "tornado_peers") && is_of("load", "load"));
        assert!(is_of("tornado_peers{service=wg}", "tornado_peers{service=wg}"));
        assert!(!is_of("tornado_peers_total{service=wg}", "tornado_peers"));
    }

    #[test]
    fn each_unknown_name_is_refused() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let known = names(&["load", "tornado_peers{service=wg}"]);
        assert!(refuse_unknown(&names(&["load", "tornado_peers"]), known.iter()).is_ok());
        assert!(refuse_unknown(&[], known.iter()).is_ok());
        assert!(refuse_unknown(&names(&["load", "laod"]), known.iter()).is_err());
    }

    #[test]
    fn numbers_have_no_needless_digits() {
        assert_eq!([0.0, 3.0, 0.25, 1e-9, 1234.5].map(number), ["0", "3", "0.25", "0", "1234.5"]);
    }
}
