//! Finding the server: names, addresses, and the proof that it is the pinned one.

use crate::wish::Hosts;
use std::net::SocketAddr;
use std::time::Duration;
use tornado_client::{DeviceApi, Error as ApiError, Offer, Options};
use tornado_helper_api::HelperError;
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::invitation::ServerAddress;

/// A server and the addresses at which it is reached.
#[derive(Clone)]
pub(crate) struct Reached {
    pub(crate) api: DeviceApi,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Resolves, connects, and checks the server's statement.
pub(crate) async fn reach(
    resolver: &mut Resolver,
    address: &ServerAddress,
    identity: Fingerprint,
    tls: Option<Fingerprint>,
) -> Result<Reached, HelperError> {
    let addresses = resolver.resolve(address).await?;
    let options = Options { addresses: addresses.clone(), call_timeout: Duration::from_secs(15), ..Options::default() };
    if let Some(tls) = tls {
        let api = DeviceApi::pinned(address, identity, tls, &options).map_err(|e| translate(&e))?;
        match api.server_info().await {
            Ok(_) => return Ok(Reached { api, addresses }),
            // The key may have been renewed: ask the identity.
            Err(ApiError::WrongCertificate | ApiError::WrongServer(_)) => {}
            Err(error) => return Err(translate(&error)),
        }
    }
    let api = DeviceApi::discover(address, identity, &options).await.map_err(|e| translate(&e))?;
    Ok(Reached { api, addresses })
}

/// Finds the server's addresses, and remembers them for the time when no name can be asked.
pub(crate) struct Resolver {
    hosts: Hosts,
    /// True while traffic is held back: what is known must do.
    pub(crate) held: bool,
}

impl Resolver {
    pub(crate) const fn knowing(hosts: Hosts) -> Self {
        Self { hosts, held: false }
    }

    pub(crate) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// All addresses of a host. Names are not logged.
    async fn resolve(&mut self, address: &ServerAddress) -> Result<Vec<SocketAddr>, HelperError> {
        if let (true, Some(known)) = (self.held, self.hosts.get(&address.host)) {
            return Ok(known.iter().map(|ip| SocketAddr::new(*ip, address.port)).collect());
        }
        let look = tokio::net::lookup_host((address.host.as_str(), address.port));
        let found = tokio::time::timeout(Duration::from_secs(8), look)
            .await
            .map_err(|_| HelperError::unreachable(format!("the name {} could not be resolved in time", address.host)))?
            .map_err(|e| HelperError::unreachable(format!("the name {} could not be resolved: {e}", address.host)))?;
        let found: Vec<SocketAddr> = found.take(8).collect();
        if found.is_empty() {
            return Err(HelperError::unreachable(format!("the name {} has no address", address.host)));
        }
        self.hosts.insert(address.host.clone(), found.iter().map(SocketAddr::ip).collect());
        Ok(found)
    }
}

/// The first of an endpoint's addresses to which this machine has a route. A connected UDP socket asks the
/// routing table and sends nothing (`connect(2)`).
pub(crate) async fn endpoint(resolver: &mut Resolver, offer: &Offer) -> Result<SocketAddr, HelperError> {
    let found = resolver.resolve(&offer.endpoint).await?;
    for address in &found {
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        if let Ok(socket) = tokio::net::UdpSocket::bind(any).await
            && socket.connect(address).await.is_ok()
        {
            return Ok(*address);
        }
    }
    Err(HelperError::unreachable("this machine has no route to the lane's endpoint"))
}

/// An API error in the contract's words.
pub(crate) fn translate(error: &ApiError) -> HelperError {
    let text = error.to_string();
    let retry_after = error.retry_after().map(|after| after.as_secs());
    match error {
        ApiError::Unreachable(_) | ApiError::Timeout | ApiError::Busy { .. } => {
            HelperError::Unreachable { code: error.code().to_owned(), detail: text, retry_after }
        }
        ApiError::Refused { code, detail, .. } => {
            HelperError::Refused { code: code.clone(), detail: detail.clone(), retry_after }
        }
        ApiError::WrongCertificate
        | ApiError::WrongServer(_)
        | ApiError::Crypto(_)
        | ApiError::Malformed(_)
        | ApiError::Offer(_)
        | ApiError::Downgrade(_) => HelperError::Untrusted(text),
        ApiError::Setup(_) => HelperError::Internal(text),
    }
}
