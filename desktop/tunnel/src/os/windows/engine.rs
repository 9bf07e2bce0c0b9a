//! Applies filters to the Windows Filtering Platform, in one transaction.

use super::filters::{Condition, Filter, Layer, Lifetime, Protocol, Verdict};
use crate::os::OsError;
use crate::policy::Family;
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use tornado_windows::os::network::{Adapter, adapters};
use wfp::{
    ActionType, AppIdConditionBuilder, FilterBuilder, FilterEngine, FilterEngineBuilder, FilterEnumerator,
    FilterLifetime, Guid, IcmpConditionBuilder, InterfaceConditionBuilder, IpAddressConditionBuilder,
    LoopbackConditionBuilder, PortConditionBuilder, ProtocolConditionBuilder, ProviderBuilder, SubLayerBuilder,
    Transaction, WeightRange, delete_filter, delete_provider, delete_sublayer,
};

/// Our objects.
const PROVIDER: Guid = Guid::from_u128(0x746f_726e_6164_4f01_9b3a_5e27_c1d8_0001);
const SUBLAYER: Guid = Guid::from_u128(0x746f_726e_6164_4f01_9b3a_5e27_c1d8_0002);
const NAME: &str = "Tornado VPN";
/// `FWP_E_ALREADY_EXISTS`, `FWP_E_PROVIDER_NOT_FOUND` and `FWP_E_SUBLAYER_NOT_FOUND`.
const EXISTS: i32 = 0x8032_0009_u32.cast_signed();
const NO_PROVIDER: i32 = 0x8032_0005_u32.cast_signed();
const NO_SUBLAYER: i32 = 0x8032_0007_u32.cast_signed();
/// `RPC_S_CANNOT_SUPPORT`: this Windows has no filtering engine, and so no filters. That of wine has none.
const NO_ENGINE: i32 = 1764;

/// The filters that are in place.
#[derive(Debug, Default)]
pub(super) struct Engine {
    applied: Vec<Filter>,
    /// Number of filters that were added. Those of interfaces that do not exist are not.
    added: usize,
}

impl Engine {
    /// Replaces all our filters. Returns true if another program had removed some.
    pub(super) fn sync(&mut self, filters: Vec<Filter>) -> Result<bool, OsError> {
        let interfaces = adapters().map_err(|error| OsError::new("list the interfaces", error))?;
        let replaced = self.replace(filters, &interfaces);
        replaced.map_err(|error| OsError::new("set the filters of Windows", error))
    }

    fn replace(&mut self, filters: Vec<Filter>, interfaces: &[Adapter]) -> io::Result<bool> {
        let mut engine = open()?;
        let transaction = Transaction::new(&mut engine)?;
        let found = own(&transaction)?;
        let is_disturbed = !self.applied.is_empty() && found.len() != self.added;
        for id in found {
            delete_filter(&transaction, id)?;
        }
        ignoring(&[EXISTS], ProviderBuilder::default().name(NAME).guid(PROVIDER).persistent().add(&transaction))?;
        let sublayer = SubLayerBuilder::default().name(NAME).guid(SUBLAYER).provider(PROVIDER).weight(u16::MAX);
        ignoring(&[EXISTS], sublayer.persistent().add(&transaction))?;
        let mut added = 0;
        for filter in &filters {
            added += usize::from(add(filter, interfaces, &transaction)?);
        }
        transaction.commit()?;
        (self.applied, self.added) = (filters, added);
        Ok(is_disturbed)
    }

    /// Removes all our objects.
    pub(super) fn remove(&mut self) -> Result<(), OsError> {
        let remove = || {
            let mut engine = open()?;
            let transaction = Transaction::new(&mut engine)?;
            for id in own(&transaction)? {
                delete_filter(&transaction, id)?;
            }
            ignoring(&[NO_SUBLAYER], delete_sublayer(&transaction, SUBLAYER))?;
            ignoring(&[NO_PROVIDER], delete_provider(&transaction, PROVIDER))?;
            transaction.commit()
        };
        let removed = ignoring(&[NO_ENGINE], remove());
        removed.map_err(|error| OsError::new("remove the filters of Windows", error))?;
        *self = Self::default();
        Ok(())
    }
}

