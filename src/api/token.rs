//! Page tokens: where the next page starts, opaque to the caller.
//!
//! A token belongs to the request it came from: a hash of that request's filter is part of it, so
//! that a token under another filter is an error and not a wrong page. It is no secret and grants
//! nothing.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::xxh3_64;

/// What every token says when it is refused.
pub const MALFORMED: &str =
    "is no token of this request; take nextPageToken as it came, with the same other parameters";

/// Numbers that say where a page starts; what they mean is the page's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// Hash of the request's other parameters.
    pub request: u64,
    /// The coarse place.
    pub at: u64,
    /// The place among equals.
    pub skip: u32,
    /// The place in another order, where two are merged.
    pub place: u64,
}

const VERSION: u8 = 2;
const LEN: usize = 1 + 8 + 8 + 4 + 8;

/// Hash of what a request asks for.
pub fn request_hash(parts: &[Option<&str>]) -> u64 {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.push(u8::from(part.is_some()));
        bytes.extend_from_slice(part.unwrap_or_default().as_bytes());
        bytes.push(0xff);
    }
    xxh3_64(&bytes)
}

impl PageToken {
    /// As a text for a URL.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.request.to_le_bytes());
        bytes.extend_from_slice(&self.at.to_le_bytes());
        bytes.extend_from_slice(&self.skip.to_le_bytes());
        bytes.extend_from_slice(&self.place.to_le_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token of the request that hashes to `request`; `None` if it is none.
    pub fn decode(text: &str, request: u64) -> Option<Self> {
        if text.len() > 2 * LEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (of, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (skip, rest) = rest.split_first_chunk()?;
        let (place, rest) = rest.split_first_chunk()?;
        let token = Self {
            request: u64::from_le_bytes(*of),
            at: u64::from_le_bytes(*at),
            skip: u32::from_le_bytes(*skip),
            place: u64::from_le_bytes(*place),
        };
        (*version == VERSION && rest.is_empty() && token.request == request).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_round_trip_and_belong_to_one_request(request: u64, at: u64, skip: u32, place: u64) {
            let token = PageToken { request, at, skip, place };
            let text = token.encode();
            prop_assert_eq!(PageToken::decode(&text, request), Some(token));
            prop_assert_eq!(PageToken::decode(&text, request ^ 1), None);
        }

        #[test]
        fn other_texts_are_refused(text in ".{0,60}") {
            prop_assert_eq!(PageToken::decode(&text, 0), None);
        }
    }

    #[test]
    fn parts_of_a_request_do_not_run_together() {
        let hashes = [
            request_hash(&[Some("ab"), Some("c")]),
            request_hash(&[Some("a"), Some("bc")]),
            request_hash(&[Some("abc"), None]),
            request_hash(&[None, Some("abc")]),
        ];
        let distinct: std::collections::HashSet<_> = hashes.into_iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }
}
