//! How values travel between server and browser: packed (postcard), without the names of their fields.
//!
//! Both are built from the same sources, so that each reads what the other writes. All content of pages is one type
//! for the machinery that loads it, which the browser downloads once instead of once for each page.

use crate::model::Fault;
use leptos::server::codee::{Decoder, Encoder};
use leptos::server_fn::codec::Post;
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Content of a page, packed, and the services that did not respond, in one text: what they know is absent from it.
pub type Answer = Result<(Vec<u8>, String), Fault>;

/// Encoding of requests and responses of server functions.
pub type Packed = Post<Packing>;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Packing;

/// Packs content.
///
/// # Errors
///
/// Those of the content.
pub fn pack<T: Serialize>(content: Result<T, Fault>, missing: String) -> Answer {
    postcard::to_allocvec(&content?).map(|content| (content, missing)).map_err(|_| Fault::Unreachable)
}

/// Unpacks content.
///
/// # Errors
///
/// Those of the content, or it is not one of this type.
pub fn unpack<T: DeserializeOwned>(content: &[u8]) -> Result<T, Fault> {
    postcard::from_bytes(content).map_err(|_| Fault::Unreachable)
}

impl ContentType for Packing {
    const CONTENT_TYPE: &'static str = "application/x-postcard";
}

impl FormatType for Packing {
    const FORMAT_TYPE: Format = Format::Binary;
}

impl<T: Serialize> Encodes<T> for Packing {
    type Error = postcard::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        postcard::to_allocvec(value).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Packing {
    type Error = postcard::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        postcard::from_bytes(&bytes)
    }
}

impl<T: Serialize> Encoder<T> for Packing {
    type Error = postcard::Error;
    type Encoded = Vec<u8>;

    fn encode(value: &T) -> Result<Self::Encoded, Self::Error> {
        postcard::to_allocvec(value)
    }
}

impl<T: DeserializeOwned> Decoder<T> for Packing {
    type Error = postcard::Error;
    type Encoded = [u8];

    fn decode(value: &Self::Encoded) -> Result<T, Self::Error> {
        postcard::from_bytes(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sessions::{Query, SessionState};

    #[test]
    fn content_returns_as_it_was_packed() {
        let query = Query { text: Some("heron".into()), state: Some(SessionState::Online), ..Query::default() };
        let (packed, missing) = pack(Ok(query.clone()), "session".to_owned()).unwrap();
        assert_eq!((unpack::<Query>(&packed), missing), (Ok(query), "session".to_owned()));
        assert_eq!(unpack::<Query>(b"\x07"), Err(Fault::Unreachable));
        assert_eq!(pack::<Query>(Err(Fault::Forbidden), String::new()), Err(Fault::Forbidden));
    }
}