/// Opens the filtering engine. What is added outlives the session.
fn open() -> io::Result<FilterEngine> {
    FilterEngineBuilder::default().open()
}

/// Identifiers of our filters, also of an earlier process.
fn own(transaction: &Transaction<'_>) -> io::Result<Vec<u64>> {
    let (mut all, mut found) = (FilterEnumerator::new(transaction)?, Vec::new());
    while let Some(filter) = all.next() {
        let filter = filter?;
        if filter.provider() == Some(PROVIDER) {
            found.push(filter.id());
        }
    }
    Ok(found)
}

/// Adds a filter. Returns false if its interface does not exist.
fn add(filter: &Filter, interfaces: &[Adapter], transaction: &Transaction<'_>) -> io::Result<bool> {
    let layer = match filter.layer {
        Layer::Connect(Family::V4) => wfp::Layer::ConnectV4,
        Layer::Connect(Family::V6) => wfp::Layer::ConnectV6,
        Layer::Accept(Family::V4) => wfp::Layer::AcceptV4,
        Layer::Accept(Family::V6) => wfp::Layer::AcceptV6,
    };
    let lifetime = match filter.lifetime {
        Lifetime::Session => FilterLifetime::Default,
        Lifetime::Persistent => FilterLifetime::Persistent,
        Lifetime::Boot => FilterLifetime::Boottime,
    };
    let action = match filter.verdict {
        Verdict::Permit => ActionType::Permit,
        Verdict::Block => ActionType::Block,
    };
    let weight = WeightRange::try_from(filter.weight).map_err(io::Error::other)?;
    let mut builder = FilterBuilder::default()
        .name(NAME)
        .description(filter.name)
        .action(action)
        .layer(layer)
        .provider(PROVIDER)
        .sublayer(SUBLAYER)
        .weight(weight)
        .lifetime(lifetime);
    for condition in &filter.conditions {
        let Some(condition) = convert(condition, interfaces)? else { return Ok(false) };
        builder = builder.condition(condition);
    }
    builder.add(transaction).map(|_| true)
}

/// Returns `None` for an interface that does not exist.
fn convert(condition: &Condition, interfaces: &[Adapter]) -> io::Result<Option<wfp::Condition>> {
    Ok(Some(match condition {
        Condition::Loopback => LoopbackConditionBuilder::new().build(),
        Condition::Interface(name) => {
            let Some(interface) = interfaces.iter().find(|interface| interface.alias == *name) else { return Ok(None) };
            InterfaceConditionBuilder::local().luid(interface.luid).build()
        }
        Condition::OwnProgram => AppIdConditionBuilder::new().equal(std::env::current_exe()?)?.build(),
        Condition::Protocol(Protocol::Tcp) => ProtocolConditionBuilder::tcp().build(),
        Condition::Protocol(Protocol::Udp) => ProtocolConditionBuilder::udp().build(),
        Condition::Protocol(Protocol::Icmpv6) => ProtocolConditionBuilder::icmpv6().build(),
        Condition::Local(IpAddr::V4(address)) => IpAddressConditionBuilder::local().host_v4(*address).build(),
        Condition::Local(IpAddr::V6(address)) => IpAddressConditionBuilder::local().host_v6(*address).build(),
        Condition::Remote(IpNet::V4(net)) => {
            IpAddressConditionBuilder::remote().subnet_v4(net.network(), net.prefix_len()).build()
        }
        Condition::Remote(IpNet::V6(net)) => {
            IpAddressConditionBuilder::remote().subnet_v6(net.network(), net.prefix_len()).build()
        }
        Condition::LocalPort(port) => PortConditionBuilder::local().equal(*port).build(),
        Condition::RemotePort(port) => PortConditionBuilder::remote().equal(*port).build(),
        Condition::IcmpType(kind) => IcmpConditionBuilder::r#type().equal(*kind).build(),
    }))
}

fn ignoring(codes: &[i32], result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error().is_some_and(|code| codes.contains(&code)) => Ok(()),
        result => result,
    }
}
