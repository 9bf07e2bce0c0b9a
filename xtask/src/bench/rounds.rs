//! Interleaved rounds: each contestant runs once per round, so that other load on the machine affects all of them
//! alike.

use serde::Serialize;
use std::collections::BTreeMap;

/// Figures of one contestant in one round, by name. Names end with the unit.
pub type Sample = BTreeMap<String, f64>;

/// Median and bounds of a figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The median.
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Figure {
    /// `None` if there are no finite values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let lower = if sorted.len().is_multiple_of(2) { *sorted.get(middle - 1)? } else { upper };
        Some(Self { median: f64::midpoint(lower, upper), min, max })
    }
}

/// The samples of all rounds, by contestant.
#[derive(Debug, Clone, Default)]
pub struct Rounds(Vec<BTreeMap<String, Sample>>);

impl Rounds {
    /// Measures each contestant once per round. The first one changes with each round; one that fails is missing from
    /// that round.
    pub fn run(rounds: usize, contestants: &[&str], mut measure: impl FnMut(&str) -> anyhow::Result<Sample>) -> Self {
        let mut done = Self::default();
        for round in 0..rounds {
            let mut samples = BTreeMap::new();
            for turn in 0..contestants.len() {
                let Some(name) = contestants.get((round + turn) % contestants.len()) else { continue };
                eprintln!("round {} of {rounds}: {name}", round + 1);
                match measure(name) {
                    Ok(sample) => drop(samples.insert((*name).to_owned(), sample)),
                    Err(error) => eprintln!("  skipped {name} in this round: {error:#}"),
                }
            }
            done.0.push(samples);
        }
        done
    }

    /// All figures of all contestants.
    pub fn figures(&self) -> BTreeMap<String, BTreeMap<String, Figure>> {
        let mut values: BTreeMap<&str, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
        for (contestant, sample) in self.0.iter().flatten() {
            for (name, value) in sample {
                values.entry(contestant).or_default().entry(name).or_default().push(*value);
            }
        }
        let middle = |figures: BTreeMap<&str, Vec<f64>>| {
            figures.into_iter().filter_map(|(name, values)| Some((name.to_owned(), Figure::of(values)?))).collect()
        };
        values.into_iter().map(|(contestant, figures)| (contestant.to_owned(), middle(figures))).collect()
    }

    /// The ratio of a figure of `of` to that of `base`, computed within each round.
    pub fn ratio(&self, figure: &str, of: &str, base: &str) -> Option<Figure> {
        self.ratio_of((figure, of), (figure, base))
    }

    /// The ratio of two different figures, each with its contestant.
    pub fn ratio_of(&self, of: (&str, &str), base: (&str, &str)) -> Option<Figure> {
        Figure::of(self.0.iter().filter_map(|round| {
            let value = |(figure, name): (&str, &str)| round.get(name)?.get(figure).copied();
            let below = value(base)?;
            (below != 0.0).then(|| value(of)).flatten().map(|above| above / below)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Figure::of([]), None);
        assert_eq!(Figure::of([f64::NAN]), None);
        assert_eq!(Figure::of([3.0, 1.0, 9.0]), Some(Figure { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Figure::of([4.0, 1.0]), Some(Figure { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_the_order_changes() {
        let mut order = Vec::new();
        let mut call = 0.0;
        let rounds = Rounds::run(3, &["a", "b"], |name| {
            order.push(name.to_owned());
            call += 1.0;
            let load = if order.len() > 4 { 10.0 } else { 1.0 };
            anyhow::ensure!(order.len() != 3, "the first of the second round fails");
            Ok(Sample::from([("x".to_owned(), if name == "a" { 2.0 * load } else { load })]))
        });
        assert_eq!(order, ["a", "b", "b", "a", "a", "b"]);
        let ratio = rounds.ratio("x", "a", "b").unwrap();
        assert_eq!((ratio.min, ratio.max), (2.0, 2.0));
        assert_eq!(rounds.figures()["b"]["x"].max, 10.0);
        assert!(rounds.ratio("y", "a", "b").is_none() && rounds.ratio("x", "a", "c").is_none());
    }
}
