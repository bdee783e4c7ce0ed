//! A `CoAP` message in place (RFC 7252 §3): parsed by borrowing, checked as strictly as the RFC is.
//!
//! ```text
//!  0 1 2 3 4 5 6 7 | code | message id | token: 0-8 | options: delta, length, value .. | ff payload
//!  Ver|  T |  TKL  |
//! ```
//! Every option is walked once while parsing, so that [`Options`] cannot fail later. On an error
//! what could be read of the header stays, for the answer to a confirmable message: a Reset.
//!
//! Decision: coap-lite 0.13, the codec of the simulator and of the differential tests, is not used
//! here. It takes version 2, 0xFF before an empty payload, and Empty with a token or payload; it
//! drops the header of what it cannot parse; and it copies every option into a map of lists.
use std::fmt;

/// Longest token (RFC 7252 §3).
pub const TOKEN_MAX: usize = 8;
/// Between the options and a payload that is not empty.
pub const PAYLOAD_MARKER: u8 = 0xff;

/// The two bits T.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// CON: wants an acknowledgement.
    Confirmable = 0,
    /// NON: wants none.
    NonConfirmable = 1,
    /// ACK.
    Acknowledgement = 2,
    /// RST.
    Reset = 3,
}

/// Class and detail, `c.dd` (RFC 7252 §12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

macro_rules! codes {
    ($($name:ident = $class:literal . $detail:literal $doc:literal,)+) => {
        impl Code {
            $(#[doc = $doc] pub const $name: Self = Self($class << 5 | $detail);)+
        }
    };
}

codes! {
    EMPTY = 0 . 0 "0.00: a ping, an acknowledgement without a response, a Reset.",
    GET = 0 . 1 "0.01",
    POST = 0 . 2 "0.02",
    PUT = 0 . 3 "0.03",
    CHANGED = 2 . 4 "2.04: taken, durably.",
    CONTENT = 2 . 5 "2.05",
    CONTINUE = 2 . 31 "2.31: the next block, please (RFC 7959 §2.9.1).",
    BAD_REQUEST = 4 . 0 "4.00",
    UNAUTHORIZED = 4 . 1 "4.01: here, with an Echo to return (RFC 9175 §2.3).",
    BAD_OPTION = 4 . 2 "4.02",
    FORBIDDEN = 4 . 3 "4.03",
    NOT_FOUND = 4 . 4 "4.04",
    METHOD_NOT_ALLOWED = 4 . 5 "4.05",
    NOT_ACCEPTABLE = 4 . 6 "4.06",
    INCOMPLETE = 4 . 8 "4.08: a block is missing (RFC 7959 §2.9.2).",
    TOO_LARGE = 4 . 13 "4.13",
    UNSUPPORTED_FORMAT = 4 . 15 "4.15",
    TOO_MANY = 4 . 29 "4.29 (RFC 8516).",
    UNAVAILABLE = 5 . 3 "5.03: come back after Max-Age.",
    NO_PROXY = 5 . 5 "5.05",
}

impl Code {
    /// 0 for requests and Empty, 2, 4 and 5 for responses.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// A method, known or not?
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.0 != 0
    }

    /// Classes 1, 6 and 7 are reserved (RFC 7252 §3).
    const fn is_reserved(self) -> bool {
        matches!(self.class(), 1 | 6 | 7)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.0 & 0x1f)
    }
}

/// The first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type.
    pub kind: Kind,
    /// Code.
    pub code: Code,
    /// Message id.
    pub id: u16,
}

/// One message, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Type, code, message id.
    pub header: Header,
    /// At most [`TOKEN_MAX`] bytes.
    pub token: &'a [u8],
    /// Walked once already.
    pub options: Options<'a>,
    /// Empty: there is none.
    pub payload: &'a [u8],
}

/// What is wrong with a datagram. Its kind is a closed set ([`Fault::NAMES`]), so it serves as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Under four bytes.
    #[error("{0} bytes, and a header has 4")]
    Short(usize),
    /// Another version than 1.
    #[error("version {0}, and only 1 is known")]
    Version(u8),
    /// A token length of 9 to 15.
    #[error("token length {0}, at most 8")]
    TokenLength(u8),
    /// The token is cut off.
    #[error("{0} bytes of token missing")]
    Token(usize),
    /// Empty, with something behind the header (RFC 7252 §4.1).
    #[error("code 0.00 with {0} bytes behind the header")]
    NotEmpty(usize),
    /// A code of class 1, 6 or 7.
    #[error("code {0} is of a reserved class")]
    Reserved(Code),
    /// An option's delta or length of 15, which is for the payload marker alone.
    #[error("option after {0}: delta or length is 15")]
    OptionNibble(u16),
    /// An option is cut off.
    #[error("option after {0} is cut off")]
    OptionShort(u16),
    /// An option's number above 65535.
    #[error("option after {0}: its number is over 65535")]
    OptionNumber(u16),
    /// The payload marker before nothing.
    #[error("payload marker without a payload")]
    NoPayload,
    /// A request or an empty message as a Reset, a request as an acknowledgement (RFC 7252 table 1).
    #[error("type {kind:?} does not go with code {code}", kind = .0.kind, code = .0.code)]
    Combination(Header),
}

