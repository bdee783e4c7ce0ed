//! The labels of a record (RFC 8428 §4.1, §4.2 and tables 2 and 4; LwM2M adds `vlo`).

macro_rules! labels {
    ($($name:ident = $text:literal, $number:expr, $kind:ident;)+) => {
        /// A label that is understood.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Label { $($name,)+ }

        impl Label {
            /// By its text: in JSON, and in CBOR for what has no number.
            pub(super) fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)+ _ => None }
            }

            /// By its number in CBOR.
            pub(super) const fn from_number(number: i64) -> Option<Self> {
                $(if let Some(own) = $number && own == number { return Some(Self::$name); })+
                None
            }

            /// The text.
            pub(super) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What its value is.
            pub(super) const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)+ }
            }
        }
    };
}

/// The type of a label's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    Flag,
    /// Bytes in CBOR, base64url text in JSON.
    Data,
}

const NONE: Option<i64> = None;

labels! {
    BaseVersion = "bver", Some(-1), Number;
    BaseName = "bn", Some(-2), Text;
    BaseTime = "bt", Some(-3), Number;
    BaseUnit = "bu", Some(-4), Text;
    BaseValue = "bv", Some(-5), Number;
    BaseSum = "bs", Some(-6), Number;
    Name = "n", Some(0), Text;
    Unit = "u", Some(1), Text;
    Value = "v", Some(2), Number;
    TextValue = "vs", Some(3), Text;
    FlagValue = "vb", Some(4), Flag;
    Sum = "s", Some(5), Number;
    Time = "t", Some(6), Number;
    UpdateTime = "ut", Some(7), Number;
    DataValue = "vd", Some(8), Data;
    LinkValue = "vlo", NONE, Text;
}

impl Label {
    /// Does it hold for the records that follow, too?
    pub(super) const fn is_base(self) -> bool {
        (self as u8) < Self::Name as u8
    }

    /// Its bit among those seen in one record.
    pub(super) const fn bit(self) -> u16 {
        1 << self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_lead_to_the_same_labels() {
        let numbers = (-10..20).filter_map(Label::from_number);
        let texts: Vec<&str> = numbers.map(Label::text).collect();
        assert_eq!(
            texts,
            [
                "bs", "bv", "bu", "bt", "bn", "bver", "n", "u", "v", "vs", "vb", "s", "t", "ut",
                "vd"
            ]
        );
        for text in texts {
            let label = Label::from_text(text).expect("known");
            assert_eq!(label.is_base(), text.starts_with('b'));
        }
        assert_eq!(Label::from_text("vlo"), Some(Label::LinkValue));
        assert_eq!(Label::from_text("l"), None);
    }
}
