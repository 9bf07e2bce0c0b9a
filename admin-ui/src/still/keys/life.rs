//! The lives of the keys on one time line. The table below has the same in words.

use super::usage_word;
use crate::model::keys::{Key, Phase};
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_ui::{Views as _, view};

/// Width of the picture in its own units.
const WIDTH: f64 = 1000.0;
/// Height of a row in its own units.
const HEIGHT: f64 = 24.0;

/// A part of a key's life.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    x: f64,
    width: f64,
    class: &'static str,
}

/// The time that the picture shows: all lives, and a little after now.
fn range(keys: &[Key], as_of: i64) -> (i64, i64) {
    let first = keys.iter().map(|key| key.created_at).min().unwrap_or(as_of).min(as_of - 3600);
    let last = keys.iter().filter_map(|key| key.gone_at).max().unwrap_or(as_of);
    (first, last.max(as_of + (as_of - first) / 3))
}

/// The parts of a life: published, used, only verifying.
fn bars(key: &Key, as_of: i64, (first, last): (i64, i64)) -> Vec<Bar> {
    let at = |time: i64| (time.clamp(first, last) - first) as f64 / (last - first).max(1) as f64 * WIDTH;
    let bar = |from: i64, until: i64, class| {
        let (from, until) = (at(from), at(until));
        (until > from).then_some(Bar { x: from, width: until - from, class })
    };
    let gone = key.gone_at.unwrap_or(last);
    let all = match key.phase {
        Phase::Next => [bar(key.created_at, gone, "life-next"), None],
        Phase::Current => [bar(key.active_from, as_of, "life-current"), bar(as_of, gone, "life-verify")],
        Phase::VerifyOnly => [bar(key.active_from, gone, "life-verify"), None],
    };
    all.into_iter().flatten().collect()
}

/// The picture: a row for each usage, and a line at the present.
#[component]
pub fn Life(
    /// All keys.
    keys: Vec<Key>,
    /// Now.
    as_of: i64,
) -> impl IntoView {
    let t = use_texts();
    let range = range(&keys, as_of);
    let mut rows: Vec<(String, Vec<&Key>)> = Vec::new();
    for key in &keys {
        let word = usage_word(t, &key.usage);
        match rows.iter_mut().find(|(name, _)| *name == word) {
            Some((_, of)) => of.push(key),
            None => rows.push((word, vec![key])),
        }
    }
    let now = (as_of - range.0) as f64 / (range.1 - range.0).max(1) as f64 * WIDTH;
    let rows = rows.into_iter().map(|(word, of)| row(word, &of, as_of, range, now)).views();
    let day = |at: i64| t.date(at);
    view! {
        <ul class="life" aria-hidden="true">{rows}</ul>
        <div class="life-x" aria-hidden="true">
            <span>{day(range.0)}</span>
            <span>{legend(t)}</span>
            <span>{day(range.1)}</span>
        </div>
    }
}

fn row(word: String, keys: &[&Key], as_of: i64, range: (i64, i64), now: f64) -> impl IntoView + use<> {
    let step = HEIGHT / (keys.len() as f64 + 1.0);
    let height = (step * 0.8).min(10.0);
    let bars = keys
        .iter()
        .enumerate()
        .flat_map(|(index, key)| {
            let y = step * (index as f64 + 1.0) - height / 2.0;
            bars(key, as_of, range).into_iter().map(move |bar| (bar, y))
        })
        .map(|(Bar { x, width, class }, y)| view! { <rect class=class x=x y=y width=width height=height></rect> })
        .views();
    view! {
        <li>
            <span>{word}</span>
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none">
                {bars}
                <line class="life-now" x1=now x2=now y1="0" y2=HEIGHT></line>
            </svg>
        </li>
    }
}

fn legend(t: Texts) -> impl IntoView {
    [("life-current", t.key_current()), ("life-verify", t.key_verify_only()), ("life-next", t.key_next())]
        .map(|(class, word)| {
            view! {
                <span class="life-key">
                    <svg viewBox="0 0 14 8"><rect class=class x="0.5" y="0.5" width="13" height="7"></rect></svg>
                    {word}
                </span>
            }
        })
        .into_iter()
        .views()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::keys::Usage;

    fn key(phase: Phase, active_from: i64, gone_at: Option<i64>) -> Key {
        Key { id: "a".into(), usage: Usage::Access, phase, created_at: active_from - 100, active_from, gone_at }
    }

    #[test]
    fn a_current_key_verifies_after_now_until_it_is_removed() {
        let bars = bars(&key(Phase::Current, 1000, Some(3000)), 2000, (0, 4000));
        let expected = [(250.0, 250.0, "life-current"), (500.0, 250.0, "life-verify")];
        assert!(bars.iter().map(|bar| (bar.x, bar.width, bar.class)).eq(expected));
    }

    #[test]
    fn the_time_line_shows_all_lives_and_some_time_after_now() {
        let keys = [key(Phase::VerifyOnly, 1100, Some(9000)), key(Phase::Current, 5100, None)];
        assert_eq!(range(&keys, 8000), (1000, 10_333));
    }
}
