//! What `[device]`, `[[event]]` and conditions say, whatever the layout.
use super::literal::Literals;
use super::map::as_text;
use crate::codecs::Sent;
use crate::model::DeviceId;
use crate::model::proto::Severity;
use crate::model::settings::Section;
use std::borrow::Cow;

/// `[device]` without its places: how a sent text becomes a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Naming {
    prefix: Box<str>,
    absent: Literals,
}

impl Naming {
    /// Reads `prefix` and `absent`: texts that platforms write where they have no name.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let rule = "must be at most 32 of A-Z a-z 0-9 . _ : -, such as \"imei:\"";
        let prefix = section.get("prefix", rule, |value| {
            let text = value.as_str()?;
            let fits = text.is_empty() || (text.len() <= 32 && DeviceId::check(text).is_ok());
            fits.then(|| Box::from(text))
        });
        Self {
            prefix: prefix.unwrap_or_default(),
            absent: Literals::read(section, "absent"),
        }
    }

    /// The device's name; `None`: nothing was sent. Whether it is a device id is judged by intake.
    pub(super) fn name<'a>(&self, sent: Sent<'a>) -> Option<Cow<'a, str>> {
        if self.absent.has(&sent) {
            return None;
        }
        let text = match as_text(sent)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        if text.is_empty() {
            return None;
        }
        if self.prefix.is_empty() {
            return Some(text);
        }
        Some(Cow::Owned([&*self.prefix, &*text].concat()))
    }
}

/// `[[event]]` without its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventRule {
    pub(super) name: Box<str>,
    pub(super) severity: Severity,
}

impl EventRule {
    /// Reads `name` and `severity`.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let severity = match section.word("severity", &["info", "warning", "critical"]) {
            Some("warning") => Severity::Warning,
            Some("critical") => Severity::Critical,
            _ => Severity::Info,
        };
        let missing = !section.has("name");
        let rule = "must be 1 to 64 of a-z 0-9 _, such as \"tamper\"";
        let name = section.get("name", rule, |value| {
            let name = value.as_str()?;
            let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let fits = (1..=64).contains(&name.len()) && name.chars().all(usable);
            fits.then(|| Box::from(name))
        });
        if missing {
            section.problem("name", "", "an event needs a name");
        }
        Some(Self {
            name: name?,
            severity,
        })
    }
}

/// What one place must hold: one of these.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition<S> {
    /// The layout's place.
    pub(super) source: S,
    /// What it may be.
    pub(super) allowed: Literals,
}

impl<S> Condition<S> {
    /// Does it hold? `None`: nothing is there.
    pub(super) fn holds(&self, sent: Option<&Sent<'_>>) -> bool {
        sent.is_some_and(|sent| self.allowed.has(sent))
    }
}
