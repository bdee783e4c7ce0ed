//! From TOML to a checked layout of documents.
use super::path::{Path, Step as PathStep};
use super::scope::{Base, Device, Each, Event, Scope, Source, ValueAt};
use super::tree::Tree;
use crate::catalogue::LABELS;
use crate::model::settings::Section;
use crate::profiles::inner::Inner;
use crate::profiles::literal::Literals;
use crate::profiles::map::Map;
use crate::profiles::reading::{RECORDS_DEPTH_MAX, Reading};
use crate::profiles::rules::{Condition, EventRule, Naming};
use crate::profiles::step::Step;
use crate::profiles::time::TimeRule;
use toml::Value;

/// Most conditions of one value, and members of one event's detail.
const LIST_MAX: usize = 16;

/// Where in the file a record is read.
#[derive(Clone, Copy)]
struct Level<'c> {
    reading: Reading<'c>,
    /// How many `[[each]]` are around it.
    depth: usize,
    /// Is it a member of an object, which has a key?
    keyed: bool,
}

/// Reads the record at the file's top.
pub(super) fn top(section: &mut Section<'_>, reading: Reading<'_>) -> Scope {
    let level = Level {
        reading,
        depth: 0,
        keyed: false,
    };
    let mut scope = record(section, level);
    if section.has("inner") {
        inner_of(section, &mut scope);
        let named = scope
            .inner
            .as_ref()
            .is_some_and(|(_, i)| !i.profile().is_empty());
        if scope.inner.is_some() && !named && scope.device.is_none() {
            let rule = "must name a profile: without [device] nothing says whose profile it is";
            section.problem("inner.profile", "\"\"", rule);
        }
    }
    let nothing = scope.values.is_empty() && scope.each.is_empty() && scope.events.is_empty();
    if nothing && scope.inner.is_none() {
        section.problem(
            "value",
            "",
            "a profile needs a [[value]], [[each]], [[event]] or [inner]",
        );
    }
    scope
}

fn inner_of(section: &mut Section<'_>, scope: &mut Scope) {
    let tree = &mut scope.tree;
    scope.inner = section.section("inner", |inner| {
        let slot = needed(inner, "path", tree);
        slot.map(|slot| (slot, Inner::read(inner)))
    });
}

fn record(section: &mut Section<'_>, level: Level<'_>) -> Scope {
    let mut tree = Tree::default();
    let device = section
        .has("device")
        .then(|| section.section("device", |device| device_of(device, level, &mut tree)));
    let values = section.sections("value", |value| value_of(value, level, &mut tree));
    let events = section.sections("event", |event| event_of(event, &mut tree));
    let each = each_of(section, level, &mut tree);
    // The time of a record of [[each]] may be reckoned from outside: read by who has both trees.
    let time = (level.depth == 0 && section.has("time")).then(|| {
        section.section("time", |time| {
            let slot = needed(time, "path", &mut tree);
            slot.map(|slot| (slot, TimeRule::read(time)))
        })
    });
    Scope {
        device: device.flatten(),
        time: time.flatten(),
        values: values.into_iter().flatten().collect(),
        events: events.into_iter().flatten().collect(),
        each: each.into_iter().flatten().collect(),
        inner: None,
        tree,
    }
}

fn each_of(section: &mut Section<'_>, level: Level<'_>, outside: &mut Tree) -> Vec<Option<Each>> {
    if level.depth == RECORDS_DEPTH_MAX {
        if let Some(value) = section.raw("each") {
            let rule = format!("records are nested {RECORDS_DEPTH_MAX} deep at most");
            section.problem("each", value, rule);
        }
        return Vec::new();
    }
    section.sections("each", |each| {
        let path = take_path(each, "path");
        // Without a path the document itself is the array.
        let (mut path, there) = match path {
            Taken::Path(path) => (path, true),
            Taken::Missing => (Path::default(), true),
            Taken::Wrong => (Path::default(), false),
        };
        let members = path.0.last() == Some(&PathStep::Key("*".into()));
        if members {
            path.0.pop();
        }
        if path.0.contains(&PathStep::Key("*".into())) {
            each.problem(
                "path",
                &path,
                "`*` can only be the last step; nest [[each]] for more",
            );
        }
        let when = conditions(each, outside);
        let level = Level {
            depth: level.depth + 1,
            keyed: members,
            ..level
        };
        let mut scope = record(each, level);
        let (base, step) = if each.has("time") {
            each.section("time", |time| series(time, outside, &mut scope))
        } else {
            (None, None)
        };
        if each.has("inner") {
            inner_of(each, &mut scope);
        }
        there.then(|| Each {
            slot: outside.slot(&path),
            members,
            when,
            base,
            step,
            scope,
        })
    })
}

/// `[each.time]`: a time of each record's own, or a base and a step.
fn series(
    time: &mut Section<'_>,
    outside: &mut Tree,
    scope: &mut Scope,
) -> (Option<Base>, Option<Step<usize>>) {
    if !time.has("step") {
        let slot = needed(time, "path", &mut scope.tree);
        scope.time = slot.map(|slot| (slot, TimeRule::read(time)));
        return (None, None);
    }
    let base = time.has("base").then(|| {
        time.section("base", |base| {
            let slot = needed(base, "path", outside);
            slot.map(|slot| (slot, TimeRule::read(base)))
        })
    });
    let step = Step::read(time, |step| needed(step, "path", outside));
    (base.flatten(), step)
}

