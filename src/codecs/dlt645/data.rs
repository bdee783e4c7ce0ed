//! The data of an answer as it is meant, of one frame or of several, and where each byte of it lies.
use super::frame::meant;
use std::fmt::Write;
use std::ops::Range;

/// Bytes that were taken from the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    at: usize,
    len: usize,
}

/// The bytes, less 33.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    bytes: Vec<u8>,
    /// Where in `bytes` a frame's part begins, and where that lies in the payload.
    parts: Vec<(usize, usize)>,
    at: usize,
}

impl Data {
    /// Appends bytes of the payload.
    pub(super) fn append(&mut self, payload: &[u8], place: Range<usize>) {
        self.parts.push((self.bytes.len(), place.start));
        let sent = payload.get(place).unwrap_or_default();
        self.bytes.extend(sent.iter().map(|byte| meant(*byte)));
    }

    /// Bytes not yet taken.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Bytes that were taken.
    pub(super) const fn taken(&self) -> usize {
        self.at
    }

    /// All that is not yet taken.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next bytes; `None`: fewer are left, and none is taken.
    pub(super) fn take(&mut self, len: usize) -> Option<Field> {
        let field = Field { at: self.at, len };
        (len <= self.left()).then(|| {
            self.at += len;
            field
        })
    }

    /// A piece of a field.
    pub(super) const fn part(field: Field, from: usize, len: usize) -> Field {
        Field {
            at: field.at + from,
            len,
        }
    }

    /// As meant.
    pub(super) fn bytes(&self, field: Field) -> &[u8] {
        let place = field.at..field.at + field.len;
        self.bytes.get(place).unwrap_or_default()
    }

    /// Place in the payload of a field's byte.
    pub(super) fn place(&self, field: Field, byte: usize) -> usize {
        let at = field.at + byte;
        let part = self.parts.iter().rfind(|(from, _)| *from <= at);
        part.map_or(0, |(from, place)| place + (at - from))
    }

    /// Places in the payload: more than one where a field goes on in the next frame.
    pub(super) fn places(&self, field: Field) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for byte in 0..field.len {
            let place = self.place(field, byte);
            match places.last_mut() {
                Some(last) if last.end == place => last.end += 1,
                _ => places.push(place..place + 1),
            }
        }
        places
    }
}

/// `01 85`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A string takes whatever is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_know_where_they_lie() {
        let payload = [0x33, 0x34, 0x35, 0x00, 0x36, 0x37];
        let mut data = Data::default();
        data.append(&payload, 0..3);
        data.append(&payload, 4..6);
        assert_eq!(data.take(6), None);
        let first = data.take(2).expect("five are there");
        assert_eq!(data.bytes(first), [0, 1]);
        assert_eq!(data.places(first).first(), Some(&(0..2)));
        let over = data.take(2).expect("three are there");
        assert_eq!(data.bytes(over), [2, 3]);
        assert_eq!(data.places(over), [2..3, 4..5]);
        assert_eq!(data.place(over, 1), 4);
        assert_eq!(data.left(), 1);
    }
}
