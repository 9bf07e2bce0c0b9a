//! Copies of the console's pages, as files for nginx.

use super::world::{CONSOLE, PASSWORD, World};
use std::collections::BTreeMap;

/// End of the name of a copy without scripts, which the browser only paints.
pub const WITHOUT_SCRIPT: &str = "-static.html";

/// A page.
pub struct Page {
    /// Name of the page in figures, of its operator and its copy.
    pub name: &'static str,
    /// Path on the server.
    pub path: &'static str,
}

const fn page(name: &'static str, path: &'static str) -> Page {
    Page { name, path }
}

/// The pages whose documents are measured.
pub const PAGES: &[Page] = &[
    page("overview", "/"),
    page("sessions", "/sessions"),
    page("users", "/users"),
    page("user", "/users/many0"),
    page("tor", "/tor"),
    page("services", "/services"),
    page("logs", "/logs"),
    page("keys", "/keys"),
    page("audit", "/audit"),
    page("settings", "/settings"),
    page("about", "/about"),
    page("sign-in", "/sign-in"),
];

/// Writes the copies and starts nginx. Each page has its own operator, because the readings of an operator are limited.
/// Returns their cookies by page; the sign-in has none.
pub fn make(world: &mut World) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let folder = world.host().dir().join("copies");
    std::fs::create_dir_all(&folder)?;
    let mut cookies = BTreeMap::new();
    for page in PAGES {
        if page.path != "/sign-in" {
            world.operator(page.name)?;
            cookies.insert(page.name, world.window.sign_in(CONSOLE, page.name, PASSWORD)?);
        }
        let file = folder.join(format!("{}.html", page.name));
        let cookie = cookies.get(page.name).map(String::as_str);
        world.window.documents(&format!("{CONSOLE}{}", page.path), cookie, 1, Some(&file))?;
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(folder.join(format!("{}{WITHOUT_SCRIPT}", page.name)), without_scripts(&text))?;
    }
    world.serve_copies(&folder)?;
    Ok(cookies)
}

/// A document without scripts, and without what only they need.
fn without_scripts(document: &str) -> String {
    let without = removed(document, "<script", "</script>");
    ["<link rel=\"modulepreload\"", "<link rel=\"preload\""]
        .iter()
        .fold(without, |text, start| removed(&text, start, ">"))
}

/// The text without the parts from `start` to `end`.
fn removed(text: &str, start: &str, end: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(start) {
        kept.push_str(before);
        rest = after.split_once(end).map_or("", |(_, after)| after);
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_no_script_and_keeps_its_stylesheet() {
        let document = "<link rel=\"stylesheet\" href=\"/a.css\"><link rel=\"preload\" href=\"/a.wasm\" as=\"fetch\">\
                        <script nonce=\"x\">a > b</script><p>text</p><script>more</script>";
        assert_eq!(without_scripts(document), "<link rel=\"stylesheet\" href=\"/a.css\"><p>text</p>");
    }
}
