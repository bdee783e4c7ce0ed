//! What tells the values of one metric apart.
use std::borrow::Cow;

/// Labels of one value; empty or zero: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels {
    /// a, b, c.
    pub(super) phase: &'static str,
    /// 1 to 63; none is the total.
    pub(super) tariff: u8,
    /// The order of a harmonic.
    pub(super) channel: u8,
    /// Periods back.
    pub(super) storage: u8,
    /// Which kind of stored value.
    pub(super) freeze: &'static str,
}

impl Labels {
    pub(super) const fn of_phase(phase: &'static str) -> Self {
        Self {
            phase,
            tariff: 0,
            channel: 0,
            storage: 0,
            freeze: "",
        }
    }

    /// For who looks: `tariff 1, freeze daily`, and what else there is to say.
    pub(super) fn words(self, more: &str) -> String {
        let list = self.list();
        let mut words: Vec<String> = list
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        if !more.is_empty() {
            words.push(more.to_owned());
        }
        words.join(", ")
    }

    /// As a sample has them.
    pub(super) fn list<'a>(self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let mut list = Vec::new();
        let mut text = |name, value: &'static str| {
            if !value.is_empty() {
                list.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
        };
        text("phase", self.phase);
        text("freeze", self.freeze);
        let mut number = |name, value: u8| {
            if value != 0 {
                list.push((Cow::Borrowed(name), Cow::Owned(value.to_string())));
            }
        };
        number("tariff", self.tariff);
        number("channel", self.channel);
        number("storage", self.storage);
        list
    }
}

/// The phase that a data identifier's byte 1, 2, 3 names; 0: all together.
pub(super) const fn phase(number: u8) -> Option<&'static str> {
    match number {
        0 => Some(""),
        1 => Some("a"),
        2 => Some("b"),
        3 => Some("c"),
        _ => None,
    }
}
