//! Language and theme: cookies on the server, attributes of `<html>` in the browser.

use crate::model::sessions::Column;
use crate::texts::Lang;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// All, in the order of the choice.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Its word in the cookie and in `data-theme`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a word; the system's if it is unknown.
    pub fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.word() == word).unwrap_or_default()
    }
}

/// Language and theme of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The language.
    pub lang: Lang,
    /// The theme.
    pub theme: Theme,
}

/// The page is served without the browser's half, which is not installed. Exists on the server only.
#[derive(Clone, Copy, Debug)]
pub struct NoProgram;

/// The page is one that only the server renders: what needs the browser's half is left out. Exists on the server only.
#[derive(Clone, Copy, Debug)]
pub struct Still;

/// Names of the cookies.
pub const LANG_COOKIE: &str = "tornado_lang";
/// Name of the cookie with the theme.
pub const THEME_COOKIE: &str = "tornado_theme";

/// Name of the cookie with the columns of the list of sessions that are hidden.
pub const COLUMNS_COOKIE: &str = "tornado_hidden_columns";

/// The value of a cookie in the header `Cookie`.
fn cookie<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The columns of the list of sessions that are hidden, from the header `Cookie`.
pub fn hidden_columns(cookies: &str) -> Vec<Column> {
    cookie(cookies, COLUMNS_COOKIE).map(Column::of_words).unwrap_or_default()
}

impl Look {
    /// From the headers `Cookie` and `Accept-Language`.
    pub fn of_headers(cookies: &str, languages: &str) -> Self {
        let lang = cookie(cookies, LANG_COOKIE).and_then(Lang::of_tag).or_else(|| Lang::of_header(languages));
        let theme = cookie(cookies, THEME_COOKIE).map(Theme::of_word);
        Self { lang: lang.unwrap_or_default(), theme: theme.unwrap_or_default() }
    }

    /// Of the page that is shown.
    #[cfg(feature = "browser")]
    pub fn of_page() -> Self {
        let root = leptos::prelude::document().document_element();
        let attribute = |name| root.as_ref().and_then(|root| root.get_attribute(name)).unwrap_or_default();
        Self {
            lang: Lang::of_tag(&attribute("lang")).unwrap_or_default(),
            theme: Theme::of_word(&attribute("data-theme")),
        }
    }
}

/// The path to return to: one of this server, or the start page. Browsers remove tabs and line breaks from an address,
/// and read a backslash as a slash.
pub fn local_path(path: &str) -> &str {
    let is_plain = |c: char| c != '\\' && !c.is_control();
    let is_local = path.starts_with('/') && !path.starts_with("//") && path.chars().all(is_plain);
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_counts_before_the_browser() {
        let look = Look::of_headers("a=b; tornado_lang=fa; tornado_theme=dark", "de");
        assert_eq!(look, Look { lang: Lang::Fa, theme: Theme::Dark });
        assert_eq!(Look::of_headers("", "de-CH, en").lang, Lang::De);
        assert_eq!(Look::of_headers("tornado_lang=xx", ""), Look::default());
    }

    #[test]
    fn hidden_columns_are_those_of_the_cookie() {
        let hidden = hidden_columns("a=b; tornado_hidden_columns=up.endpoint.unknown");
        assert_eq!(hidden, [Column::Up, Column::Endpoint]);
        assert_eq!(hidden_columns("tornado_lang=fa"), []);
    }

    #[test]
    fn a_return_to_another_server_is_refused() {
        assert_eq!(local_path("/users?state=active"), "/users?state=active");
        for foreign in
            ["//evil.example", "https://evil.example", "", "/\\evil.example", "/\t/evil.example", "/a\r\nSet-Cookie: x"]
        {
            assert_eq!(local_path(foreign), "/", "{foreign:?}");
        }
    }
}
