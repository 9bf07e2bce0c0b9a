//! The list of targets.

mod api;
mod backup;
mod credentials;
mod files;
mod helper;
mod model;
mod packets;
mod rpc;
mod telemetry;
mod tor;

use crate::Target;

/// The keys and the time of the targets, for the seeds.
pub mod known {
    pub use super::credentials::{NOW, identity, signed, v1_key, v2_key};
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("api_request", api::request),
    target("api_body", api::body),
    target("api_answer", api::answer),
    target("envelope_v1", credentials::envelope_v1),
    target("envelope_v2", credentials::envelope_v2),
    target("token", credentials::token),
    target("invitation", credentials::invitation),
    target("model", model::model),
    target("rpc_request", rpc::request),
    target("rpc_answer", rpc::answer),
    target("helper_request", helper::request),
    target("helper_answer", helper::answer),
    target("control", tor::control),
    target("control_line", tor::line),
    target("directory", tor::directory),
    target("bridge", tor::bridge),
    target("page", tor::page),
    target("backup", backup::backup),
    target("config", files::config),
    target("torrc", files::torrc),
    target("cluster_url", files::cluster_url),
    target("helper_file", files::helper_file),
    target("netlink", packets::netlink),
    target("nft_listing", packets::nft_listing),
    target("split", packets::split),
    target("join", packets::join),
    target("datagrams", packets::datagrams),
    target("log_lines", telemetry::lines),
    target("log_query", telemetry::query),
    target("metrics", telemetry::metrics),
];
