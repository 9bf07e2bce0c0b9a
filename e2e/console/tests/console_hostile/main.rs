//! The console of a whole server under attack: stopped services, forged and slow requests, hostile sites and names.

#[path = "../console_server/site.rs"]
mod site;

mod browser;
mod http;
mod missing;
mod names;
mod requests;
mod slow;
