//! What a caller wants to see: `citygate.v1.Filter`, checked against the catalogue.
//!
//! A name that the catalogue does not have would match nothing for ever, and an empty stream looks
//! like a quiet city. So a wrong name is an error that says which name was probably meant.
use crate::catalogue::{Catalogue, is_kind_prefix};
use crate::devices;
use crate::history;
use crate::model::{DeviceId, proto};
use std::collections::HashSet;

/// Devices in one filter: a street of them. Whoever wants more filters by kind or district.
pub const DEVICES_MAX: usize = 1_000;
/// Kinds, districts or metrics in one filter; the catalogue has about as many metrics.
pub const NAMES_MAX: usize = 256;
/// Longest district, in bytes.
pub const DISTRICT_BYTES_MAX: usize = 64;
/// Violations told at once; a filter of a thousand wrong names needs no thousand sentences.
const VIOLATIONS_MAX: usize = 16;

/// Kind of a device that neither inventory nor profile knows.
const KIND_UNKNOWN: &str = "unknown";

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its path: `filter.kinds[0]`.
    pub field: String,
    /// What is wrong with it, and what it must be.
    pub description: String,
}

/// A request with wrong fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|v| format!("{}: {}", v.field, v.description)).collect::<Vec<_>>().join("; "))]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// A single one.
    pub fn one(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self(vec![Violation {
            field: field.into(),
            description: description.into(),
        }])
    }

    /// One more, up to a limit.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Violation {
                field: field.into(),
                description: description.into(),
            });
        }
    }
}

/// A checked filter. An empty list allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    devices: HashSet<Box<str>>,
    kinds: Vec<Box<str>>,
    districts: Vec<Box<str>>,
    metrics: HashSet<Box<str>>,
}

impl Selection {
    /// Checks every name.
    ///
    /// # Errors
    /// All wrong fields (up to a limit), with the nearest name for an unknown kind or metric.
    pub fn check(filter: &proto::Filter, catalogue: &Catalogue) -> Result<Self, Violations> {
        let mut wrong = Violations(Vec::new());
        let mut bounded = |field: &str, len: usize, max: usize| {
            if len > max {
                wrong.add(
                    format!("filter.{field}"),
                    format!("{len} entries, at most {max}"),
                );
            }
            len <= max
        };
        let counts_hold = bounded("devices", filter.devices.len(), DEVICES_MAX)
            & bounded("kinds", filter.kinds.len(), NAMES_MAX)
            & bounded("districts", filter.districts.len(), NAMES_MAX)
            & bounded("metrics", filter.metrics.len(), NAMES_MAX);
        if !counts_hold {
            return Err(wrong);
        }
        let mut selection = Self::default();
        for (at, device) in filter.devices.iter().enumerate() {
            match DeviceId::check(device) {
                Ok(device) => _ = selection.devices.insert(device.into()),
                Err(error) => wrong.add(format!("filter.devices[{at}]"), error.to_string()),
            }
        }
        for (at, kind) in filter.kinds.iter().enumerate() {
            if kind == KIND_UNKNOWN || catalogue.has_kind_prefix(kind) {
                selection.kinds.push(kind.as_str().into());
            } else {
                let near = catalogue.nearest_kind(kind);
                wrong.add(format!("filter.kinds[{at}]"), unknown("kind", kind, near));
            }
        }
        for (at, district) in filter.districts.iter().enumerate() {
            if district.is_empty() || district.len() > DISTRICT_BYTES_MAX {
                let rule = format!("a district has 1 to {DISTRICT_BYTES_MAX} bytes");
                wrong.add(format!("filter.districts[{at}]"), rule);
            } else {
                selection.districts.push(district.as_str().into());
            }
        }
        for (at, metric) in filter.metrics.iter().enumerate() {
            match check_metric(metric, catalogue) {
                Ok(name) => _ = selection.metrics.insert(name.into()),
                Err(why) => wrong.add(format!("filter.metrics[{at}]"), why),
            }
        }
        if wrong.0.is_empty() {
            Ok(selection)
        } else {
            Err(wrong)
        }
    }

    /// The same for history.
    pub fn into_history(self) -> history::Selection {
        let texts = |names: Vec<Box<str>>| names.into_iter().map(String::from).collect();
        history::Selection {
            devices: self.devices.into_iter().map(String::from).collect(),
            kinds: texts(self.kinds),
            districts: texts(self.districts),
            metrics: self.metrics.into_iter().map(String::from).collect(),
        }
    }

