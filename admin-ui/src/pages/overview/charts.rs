//! Charts over the chosen time, and the machine.

use crate::model::Values;
use crate::model::overview::{Count, Machine, Overview, Range};
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_ui::chart::{Chart, Series, Sparkline, highest, lowest};
use tornado_ui::{Views as _, view};

/// Times at equal distances between two moments.
fn times(t: Texts, from: i64, to: i64, range: Range) -> Vec<String> {
    (0..=6)
        .map(|step| {
            let at = from + (to - from) * step / 6;
            match range {
                Range::Live => t.clock(at),
                Range::Hour | Range::Day => t.clock(at).chars().take(5).collect(),
                Range::Month => t.date(at).chars().skip(5).collect(),
            }
        })
        .collect()
}

/// Throughput of the lanes, and sessions.
pub fn charts(t: Texts, overview: &Overview, range: Range) -> impl IntoView + use<> {
    let times = times(t, overview.from, overview.as_of, range);
    let sentence = move |values: &Values, write: &dyn Fn(f64) -> String| {
        let now = values.last().copied().flatten();
        match (lowest(values), highest(values), now) {
            (Some(low), Some(high), Some(now)) => t.chart_sentence(&write(high), &write(low), &write(now)),
            _ => t.chart_empty().to_owned(),
        }
    };
    let rate = move |bits: f64| t.joined(t.rate(bits));
    let count = move |value: f64| t.number(value.max(0.0) as u64);
    let mut throughput = Vec::new();
    let mut throughput_words = Vec::new();
    for lane in &overview.lanes {
        throughput.push(Series {
            name: lane.lane.word().to_owned(),
            now: lane.down.map(rate).unwrap_or_default(),
            tone: lane.lane.word(),
            is_filled: true,
            values: lane.course.clone(),
        });
        throughput_words.push(format!("{}: {}", lane.lane.word(), sentence(&lane.course, &rate)));
    }
    if throughput_words.is_empty() {
        throughput_words.push(t.chart_empty().to_owned());
    }
    let mut sessions = Vec::new();
    let mut session_words = Vec::new();
    for (one, name, tone) in [(&overview.online, t.state_online(), "ok"), (&overview.offline, t.state_offline(), "off")]
    {
        sessions.push(Series {
            name: name.to_owned(),
            now: one.now.map(|n| t.number(n)).unwrap_or_default(),
            tone,
            is_filled: tone == "ok",
            values: one.course.clone(),
        });
        session_words.push(format!("{name}: {}", sentence(&one.course, &count)));
    }
    view! {
        <Chart
            title=t.throughput()
            summary=throughput_words.join(" ")
            series=throughput
            scale=move |bits: f64| t.joined(t.rate(bits))
            times=times.clone()
        />
        <Chart
            title=t.nav_sessions()
            summary=session_words.join(" ")
            series=sessions
            scale=move |value: f64| t.number(value.max(0.0) as u64)
            times
        />
    }
}

/// How much of the processor, the memory or a disk is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Usual,
    /// 60 % or more.
    High,
    /// 80 % or more.
    VeryHigh,
}

impl Level {
    /// The level of used and total amount; usual if they are not known.
    fn of(share: Option<(u64, u64)>) -> Self {
        match share.map(|(used, total)| u128::from(used) * 100 / u128::from(total.max(1))) {
            None | Some(..60) => Self::Usual,
            Some(60..80) => Self::High,
            Some(80..) => Self::VeryHigh,
        }
    }
}

/// Processor, memory, disk and network interfaces.
#[component]
pub fn MachineCard(
    /// The values.
    machine: Machine,
) -> impl IntoView {
    let t = use_texts();
    let mini = move |name: String, value: Option<String>, level: Level, course: Values| {
        let value = value.unwrap_or_else(|| t.not_known().to_owned());
        let tag = match level {
            Level::Usual => None,
            Level::High => Some(("tag tag-high", t.level_high())),
            Level::VeryHigh => Some(("tag tag-very-high", t.level_very_high())),
        };
        view! {
            <div class="mini">
                <p class="mini-head">
                    <bdi>{name}</bdi>
                    {tag.map(|(class, words)| view! { <span class=class>{words}</span> })}
                    <b>{value}</b>
                </p>
                <Sparkline values=course />
            </div>
        }
    };
    let memory = move |bytes: u64| t.joined(t.memory(bytes));
    let of = move |used: Count, total: Option<u64>| match (used.now, total) {
        (Some(used), Some(total)) => Some(t.of_amount(&memory(total), &memory(used))),
        (used, _) => used.map(memory),
    };
    let level = |used: &Count, total: Option<u64>| Level::of(used.now.zip(total));
    let (cpu_level, memory_level) = (level(&machine.cpu, Some(100)), level(&machine.memory_used, machine.memory));
    let disk_level = level(&machine.disk_used, machine.disk);
    let (memory_course, disk_course) = (machine.memory_used.course.clone(), machine.disk_used.course.clone());
    let rate = move |of: &Count| of.now.map_or_else(|| t.not_known().to_owned(), |bits| t.joined(t.rate(bits as f64)));
    let networks = machine.interfaces.into_iter().map(|one| {
        let value = t.received_and_sent(&rate(&one.received), &rate(&one.sent));
        mini(t.interface_name(&one.name), Some(value), Level::Usual, one.received.course)
    });
    view! {
        <section class="card" aria-labelledby="machine">
            <div class="card-head">
                <h2 id="machine">{t.machine()}</h2>
            </div>
            <div class="minis">
                {mini(t.processor().to_owned(), machine.cpu.now.map(|n| t.percent(n)), cpu_level, machine.cpu.course)}
                {mini(t.memory_word().to_owned(), of(machine.memory_used, machine.memory), memory_level, memory_course)}
                {mini(t.state_disk().to_owned(), of(machine.disk_used, machine.disk), disk_level, disk_course)}
                {networks.views()}
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_at_60_and_80_percent() {
        let level = |used| Level::of(Some((used, 1000)));
        assert_eq!([0, 599, 600, 799, 800, 2000].map(level), {
            use Level::{High, Usual, VeryHigh};
            [Usual, Usual, High, High, VeryHigh, VeryHigh]
        });
        assert_eq!(Level::of(None), Level::Usual);
        assert_eq!(Level::of(Some((u64::MAX, u64::MAX))), Level::VeryHigh);
    }
}
