//! What every part of a page needs to know: language, time, zone, names.
use super::lang::Lang;
use super::text::Text;
use super::words;
use crate::catalogue::Catalogue;
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use std::fmt::Write as _;

/// The reader of one page, and the moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// In which language.
    pub lang: Lang,
    /// The gateway's time.
    pub now: Timestamp,
    /// The site's zone.
    pub zone: &'a TimeZone,
    /// For the names of metrics and kinds.
    pub catalogue: &'a Catalogue,
    /// The gateway's name.
    pub node: &'a str,
}

impl View<'_> {
    /// A text in the reader's language.
    pub const fn t(&self, text: Text) -> &'static str {
        text.of(self.lang)
    }

    /// One of two texts.
    pub fn pick<T>(&self, en: T, zh: T) -> T {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// How long ago, in words.
    pub fn ago(&self, time: Timestamp) -> String {
        words::ago(time, self.now, self.lang)
    }

    /// A time with its age: "12 min ago", with the time of day on tap and for machines.
    pub fn age(&self, time: Timestamp) -> Markup {
        html! { time datetime=(iso(time)) title=(words::full(time, self.zone)) { (self.ago(time)) } }
    }

    /// A time of day, with the date where it is not today's.
    pub fn clock(&self, time: Timestamp) -> Markup {
        html! { time datetime=(iso(time)) title=(words::full(time, self.zone)) {
            (words::clock(time, self.now, self.zone))
        } }
    }

    /// A metric's name in the reader's language, else as it is.
    pub fn metric<'n>(&'n self, name: &'n str) -> &'n str {
        match self.catalogue.metric(name) {
            Some(metric) => self.pick(&metric.en, &metric.zh),
            None => name,
        }
    }

    /// A kind's name in the reader's language, else as it is.
    pub fn kind<'n>(&'n self, name: &'n str) -> &'n str {
        match self.catalogue.kind(name) {
            Some(kind) => self.pick(&kind.en, &kind.zh),
            None => name,
        }
    }
}

/// RFC 3339 in UTC, whole seconds.
fn iso(time: Timestamp) -> String {
    let at = words::zoned(time, &TimeZone::UTC);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3986 §2.1: everything but unreserved characters as `%XX`.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The path of a device's page.
pub fn device_path(id: &str) -> String {
    format!("/d/{}", percent(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_path_segment() {
        assert_eq!(percent("meter-7"), "meter-7");
        assert_eq!(percent("a b/ä?\"<"), "a%20b%2F%C3%A4%3F%22%3C");
        assert_eq!(device_path("a:b"), "/d/a%3Ab");
    }
}
