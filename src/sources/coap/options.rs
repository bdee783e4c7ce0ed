//! What a request's options ask for, by the rules of RFC 7252 §5.4 and §5.10.
//!
//! ```text
//!  number odd: critical    unknown, of a wrong length, or one too many -> 4.02 naming it
//!  number even: elective                                               -> as if it were not there
//! ```
//! If-Match, If-None-Match, OSCORE and Q-Block are critical and not served: 4.02 too. Proxy-Uri and
//! Proxy-Scheme have an answer of their own, 5.05 (§5.10.2).
use super::message::Options;
use std::str::from_utf8;

/// Numbers of the registry that mean something here.
pub mod number {
    #![allow(missing_docs, reason = "names of RFC 7252 table 4, 7959, 7967, 9175")]
    pub const URI_HOST: u16 = 3;
    pub const ETAG: u16 = 4;
    pub const URI_PORT: u16 = 7;
    pub const URI_PATH: u16 = 11;
    pub const CONTENT_FORMAT: u16 = 12;
    pub const MAX_AGE: u16 = 14;
    pub const URI_QUERY: u16 = 15;
    pub const ACCEPT: u16 = 17;
    pub const BLOCK2: u16 = 23;
    pub const BLOCK1: u16 = 27;
    pub const SIZE2: u16 = 28;
    pub const PROXY_URI: u16 = 35;
    pub const PROXY_SCHEME: u16 = 39;
    pub const SIZE1: u16 = 60;
    pub const ECHO: u16 = 252;
    pub const NO_RESPONSE: u16 = 258;
    pub const REQUEST_TAG: u16 = 292;
}

/// Why a request's options cannot be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Critical, and unknown or not served.
    #[error("critical option {0} is not supported")]
    Unknown(u16),
    /// Critical, with a value that it may not have.
    #[error("option {number} {what}")]
    Value {
        /// Which.
        number: u16,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Critical, and there more often than once.
    #[error("option {0} may be there only once")]
    Repeated(u16),
    /// This is no proxy.
    #[error("this is no proxy")]
    Proxy,
}

/// A Block1 or Block2 option (RFC 7959 §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// NUM: 20 bits.
    pub num: u32,
    /// M: further blocks follow.
    pub more: bool,
    /// SZX: 2^(SZX + 4) bytes; 7 is for reliable transports only.
    pub szx: u8,
}

impl Block {
    /// From an option's value, at most 3 bytes.
    fn read(value: &[u8]) -> Option<Self> {
        let all = uint(value).filter(|_| value.len() <= 3)?;
        Some(Self {
            num: all >> 4,
            more: all & 8 != 0,
            szx: u8::try_from(all & 7).unwrap_or(7),
        })
    }

    /// As an option's value.
    pub const fn value(self) -> u32 {
        self.num << 4 | (self.more as u32) << 3 | self.szx as u32
    }

    /// Of one block.
    pub const fn bytes(self) -> usize {
        16 << self.szx
    }

    /// Where the block begins.
    pub fn offset(self) -> usize {
        usize::try_from(self.num).unwrap_or(usize::MAX) * self.bytes()
    }
}

/// A request's options, read once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// All of them, for what may be there several times.
    pub all: Options<'a>,
    /// Content-Format.
    pub content_format: Option<u16>,
    /// Accept.
    pub accept: Option<u16>,
    /// Block1: a piece of the request's payload.
    pub block1: Option<Block>,
    /// Block2: the piece of the response that is wanted.
    pub block2: Option<Block>,
    /// Size1: how long the whole payload will be.
    pub size1: Option<u32>,
    /// Size2 is there: how long the response is, please.
    pub size2: bool,
    /// Echo (RFC 9175), empty if none.
    pub echo: &'a [u8],
    /// No-Response (RFC 7967), 0 if none.
    pub no_response: u8,
}

