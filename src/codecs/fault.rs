//! Why bytes, or a part of them, are no readings.
use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The closed set of reasons: a metric label, `Reject.reason`, and what `rejects list` groups by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason, in the order of the discriminants.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code, such as `unknown_metric`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

reasons! {
    /// The payload is longer than `intake.payload_max`.
    TooLarge = "too_large",
    /// The bytes are no UTF-8.
    NotUtf8 = "not_utf8",
    /// The document ends before it is closed.
    Truncated = "truncated",
    /// A check sum or check sequence that does not hold.
    BadChecksum = "bad_checksum",
    /// A decimal digit that is none, in a frame of a meter.
    InvalidBcd = "invalid_bcd",
    /// A data identifier (DI) or object (OAD) of a meter's protocol that the codec does not read.
    UnknownIdentifier = "unknown_identifier",
    /// Not JSON for another reason.
    Malformed = "malformed",
    /// NaN, Infinity, or a number too large for a double.
    NotFinite = "not_finite",
    /// Nested deeper than any known shape.
    TooDeep = "too_deep",
    /// A value of another type than the metric's.
    WrongType = "wrong_type",
    /// A word that the metric's enumeration does not have.
    UnknownWord = "unknown_word",
    /// A text longer than its bound.
    TooLong = "too_long",
    /// A label outside the closed set, or with an unusable value.
    InvalidLabel = "invalid_label",
    /// No metric of the catalogue has this name.
    UnknownMetric = "unknown_metric",
    /// A unit of another quantity.
    UnitMismatch = "unit_mismatch",
    /// A unit that nobody knows.
    UnknownUnit = "unknown_unit",
    /// A series of readings whose times cannot be true.
    ImplausibleTime = "implausible_time",
    /// The device's name is no device id.
    InvalidDeviceId = "invalid_device_id",
    /// One name twice in one object.
    DuplicateKey = "duplicate_key",
    /// More readings or bad parts than the bound.
    TooManyReadings = "too_many_readings",
    /// Nothing in it.
    NoReadings = "no_readings",
    /// No codec of this name.
    UnknownProfile = "unknown_profile",
    /// No route leads from the topic to a device.
    NoRoute = "no_route",
    /// The inventory does not know the device, and `devices.unknown` says reject.
    UnknownDevice = "unknown_device",
    /// The payload names a device that its sender may not report for.
    OtherDevice = "other_device",
    /// A `CoAP` Content-Format that no codec reads.
    UnsupportedContentFormat = "unsupported_content_format",
    /// A version or a field that must be understood, and is not.
    NotUnderstood = "not_understood",
    /// A store has refused a line for good.
    StoreRejected = "store_rejected",
}

impl Reason {
    /// 0-based place in [`Reason::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Was it who sent it, rather than what: MQTT 5 reason 0x87 instead of 0x99?
    pub const fn is_authorisation(self) -> bool {
        matches!(self, Self::UnknownDevice | Self::OtherDevice)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with an uplink or with one part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {sentence}")]
pub struct Fault {
    /// The code.
    pub reason: Reason,
    /// Where: `voltage`, `[2].voltage`, `meter-7[2]`; empty: the whole uplink.
    pub part: String,
    /// Value, place and limit, for a person.
    pub sentence: String,
    /// The byte of the payload that is wrong, where it is one.
    pub byte: Option<usize>,
}

impl Fault {
    /// A fault of the whole uplink.
    pub fn whole(reason: Reason, sentence: impl Into<String>) -> Self {
        Self {
            reason,
            part: String::new(),
            sentence: sentence.into(),
            byte: None,
        }
    }

    /// A fault of one part.
    pub fn part(reason: Reason, part: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self {
            reason,
            part: part.into(),
            sentence: sentence.into(),
            byte: None,
        }
    }

    /// The same of this byte.
    #[must_use]
    pub const fn at(mut self, byte: usize) -> Self {
        self.byte = Some(byte);
        self
    }
}

/// Bad parts of one uplink that are kept one by one; further ones are summed up in a last one.
/// Each part carries the payload, so this bounds what one uplink may write: 33 x 4 KiB.
pub const FAULTS_MAX: usize = 32;

/// The bad parts of one uplink, at most [`FAULTS_MAX`] and a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// Notes a bad part.
    pub fn push(&mut self, fault: Fault) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// Notes several.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.push(fault));
    }

    /// The parts that were kept.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// How many there are, those that were not kept included.
    pub const fn len(&self) -> usize {
        self.list.len() + self.more
    }

    /// None?
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Drops all, keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.more = 0;
    }

    /// What sums up those that were not kept.
    pub fn summary(&self) -> Option<Fault> {
        (self.more > 0).then(|| {
            let sentence = format!(
                "{} more bad parts; the first {FAULTS_MAX} are kept one by one",
                self.more
            );
            Fault::part(Reason::TooManyReadings, "..", sentence)
        })
    }
}

/// Longest piece of a payload that a sentence quotes, in characters.
const QUOTED_MAX: usize = 60;

/// A piece of a payload for a sentence: control characters escaped, cut where it is long.
pub fn quote(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(QUOTED_MAX)
        .flat_map(|c| {
            let plain = !c.is_control();
            let escaped = (!plain).then(|| c.escape_default()).into_iter().flatten();
            plain.then_some(c).into_iter().chain(escaped)
        })
        .collect();
    if text.chars().nth(QUOTED_MAX).is_some() {
        out.push_str("..");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_codes_are_unique() {
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), at);
            let same = Reason::ALL.iter().filter(|r| r.as_str() == reason.as_str());
            assert_eq!(same.count(), 1, "{reason}");
        }
    }

    #[test]
    fn faults_are_bounded_and_counted() {
        let mut faults = Faults::default();
        assert_eq!(faults.summary(), None);
        for _ in 0..40 {
            faults.push(Fault::whole(Reason::WrongType, "x"));
        }
        assert_eq!(faults.list().len(), FAULTS_MAX);
        let summary = faults.summary().expect("8 more");
        assert!(summary.sentence.starts_with("8 more"), "{summary}");
    }

    #[test]
    fn quotes_are_short_and_printable() {
        assert_eq!(quote("a\u{7}b"), "a\\u{7}b");
        assert_eq!(quote(&"x".repeat(100)).len(), QUOTED_MAX + 2);
    }
}
