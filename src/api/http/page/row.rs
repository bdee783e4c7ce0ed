//! What the inventory says of a name that was heard, or the row that it lacks.
use super::text;
use super::view::{View, device_path};
use crate::codecs::Reason;
use crate::devices::{Device, Stranger};
use crate::model::DeviceId;
use maud::{Markup, html};

/// The columns of the row: what a person who stands beside the device can fill in.
const HEADER: &str = "id,kind,profile,district,place";

/// The device that the inventory means by the name, or the row to add; nothing where neither helps.
pub fn section(
    view: &View<'_>,
    device: Option<&Device>,
    stranger: Option<&Stranger>,
) -> Option<Markup> {
    let listed = device.filter(|device| device.listing.is_some());
    let listed = listed.map(|device| &device.id);
    if let Some(id) = listed.or(stranger.and_then(|stranger| stranger.device.as_ref())) {
        return Some(html! {
            section id="row" { p { (view.t(text::IS_LISTED)) " " a href=(device_path(id)) { (id) } } }
        });
    }
    let line = line(stranger?)?;
    Some(html! {
        section id="row" {
            p { (view.t(text::NOT_IN_INVENTORY)) }
            pre { (HEADER) "\n" span id="csv" { (line) } }
            p { button class="copy" data-copy="csv" hidden { (view.t(text::COPY)) } }
        }
    })
}

/// The row for a stranger whose only fault is that nobody knows it.
fn line(stranger: &Stranger) -> Option<String> {
    let unknown = &*stranger.reason == Reason::UnknownDevice.as_str();
    if !unknown || DeviceId::check(&stranger.name).is_err() {
        return None;
    }
    Some(format!(
        "{},,{},,",
        cell(&stranger.name),
        cell(&stranger.profile)
    ))
}

/// RFC 4180 §2: in quotes where a comma, a quote or a line's end would divide it.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::api::http::page::lang::Lang;
    use crate::catalogue::Catalogue;
    use crate::model::Timestamp;
    use jiff::tz::TimeZone;

    fn stranger(name: &str, reason: &str) -> Stranger {
        Stranger {
            name: name.into(),
            address: None,
            topic: "".into(),
            profile: "vega\",x".into(),
            first: Timestamp::EPOCH,
            last: Timestamp::EPOCH,
            rejects: 1,
            reason: reason.into(),
            sentence: "".into(),
            sequence: 1,
            known: false,
            device: None,
        }
    }

    #[test]
    fn an_unknown_device_gets_its_row() {
        let unknown = stranger("imei:868411056758782", "unknown_device");
        let row = line(&unknown).unwrap();
        assert_eq!(row, "imei:868411056758782,,\"vega\"\",x\",,");
        let columns = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(row.as_bytes())
            .records()
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(columns.len(), HEADER.split(',').count());
        assert_eq!(columns.get(2), Some("vega\",x"));
        // A row would not help these.
        assert_eq!(line(&stranger("meter-7", "malformed")), None);
        assert_eq!(line(&stranger("冰箱", "unknown_device")), None);
    }

    #[test]
    fn a_name_that_the_inventory_knows_leads_to_its_device() {
        let (zone, catalogue) = (TimeZone::UTC, Catalogue::shipped());
        let view = View {
            lang: Lang::En,
            now: Timestamp::EPOCH,
            zone: &zone,
            catalogue: &catalogue,
            node: "n",
        };
        let mut known = stranger("imei:1", "malformed");
        assert!(section(&view, None, Some(&known)).is_none());
        known.device = Some("meter-7".into());
        let html = section(&view, None, Some(&known)).unwrap().into_string();
        assert!(html.contains("href=\"/d/meter-7\""), "{html}");
        known.device = None;
        known.reason = "unknown_device".into();
        known.profile = "<b>".into();
        let html = section(&view, None, Some(&known)).unwrap().into_string();
        assert!(html.contains("imei:1,,&lt;b&gt;,,"), "{html}");
    }
}
