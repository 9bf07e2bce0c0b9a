//! What a bench has found, for people and for machines.

use super::rounds::{Figure, Rounds};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A figure that was promised.
#[derive(Debug, Clone, Serialize)]
pub struct Goal {
    /// Of what.
    pub name: String,
    /// The bound.
    pub wanted: f64,
    /// True when more is better.
    pub at_least: bool,
    /// The median; `None` when it could not be measured.
    pub measured: Option<f64>,
    /// Kept. What was not measured is not kept.
    pub met: bool,
}

impl Goal {
    /// `measured` shall be `wanted` or more.
    pub fn at_least(name: &str, wanted: f64, measured: Option<f64>) -> Self {
        Self::new(name, wanted, true, measured, measured.is_some_and(|value| value >= wanted))
    }

    /// `measured` shall be `wanted` or less.
    pub fn at_most(name: &str, wanted: f64, measured: Option<f64>) -> Self {
        Self::new(name, wanted, false, measured, measured.is_some_and(|value| value <= wanted))
    }

    fn new(name: &str, wanted: f64, at_least: bool, measured: Option<f64>, met: bool) -> Self {
        Self { name: name.to_owned(), wanted, at_least, measured, met }
    }
}

/// What a bench hands back.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Contestant, figure, value.
    figures: BTreeMap<String, BTreeMap<String, Figure>>,
    /// What was promised.
    goals: Vec<Goal>,
    /// Why figures do not mean what their names say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Keys of the bench's own: ratios, versions, notes.
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Report {
    /// Every figure of every contestant.
    pub fn of(rounds: &Rounds) -> Self {
        Self { figures: rounds.figures(), ..Self::default() }
    }

    /// Adds figures of contestants that were measured in other rounds.
    pub fn add(&mut self, rounds: &Rounds) {
        for (contestant, figures) in rounds.figures() {
            self.figures.entry(contestant).or_default().extend(figures);
        }
    }

    /// Adds a promise.
    pub fn goal(&mut self, goal: Goal) {
        self.goals.push(goal);
    }

    /// Adds a reason not to believe the figures; it stands before the goals.
    pub fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    /// Adds a key of the bench's own.
    pub fn put(&mut self, key: &str, value: impl Serialize) -> anyhow::Result<()> {
        self.more.insert(key.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// One line a figure, then the goals.
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
