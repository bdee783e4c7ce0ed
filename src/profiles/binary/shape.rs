//! The layout out of a profile's TOML.
use super::field::{Field, Kind};
use super::layout::{Clock, Count, Event, Item, Items, Name, Repeat, Timing, Value, When, Within};
use super::read::{self, AT_MAX};
use crate::catalogue::LABELS;
use crate::model::settings::Section;
use crate::profiles::inner::Inner;
use crate::profiles::literal::Literals;
use crate::profiles::map::Map;
use crate::profiles::reading::Reading;
use crate::profiles::rules::{Condition, EventRule, Naming};
use crate::profiles::step::Step;
use crate::profiles::time::TimeRule;

/// Most `[[repeat]]`s.
const REPEATS_MAX: usize = 16;
/// Most `[[item]]`s.
const ITEMS_MAX: usize = 512;
/// Most conditions of one value.
const WHEN_MAX: usize = 8;
/// Most events, and details of one.
const EVENTS_MAX: usize = 32;

/// What is at hand while one table of a layout is read.
#[derive(Clone, Copy)]
pub(super) struct Shape<'r> {
    pub(super) reading: Reading<'r>,
    /// `endian` of the file.
    pub(super) little: bool,
    /// Bytes of the frame that fields must lie in, where they are known: a record, an item.
    pub(super) size: Option<usize>,
    /// `at` of a field that says none; `None`: it must say.
    pub(super) at: Option<i32>,
}

