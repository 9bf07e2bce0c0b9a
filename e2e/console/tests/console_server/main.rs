//! The console of a whole server in the lab, in Chromium: set-up, sign-in, every page, changes.

mod changes;
mod pages;
mod site;

use tornado_e2e_harness::ServerOptions;
use tornado_e2e_lanes::world::World;

/// Starts a server. `has_owner` creates the owner.
fn up(has_owner: bool) -> anyhow::Result<World> {
    let world = site::up_with(ServerOptions::default())?;
    if has_owner {
        site::add_operator(&world, site::NAME, "owner")?;
    }
    Ok(world)
}
