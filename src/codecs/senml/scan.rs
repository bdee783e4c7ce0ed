//! A record of plain texts and numbers, read in one go.
//!
//! Nearly every record is a flat object without escapes, and a parser for all of JSON looks at each
//! of its bytes three times. This one takes what is plain, to the letter of RFC 8259, and hands
//! everything else back: `serde_json` says then what it is, or what is wrong with it. Half the time
//! of a pack of 100 bytes; a test compares the two on whatever comes.
use super::json::number;
use super::label::Label;
use super::record::{Field, Record};
use crate::codecs::Fault;
use std::borrow::Cow;

/// A JSON text from `at` on.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Passes over so many bytes.
    pub(super) const fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over `byte`, if that comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes over white space.
    pub(super) fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads a record; `false`: it is not plain, nothing was passed over, and what is in `record`
    /// means nothing.
    ///
    /// # Errors
    /// As [`Record::put`] and [`Record::unknown`].
    pub(super) fn record(&mut self, record: &mut Record<'a>, place: u32) -> Result<bool, Fault> {
        let start = self.at;
        let plain = self.fields(record, place)?;
        if plain.is_none() {
            self.at = start;
        }
        Ok(plain.is_some())
    }

    fn fields(&mut self, record: &mut Record<'a>, place: u32) -> Result<Option<()>, Fault> {
        if !self.take(b'{') {
            return Ok(None);
        }
        self.blank();
        if self.take(b'}') {
            return Ok(Some(()));
        }
        loop {
            let Some((label, field)) = self.field() else {
                return Ok(None);
            };
            match Label::from_text(label) {
                Some(known) => record.put(known, field, place)?,
                None => Record::unknown(label, place)?,
            }
            self.blank();
            if self.take(b'}') {
                return Ok(Some(()));
            }
            if !self.take(b',') {
                return Ok(None);
            }
            self.blank();
        }
    }

    fn field(&mut self) -> Option<(&'a str, Field<'a>)> {
        let label = self.string()?;
        self.blank();
        if !self.take(b':') {
            return None;
        }
        self.blank();
        let field = match self.peek()? {
            b'"' => Field::Text(Cow::Borrowed(self.string()?)),
            b'-' | b'0'..=b'9' => number(self.digits()?),
            b't' if self.word("true") => Field::Flag(true),
            b'f' if self.word("false") => Field::Flag(false),
            _ => return None,
        };
        Some((label, field))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// A text without escapes.
    fn string(&mut self) -> Option<&'a str> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' | 0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
        let text = self.text.get(start..self.at);
        self.at += 1;
        text
    }

    /// A number: RFC 8259 §6.
    fn digits(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.some_digits()?;
        }
        if self.take(b'.') {
            self.some_digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.some_digits()?;
        }
        self.text.get(start..self.at)
    }

    fn some_digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}
