//! Whatever dies, fills up, is forgotten or jumps: the books hold, and devices notice nothing that lasts.

use tornado_e2e_faults::campaign;

#[test]
fn the_embedded_profile_survives_everything() {
    campaign::run(false, 50).map_err(|error| format!("{error:#}")).unwrap();
}

#[test]
fn the_profile_cluster_survives_everything() {
    campaign::run(true, 50).map_err(|error| format!("{error:#}")).unwrap();
}
