//! Finds the server: names, addresses, and the verification of its pinned identity.

use super::dns::marked_udp;
use super::error::translate;
use super::resolver::Resolver;
use std::net::SocketAddr;
use std::time::Duration;
use tornado_client::{ATTEMPT_DELAY, DeviceApi, Error as ApiError, Offer, Options, interleave, race};
use tornado_helper_api::HelperError;
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::invitation::ServerAddress;
use tornado_tunnel::policy::MARK;

/// A verified server and the addresses at which it was verified.
#[derive(Clone)]
pub(crate) struct VerifiedServer {
    pub(crate) api: DeviceApi,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Resolves all `addresses` at the same time, connects to the first that shows the expected TLS key, and verifies the
/// server's statement.
///
/// # Errors
/// `Unreachable` if no address responds, `Untrusted` if the server cannot prove the pinned identity.
pub(crate) async fn reach(
    resolver: &mut Resolver,
    addresses: &[ServerAddress],
    identity: Fingerprint,
    tls: Option<Fingerprint>,
) -> Result<VerifiedServer, HelperError> {
    let address = addresses.first().ok_or_else(|| HelperError::Internal("the stored server has no address".into()))?;
    let candidates = alternate(resolver.resolve_all(addresses).await?);
    let options = Options {
        addresses: candidates.clone(),
        call_timeout: Duration::from_secs(15),
        mark: Some(MARK),
        network: Some(resolver.network()),
        ..Options::default()
    };
    if let Some(tls) = tls {
        let api = DeviceApi::pinned(address, identity, tls, &options).map_err(|e| translate(&e))?;
        match api.server_info().await {
            Ok(_) => return Ok(VerifiedServer::at(api, candidates)),
            // The TLS key may have been rotated: verify the new one with the identity.
            Err(ApiError::WrongCertificate | ApiError::WrongServer(_)) => {}
            Err(error) => return Err(translate(&error)),
        }
    }
    let api = discover(address, identity, &options).await.map_err(|e| translate(&e))?;
    Ok(VerifiedServer::at(api, candidates))
}

/// The addresses of all hosts, each once: the first of each host, then the second of each, so that a host whose
/// addresses are all dead delays the next host by one attempt.
fn alternate(hosts: Vec<Vec<SocketAddr>>) -> Vec<SocketAddr> {
    let mut hosts: Vec<_> = hosts.into_iter().map(|found| interleave(found).into_iter()).collect();
    let mut all = Vec::new();
    while hosts.iter().any(|host| host.len() > 0) {
        for address in hosts.iter_mut().filter_map(Iterator::next) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    all
}

impl VerifiedServer {
    fn at(api: DeviceApi, candidates: Vec<SocketAddr>) -> Self {
        let addresses = api.proved().map_or(candidates, |proved| vec![proved]);
        Self { api, addresses }
    }
}

/// Connects to the first address at which the pinned identity signed the TLS key, and returns a client pinned to that
/// key.
async fn discover(address: &ServerAddress, identity: Fingerprint, options: &Options) -> Result<DeviceApi, ApiError> {
    let attempt = |candidate| {
        let (address, options) = (address.clone(), Options { addresses: vec![candidate], ..options.clone() });
        async move { DeviceApi::discover(&address, identity, &options).await.map_err(std::io::Error::other) }
    };
    let found = race(options.addresses.clone(), ATTEMPT_DELAY, attempt).await;
    found.map(|(_, api)| api).map_err(|error| {
        let text = error.to_string();
        let inner = error.into_inner().and_then(|inner| inner.downcast::<ApiError>().ok());
        inner.map_or(ApiError::Unreachable(text), |inner| *inner)
    })
}

/// The addresses of a lane's endpoint to which this machine has a route, best first: the address at which a lane
/// responded before, then those at which the server was verified, then the others, with the two families alternating.
pub(crate) async fn endpoints(
    resolver: &mut Resolver,
    offer: &Offer,
    proved: &[SocketAddr],
) -> Result<Vec<SocketAddr>, HelperError> {
    let mut found = Vec::new();
    for candidate in interleave(resolver.resolve(&offer.endpoint).await?) {
        if marked_udp(candidate).await.is_ok() {
            found.push(candidate);
        }
    }
    if found.is_empty() {
        return Err(HelperError::Unreachable {
            code: "no_route".into(),
            detail: "this machine has no route to the server; check the network connection".into(),
            retry_after: None,
        });
    }
    let last_responding = resolver.last_responding();
    found.sort_by_key(|at| match at.ip() {
        ip if Some(ip) == last_responding => 0,
        ip if proved.iter().any(|proved| proved.ip() == ip) => 1,
        _ => 2,
    });
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_alternate_and_each_address_occurs_once() {
        let at = |number: u8| SocketAddr::from(([192, 0, 2, number], 443));
        let hosts = [vec![1, 2, 3], vec![], vec![4, 2], vec![5]].map(|host| host.into_iter().map(at).collect());
        assert_eq!(alternate(hosts.into()), [1, 4, 5, 2, 3].map(at));
        assert!(alternate(vec![Vec::new()]).is_empty());
    }
}
