//! State of this device on the tor lane, as text.

use std::fmt::Write as _;
use tornado_shared::api::{TorHop, TorHopRole, TorView};
use tornado_shared::model::CountryCode;

/// The exit in use, and the chosen country if there is one.
pub(super) fn exit(view: &TorView) -> String {
    let choice = match (view.exit, view.ready) {
        (None, true) => String::new(),
        (Some(country), true) => format!(" (chosen: {country})"),
        (chosen, false) => {
            let path = chosen.map_or_else(|| "the lane".to_owned(), |country| format!("the path to {country}"));
            let why = view.waiting_for.as_deref().unwrap_or("no reason reported");
            format!(" ({path} is not ready: {why})")
        }
    };
    let path = view.path.as_ref();
    let place = path.and_then(|p| p.exit_country).map_or_else(String::new, |country| format!(" in {country}"));
    match path.and_then(|p| p.exit_address) {
        Some(address) => format!("{address}{place}{choice}"),
        None => format!("not known yet{choice}"),
    }
}

/// The relays, guard first.
pub(super) fn circuit(view: &TorView) -> String {
    match &view.path {
        Some(path) => path.hops.iter().map(hop).collect::<Vec<_>>().join(" → "),
        None => format!("none yet: {}", view.no_path.as_deref().unwrap_or("no traffic through Tor so far")),
    }
}

/// All countries, those with the most exits first.
pub(crate) fn countries(view: &TorView) -> String {
    if view.countries.is_empty() {
        return "Tor has not loaded its list of exits yet; try again in a moment.\n".into();
    }
    let chosen = |country: Option<CountryCode>| if view.exit == country { "  chosen" } else { "" };
    let mut text = format!("any                {}", chosen(None)).trim_end().to_owned();
    text.push('\n');
    for offer in &view.countries {
        let word = if offer.exits == 1 { "exit" } else { "exits" };
        let line = format!("{:<4}{:>6} {word:<8}{}", offer.country.as_str(), offer.exits, chosen(Some(offer.country)));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn hop(hop: &TorHop) -> String {
    let role = match hop.role {
        TorHopRole::Guard => "guard",
        TorHopRole::Middle => "middle",
        TorHopRole::Exit => "exit",
    };
    let country = hop.country.map_or_else(String::new, |country| format!(" ({country})"));
    format!("{role} {}{country}", hop.nickname)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_circuit_and_countries_as_text() {
        let view = serde_json::json!({
            "lane": "open", "exit": "de", "ready": true,
            "countries": [{"country": "de", "exits": 12}, {"country": "nl", "exits": 1}],
            "path": {"exit_address": "198.18.0.7", "exit_country": "de", "since": 1, "hops": [
                {"role": "guard", "nickname": "relay1", "country": "nl"}, {"role": "middle", "nickname": "relay2"},
                {"role": "exit", "nickname": "exit1", "country": "de"}]}
        });
        let mut view: TorView = serde_json::from_value(view).unwrap();
        assert_eq!(exit(&view), "198.18.0.7 in de (chosen: de)");
        assert_eq!(circuit(&view), "guard relay1 (nl) → middle relay2 → exit exit1 (de)");
        assert_eq!(countries(&view), "any\nde      12 exits     chosen\nnl       1 exit\n");
        (view.path, view.ready, view.waiting_for) = (None, false, Some("Tor builds circuits".into()));
        assert_eq!(exit(&view), "not known yet (the path to de is not ready: Tor builds circuits)");
        assert!(circuit(&view).starts_with("none yet"));
    }
}