/// Lengths and how often, of the options that are known. `None`: this number is not.
const fn rule(number: u16) -> Option<(usize, usize, bool)> {
    Some(match number {
        number::URI_HOST => (1, 255, false),
        number::ETAG => (1, 8, true),
        number::URI_PATH | number::URI_QUERY => (0, 255, true),
        number::URI_PORT | number::CONTENT_FORMAT | number::ACCEPT => (0, 2, false),
        number::BLOCK1 | number::BLOCK2 => (0, 3, false),
        number::SIZE1 | number::SIZE2 | number::MAX_AGE => (0, 4, false),
        number::ECHO => (1, 40, false),
        number::NO_RESPONSE => (0, 1, false),
        number::REQUEST_TAG => (0, 8, true),
        _ => return None,
    })
}

impl<'a> Asked<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// The first critical option that cannot be obeyed.
    pub fn read(options: Options<'a>) -> Result<Self, Fault> {
        let mut asked = Self {
            all: options,
            ..Self::default()
        };
        let mut last = None;
        for (number, value) in options {
            let repeated = last.replace(number) == Some(number);
            if let Err(fault) = asked.one(number, value, repeated)
                && number & 1 == 1
            {
                return Err(fault);
            }
        }
        Ok(asked)
    }

    fn one(&mut self, number: u16, value: &'a [u8], repeated: bool) -> Result<(), Fault> {
        if matches!(number, number::PROXY_URI | number::PROXY_SCHEME) {
            return Err(Fault::Proxy);
        }
        let (min, max, repeatable) = rule(number).ok_or(Fault::Unknown(number))?;
        if repeated && !repeatable {
            return Err(Fault::Repeated(number));
        }
        let wrong = |what| Fault::Value { number, what };
        if !(min..=max).contains(&value.len()) {
            return Err(wrong("has a length that it may not have"));
        }
        let text = matches!(
            number,
            number::URI_HOST | number::URI_PATH | number::URI_QUERY
        );
        if text && !value.is_ascii() && from_utf8(value).is_err() {
            return Err(wrong("is no UTF-8"));
        }
        let short = uint(value).and_then(|n| u16::try_from(n).ok());
        match number {
            number::URI_PATH if value.contains(&b'/') || value == b"." || value == b".." => {
                return Err(wrong("is no path segment"));
            }
            number::CONTENT_FORMAT => self.content_format = short,
            number::ACCEPT => self.accept = short,
            number::BLOCK1 => self.block1 = Block::read(value),
            number::BLOCK2 => self.block2 = Block::read(value),
            number::SIZE1 => self.size1 = uint(value),
            number::SIZE2 => self.size2 = true,
            number::ECHO => self.echo = value,
            number::NO_RESPONSE => self.no_response = value.first().copied().unwrap_or(0),
            _ => {}
        }
        Ok(())
    }

    /// Writes the path without its leading slash: `t/meter-7/json`.
    pub fn path(&self, out: &mut String) {
        out.clear();
        let mut first = true;
        for segment in self.values(number::URI_PATH) {
            if !std::mem::take(&mut first) {
                out.push('/');
            }
            out.push_str(segment);
        }
    }

    /// Each Uri-Query.
    pub fn queries(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.values(number::URI_QUERY)
    }

    fn values(&self, wanted: u16) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let of = self
            .all
            .into_iter()
            .skip_while(move |(number, _)| *number < wanted)
            .take_while(move |(number, _)| *number == wanted);
        of.map(|(_, value)| from_utf8(value).unwrap_or_default())
    }

    /// The options that tell one blockwise request from another (RFC 7959 §2.5, RFC 9175 §3.3):
    /// path, query and Request-Tag.
    pub fn request_key(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let parts = [number::URI_PATH, number::URI_QUERY, number::REQUEST_TAG];
        self.all
            .into_iter()
            .filter(move |(number, _)| parts.contains(number))
    }
}

