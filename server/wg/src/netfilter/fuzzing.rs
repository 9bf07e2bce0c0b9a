//! Entry points for the fuzz targets: messages of the kernel.

use super::conntrack::{FlowFilter, flow_id};
use super::message::{FAMILY_HEADER, attribute, attributes, errno, messages};
use super::notices::{Listener, OwnChanges};

/// Parses bytes of a netlink socket. Parsing must end, must not return a byte twice and must not invent any.
pub(crate) fn netlink(bytes: &[u8]) {
    let mut payloads = 0;
    for (_, payload) in messages(bytes) {
        payloads += payload.len() + 16;
        let body = payload.get(FAMILY_HEADER..).unwrap_or_default();
        let values: usize = attributes(body).map(|(_, value)| value.len() + 4).sum();
        assert!(values <= body.len(), "attributes overlap");
        errno(payload);
        let Some((family, named)) = flow_id(payload, &FlowFilter::Where(Box::new(|_| true))) else { continue };
        assert_eq!(payload.first(), Some(&family));
        // The attributes for deletion must identify exactly the listed flow.
        for kind in [1, 12, 18] {
            assert_eq!(attribute(&named, kind), attribute(body, kind), "attribute {kind}");
        }
        assert!(flow_id(payload, &FlowFilter::Few(Vec::new())).is_none());
    }
    assert!(payloads <= bytes.len(), "messages overlap");

    let ours = || Listener::new(vec!["tornado".into()], OwnChanges::default());
    // Messages without the name of one of our tables must be ignored.
    if ours().concerns(bytes) {
        assert!(bytes.windows(7).any(|window| window == b"tornado"));
    }
    assert!(!Listener::new(Vec::new(), OwnChanges::default()).concerns(bytes));
}
