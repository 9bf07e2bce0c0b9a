//! Framing of the control protocol (control-spec §2.3). Line and reply sizes are bounded.

use super::error::ControlError;
use tokio_util::bytes::{Buf as _, BytesMut};
use tokio_util::codec::Decoder;

/// Maximum length of a line in bytes.
const MAX_LINE: usize = 64 * 1024;
/// Maximum size of a reply in bytes. The directory of the public network is about 3 MB.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// A line of a reply and the data block that may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) data: Option<String>,
}

/// A complete reply, or an asynchronous event (code 650).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) lines: Vec<Line>,
}

impl Reply {
    pub(crate) const fn is_event(&self) -> bool {
        self.code / 100 == 6
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// The text of the first line.
    pub(crate) fn text(&self) -> &str {
        self.lines.first().map_or("", |line| line.text.as_str())
    }
}

/// Assembles replies from arbitrary fragments.
#[derive(Debug, Default)]
pub(crate) struct ReplyCodec {
    code: Option<u16>,
    lines: Vec<Line>,
    /// Data block of the last line, while it is incomplete.
    data: Option<String>,
    size: usize,
}

impl ReplyCodec {
    fn line(&mut self, line: &str) -> Result<Option<Reply>, ControlError> {
        self.size += line.len() + 1;
        if self.size > MAX_REPLY {
            return Err(ControlError::Protocol("a reply is too large"));
        }
        if self.data.is_some() {
            self.data_line(line);
            return Ok(None);
        }
        let bad = ControlError::Protocol("a reply line does not start with a status code");
        let (Some(code), Some(mark), Some(text)) = (line.get(..3), line.as_bytes().get(3), line.get(4..)) else {
            return Err(bad);
        };
        if !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad);
        }
        let code: u16 = code.parse().map_err(|_| bad)?;
        if *self.code.get_or_insert(code) != code {
            return Err(ControlError::Protocol("the lines of a reply have different codes"));
        }
        self.lines.push(Line { text: text.to_owned(), data: None });
        match mark {
            b'-' => Ok(None),
            b'+' => {
                self.data = Some(String::new());
                Ok(None)
            }
            b' ' => {
                let lines = std::mem::take(&mut self.lines);
                *self = Self::default();
                Ok(Some(Reply { code, lines }))
            }
            _ => Err(ControlError::Protocol("a reply line has an unknown separator")),
        }
    }

    fn data_line(&mut self, line: &str) {
        if line == "." {
            let data = self.data.take();
            if let Some(last) = self.lines.last_mut() {
                last.data = data;
            }
        } else if let Some(data) = &mut self.data {
            data.push_str(line.strip_prefix('.').unwrap_or(line));
            data.push('\n');
        }
    }
}

impl Decoder for ReplyCodec {
    type Item = Reply;
    type Error = ControlError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Reply>, ControlError> {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            if end > MAX_LINE {
                return Err(ControlError::Protocol("a line is too long"));
            }
            let line = bytes.split_to(end);
            bytes.advance(1);
            // Relay names and texts from exits may contain any bytes; invalid UTF-8 is replaced.
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
            if let Some(reply) = self.line(&line)? {
                return Ok(Some(reply));
            }
        }
        if bytes.len() > MAX_LINE {
            return Err(ControlError::Protocol("a line is too long"));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Result<Vec<Reply>, ControlError> {
        let mut codec = ReplyCodec::default();
        let mut buffer = BytesMut::from(bytes);
        let mut replies = Vec::new();
        while let Some(reply) = codec.decode(&mut buffer)? {
            replies.push(reply);
        }
        Ok(replies)
    }

    #[test]
    fn replies_and_events_are_complete() {
        let text = b"250+circuit-status=\r\n1 BUILT\r\n..x\r\n.\r\n250-version=0.4\r\n250 OK\r\n650 BW 1 2\r\n";
        let replies = all(text).unwrap();
        assert_eq!(replies.len(), 2);
        assert_eq!(replies[0].lines[0].data.as_deref(), Some("1 BUILT\n.x\n"));
        assert_eq!(replies[0].lines.len(), 3);
        assert!(replies[1].is_event() && !replies[0].is_event());
    }

    #[test]
    fn malformed_replies_are_errors() {
        for bad in ["25 OK\r\n", "2x0 OK\r\n", "250*x\r\n", "250-a\r\n251 b\r\n", "\u{e9}\u{e9} OK\r\n", "\r\n", "250"]
        {
            let result = all(bad.as_bytes());
            assert!(result.is_err() || bad == "250", "{bad:?} {result:?}");
        }
        assert!(all(&vec![b'2'; MAX_LINE + 2]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            drop(all(&bytes));
        }

        #[test]
        fn no_similar_text_causes_a_panic(text in "([0-9]{3}[-+ ][ -~é]{0,8}\r?\n|\\.?[a-z]{0,3}\r\n){0,12}") {
            drop(all(text.as_bytes()));
        }

        #[test]
        fn a_split_of_the_bytes_makes_no_difference(cut in 0usize..60) {
            let text = b"250+a=\r\nx\r\n.\r\n250 OK\r\n650 BW 1 2\r\n650-CIRC 1\r\n650 OK\r\n";
            let whole = all(text).unwrap();
            let cut = cut.min(text.len());
            let (mut codec, mut buffer, mut replies) = (ReplyCodec::default(), BytesMut::new(), Vec::new());
            for piece in [&text[..cut], &text[cut..]] {
                buffer.extend_from_slice(piece);
                while let Some(reply) = codec.decode(&mut buffer).unwrap() {
                    replies.push(reply);
                }
            }
            prop_assert_eq!(replies, whole);
        }
    }
}
