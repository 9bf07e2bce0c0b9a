//! What the fuzz targets call: the kernel's messages, read.

use super::OwnRuns;
use super::conntrack::{Which, name};
use super::message::{FAMILY_HEADER, attribute, attributes, errno, messages};
use super::notices::Listener;

/// Bytes of a netlink socket: reading ends, gives nothing twice and nothing that was not there.
pub(crate) fn netlink(bytes: &[u8]) {
    let mut payloads = 0;
    for (_, payload) in messages(bytes) {
        payloads += payload.len() + 16;
        let body = payload.get(FAMILY_HEADER..).unwrap_or_default();
        let values: usize = attributes(body).map(|(_, value)| value.len() + 4).sum();
        assert!(values <= body.len(), "attributes overlap");
        errno(payload);
        let Some((family, named)) = name(payload, &Which::Where(Box::new(|_| true))) else { continue };
        assert_eq!(payload.first(), Some(&family));
        // What is deleted is exactly the flow that was told.
        for kind in [1, 12, 18] {
            assert_eq!(attribute(&named, kind), attribute(body, kind), "attribute {kind}");
        }
        assert!(name(payload, &Which::Of(Vec::new())).is_none());
    }
    assert!(payloads <= bytes.len(), "messages overlap");

    let ours = || Listener::new(vec!["tornado".into()], OwnRuns::default());
    // Without the name of one of our tables nothing concerns us.
    if ours().concerns(bytes) {
        assert!(bytes.windows(7).any(|window| window == b"tornado"));
    }
    assert!(!Listener::new(Vec::new(), OwnRuns::default()).concerns(bytes));
}
