//! Text that people type and read: one normal form for texts that look the same, and no invisible characters.
//!
//! The rules are those of PRECIS (RFC 8265 §4.2, OpaqueString; §3.3, UsernameCaseMapped) with the current Unicode
//! tables. There are two differences: unassigned characters are allowed, and variation selectors, which keyboards add
//! to emoji, are removed instead of rejected.

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{BinaryProperty as _, DefaultIgnorableCodePoint, EnumeratedProperty as _, GeneralCategory};

/// Replacement for a character that must not be shown.
const REPLACEMENT: char = '\u{fffd}';

/// Returns true for a visible character or the ordinary space. Returns false for controls, line and paragraph
/// separators, bidirectional and other format characters, fillers, private use and noncharacters.
#[must_use]
pub fn is_visible(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    let is_noncharacter =
        matches!(u32::from(character) & 0xffff, 0xfffe | 0xffff) || matches!(u32::from(character), 0xfdd0..=0xfdef);
    let hidden = matches!(
        GeneralCategory::for_char(character),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
    );
    !hidden && !is_noncharacter && !DefaultIgnorableCodePoint::for_char(character)
}

/// The normal form of free text, such as a password or a device name: other spaces become the ordinary space, then NFC.
/// `None` if the text contains an invisible character.
#[must_use]
pub fn normal(text: &str) -> Option<String> {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
    let mapped: String = text.chars().filter(|c| !is_variation_selector(*c)).map(ordinary_space).collect();
    let normal = NFC.normalize(&mapped);
    normal.chars().all(is_visible).then(|| normal.into_owned())
}

/// The normal form of a name or address that identifies an account: NFKC, lower case, without surrounding spaces.
#[must_use]
pub fn folded(text: &str) -> String {
    const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();
    let lower = NFKC.normalize(text).to_lowercase();
    // Lower case can separate characters that the normal form combines. The normal form of some accents begins with a
    // space.
    NFKC.normalize(&lower).trim().to_owned()
}

/// Makes text from any source safe for a terminal: invisible characters are replaced. Line feeds and tabs stay.
#[must_use]
pub fn shown(text: &str) -> String {
    let shown =
        |c: char| if matches!(c, '\n' | '\t') || is_variation_selector(c) || is_visible(c) { c } else { REPLACEMENT };
    text.chars().map(shown).collect()
}

/// Like [`shown`], but line feeds and tabs are replaced too.
pub(super) fn shown_on_one_line(text: &str) -> String {
    text.chars().map(|c| if is_visible(c) { c } else { REPLACEMENT }).collect()
}

const fn is_variation_selector(character: char) -> bool {
    matches!(character, '\u{fe0e}' | '\u{fe0f}')
}

fn ordinary_space(character: char) -> char {
    if GeneralCategory::for_char(character) == GeneralCategory::SpaceSeparator { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (typed, expected) in [
            ("Zoe\u{308}", "Zo\u{eb}"),
            ("\u{212b}ngstr\u{f6}m", "\u{c5}ngstr\u{f6}m"),
            ("two\u{a0}words", "two words"),
            ("wide\u{3000}space", "wide space"),
            ("\u{2764}\u{fe0f}", "\u{2764}"),
            ("Łukasz's laptop 🥰", "Łukasz's laptop 🥰"),
        ] {
            assert_eq!(normal(typed).as_deref(), Some(expected), "{typed:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_and_replaced() {
        for hidden in [
            '\0',
            '\u{7}',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{e000}',
            '\u{feff}',
            '\u{ffff}',
            '\u{e0041}',
        ] {
            let text = format!("a{hidden}b");
            assert_eq!(normal(&text), None, "{hidden:?}");
            assert!(!is_visible(hidden), "{hidden:?}");
            assert_eq!(shown_on_one_line(&text), "a\u{fffd}b");
        }
        assert_eq!(shown("a\tb\nc\u{1b}[2J\u{202e}"), "a\tb\nc\u{fffd}[2J\u{fffd}");
    }

    #[test]
    fn names_fold_width_case_and_surrounding_space() {
        assert_eq!(folded(" ＡＬＩＣＥ\t"), "alice");
        assert_eq!(folded("Zoe\u{308}@Example.org"), "zo\u{eb}@example.org");
        assert_ne!(folded("ali\u{200b}ce"), "alice", "an invisible character is not removed");
        assert_eq!(folded("\u{b8}"), "\u{327}", "the normal form of an accent has no space before it");
    }

    proptest! {
        #[test]
        fn normal_forms_are_stable(text in "\\PC{0,40}") {
            if let Some(once) = normal(&text) {
                prop_assert_eq!(normal(&once), Some(once.clone()));
                prop_assert_eq!(shown(&once), once);
            }
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
