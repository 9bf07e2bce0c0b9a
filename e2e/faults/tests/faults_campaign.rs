//! Whatever dies, fills up, is forgotten or jumps: the books hold, and devices notice nothing that lasts.

use tornado_e2e_faults::campaign;

fn run(cluster: bool) {
    if let Err(error) = campaign::run(cluster, 50) {
        // Not as `Debug` would write it: the log of a server is long.
        panic!("{error:#}");
    }
}

#[test]
fn the_embedded_profile_survives_everything() {
    run(false);
}

#[test]
fn the_profile_cluster_survives_everything() {
    run(true);
}
