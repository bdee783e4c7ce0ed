//! Tokens, cookies and login codes: random text, of which only the hash is kept.
//!
//! Each has 256 random bits (a login code 128, and 15 minutes), so one SHA-256 is the right hash: there is nothing to
//! guess that a slow one would protect, and whoever reads the file cannot go back from it. For the
//! same reason a hash map may look them up: the time that it takes says something of a hash, and a
//! caller cannot choose a hash near to one that he does not know.
use crate::model::{Secret, random_bytes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io;

/// Longest text that is looked up, in bytes; ours have 46 at most.
const TEXT_MAX: usize = 256;

/// The SHA-256 of a token, a cookie or a login code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of what somebody presents; `None`: longer than any of ours.
    pub fn of(text: &str) -> Option<Self> {
        (text.len() <= TEXT_MAX).then(|| Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// From 64 hex digits.
    pub fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// The first 8 of its 64 digits, to tell two tokens apart.
    pub fn prefix(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}..)", self.prefix())
    }
}

/// A new token: `cg_` and 43 characters.
///
/// # Errors
/// The kernel has no random bytes.
pub fn new_token() -> io::Result<(Secret, Digest)> {
    draw::<32>("cg_")
}

/// A new cookie value: `cs_` and 43 characters.
///
/// # Errors
/// As [`new_token`].
pub(super) fn new_cookie() -> io::Result<(Secret, Digest)> {
    draw::<32>("cs_")
}

/// A new login code: 22 characters, which keeps its QR code small.
///
/// # Errors
/// As [`new_token`].
pub fn new_code() -> io::Result<(Secret, Digest)> {
    draw::<16>("")
}

fn draw<const N: usize>(prefix: &str) -> io::Result<(Secret, Digest)> {
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random_bytes::<N>()?));
    let digest = Digest(Sha256::digest(text.as_bytes()).into());
    Ok((Secret::new(text), digest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_token_is_found_by_its_hash_and_shown_nowhere() {
        let (token, digest) = new_token().unwrap();
        assert!(token.reveal().starts_with("cg_") && token.reveal().len() == 46);
        assert_eq!(Digest::of(token.reveal()), Some(digest));
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(format!("{digest:?}").len(), "Digest(12345678..)".len());
        assert_eq!(new_code().unwrap().0.reveal().len(), 22);
        assert_ne!(new_token().unwrap().1, digest);
    }

    #[test]
    fn the_hash_is_the_one_that_sha256sum_prints() {
        // printf abc | sha256sum
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of("abc").unwrap().to_string(), hex);
        for wrong in [
            "",
            "ba78",
            &hex.replace('b', "x"),
            &format!("{hex}0"),
            &"+1".repeat(32),
        ] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Digest::of(&"x".repeat(TEXT_MAX + 1)), None);
    }
}