/// The number in an option's value, leading zeros allowed (RFC 7252 §3.2); `None`: over 4 bytes.
pub fn uint(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::sources::coap::encode::{Writer, put_header};
    use crate::sources::coap::message::{Code, Header, Kind, parse};

    fn asked(options: &[(u16, &[u8])], check: impl FnOnce(Result<Asked<'_>, Fault>)) {
        let mut out = Vec::new();
        let header = Header {
            kind: Kind::Confirmable,
            code: Code::POST,
            id: 1,
        };
        put_header(&mut out, header, &[]);
        let mut writer = Writer::new(&mut out);
        for (number, value) in options {
            writer.option(*number, value);
        }
        check(Asked::read(parse(&out).expect("a message").options));
    }

    fn fault(options: &[(u16, &[u8])]) -> Option<Fault> {
        let mut found = None;
        asked(options, |asked| found = asked.err());
        found
    }

    #[test]
    fn all_that_is_known_is_read() {
        let options: [(u16, &[u8]); 11] = [
            (11, b"t"),
            (11, "灯-1".as_bytes()),
            (12, &[110]),
            (15, b"a=1"),
            (15, b"b"),
            (23, &[0x06]),
            (27, &[0xff, 0xff, 0xfe]),
            (60, &[1, 0, 0]),
            (252, b"echo"),
            (258, &[2]),
            (292, b"tag"),
        ];
        asked(&options, |asked| {
            let asked = asked.expect("obeyed");
            let mut path = "old".to_owned();
            asked.path(&mut path);
            assert_eq!(path, "t/灯-1");
            assert_eq!(asked.queries().collect::<Vec<_>>(), ["a=1", "b"]);
            assert_eq!((asked.content_format, asked.accept), (Some(110), None));
            let block2 = Block {
                num: 0,
                more: false,
                szx: 6,
            };
            let block1 = Block {
                num: 0xf_ffff,
                more: true,
                szx: 6,
            };
            assert_eq!((asked.block1, asked.block2), (Some(block1), Some(block2)));
            assert_eq!(block1.value(), 0xff_fffe);
            assert_eq!(block1.offset(), 0xf_ffff << 10);
            assert_eq!((asked.size1, asked.size2), (Some(0x1_0000), false));
            assert_eq!((asked.echo, asked.no_response), (&b"echo"[..], 2));
            assert_eq!(asked.request_key().count(), 5);
        });
    }

    /// RFC 7252 §5.4.1: unknown critical options are refused, unknown elective ones ignored.
    #[test]
    fn critical_is_refused_and_elective_ignored() {
        for number in [1, 5, 9, 19, 31, 65_001] {
            assert_eq!(fault(&[(number, b"")]), Some(Fault::Unknown(number)));
        }
        for number in [6, 8, 16, 20, 65_000] {
            assert_eq!(fault(&[(number, b"x")]), None, "{number}");
        }
        assert_eq!(fault(&[(35, b"coap://x")]), Some(Fault::Proxy));
        assert_eq!(fault(&[(39, b"coap")]), Some(Fault::Proxy));
    }

    /// §5.4.3: a wrong length is as an unknown option. §5.4.5: so is one too many.
    #[test]
    fn lengths_and_repetitions_follow_table_4() {
        let long = [b'x'; 256];
        for (number, value) in [
            (3, &[][..]),
            (3, &long),
            (7, &[0; 3]),
            (11, &long),
            (15, &long),
            (17, &[0; 3]),
            (23, &[0; 4]),
            (27, &[0; 4]),
        ] {
            let what = "has a length that it may not have";
            let expected = Fault::Value { number, what };
            assert_eq!(fault(&[(number, value)]), Some(expected));
        }
        for number in [3, 7, 17, 23, 27] {
            let twice = [(number, &b"1"[..]), (number, b"1")];
            assert_eq!(fault(&twice), Some(Fault::Repeated(number)));
        }
        // Elective: ignored, and the first one counts.
        for (number, value) in [(12, &[0; 3][..]), (60, &[0; 5]), (252, &[]), (258, &[0; 2])] {
            assert_eq!(fault(&[(number, value)]), None, "{number}");
        }
        asked(&[(12, &[50]), (12, &[60])], |asked| {
            assert_eq!(asked.expect("obeyed").content_format, Some(50));
        });
        assert!(fault(&[(11, &[0xff])]).is_some());
        for segment in [&b"a/b"[..], b".", b".."] {
            assert!(fault(&[(11, segment)]).is_some(), "{segment:?}");
        }
    }
}
