//! Values that are read when the metrics are read.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

type Read = dyn Fn(&mut Reading<'_>) + Send + Sync;

/// A function that reads values, as the registry keeps it.
pub(super) struct Source(Box<Read>);

impl Source {
    pub(super) fn new(read: impl Fn(&mut Reading<'_>) + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Collector for Source {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut reading = Reading { encoder, result: Ok(()) };
        (self.0)(&mut reading);
        reading.result
    }
}

/// Receives the values of one reading.
pub struct Reading<'a> {
    encoder: DescriptorEncoder<'a>,
    result: fmt::Result,
}

impl Reading<'_> {
    /// A value that goes up and down.
    pub fn gauge<'s>(&'s mut self, name: &'s str, help: &str, unit: Option<&'s Unit>) -> Values<'s> {
        self.family(name, help, unit, MetricType::Gauge)
    }

    /// A value that only grows until the process ends.
    pub fn counter<'s>(&'s mut self, name: &'s str, help: &str, unit: Option<&'s Unit>) -> Values<'s> {
        self.family(name, help, unit, MetricType::Counter)
    }

    fn family<'s>(&'s mut self, name: &'s str, help: &str, unit: Option<&'s Unit>, kind: MetricType) -> Values<'s> {
        let encoder = self.encoder.encode_descriptor(name, &format!("{help}."), unit, kind);
        let encoder = encoder.inspect_err(|error| self.result = Err(*error)).ok();
        Values { encoder, result: &mut self.result, kind }
    }
}

/// The values of one metric.
pub struct Values<'a> {
    encoder: Option<MetricEncoder<'a>>,
    result: &'a mut fmt::Result,
    kind: MetricType,
}

impl Values<'_> {
    /// Adds a value. Each set of labels occurs once. A value that is not finite is left out.
    pub fn add(&mut self, labels: &[(&str, &str)], value: impl Number) {
        let Some(encoder) = self.encoder.as_mut() else { return };
        let value = value.to_f64();
        if !value.is_finite() {
            return;
        }
        let encode = |encoder: &mut MetricEncoder<'_>| match self.kind {
            MetricType::Counter => encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None),
            MetricType::Gauge | MetricType::Histogram | MetricType::Info | MetricType::Unknown => {
                encoder.encode_gauge(&value)
            }
        };
        let added = if labels.is_empty() {
            encode(encoder)
        } else {
            encoder.encode_family(&labels).and_then(|mut e| encode(&mut e))
        };
        if added.is_err() {
            *self.result = added;
        }
    }
}

/// Types of values.
pub trait Number {
    /// The nearest `f64`.
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Number for $number {
            // Metrics need no more precision.
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )* };
}
numbers!(u32, i32, u64, i64, usize);

impl Number for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl Number for bool {
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
}
