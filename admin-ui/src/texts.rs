//! Texts in four languages, and how each language writes numbers, sizes and times.
//!
//! The window of the desktop client includes this file, with its own messages. `has_tables` is set where the program
//! contains the texts of all languages: on the server, and in the window.

use leptos::prelude::use_context;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tornado_ui::chart::fixed;

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// Spanish.
    Es,
    /// Persian.
    Fa,
}

impl Lang {
    /// All, in the order of the choice.
    pub const ALL: [Self; 4] = [Self::En, Self::De, Self::Es, Self::Fa];

    /// Its BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Es => "es",
            Self::Fa => "fa",
        }
    }

    /// Its name in itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
            Self::Es => "Español",
            Self::Fa => "فارسی",
        }
    }

    /// Direction of its script, as `dir` writes it.
    pub const fn dir(self) -> &'static str {
        match self {
            Self::En | Self::De | Self::Es => "ltr",
            Self::Fa => "rtl",
        }
    }

    /// The language of a tag, also of one with a region.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', ';']).next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|lang| lang.tag().eq_ignore_ascii_case(primary))
    }

    /// The first known language of an `Accept-Language` header. Its order counts, not its weights.
    pub fn of_header(header: &str) -> Option<Self> {
        header.split(',').find_map(Self::of_tag)
    }
}

/// The texts of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The language.
    pub lang: Lang,
}

/// The texts of the page.
pub fn use_texts() -> Texts {
    use_context().unwrap_or_default()
}

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

/// An argument of a message.
enum Argument<'a> {
    /// A whole number, in the digits of the language.
    Number(u64),
    /// Text as it is.
    Text(&'a str),
}

/// The texts that this page has loaded.
#[cfg(not(has_tables))]
static LOADED: std::sync::OnceLock<Vec<&str>> = std::sync::OnceLock::new();

/// Sets the texts of the page's language, one a line. The browser keeps them as long as the page.
#[cfg(not(has_tables))]
pub fn load(lines: String) {
    LOADED.get_or_init(|| Box::leak(lines.into_boxed_str()).split('\n').collect());
}

impl Texts {
    /// The text of a message.
    fn text(self, index: usize) -> &'static str {
        #[cfg(has_tables)]
        let text = TABLES.get(self.lang as usize).and_then(|texts| texts.get(index));
        #[cfg(not(has_tables))]
        let text = LOADED.get().and_then(|texts| texts.get(index));
        text.copied().unwrap_or_default()
    }

    /// The text of a message with its arguments; `build/table.rs` describes the places for them.
    fn filled(self, index: usize, arguments: &[Argument<'_>]) -> String {
        let mut out = String::new();
        let mut pieces = self.text(index).split('\u{2}');
        self.fill(&mut out, pieces.next().unwrap_or_default(), arguments);
        for piece in pieces {
            let (selection, after) = piece.split_once('\u{5}').unwrap_or((piece, ""));
            let (argument, cases) = place(selection, arguments);
            let number = if let Some(Argument::Number(number)) = argument { *number } else { 0 };
            let (category, plain) = (plural(self.lang, number), number.to_string());
            let is_chosen =
                |case: &str| case.split_once('\u{4}').is_none_or(|(key, _)| key == category || key == plain);
            let case = cases.split('\u{3}').find(|case| is_chosen(case)).unwrap_or_default();
            self.fill(&mut out, case.split_once('\u{4}').map_or(case, |(_, text)| text), arguments);
            self.fill(&mut out, after, arguments);
        }
        out
    }

    /// Adds text with the values of its places, without a selection.
    fn fill(self, out: &mut String, text: &str, arguments: &[Argument<'_>]) {
        let mut pieces = text.split('\u{1}');
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (argument, after) = place(piece, arguments);
            match argument {
                Some(Argument::Number(number)) => out.push_str(&self.number(*number)),
                Some(Argument::Text(text)) => out.push_str(text),
                None => {}
            }
            out.push_str(after);
        }
    }
}

/// The argument that the first character numbers, and the text after it.
fn place<'a, 'b>(text: &'a str, arguments: &'b [Argument<'b>]) -> (Option<&'b Argument<'b>>, &'a str) {
    let mut rest = text.chars();
    let index = rest.next().and_then(|number| (number as usize).checked_sub('0' as usize));
    (index.and_then(|index| arguments.get(index)), rest.as_str())
}

/// Category of plurals, as CLDR defines it.
fn plural(lang: Lang, n: u64) -> &'static str {
    match (lang, n) {
        (Lang::En | Lang::De | Lang::Es, 1) | (Lang::Fa, 0 | 1) => "one",
        (Lang::Es, n) if n != 0 && n.is_multiple_of(1_000_000) => "many",
        _ => "other",
    }
}

impl Texts {
    /// A whole number with separators.
    pub fn number(self, n: u64) -> String {
        let plain = n.to_string();
        let is_grouped = plain.len() > if self.lang == Lang::Es { 4 } else { 3 };
        let mut out = String::with_capacity(plain.len() * 2);
        for (index, digit) in plain.chars().enumerate() {
            if is_grouped && index > 0 && (plain.len() - index).is_multiple_of(3) {
                out.push(match self.lang {
                    Lang::En => ',',
                    Lang::De | Lang::Es => '.',
                    Lang::Fa => '٬',
                });
            }
            out.push(self.digit(digit));
        }
        out
    }

    /// A number with the given count of decimals.
    pub fn decimal(self, value: f64, decimals: u32) -> String {
        self.digits(&fixed(value, decimals)).replace(
            '.',
            match self.lang {
                Lang::En => ".",
                Lang::De | Lang::Es => ",",
                Lang::Fa => "٫",
            },
        )
    }

