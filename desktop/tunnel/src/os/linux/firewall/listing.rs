//! Compares what nft(8) lists with what was applied. Pure.

use super::chain::Chain;

/// Returns whether the listing has these chains with the same number of lines.
pub(super) fn has_chains(listing: &str, chains: &[Chain]) -> bool {
    chains.iter().all(|(name, lines)| body(listing, name).map(|body| body.lines().count()) == Some(lines.len()))
}

/// The lines of a chain in a listing.
pub(super) fn body<'a>(listing: &'a str, chain: &str) -> Option<&'a str> {
    let (_, rest) = listing.split_once(&format!("\tchain {chain} {{\n"))?;
    rest.split_once("\t}\n").map(|(body, _)| body)
}

#[cfg(test)]
mod tests {
    use super::super::render::transaction;
    use super::*;

    #[test]
    fn a_listing_that_lacks_a_line_is_rejected() {
        let chains = vec![("own", vec!["a".to_owned(), "b".to_owned()])];
        let text = transaction(&[("inet", chains.clone())]);
        assert!(has_chains(&text, &chains));
        assert!(!has_chains(&text.replace("\t\tb\n", ""), &chains));
        assert!(!has_chains("", &chains));
    }
}
