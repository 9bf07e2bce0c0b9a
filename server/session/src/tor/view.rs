//! The tor lane as one device sees it.

use crate::core::Core;
use crate::error;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::SessionError;
use tornado_contracts::tor::{CountryTor, DevicePath, Exits, HopRole, PathQuery};
use tornado_contracts::wg::WgStatus;
use tornado_rpc::NoInput;
use tornado_shared::api::{ExitOffer, LaneState, TorHop, TorHopRole, TorPath, TorView};
use tornado_shared::model::{CountryCode, Lane};

/// The tor lane as the token's device sees it.
pub(crate) async fn tor_view(core: &Core, token: AccessToken) -> Result<TorView, SessionError> {
    let claims = core.access.verify(&token).await?;
    let entry = core.access.session_or_login(&claims, token).await?;
    let (exit, isolation) = match &entry {
        Some(entry) => {
            let (isolation, exit) = entry.circuits();
            (exit, Some(isolation))
        }
        None => (core.store.exit(claims.device_id).await.map_err(error::store)?, None),
    };
    let status = core.lanes.status().await.map_err(error::wg)?;
    let lane = status.lane_state(Lane::Tor);
    let exits = core.tor.exits(NoInput {}).await;
    let countries = core.tor.countries(NoInput {}).await;
    let seen = match isolation {
        Some(isolation) => Some(core.tor.path(PathQuery { isolation }).await),
        None => None,
    };
    let tor_failed = exits.is_err() || countries.is_err() || matches!(seen, Some(Err(_)));
    let (exits, countries) = (exits.unwrap_or_default(), countries.unwrap_or_default());
    let waiting_for = waiting_for(lane, exit, &status, &countries, &exits);
    let seen = seen.and_then(Result::ok).flatten();
    let without_relays = seen.as_ref().is_some_and(|seen| seen.hops.is_empty());
    let path = seen.filter(|seen| !seen.hops.is_empty()).map(path);
    let no_path = match (&path, isolation) {
        (Some(_), _) => None,
        (None, None) => Some("the device is not connected"),
        (None, Some(_)) if tor_failed => Some("service tor did not respond"),
        (None, Some(_)) if without_relays => Some("Tor did not report the relays of the latest connection"),
        (None, Some(_)) => Some("nothing was sent yet"),
    };
    Ok(TorView {
        lane,
        exit,
        ready: waiting_for.is_none(),
        waiting_for,
        countries: offers(exits),
        path,
        no_path: no_path.map(str::to_owned),
    })
}

fn waiting_for(
    lane: LaneState,
    exit: Option<CountryCode>,
    status: &WgStatus,
    countries: &[CountryTor],
    exits: &Exits,
) -> Option<String> {
    match lane {
        LaneState::Open => {}
        LaneState::Maintenance => return Some("the tor lane is in maintenance".into()),
        LaneState::Closed => return Some("the tor lane is closed".into()),
    }
    let country = exit?;
    if status.tor_exits.contains_key(&country) {
        return None;
    }
    let is_offered = exits.countries.iter().any(|offer| offer.country == country.as_str());
    Some(match countries.iter().find(|tor| tor.country == country) {
        Some(tor) if tor.ready => format!("the path to exits in '{country}' is being opened"),
        Some(tor) => format!("Tor is starting for exits in '{country}' ({} %)", tor.bootstrap.percent),
        None if !exits.countries.is_empty() && !is_offered => format!("Tor has no exit in '{country}' at the moment"),
        None => format!("no capacity for exits in '{country}' at the moment"),
    })
}

fn offers(exits: Exits) -> Vec<ExitOffer> {
    let offer = |country: tornado_contracts::tor::ExitCountry| {
        // Relays without a known country cannot be chosen.
        Some(ExitOffer { country: country.country.parse().ok()?, exits: country.exits })
    };
    exits.countries.into_iter().filter_map(offer).collect()
}

fn path(path: DevicePath) -> TorPath {
    let code = |country: &Option<String>| country.as_deref().and_then(|country| country.parse().ok());
    let last = path.hops.last();
    TorPath {
        exit_address: last.and_then(|hop| hop.address),
        exit_country: last.and_then(|hop| code(&hop.country)),
        since: path.since,
        hops: path
            .hops
            .iter()
            .map(|hop| TorHop {
                role: match hop.role {
                    HopRole::Guard => TorHopRole::Guard,
                    HopRole::Middle => TorHopRole::Middle,
                    HopRole::Exit => TorHopRole::Exit,
                },
                nickname: hop.nickname.clone(),
                country: code(&hop.country),
            })
            .collect(),
    }
}
