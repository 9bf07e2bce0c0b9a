//! After any fault the state is consistent, and devices have lost nothing permanently.

use tornado_e2e_faults::campaign;

fn run(cluster: bool) {
    if let Err(error) = campaign::run(cluster, 50) {
        // With `Display`, because the log of a server is long.
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