    /// The same for the registry, which knows nothing of metrics.
    pub fn narrow(&self, query: &mut devices::Query) {
        query.devices = self.devices.iter().cloned().collect();
        query.kinds.clone_from(&self.kinds);
        query.districts.clone_from(&self.districts);
    }

    /// Does it let everything pass, so that nothing need be looked at?
    pub fn is_all(&self) -> bool {
        self.devices.is_empty()
            && self.kinds.is_empty()
            && self.districts.is_empty()
            && self.metrics.is_empty()
    }

    /// Does it name metrics, so that readings must be looked at?
    pub fn strips_readings(&self) -> bool {
        !self.metrics.is_empty()
    }

    /// Is this device's data wanted?
    pub fn takes_device(&self, device: &str, kind: &str, district: &str) -> bool {
        let any = |prefixes: &[Box<str>], matches: fn(&str, &str) -> bool, text: &str| {
            prefixes.is_empty() || prefixes.iter().any(|prefix| matches(prefix, text))
        };
        (self.devices.is_empty() || self.devices.contains(device))
            && any(&self.kinds, is_kind_prefix, kind)
            && any(
                &self.districts,
                |prefix, text| text.starts_with(prefix),
                district,
            )
    }

    /// Is this metric wanted? By canonical name.
    pub fn takes_metric(&self, metric: &str) -> bool {
        self.metrics.is_empty() || self.metrics.contains(metric)
    }
}

/// A metric's canonical name, or a sentence about the name that was probably meant.
///
/// # Errors
/// The catalogue has no such metric.
pub fn check_metric<'c>(name: &str, catalogue: &'c Catalogue) -> Result<&'c str, String> {
    catalogue.metric(name).map_or_else(
        || Err(unknown("metric", name, catalogue.nearest_metric(name))),
        |metric| Ok(&*metric.name),
    )
}

fn unknown(what: &str, name: &str, near: Option<&str>) -> String {
    let name: String = name.chars().take(80).collect();
    near.map_or_else(
        || format!("unknown {what} {name:?}"),
        |near| format!("unknown {what} {name:?}; did you mean {near:?}?"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn check(filter: &proto::Filter) -> Result<Selection, Violations> {
        Selection::check(filter, &Catalogue::shipped())
    }

    #[test]
    fn an_empty_filter_takes_everything() {
        let all = check(&proto::Filter::default()).unwrap();
        assert!(all.is_all() && !all.strips_readings());
        assert!(all.takes_device("any", "unknown", ""));
        assert!(all.takes_metric("voltage"));
    }

    #[test]
    fn all_parts_of_a_filter_must_agree() {
        let selection = check(&proto::Filter {
            devices: texts(&["a", "b"]),
            kinds: texts(&["meter", "unknown"]),
            districts: texts(&["3701"]),
            metrics: texts(&["voltage"]),
        })
        .unwrap();
        assert!(!selection.is_all() && selection.strips_readings());
        for (device, kind, district, taken) in [
            ("a", "meter.gas", "370102", true),
            ("b", "meter", "3701", true),
            ("a", "unknown", "3701", true),
            ("c", "meter.gas", "370102", false),
            ("a", "meters.gas", "370102", false),
            ("a", "pole.light", "370102", false),
            ("a", "meter.gas", "37", false),
        ] {
            let found = selection.takes_device(device, kind, district);
            assert_eq!(found, taken, "{device} {kind} {district}");
        }
        assert!(selection.takes_metric("voltage") && !selection.takes_metric("current"));
    }

    #[test]
    fn violations_have_a_bound() {
        let filter = proto::Filter {
            metrics: texts(&["no_such_thing_at_all"; NAMES_MAX]),
            districts: texts(&["", &"9".repeat(65)]),
            ..proto::Filter::default()
        };
        let wrong = check(&filter).unwrap_err();
        assert_eq!(wrong.0.len(), VIOLATIONS_MAX);
        assert_eq!(wrong.0[0].field, "filter.districts[0]");
        let filter = proto::Filter {
            kinds: texts(&["meter"; NAMES_MAX + 1]),
            ..proto::Filter::default()
        };
        let wrong = check(&filter).unwrap_err();
        assert_eq!(wrong.to_string(), "filter.kinds: 257 entries, at most 256");
    }
}