impl Shape<'_> {
    fn of(self, size: usize) -> Self {
        Self {
            size: Some(size),
            ..self
        }
    }

    /// A field that lies within the frame.
    pub(super) fn field(self, section: &mut Section<'_>) -> Option<Field> {
        let field = read::field(section, self.little, self.at)?;
        if let Some(size) = self.size {
            let from = i64::from(field.at);
            let length = i64::try_from(field.length).unwrap_or(i64::MAX);
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            if (from >= 0 && from + length > size) || -from > size {
                let rule = format!("{length} bytes there are not within the {size} of one");
                section.problem("at", from, rule);
                return None;
            }
        }
        Some(field)
    }

    /// The field of a sub-table.
    fn field_of(self, section: &mut Section<'_>, key: &'static str) -> Option<Field> {
        section
            .has(key)
            .then(|| section.section(key, |s| self.field(s)))?
    }

    /// `when`: one table or several.
    pub(super) fn when(self, section: &mut Section<'_>) -> When {
        let read = |section: &mut Section<'_>| {
            let source = self.field(section);
            if !section.has("is") {
                section.problem("is", "", "is needed: the values that it may have");
            }
            let allowed = Literals::read(section, "is");
            source.map(|source| Condition { source, allowed })
        };
        let all = if section.is_table("when") {
            vec![section.section("when", read)]
        } else {
            section.sections("when", read)
        };
        if all.len() > WHEN_MAX {
            section.problem("when", all.len(), format!("at most {WHEN_MAX} conditions"));
        }
        all.into_iter().flatten().collect()
    }

    pub(super) fn value(self, section: &mut Section<'_>) -> Option<Value> {
        let field = self.field(section);
        let optional = section.flag("optional").unwrap_or_default();
        let when = self.when(section);
        let labels = section.section("label", |section| {
            let read = |name| Some((name, self.field_of(section, name)?));
            LABELS.into_iter().filter_map(read).collect()
        });
        let map = Map::read(section, self.reading.catalogue);
        Some(Value {
            field: field?,
            optional,
            when,
            labels,
            map: map?,
        })
    }

    pub(super) fn values(self, section: &mut Section<'_>) -> Box<[Value]> {
        let all = section.sections("value", |section| self.value(section));
        all.into_iter().flatten().collect()
    }

    /// A table with a field and what it says of a time.
    fn clock(self, section: &mut Section<'_>) -> Option<Clock> {
        let field = self.field(section);
        let rule = TimeRule::read(section);
        field.map(|field| Clock { field, rule })
    }

    pub(super) fn clock_of(self, section: &mut Section<'_>, key: &'static str) -> Option<Clock> {
        section
            .has(key)
            .then(|| section.section(key, |s| self.clock(s)))?
    }

    pub(super) fn name_of(self, section: &mut Section<'_>) -> Option<Name> {
        section.has("device").then(|| {
            section.section("device", |section| {
                let field = self.field(section);
                let via = self.field_of(section, "via");
                let naming = Naming::read(section);
                field.map(|field| Name { field, via, naming })
            })
        })?
    }

    pub(super) fn event(self, section: &mut Section<'_>) -> Option<Event> {
        let when = self.when(section);
        if when.is_empty() {
            section.problem("when", "", "an event needs a condition");
        }
        let detail = section.sections("detail", |section| {
            let name = section.get("name", "must be 1 to 32 of a-z 0-9 _", |value| {
                let name = value.as_str()?;
                let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let fits = (1..=32).contains(&name.len()) && name.chars().all(usable);
                fits.then(|| Box::from(name))
            });
            let field = self.field(section);
            Some((name?, field?))
        });
        if detail.len() > EVENTS_MAX {
            section.problem("detail", detail.len(), format!("at most {EVENTS_MAX}"));
        }
        Some(Event {
            rule: EventRule::read(section)?,
            when,
            detail: detail.into_iter().flatten().collect(),
        })
    }

    pub(super) fn events(self, top: &mut Section<'_>) -> Box<[Event]> {
        let all = top.sections("event", |section| self.event(section));
        if all.len() > EVENTS_MAX {
            top.problem("event", all.len(), format!("at most {EVENTS_MAX} events"));
        }
        all.into_iter().flatten().collect()
    }

    /// `[inner]`: its place, and what it is.
    pub(super) fn within(self, top: &mut Section<'_>) -> Option<Within> {
        top.has("inner").then(|| {
            top.section("inner", |section| Within {
                at: read::at(section).unwrap_or(0),
                bytes: self.field_of(section, "bytes"),
                behind: behind(section),
                when: self.when(section),
                inner: Inner::read(section),
            })
        })
    }

    pub(super) fn repeats(self, top: &mut Section<'_>) -> Box<[Repeat]> {
        let all = top.sections("repeat", |section| self.repeat(section));
        if all.len() > REPEATS_MAX {
            let rule = format!("at most {REPEATS_MAX} lists of records");
            top.problem("repeat", all.len(), rule);
        }
        all.into_iter().flatten().collect()
    }

    fn repeat(self, section: &mut Section<'_>) -> Option<Repeat> {
        let at = needed_at(section);
        let behind = behind(section);
        let when = self.when(section);
        let count = self.count(section);
        if !section.has("size") {
            section.problem("size", "", "is needed: the bytes of one record");
        }
        let size = size(section, 1);
        let inside = Shape {
            size: size.or(self.size),
            ..self
        };
        let timing = self.timing(section, inside);
        let device = inside.name_of(section);
        let values = inside.values(section);
        if values.is_empty() {
            section.problem("value", "", "a record needs a value: [[repeat.value]]");
        }
        Some(Repeat {
            at: at?,
            behind,
            size: size?,
            count: count?,
            when,
            timing: timing?,
            device,
            values,
        })
    }

    fn count(self, section: &mut Section<'_>) -> Option<Count> {
        if section.is_table("count") {
            let field = self.field_of(section, "count")?;
            let whole = matches!(field.kind, Kind::Unsigned | Kind::Bcd);
            if !whole {
                section.problem(
                    "count",
                    "..",
                    "must be a field that is not negative: u8, u16, bcd",
                );
            }
            return whole.then_some(Count::Sent(field));
        }
        let rule = format!(
            "must be \"rest\", a number from 1 to {AT_MAX}, or the field that says it: {{ at = .., type = .. }}"
        );
        if !section.has("count") {
            return Some(Count::Rest);
        }
        section.get("count", &rule, |value| {
            if value.as_str() == Some("rest") {
                return Some(Count::Rest);
            }
            let count = value
                .as_integer()
                .filter(|count| (1..=AT_MAX).contains(count))?;
            usize::try_from(count).ok().map(Count::Fixed)
        })
    }

    fn timing(self, section: &mut Section<'_>, inside: Self) -> Option<Timing> {
        let own = inside.clock_of(section, "time");
        let base = self.clock_of(section, "base");
        let step = Step::read(section, |step| self.field(step));
        match (own, base, step) {
            (Some(_), None, Some(_)) => {
                section.problem("step", "..", "excludes a time of each record's own");
                None
            }
            (_, Some(_), None) => {
                section.problem("base", "..", "needs a `step`");
                None
            }
            (Some(_), Some(_), Some(_)) => {
                section.problem("base", "..", "excludes a time of each record's own");
                None
            }
            (Some(clock), None, None) => Some(Timing::Own(clock)),
            (None, None, None) => Some(Timing::Payload),
            (None, base, Some(step)) => Some(Timing::Steps { base, step }),
        }
    }

    /// `[items]` and `[[item]]`.
    pub(super) fn items(self, top: &mut Section<'_>) -> Option<Items> {
        if !top.has("items") {
            if top.has("item") {
                top.problem("items", "", "is needed where there is an [[item]]");
            }
            let _ = top.sections("item", |section| {
                let _ = self.item(section, 4, false);
            });
            return None;
        }
        let (at, behind, bytes, when, key, length) = top.section("items", |section| {
            let at = read::at(section).unwrap_or(0);
            let key = section.integer("key", 1, 4).unwrap_or(1);
            let key = usize::try_from(key).unwrap_or(1);
            let little = read::little(section, self.little);
            let length = section.word("length", &["u8", "u16"]).map(|name| Field {
                at: i32::try_from(key).unwrap_or(0),
                length: if name == "u8" { 1 } else { 2 },
                kind: Kind::Unsigned,
                little,
                mask: u64::MAX,
                shift: 0,
                bits: 16,
            });
            let bytes = self.field_of(section, "bytes");
            (at, behind(section), bytes, self.when(section), key, length)
        });
        let read = |section: &mut Section<'_>| self.item(section, key, length.is_some());
        let all = top.sections("item", read);
        if all.len() > ITEMS_MAX {
            top.problem("item", all.len(), format!("at most {ITEMS_MAX} items"));
        }
        let mut list: Vec<Item> = all.into_iter().flatten().collect();
        list.sort_by_key(|item| item.key);
        for twin in list.windows(2) {
            if let [one, other] = twin
                && one.key == other.key
            {
                let name = format!("{:0width$x}", one.key, width = 2 * key);
                top.problem("item", name, "this key is there twice");
            }
        }
        Some(Items {
            at,
            behind,
            bytes,
            when,
            key,
            length,
            list: list.into(),
        })
    }

    fn item(self, section: &mut Section<'_>, key: usize, sent_length: bool) -> Option<Item> {
        let rule = format!("must be {key} bytes as hex digits, such as \"0367\"");
        let missing = !section.has("key");
        let number = section.get("key", &rule, |value| {
            let text = value.as_str()?;
            let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            (digits && text.len() == 2 * key).then(|| u32::from_str_radix(text, 16).ok())?
        });
        if missing {
            section.problem("key", "", "an item needs a key");
        }
        let given = section.has("size");
        let size = size(section, 0);
        if sent_length && given {
            section.problem(
                "size",
                "..",
                "each item's length is sent: it has no fixed size",
            );
        } else if !sent_length && !given {
            section.problem("size", "", "is needed: the bytes of the item's data");
        }
        let inside = Shape {
            at: Some(0),
            ..size.map_or(self, |size| self.of(size))
        };
        let time = inside.clock_of(section, "time");
        let values = inside.values(section);
        Some(Item {
            key: number?,
            size: size.unwrap_or_default(),
            time,
            values,
        })
    }
}

/// Where a list begins; without it, at the first byte.
fn needed_at(section: &mut Section<'_>) -> Option<i32> {
    if !section.has("at") {
        section.problem("at", "", "is needed: the byte at which the records begin");
        return None;
    }
    read::at(section)
}

/// `behind`: bytes after the list, such as a checksum.
fn behind(section: &mut Section<'_>) -> usize {
    let behind = section.integer("behind", 0, AT_MAX.unsigned_abs());
    behind
        .and_then(|behind| usize::try_from(behind).ok())
        .unwrap_or_default()
}

/// `size` in bytes.
fn size(section: &mut Section<'_>, min: u64) -> Option<usize> {
    let size = section.integer("size", min, AT_MAX.unsigned_abs());
    size.and_then(|size| usize::try_from(size).ok())
}