    fn digit(self, digit: char) -> char {
        match (self.lang, digit.to_digit(10)) {
            (Lang::Fa, Some(value)) => char::from_u32(0x06F0 + value).unwrap_or(digit),
            _ => digit,
        }
    }

    /// Text in the digits of the language: clock times and dates.
    pub fn digits(self, text: &str) -> String {
        text.chars().map(|one| self.digit(one)).collect()
    }

    fn scaled(self, value: f64, base: f64, units: &[&'static str]) -> (String, &'static str) {
        let mut value = value;
        let mut index = 0;
        while value >= base && index + 1 < units.len() {
            value /= base;
            index += 1;
        }
        let decimals = if index == 0 || value >= 100.0 {
            0
        } else if value >= 10.0 {
            1
        } else {
            2
        };
        (self.decimal(value, decimals), units.get(index).copied().unwrap_or_default())
    }

    /// Transferred bytes, decimal: value and unit.
    pub fn bytes(self, bytes: u64) -> (String, &'static str) {
        self.scaled(bytes as f64, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
    }

    /// Memory, binary: value and unit.
    pub fn memory(self, bytes: u64) -> (String, &'static str) {
        self.scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
    }

    /// A rate in bits per second: value and unit.
    pub fn rate(self, bits_per_second: f64) -> (String, &'static str) {
        self.scaled(bits_per_second, 1000.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s"])
    }

    /// A value and its unit as text.
    pub fn joined(self, (value, unit): (String, &'static str)) -> String {
        format!("{value}\u{202f}{unit}")
    }

    /// A span of time in its two largest units.
    pub fn span(self, seconds: u64) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => self.span_seconds(seconds),
            (0, 0, minutes) => self.span_minutes(minutes, seconds % 60),
            (0, hours, minutes) => self.span_hours(hours, minutes),
            (days, hours, _) => self.span_days(days, hours),
        }
    }

    /// How long ago something happened, or that it never did.
    pub fn age(self, seconds: Option<u64>) -> String {
        seconds.map_or_else(|| self.none_yet().to_owned(), |seconds| self.span(seconds))
    }

    /// Time of the day in UTC, with seconds. `at` counts seconds since 1970.
    pub fn clock(self, at: i64) -> String {
        let Ok(at) = OffsetDateTime::from_unix_timestamp(at) else { return String::new() };
        self.digits(&format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()))
    }

    /// Time of the day, with the date if it is not the day of `now`.
    pub fn moment(self, at: i64, now: i64) -> String {
        let (Ok(then), Ok(today)) = (OffsetDateTime::from_unix_timestamp(at), OffsetDateTime::from_unix_timestamp(now))
        else {
            return String::new();
        };
        let time = self.digits(&format!("{:02}:{:02}", then.hour(), then.minute()));
        if then.date() == today.date() { self.today_at(&time) } else { format!("{} {time}", self.date(at)) }
    }

    /// A date.
    pub fn date(self, at: i64) -> String {
        let Ok(at) = OffsetDateTime::from_unix_timestamp(at) else { return String::new() };
        self.digits(&format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day()))
    }
}

/// A moment as RFC 3339, for `datetime` attributes.
pub fn rfc3339(at: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(at) else { return String::new() };
    let (month, day) = (u8::from(at.month()), at.day());
    format!("{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", at.year(), at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lang: Lang) -> Texts {
        Texts { lang }
    }

    #[test]
    fn each_language_groups_digits_in_its_way() {
        let written = Lang::ALL.map(|lang| texts(lang).number(1_234_567));
        assert_eq!(written, ["1,234,567", "1.234.567", "1.234.567", "۱٬۲۳۴٬۵۶۷"]);
        assert_eq!(texts(Lang::Es).number(1234), "1234");
    }

    #[test]
    fn sizes_have_three_digits() {
        let english = texts(Lang::En);
        assert_eq!(english.bytes(6_420_000_000), ("6.42".into(), "GB"));
        assert_eq!(english.bytes(999), ("999".into(), "B"));
        assert_eq!(english.memory(33 << 20), ("33.0".into(), "MiB"));
        assert_eq!(texts(Lang::De).rate(88_200_000.0), ("88,2".into(), "Mbit/s"));
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        let english = texts(Lang::En);
        let spans = [41, 77, 4000, 1_051_200].map(|seconds| english.span(seconds));
        assert_eq!(spans, ["41 s", "1 min 17 s", "1 h 6 min", "12 d 4 h"]);
    }

    #[test]
    fn a_text_contains_its_arguments_and_the_case_of_its_number() {
        let (english, persian) = (texts(Lang::En), texts(Lang::Fa));
        assert_eq!([1, 1200].map(|n| english.countries(n)), ["1 country", "1,200 countries"]);
        assert!(persian.countries(12).contains("۱۲"), "{}", persian.countries(12));
    }

    #[test]
    fn plurals_follow_the_language() {
        assert_eq!([0, 1, 2].map(|n| plural(Lang::En, n)), ["other", "one", "other"]);
        assert_eq!([0, 1, 2].map(|n| plural(Lang::Fa, n)), ["one", "one", "other"]);
        assert_eq!(plural(Lang::Es, 2_000_000), "many");
    }

    #[test]
    fn the_first_known_language_of_the_header_counts() {
        assert_eq!(Lang::of_header("fr-CH, de-AT;q=0.9, en;q=0.8"), Some(Lang::De));
        assert_eq!(Lang::of_header("fr"), None);
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let english = texts(Lang::En);
        assert_eq!(english.moment(1_764_252_720, 1_764_255_600), "today 14:12");
        assert_eq!(english.moment(1_764_166_320, 1_764_255_600), "2025-11-26 14:12");
        assert_eq!(rfc3339(1_764_252_720), "2025-11-27T14:12:00Z");
    }
}