impl Fault {
    /// Number of kinds.
    pub const KINDS: usize = 11;
    /// The kinds as labels, in the order of [`Fault::kind`].
    pub const NAMES: [&'static str; Self::KINDS] = [
        "short",
        "version",
        "token_length",
        "token",
        "not_empty",
        "reserved_code",
        "option_nibble",
        "option_short",
        "option_number",
        "no_payload",
        "combination",
    ];

    /// 0-based place of its kind in [`Fault::NAMES`].
    pub const fn kind(self) -> usize {
        match self {
            Self::Short(_) => 0,
            Self::Version(_) => 1,
            Self::TokenLength(_) => 2,
            Self::Token(_) => 3,
            Self::NotEmpty(_) => 4,
            Self::Reserved(_) => 5,
            Self::OptionNibble(_) => 6,
            Self::OptionShort(_) => 7,
            Self::OptionNumber(_) => 8,
            Self::NoPayload => 9,
            Self::Combination(_) => 10,
        }
    }
}

/// A datagram that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Why.
    pub fault: Fault,
    /// What it would have been; `None`: not `CoAP` version 1.
    pub header: Option<Header>,
}

/// Reads a datagram.
///
/// # Errors
/// The first fault, with the header where it could be read.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let Some((&[first, code, high, low], rest)) = bytes.split_first_chunk() else {
        return Err(Malformed {
            fault: Fault::Short(bytes.len()),
            header: None,
        });
    };
    if first >> 6 != 1 {
        return Err(Malformed {
            fault: Fault::Version(first >> 6),
            header: None,
        });
    }
    let kind = match first >> 4 & 3 {
        0 => Kind::Confirmable,
        1 => Kind::NonConfirmable,
        2 => Kind::Acknowledgement,
        _ => Kind::Reset,
    };
    let header = Header {
        kind,
        code: Code(code),
        id: u16::from_be_bytes([high, low]),
    };
    body(header, first & 15, rest).map_err(|fault| Malformed {
        fault,
        header: Some(header),
    })
}

fn body(header: Header, token_len: u8, rest: &[u8]) -> Result<Message<'_>, Fault> {
    if header.code == Code::EMPTY {
        if token_len != 0 || !rest.is_empty() {
            return Err(Fault::NotEmpty(rest.len()));
        }
        if header.kind == Kind::NonConfirmable {
            return Err(Fault::Combination(header));
        }
        return Ok(Message {
            header,
            token: &[],
            options: Options::default(),
            payload: &[],
        });
    }
    if header.code.is_reserved() {
        return Err(Fault::Reserved(header.code));
    }
    let fits = match header.kind {
        Kind::Confirmable | Kind::NonConfirmable => true,
        Kind::Acknowledgement => !header.code.is_request(),
        Kind::Reset => false,
    };
    if !fits {
        return Err(Fault::Combination(header));
    }
    let len = usize::from(token_len);
    if len > TOKEN_MAX {
        return Err(Fault::TokenLength(token_len));
    }
    let Some((token, rest)) = rest.split_at_checked(len) else {
        return Err(Fault::Token(len - rest.len()));
    };
    let mut walk = OptionsIter { rest, number: 0 };
    while walk.step()?.is_some() {}
    let (options, payload) = match walk.rest.split_first() {
        // `step` stops at the end or at the marker.
        None => (rest, [].as_slice()),
        Some((_, [])) => return Err(Fault::NoPayload),
        Some((_, payload)) => {
            let end = rest.len() - payload.len() - 1;
            (rest.get(..end).unwrap_or_default(), payload)
        }
    };
    Ok(Message {
        header,
        token,
        options: Options(options),
        payload,
    })
}

/// Options as they lie in the datagram; walked once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> IntoIterator for Options<'a> {
    type Item = (u16, &'a [u8]);
    type IntoIter = OptionsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        OptionsIter {
            rest: self.0,
            number: 0,
        }
    }
}

/// Options in their order: number and value.
#[derive(Clone, Debug)]
pub struct OptionsIter<'a> {
    rest: &'a [u8],
    number: u16,
}

impl<'a> OptionsIter<'a> {
    fn step(&mut self) -> Result<Option<(u16, &'a [u8])>, Fault> {
        let (&first, mut rest) = match self.rest.split_first() {
            None | Some((&PAYLOAD_MARKER, _)) => return Ok(None),
            Some(split) => split,
        };
        let before = self.number;
        let mut extended = |nibble: u8| match nibble {
            0..=12 => Ok(u32::from(nibble)),
            13 => {
                let (&byte, tail) = rest.split_first().ok_or(Fault::OptionShort(before))?;
                rest = tail;
                Ok(13 + u32::from(byte))
            }
            14 => {
                let (bytes, tail) = rest.split_first_chunk().ok_or(Fault::OptionShort(before))?;
                rest = tail;
                Ok(269 + u32::from(u16::from_be_bytes(*bytes)))
            }
            _ => Err(Fault::OptionNibble(before)),
        };
        let delta = extended(first >> 4)?;
        let len = extended(first & 15)?;
        let number = u16::try_from(u32::from(before) + delta);
        self.number = number.map_err(|_| Fault::OptionNumber(before))?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (value, tail) = rest
            .split_at_checked(len)
            .ok_or(Fault::OptionShort(before))?;
        self.rest = tail;
        Ok(Some((self.number, value)))
    }
}

impl<'a> Iterator for OptionsIter<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Parsing has walked them all.
        self.step().ok().flatten()
    }
}

#[cfg(test)]
mod tests;
