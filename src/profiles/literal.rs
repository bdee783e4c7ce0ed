//! Sent values that a profile names: what means absent, what is a word, what a condition asks for.
use crate::codecs::Sent;
use crate::model::settings::Section;
use toml::Value;

/// Most values in one list.
const LIST_MAX: usize = 256;

/// One sent value. A number is any writing of it: `0` is also `"0"`, `0.0` and `"000"`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    text: Box<str>,
    number: Option<f64>,
}

impl Literal {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            number: number(text),
        }
    }

    /// Text, number or flag.
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::new(text)),
            Value::Integer(number) => Some(Self::new(&number.to_string())),
            Value::Float(number) if number.is_finite() => Some(Self::new(&number.to_string())),
            Value::Boolean(flag) => Some(Self::new(if *flag { "true" } else { "false" })),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is(&self, sent: &Sent<'_>) -> bool {
        match sent {
            Sent::Number(sent, _) => self.number == Some(*sent),
            Sent::Flag(flag) => &*self.text == if *flag { "true" } else { "false" },
            Sent::Text(text) | Sent::Data(text) => {
                let text = text.trim();
                text == &*self.text || (self.number.is_some() && self.number == number(text))
            }
            Sent::NotFinite(_) | Sent::Null => false,
        }
    }
}

/// A list of sent values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Literals(Box<[Literal]>);

impl Literals {
    /// Takes a list, or a single value, out of a section.
    pub(super) fn read(section: &mut Section<'_>, key: &'static str) -> Self {
        let rule =
            format!("must be a text, number or flag, or a list of at most {LIST_MAX} of them");
        section.get(key, &rule, Self::of).unwrap_or_default()
    }

    /// `None`: neither a value nor a list of values.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let Value::Array(all) = value else {
            return Literal::read(value).map(|one| Self([one].into()));
        };
        let fits = (1..=LIST_MAX).contains(&all.len());
        let all: Option<_> = all.iter().map(Literal::read).collect();
        all.filter(|_| fits).map(Self)
    }

    /// Is it one of these?
    pub(super) fn has(&self, sent: &Sent<'_>) -> bool {
        self.0.iter().any(|literal| literal.is(sent))
    }
}

/// A decimal number with blanks around it and a plus before it: "+27.90", "060".
pub(super) fn number(text: &str) -> Option<f64> {
    plain(text)?.parse().ok().filter(|n: &f64| n.is_finite())
}

/// The same without blanks and plus; `None`: no decimal number.
pub(super) fn plain(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    // Rust would also read "inf" and "nan".
    let digits =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let first = text.bytes().next().is_some_and(|b| b != b'+');
    (first && text.bytes().all(digits)).then_some(text)
}
