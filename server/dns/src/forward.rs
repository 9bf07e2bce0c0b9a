//! Forwards queries to the upstreams; the library hickory validates and caches. Refuses answers with private addresses.

use crate::private::Rebinding;
use crate::upstream::Upstream;
use crate::{Config, Error};
use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::{Resolver, TokioResolver};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{LowerName, Name, RecordType, TSigResponseContext};
use hickory_server::server::{Request, RequestInfo};
use hickory_server::zone_handler::{
    AuthLookup, AxfrPolicy, LookupControlFlow, LookupError, LookupOptions, Nsec3QueryInfo, ZoneHandler, ZoneType,
};
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;

/// Timeout of a query to one upstream.
const ATTEMPT: Duration = Duration::from_millis(1500);
/// Timeout of an answer including validation. Programs on devices give up after five seconds.
const WHOLE: Duration = Duration::from_secs(4);
/// Maximum time that an answer is cached, whatever its TTL.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The same for a negative answer.
const LONGEST_NEGATIVE: Duration = Duration::from_secs(3600);

/// Maximum number of cached answers.
const CACHED: u64 = 16_384;

/// The zone handler of the root zone, which forwards all names.
pub(crate) struct Forward {
    origin: LowerName,
    rebinding: Rebinding,
    dnssec: bool,
    /// `None` if there are no upstreams.
    resolver: RwLock<Option<Arc<TokioResolver>>>,
}

impl Forward {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let rebinding = Rebinding::new(config.rebinding_protection, config.exceptions()?);
        Ok(Self { origin: Name::root().into(), rebinding, dnssec: config.dnssec, resolver: RwLock::default() })
    }

    /// Switches to other upstreams and empties the cache, because answers of the former ones may be valid only in their
    /// network.
    pub(crate) fn ask(&self, config: &Config, upstreams: &[Upstream]) -> Result<(), Error> {
        let resolver = if upstreams.is_empty() { None } else { Some(Arc::new(resolver(config, upstreams)?)) };
        *self.resolver.write() = resolver;
        Ok(())
    }

    async fn answer(&self, name: &LowerName, kind: RecordType) -> Result<AuthLookup, LookupError> {
        let resolver = self.resolver.read().clone();
        let failed = || LookupError::ResponseCode(ResponseCode::ServFail);
        let resolver = resolver.ok_or_else(failed)?;
        let mut asked: Name = name.into();
        // No search list: the name is used as the device sent it.
        asked.set_fqdn(true);
        let answer =
            tokio::time::timeout(WHOLE, resolver.lookup(asked.clone(), kind)).await.map_err(|_| failed())??;
        if self.rebinding.refuses(&asked, answer.answers()) {
            tracing::debug!("refused an answer with private addresses");
            return Err(failed());
        }
        Ok(AuthLookup::from(answer))
    }
}

fn resolver(config: &Config, upstreams: &[Upstream]) -> Result<TokioResolver, Error> {
    let servers = upstreams.iter().map(Upstream::server).collect();
    let servers = ResolverConfig::from_parts(None, Vec::new(), servers);
    let mut builder = Resolver::builder_with_config(servers, TokioRuntimeProvider::default());
    *builder.options_mut() = options(config);
    if upstreams.iter().all(|upstream| upstream.tls.is_none()) {
        // The library otherwise loads the machine's certificates, and fails on a machine without any.
        builder = builder.with_tls_config(without_certificates()?);
    }
    if config.dnssec
        && let Some(path) = &config.trust_anchor
    {
        let anchors = TrustAnchors::from_file(path)
            .map_err(|error| Error::Anchors { path: path.clone(), detail: error.to_string() })?;
        builder = builder.with_trust_anchor(Arc::new(anchors));
    }
    builder.build().map_err(|error| Error::Resolver(error.to_string()))
}

/// A configuration of TLS that trusts no server.
fn without_certificates() -> Result<rustls::ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| Error::Resolver(error.to_string()))?;
    Ok(versions.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

fn options(config: &Config) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = ATTEMPT;
    options.attempts = 1;
    options.validate = config.dnssec;
    options.edns0 = true;
    options.cache_size = CACHED;
    options.positive_max_ttl = Some(LONGEST);
    options.negative_max_ttl = Some(LONGEST_NEGATIVE);
    // Entries of the machine's hosts file must not be visible to devices.
    options.use_hosts_file = ResolveHosts::Never;
    options.preserve_intermediates = true;
    options.try_tcp_on_error = true;
    options.server_ordering_strategy = ServerOrderingStrategy::QueryStatistics;
    options
}

#[async_trait::async_trait]
impl ZoneHandler for Forward {
    fn zone_type(&self) -> ZoneType {
        ZoneType::External
    }

    fn axfr_policy(&self) -> AxfrPolicy {
        AxfrPolicy::Deny
    }

    fn can_validate_dnssec(&self) -> bool {
        self.dnssec
    }

    fn origin(&self) -> &LowerName {
        &self.origin
    }

    async fn lookup(
        &self,
        name: &LowerName,
        kind: RecordType,
        _request: Option<&RequestInfo<'_>>,
        _options: LookupOptions,
    ) -> LookupControlFlow<AuthLookup> {
        LookupControlFlow::Continue(self.answer(name, kind).await)
    }

    async fn search(
        &self,
        request: &Request,
        options: LookupOptions,
    ) -> (LookupControlFlow<AuthLookup>, Option<TSigResponseContext>) {
        let info = match request.request_info() {
            Ok(info) => info,
            Err(error) => return (LookupControlFlow::Break(Err(error)), None),
        };
        let (name, kind) = (info.query.name(), info.query.query_type());
        (self.lookup(name, kind, Some(&info), options).await, None)
    }

    async fn nsec_records(&self, _name: &LowerName, _options: LookupOptions) -> LookupControlFlow<AuthLookup> {
        not_ours()
    }

    async fn nsec3_records(&self, _info: Nsec3QueryInfo<'_>, _options: LookupOptions) -> LookupControlFlow<AuthLookup> {
        not_ours()
    }

    fn nx_proof_kind(&self) -> Option<&hickory_server::dnssec::NxProofKind> {
        None
    }
}

/// Only needed for authoritative zones.
fn not_ours() -> LookupControlFlow<AuthLookup> {
    LookupControlFlow::Continue(Err(LookupError::ResponseCode(ResponseCode::NotImp)))
}
