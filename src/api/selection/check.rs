//! From a filter to a selection: every name checked, then cut to the grant.
use super::{DEVICES_MAX, DISTRICT_BYTES_MAX, NAMES_MAX, Outside, Selection, Unfit, Violations};
use crate::access::{Grant, Scope};
use crate::catalogue::{Catalogue, is_kind_prefix};
use crate::model::{DeviceId, proto};
use std::sync::Arc;

/// Kind of a device that neither inventory nor profile knows.
const KIND_UNKNOWN: &str = "unknown";

/// What a filter is judged by.
pub struct Judge<'a> {
    /// Metrics and kinds that it may name.
    pub catalogue: &'a Catalogue,
    /// What the caller may see.
    pub grant: &'a Arc<Grant>,
    /// Is there a device of this id that the caller may see?
    pub sees: &'a dyn Fn(&str) -> bool,
}

impl Selection {
    /// Checks every name.
    ///
    /// # Errors
    /// All wrong fields (up to a limit), with the nearest name for an unknown kind or metric; else the
    /// first name that the grant does not cover.
    pub fn check(filter: &proto::Filter, judge: &Judge<'_>) -> Result<Self, Unfit> {
        check_counts(filter)?;
        let mut wrong = Violations::default();
        let mut selection = Self::granted(judge.grant);
        selection.unfiltered = *filter == proto::Filter::default();
        let (catalogue, mut outside) = (judge.catalogue, None);
        for (at, device) in filter.devices.iter().enumerate() {
            match DeviceId::check(device) {
                Ok(device) => _ = selection.devices.insert(device.into()),
                Err(error) => wrong.add(format!("filter.devices[{at}]"), error.to_string()),
            }
        }
        let mut kinds = Vec::new();
        for (at, kind) in filter.kinds.iter().enumerate() {
            if kind == KIND_UNKNOWN || catalogue.has_kind_prefix(kind) {
                kinds.push(kind.as_str().into());
            } else {
                let near = catalogue.nearest_kind(kind);
                wrong.add(format!("filter.kinds[{at}]"), unknown("kind", kind, near));
            }
        }
        let mut districts = Vec::new();
        for (at, district) in filter.districts.iter().enumerate() {
            if district.is_empty() || district.len() > DISTRICT_BYTES_MAX {
                let rule = format!("a district has 1 to {DISTRICT_BYTES_MAX} bytes");
                wrong.add(format!("filter.districts[{at}]"), rule);
            } else {
                districts.push(district.as_str().into());
            }
        }
        let mut metrics = Vec::new();
        for (at, metric) in filter.metrics.iter().enumerate() {
            match check_metric(metric, catalogue) {
                Ok(name) => metrics.push(name.into()),
                Err(why) => wrong.add(format!("filter.metrics[{at}]"), why),
            }
        }
        if !wrong.0.is_empty() {
            return Err(wrong.into());
        }
        narrow(
            &mut selection.kinds,
            kinds,
            is_kind_prefix,
            ("kinds", "kind"),
            &mut outside,
        );
        let begins = |prefix: &str, text: &str| text.starts_with(prefix);
        narrow(
            &mut selection.districts,
            districts,
            begins,
            ("districts", "district"),
            &mut outside,
        );
        selection.narrow_metrics(metrics, &mut outside);
        if !judge.grant.sees_all_devices() {
            let mut devices = filter.devices.iter().enumerate();
            if let Some((at, device)) = devices.find(|(_, device)| !(judge.sees)(device)) {
                outside.get_or_insert_with(|| {
                    Outside::device(format!("filter.devices[{at}]"), device)
                });
            }
        }
        outside.map_or(Ok(selection), |outside| Err(outside.into()))
    }

    fn narrow_metrics(&mut self, wanted: Vec<Box<str>>, outside: &mut Option<Outside>) {
        for (at, metric) in wanted.iter().enumerate() {
            if !self.grant.sees_metric(metric) {
                outside.get_or_insert_with(|| {
                    Outside::new(format!("filter.metrics[{at}]"), "metric", metric)
                });
            }
        }
        if !wanted.is_empty() {
            self.metrics = Scope::Only(wanted.into_iter().collect());
        }
    }
}

/// Checks how many names there are.
fn check_counts(filter: &proto::Filter) -> Result<(), Violations> {
    let mut wrong = Violations::default();
    for (field, len, max) in [
        ("devices", filter.devices.len(), DEVICES_MAX),
        ("kinds", filter.kinds.len(), NAMES_MAX),
        ("districts", filter.districts.len(), NAMES_MAX),
        ("metrics", filter.metrics.len(), NAMES_MAX),
    ] {
        if len > max {
            wrong.add(
                format!("filter.{field}"),
                format!("{len} entries, at most {max}"),
            );
        }
    }
    if wrong.0.is_empty() {
        Ok(())
    } else {
        Err(wrong)
    }
}

/// Cuts a scope of prefixes to those wanted; `names`: how the field and one of its entries are called.
fn narrow(
    scope: &mut Scope<Vec<Box<str>>>,
    wanted: Vec<Box<str>>,
    covers: impl Fn(&str, &str) -> bool,
    names: (&str, &str),
    outside: &mut Option<Outside>,
) {
    if wanted.is_empty() {
        return;
    }
    let Scope::Only(granted) = scope else {
        *scope = Scope::Only(wanted);
        return;
    };
    let mut both = Vec::new();
    for (at, name) in wanted.into_iter().enumerate() {
        let before = both.len();
        for prefix in granted.iter() {
            if covers(prefix, &name) {
                both.push(name.clone());
            } else if covers(&name, prefix) {
                both.push(prefix.clone());
            }
        }
        if both.len() == before {
            outside.get_or_insert_with(|| {
                Outside::new(format!("filter.{}[{at}]", names.0), names.1, &name)
            });
        }
    }
    both.sort_unstable();
    both.dedup();
    *scope = Scope::Only(both);
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