fn device_of(section: &mut Section<'_>, level: Level<'_>, tree: &mut Tree) -> Option<Device> {
    let naming = Naming::read(section);
    let via = match level.depth {
        0 => optional(section, "via", tree),
        _ => None,
    };
    let or = section.has("or").then(|| {
        section.section("or", |or| {
            let naming = Naming::read(or);
            Some((source(or, level, tree)?, naming))
        })
    });
    Some(Device {
        source: source(section, level, tree)?,
        via,
        naming,
        or: or.flatten(),
    })
}

fn value_of(section: &mut Section<'_>, level: Level<'_>, tree: &mut Tree) -> Option<ValueAt> {
    let slot = needed(section, "path", tree);
    let when = conditions(section, tree);
    let labels = section.section("label", |labels| {
        let read = LABELS.map(|name| {
            labels.has(name).then(|| {
                let source = labels.section(name, |label| source(label, level, tree));
                source.map(|source| (name, source))
            })
        });
        read.into_iter().flatten().flatten().collect()
    });
    let map = Map::read(section, level.reading.catalogue);
    Some(ValueAt {
        slot: slot?,
        map: map?,
        when,
        labels,
    })
}

fn event_of(section: &mut Section<'_>, tree: &mut Tree) -> Option<Event> {
    let rule = EventRule::read(section);
    let when = conditions(section, tree);
    if when.is_empty() {
        section.problem(
            "when",
            "",
            "an event needs a condition: without, every payload is one",
        );
    }
    let detail = match section.raw("detail") {
        None => Vec::new(),
        Some(Value::Table(table)) if table.len() <= LIST_MAX => {
            let mut detail = Vec::new();
            for (name, value) in table {
                match parse(&value) {
                    Ok(path) => detail.push((name.into(), tree.slot(&path))),
                    Err(rule) => section.problem(&format!("detail.{name}"), value, rule),
                }
            }
            detail
        }
        Some(other) => {
            let rule = format!("must be a table of at most {LIST_MAX} names and paths");
            section.problem("detail", other, rule);
            Vec::new()
        }
    };
    Some(Event {
        rule: rule?,
        when,
        detail: detail.into(),
    })
}

/// `when = { "service.serviceId" = "Pumper", code = [1, 3] }`.
fn conditions(section: &mut Section<'_>, tree: &mut Tree) -> Box<[Condition<usize>]> {
    let table = match section.raw("when") {
        None => return Box::default(),
        Some(Value::Table(table)) if (1..=LIST_MAX).contains(&table.len()) => table,
        Some(other) => {
            let rule = format!("must be a table of 1 to {LIST_MAX} paths and values");
            section.problem("when", other, rule);
            return Box::default();
        }
    };
    let mut all = Vec::new();
    for (path, value) in table {
        match (Path::parse(&path), Literals::of(&value)) {
            (Ok(path), Some(allowed)) => all.push(Condition {
                source: tree.slot(&path),
                allowed,
            }),
            (Err(rule), _) => section.problem(&format!("when.{path}"), &path, rule),
            (_, None) => {
                let rule = "must be a text, number or flag, or a list of them";
                section.problem(&format!("when.{path}"), value, rule);
            }
        }
    }
    all.into()
}

/// `path`, or `key = true` in a record that is a member of an object.
fn source(section: &mut Section<'_>, level: Level<'_>, tree: &mut Tree) -> Option<Source> {
    if section.flag("key") == Some(true) {
        if !level.keyed {
            let rule = "only a record of an [[each]] over an object's members (`*`) has a key";
            section.problem("key", true, rule);
        }
        return Some(Source::Key);
    }
    needed(section, "path", tree).map(Source::Slot)
}

enum Taken {
    Path(Path),
    Missing,
    Wrong,
}

fn take_path(section: &mut Section<'_>, key: &'static str) -> Taken {
    let Some(value) = section.raw(key) else {
        return Taken::Missing;
    };
    match parse(&value) {
        Ok(path) => Taken::Path(path),
        Err(rule) => {
            section.problem(key, &value, rule);
            Taken::Wrong
        }
    }
}

fn parse(value: &Value) -> Result<Path, String> {
    let text = value
        .as_str()
        .ok_or("must be a path, such as \"payload.data[0]\"")?;
    Path::parse(text)
}

fn optional(section: &mut Section<'_>, key: &'static str, tree: &mut Tree) -> Option<usize> {
    match take_path(section, key) {
        Taken::Path(path) => Some(tree.slot(&path)),
        Taken::Missing | Taken::Wrong => None,
    }
}

fn needed(section: &mut Section<'_>, key: &'static str, tree: &mut Tree) -> Option<usize> {
    if !section.has(key) {
        section.problem(key, "", "a path is needed, such as \"payload.data[0]\"");
    }
    optional(section, key, tree)
}
