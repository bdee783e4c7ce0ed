//! What is answered, before it is a message.
use super::echo::Challenge;
use super::encode::Writer;
use super::message::Code;
use super::options::{Block, number};

/// A code, options and payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response<'a> {
    /// [`Code::EMPTY`] by default, which is no response.
    pub code: Option<Code>,
    /// Of the representation.
    pub etag: Option<[u8; 8]>,
    /// Of the payload; a diagnostic payload has none (RFC 7252 §5.5.2).
    pub content_format: Option<u16>,
    /// Seconds.
    pub max_age: Option<u32>,
    /// Which piece of the response this is.
    pub block2: Option<Block>,
    /// Which piece of the request this answers.
    pub block1: Option<Block>,
    /// Bytes of the whole representation.
    pub size2: Option<u32>,
    /// Longest payload that is taken.
    pub size1: Option<u32>,
    /// To be returned.
    pub echo: Option<Challenge>,
    /// Representation or diagnostic payload.
    pub payload: &'a [u8],
}

impl<'a> Response<'a> {
    /// Without options and payload.
    pub fn new(code: Code) -> Self {
        Self {
            code: Some(code),
            ..Self::default()
        }
    }

    /// An error with words for a person (RFC 7252 §5.5.2).
    pub fn diagnostic(code: Code, words: &'a str) -> Self {
        let end = words.floor_char_boundary(DIAGNOSTIC_MAX);
        Self {
            payload: words.get(..end).unwrap_or_default().as_bytes(),
            ..Self::new(code)
        }
    }

    /// Come back after `secs` (RFC 7252 §5.9.3.4, RFC 8516 §3).
    pub fn later(code: Code, secs: u32) -> Self {
        Self {
            max_age: Some(secs),
            ..Self::new(code)
        }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code.unwrap_or(Code::EMPTY)
    }

    /// Is the payload words, which may be cut?
    pub fn is_error(&self) -> bool {
        self.code().class() >= 4
    }

    /// Appends options and payload: all behind the token.
    pub fn put_tail(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        if let Some(etag) = &self.etag {
            writer.option(number::ETAG, etag);
        }
        if let Some(format) = self.content_format {
            writer.uint(number::CONTENT_FORMAT, format.into());
        }
        if let Some(secs) = self.max_age {
            writer.uint(number::MAX_AGE, secs);
        }
        for (number, block) in [(number::BLOCK2, self.block2), (number::BLOCK1, self.block1)] {
            if let Some(block) = block {
                writer.uint(number, block.value());
            }
        }
        for (number, size) in [(number::SIZE2, self.size2), (number::SIZE1, self.size1)] {
            if let Some(size) = size {
                writer.uint(number, size);
            }
        }
        if let Some(echo) = &self.echo {
            writer.option(number::ECHO, echo);
        }
        writer.payload(self.payload);
    }
}

/// Longest diagnostic payload, in bytes: a sentence, and one datagram over any link.
pub const DIAGNOSTIC_MAX: usize = 200;

/// Cuts a text at a character so that it has at most `max` bytes.
pub fn cut(words: &[u8], max: usize) -> &[u8] {
    let text = std::str::from_utf8(words).unwrap_or_default();
    let end = text.floor_char_boundary(max);
    words.get(..end).unwrap_or_default()
}
