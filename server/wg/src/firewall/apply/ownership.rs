//! Determines which tables this server created. A table of the same name that another program created is never replaced
//! or removed.

use super::super::chain::MARK;
use super::super::error::FirewallError;
use super::nft::Nft;
use crate::config::Config;
use serde_json::Value;

/// Fails if a table with one of these names exists that this server did not create.
pub(crate) async fn refuse_foreign(nft: &Nft, tables: &[&str]) -> Result<(), FirewallError> {
    // Not the whole ruleset: other programs may have very many rules, or rules of a kind that this nft cannot show.
    let all: Value = serde_json::from_str(&nft.run(&["-j", "list", "tables", "inet"], None).await?)?;
    for &table in tables.iter().filter(|table| is_foreign(&all, table)) {
        let listed = nft.run(&["-j", "-t", "list", "table", "inet", table], None).await?;
        if is_foreign(&serde_json::from_str(&listed)?, table) {
            return Err(FirewallError::Foreign(table.to_owned()));
        }
    }
    Ok(())
}

/// Returns the tables with this configuration's names that this server did not create. `listed` is the output of `nft
/// -j list ruleset`.
#[must_use]
pub fn foreign_tables(listed: &str, config: &Config) -> Vec<String> {
    let ruleset: Value = serde_json::from_str(listed).unwrap_or_default();
    let tables = [config.table.clone(), canary_table(&config.table)];
    tables.into_iter().filter(|table| is_foreign(&ruleset, table)).collect()
}

/// Name of the canary's table; `table` is the policy's.
pub(crate) fn canary_table(table: &str) -> String {
    format!("{table}_canary")
}

/// True for a table that exists and lacks the mark.
fn is_foreign(ruleset: &Value, table: &str) -> bool {
    let objects = ruleset["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let exists = objects.iter().any(|object| object["table"]["family"] == "inet" && object["table"]["name"] == *table);
    let is_mark = |chain: &Value| chain["family"] == "inet" && chain["table"] == *table && chain["name"] == MARK;
    exists && !objects.iter().any(|object| is_mark(&object["chain"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_mark_of_another_table_does_not_count() {
        let ruleset = json!({ "nftables": [{ "metainfo": {} },
            { "table": { "family": "inet", "name": "empty" } },
            { "table": { "family": "ip", "name": "absent" } },
            { "table": { "family": "inet", "name": "other" } },
            { "chain": { "family": "ip", "table": "other", "name": MARK } },
            { "chain": { "family": "inet", "table": "other", "name": "forward" } },
            { "table": { "family": "inet", "name": "ours" } },
            { "chain": { "family": "inet", "table": "ours", "name": MARK } }] });
        let foreign = ["empty", "other", "ours", "absent"].map(|table| is_foreign(&ruleset, table));
        assert_eq!(foreign, [true, true, false, false]);
        assert!(!is_foreign(&json!([7]), "other"), "a listing of unexpected form counts as foreign");
    }
}
