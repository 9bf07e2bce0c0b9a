//! The result of a bench, as text and as JSON.

use super::rounds::{Figure, Rounds};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A target value.
#[derive(Debug, Clone, Serialize)]
pub struct Goal {
    /// What is measured.
    pub name: String,
    /// The bound.
    pub wanted: f64,
    /// True if higher values are better.
    pub at_least: bool,
    /// The median; `None` if it could not be measured.
    pub measured: Option<f64>,
    /// Whether the goal is met. A missing measurement does not meet it.
    pub met: bool,
}

impl Goal {
    /// `measured` must be at least `wanted`.
    pub fn at_least(name: &str, wanted: f64, measured: Option<f64>) -> Self {
        Self::new(name, wanted, true, measured, measured.is_some_and(|value| value >= wanted))
    }

    /// `measured` must be at most `wanted`.
    pub fn at_most(name: &str, wanted: f64, measured: Option<f64>) -> Self {
        Self::new(name, wanted, false, measured, measured.is_some_and(|value| value <= wanted))
    }

    fn new(name: &str, wanted: f64, at_least: bool, measured: Option<f64>, met: bool) -> Self {
        Self { name: name.to_owned(), wanted, at_least, measured, met }
    }
}

/// The report of a bench.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Values by contestant and figure.
    figures: BTreeMap<String, BTreeMap<String, Figure>>,
    /// The target values.
    goals: Vec<Goal>,
    /// Reasons why figures are not reliable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Additional keys of the bench: ratios, versions, notes.
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Report {
    /// Creates a report with all figures of all contestants.
    pub fn of(rounds: &Rounds) -> Self {
        Self { figures: rounds.figures(), ..Self::default() }
    }

    /// Adds the figures of other rounds.
    pub fn add(&mut self, rounds: &Rounds) {
        for (contestant, figures) in rounds.figures() {
            self.figures.entry(contestant).or_default().extend(figures);
        }
    }

    /// Adds a goal.
    pub fn goal(&mut self, goal: Goal) {
        self.goals.push(goal);
    }

    /// Adds a reason why the figures are not reliable. It is printed before the goals.
    pub fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    /// Adds a key of the bench.
    pub fn put(&mut self, key: &str, value: impl Serialize) -> anyhow::Result<()> {
        self.more.insert(key.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// Prints one line per figure, then the goals.
    pub fn print(&self) {
        for (contestant, figures) in &self.figures {
            println!("\n{contestant}");
            for (name, figure) in figures {
                let Figure { median, min, max } = figure;
                println!("  {name:<44} {median:>12.3}   ({min:.3} to {max:.3})");
            }
        }
        for (key, value) in &self.more {
            println!("\n{key}: {}", serde_json::to_string_pretty(value).unwrap_or_default());
        }
        println!();
        for warning in &self.warnings {
            println!("WARNING: {warning}");
        }
        for goal in &self.goals {
            let (word, end) = (if goal.at_least { ">=" } else { "<=" }, if goal.met { "met" } else { "MISSED" });
            let measured = goal.measured.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.3}"));
            println!("goal: {} {word} {}: {measured}, {end}", goal.name, goal.wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_was_not_measured_is_missed() {
        assert!(!Goal::at_least("x", 1.0, None).met && !Goal::at_most("x", 1.0, None).met);
        assert!(Goal::at_least("x", 1.0, Some(1.0)).met && !Goal::at_most("x", 1.0, Some(1.1)).met);
    }

    #[test]
    fn own_keys_stand_beside_the_figures() {
        let mut report = Report::default();
        report.put("ratio_to_x", 2.5).unwrap();
        report.warn("a tortoise was measured");
        let value = serde_json::to_value(&report).unwrap();
        assert_eq!(value["warnings"][0], "a tortoise was measured");
        assert_eq!(value["ratio_to_x"], 2.5);
        assert!(value["figures"].is_object() && value["goals"].is_array());
    }
}
