//! How the input of a method is sent: in the query of a GET, in the body of any other verb.
//!
//! Each way is a type, so that a method is compiled with the code of one way only.

use crate::Fault;
use axum::routing::MethodFilter;
use http::Method;
use hyper::body::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;

/// A verb with the encoding of its input.
pub trait Verb: Send + Sync {
    /// True if the input is sent in the query.
    const IN_QUERY: bool;

    /// The verb, for the client.
    fn method(&self) -> Method;

    /// The verb, for the server.
    fn filter(&self) -> MethodFilter;

    /// Encodes the input of a call of `path`.
    ///
    /// # Errors
    /// If the input has no such form.
    fn encode<I: Serialize>(path: &str, input: &I) -> Result<Encoded, Fault>;

    /// Parses the query or the body.
    ///
    /// # Errors
    /// If the text is not a valid input.
    fn parse<I: DeserializeOwned>(text: &[u8]) -> Result<I, Fault>;
}

/// The input of a call, as it is sent.
#[derive(Debug)]
pub struct Encoded {
    pub(crate) uri: String,
    pub(crate) body: Bytes,
}

/// A verb whose input is the query.
#[derive(Debug, Clone, Copy)]
pub struct Query;

/// A verb whose input is a JSON body.
#[derive(Debug, Clone)]
pub struct Json {
    method: Method,
    filter: MethodFilter,
}

/// Reads.
pub const GET: Query = Query;
/// Changes.
pub const POST: Json = Json { method: Method::POST, filter: MethodFilter::POST };
/// Sets.
pub const PUT: Json = Json { method: Method::PUT, filter: MethodFilter::PUT };
/// Changes parts.
pub const PATCH: Json = Json { method: Method::PATCH, filter: MethodFilter::PATCH };
/// Removes.
pub const DELETE: Json = Json { method: Method::DELETE, filter: MethodFilter::DELETE };

impl Verb for Query {
    const IN_QUERY: bool = true;

    fn method(&self) -> Method {
        Method::GET
    }

    fn filter(&self) -> MethodFilter {
        MethodFilter::GET
    }

    fn encode<I: Serialize>(path: &str, input: &I) -> Result<Encoded, Fault> {
        let query = serde_urlencoded::to_string(input).map_err(|error| not_encoded(path, &error))?;
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(Encoded { uri: format!("{}{mark}{query}", uri(path)), body: Bytes::new() })
    }

    fn parse<I: DeserializeOwned>(text: &[u8]) -> Result<I, Fault> {
        serde_urlencoded::from_bytes(text).map_err(|error| Fault::Malformed(format!("query: {error}")))
    }
}

impl Verb for Json {
    const IN_QUERY: bool = false;

    fn method(&self) -> Method {
        self.method.clone()
    }

    fn filter(&self) -> MethodFilter {
        self.filter
    }

    fn encode<I: Serialize>(path: &str, input: &I) -> Result<Encoded, Fault> {
        let body = serde_json::to_vec(input).map_err(|error| not_encoded(path, &error))?;
        Ok(Encoded { uri: uri(path), body: body.into() })
    }

    fn parse<I: DeserializeOwned>(text: &[u8]) -> Result<I, Fault> {
        let text = if text.is_empty() { b"{}" } else { text };
        serde_json::from_slice(text).map_err(|error| Fault::Malformed(error.to_string()))
    }
}

fn uri(path: &str) -> String {
    format!("http://service{path}")
}

pub(crate) fn not_encoded(path: &str, error: &dyn Display) -> Fault {
    Fault::Internal(format!("cannot encode a call of {path}: {error}"))
}
