//! A record's name, and what the gateway reads out of it.
use std::borrow::Cow;
use std::fmt;

/// A base name and a name, which together are the record's name (RFC 8428 §4.5.1). They are joined
/// where somebody looks at the whole: a device and a metric mostly lie in one half each.
#[derive(Clone, Debug, Default)]
pub struct Name<'a> {
    base: Cow<'a, str>,
    own: Cow<'a, str>,
}

/// Between a device and its metric.
fn last_separator(text: &str) -> Option<usize> {
    text.bytes().rposition(|byte| matches!(byte, b':' | b'/'))
}

impl<'a> Name<'a> {
    pub(super) const fn new(base: Cow<'a, str>, own: Cow<'a, str>) -> Self {
        Self { base, own }
    }

    /// What is wrong with it, if anything: letters, digits and `- : . / _`, the first a letter or a
    /// digit. A leading `/` is LwM2M's.
    pub(super) fn problem(&self, base_is_known: bool) -> Option<String> {
        let first = self.base.as_bytes().first().or(self.own.as_bytes().first());
        let Some(first) = first else {
            return Some("an empty name: neither `bn` nor `n` has one".to_owned());
        };
        let allowed = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'/' | b'_')
        };
        let base = base_is_known || self.base.bytes().all(allowed);
        if base
            && self.own.bytes().all(allowed)
            && (first.is_ascii_alphanumeric() || *first == b'/')
        {
            return None;
        }
        Some(
            "the name may have A-Z a-z 0-9 - : . / and _, and begins with a letter or a digit"
                .to_owned(),
        )
    }

    /// Device and metric: before and after the last `:` or `/`. An empty device is the sender.
    pub(super) fn split(self) -> (Cow<'a, str>, Cow<'a, str>) {
        if let Some(at) = last_separator(&self.own) {
            let device = part(&self.own, 0, at);
            let metric = part(&self.own, at + 1, self.own.len());
            return (join(self.base, device), metric);
        }
        match last_separator(&self.base) {
            Some(at) => {
                let device = part(&self.base, 0, at);
                let rest = part(&self.base, at + 1, self.base.len());
                (device, join(rest, self.own))
            }
            None => (Cow::Borrowed(""), join(self.base, self.own)),
        }
    }
}

fn part<'a>(text: &Cow<'a, str>, from: usize, to: usize) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(from..to).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(from..to).unwrap_or_default().to_owned()),
    }
}

fn join<'a>(one: Cow<'a, str>, other: Cow<'a, str>) -> Cow<'a, str> {
    match (one.is_empty(), other.is_empty()) {
        (true, _) => other,
        (false, true) => one,
        (false, false) => Cow::Owned(one.into_owned() + &other),
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        f.write_str(&self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_separator_parts_device_and_metric() {
        for (base, own, device, metric, borrowed) in [
            (
                "urn:dev:mac:0024befffe804ff1:",
                "voltage",
                "urn:dev:mac:0024befffe804ff1",
                "voltage",
                true,
            ),
            ("", "voltage", "", "voltage", true),
            ("voltage", "", "", "voltage", true),
            ("m-1/", "", "m-1", "", true),
            ("", "m-1/voltage", "m-1", "voltage", true),
            ("hall:", "m-1/voltage", "hall:m-1", "voltage", false),
            ("m-1:volt", "age", "m-1", "voltage", false),
            ("/3/0/", "7/1", "/3/0/7", "1", false),
        ] {
            let name = Name::new(base.into(), own.into());
            assert_eq!(name.to_string(), [base, own].concat());
            let (found, of) = name.split();
            assert_eq!((&*found, &*of), (device, metric), "{base} {own}");
            let both = matches!((found, of), (Cow::Borrowed(_), Cow::Borrowed(_)));
            assert_eq!(both, borrowed, "{base} {own}");
        }
    }

    #[test]
    fn names_are_checked() {
        let problem = |base: &'static str, own: &'static str| {
            Name::new(base.into(), own.into()).problem(false).is_some()
        };
        for (base, own) in [
            ("", ""),
            ("", ":a"),
            ("_", "a"),
            ("a b", "c"),
            ("a", "é"),
            ("", "-1"),
        ] {
            assert!(problem(base, own), "{base} {own}");
        }
        for (base, own) in [
            ("/", "3/0/9"),
            ("1", ""),
            ("urn:dev:ow:10e2073a01080063", ""),
            ("a-", ":./_Z9"),
        ] {
            assert!(!problem(base, own), "{base} {own}");
        }
    }
}
