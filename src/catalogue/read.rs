//! `[[metric]]` and `[[kind]]`: from TOML to the catalogue, every mistake noted.
//!
//! ```toml
//! [[kind]]
//! name = "pole.screen"
//! en = "Pole screen"
//! zh = "灯杆显示屏"
//!
//! [[metric]]
//! name = "screen_brightness"       # [a-z][a-z0-9_]{0,63}
//! en = "Screen brightness"         # the name, if absent
//! zh = "屏幕亮度"
//! type = "number"                  # or "flag", "text", "word" (then words = ["on", "off"])
//! unit = "%"                       # UCUM; "1" if absent
//! quantity = "ratio"               # only where a unit measures several things
//! min = 0                          # plausible range; no limit if absent
//! max = 100
//! range = [{ kind = "pole.screen", min = 1, max = 100 }]   # narrower, by kind
//! safety = false                   # a value over the range counts as alarming
//! register = false                 # a counter that only grows
//! rate_max = 80                    # most that a register grows in an hour; no limit if absent
//! rates = [{ kind = "meter.heat", rate_max = 5 }]      # the same, by kind
//! still_days = 30                  # a register that does not grow for so long is told of
//! resets = false                   # a register that is set to zero by right: not judged
//! multiplied = false               # an inventory's multiplier (CT x PT) applies to it
//! absent = 255                     # the number that means "no value"
//! molar_mass = 34.081              # g/mol, takes ppm for mg/m3 and back
//! explosive_limit = 5              # volume percent, takes %{vol} and ppm for %{LEL}
//! aliases = ["brightness"]         # other names for the same thing in the same unit
//! equivalents = { lwm2m = ["3311/5851"] }   # "id" or "id unit", for people
//! ```
use super::Catalogue;
use super::growth::Growth;
use super::metric::{Equivalent, Kind, Metric, Type};
use super::units::{Accepted, Quantity, Substance};
use crate::model::settings::Section;

/// Metrics with additions: each costs a look-up entry and a column in stores.
const METRICS_MAX: usize = 4_096;
/// Kinds with additions: filters walk through them.
const KINDS_MAX: usize = 1_024;
/// Names, aliases and words; `DeviceId` has the same limit.
const NAME_MAX_BYTES: usize = 64;
/// Titles are shown on a phone.
const TITLE_MAX_CHARS: usize = 120;
/// Words of a type, aliases, equivalents per scheme, ranges: as many as one metric may have.
pub(super) const LIST_MAX: usize = 64;

/// Standards that have names for metrics.
const SCHEMES: [&str; 6] = ["lwm2m", "fiware", "obis", "dlt645", "dlt698", "cjt188"];

/// Names that payloads or line protocol use for something else, in the same place.
const RESERVED: [&str; 11] = [
    "ts", "values", "time", "device", "kind", "district", "phase", "tariff", "channel", "storage",
    "freeze",
];

pub(super) fn extend(catalogue: &mut Catalogue, top: &mut Section<'_>) {
    top.sections("kind", |section| {
        if let Some(kind) = read_kind(section, catalogue) {
            catalogue.add_kind(kind);
        }
    });
    top.sections("metric", |section| {
        if let Some(metric) = read_metric(section, catalogue) {
            catalogue.add_metric(metric);
        }
    });
}

fn read_kind(section: &mut Section<'_>, catalogue: &Catalogue) -> Option<Kind> {
    let name = section.text("name");
    let (en, zh) = read_titles(section, name.as_deref().unwrap_or_default());
    let Some(name) = name else {
        section.problem("name", "", "a kind needs a name");
        return None;
    };
    let rule = if !name.split('.').all(is_name) || name.len() > NAME_MAX_BYTES {
        "must be parts of [a-z][a-z0-9_]* joined by dots, 64 characters at most"
    } else if catalogue.kind(&name).is_some() {
        "there is such a kind already"
    } else if catalogue.kinds.len() >= KINDS_MAX {
        "more than 1024 kinds"
    } else {
        return Some(Kind {
            name: name.into(),
            en,
            zh,
        });
    };
    section.problem("name", &name, rule);
    None
}

fn read_metric(section: &mut Section<'_>, catalogue: &Catalogue) -> Option<Metric> {
    let name = read_name(section, catalogue);
    let (en, zh) = read_titles(section, name.as_deref().unwrap_or_default());
    let kind_of_value = read_type(section);
    let measure = read_measure(section, kind_of_value.as_ref());
    let (min, max) = read_range(section, kind_of_value.as_ref());
    let ranges = read_ranges(section, catalogue, (min, max));
    let safety = section.flag("safety").unwrap_or_default();
    let register = section.flag("register").unwrap_or_default();
    let multiplied = section.flag("multiplied").unwrap_or_default();
    let absent = section.number("absent", f64::MIN, f64::MAX);
    if kind_of_value.as_ref().is_some_and(|t| *t != Type::Number) {
        if register {
            section.problem("register", true, "only a number is a register");
        }
        if multiplied {
            section.problem("multiplied", true, "only a number is multiplied");
        }
        if let Some(absent) = absent {
            section.problem("absent", absent, "only for a number");
        }
    }
    let growth = Growth::read(section, catalogue, register.then_some(max));
    let aliases = read_aliases(section, catalogue, name.as_deref());
    let equivalents = section.section("equivalents", read_equivalents);
    let Measure {
        unit,
        quantity,
        accepted,
    } = measure?;
    Some(Metric {
        name: name?.into(),
        en,
        zh,
        unit,
        kind_of_value: kind_of_value?,
        min,
        max,
        ranges,
        safety,
        register,
        growth,
        multiplied,
        absent,
        aliases,
        equivalents,
        quantity,
        accepted,
    })
}

fn read_name(section: &mut Section<'_>, catalogue: &Catalogue) -> Option<String> {
    let Some(name) = section.text("name") else {
        section.problem("name", "", "a metric needs a name");
        return None;
    };
    let rule = if !is_name(&name) {
        "must be [a-z][a-z0-9_]*, 64 characters at most"
    } else if RESERVED.contains(&name.as_str()) {
        "payloads and stores use this name for something else"
    } else if name.ends_with("_bad") || name.ends_with("_quality") {
        "stores write bad values to `.._bad` and qualities to `.._quality`"
    } else if catalogue.metric(&name).is_some() {
        "there is such a metric already, and a metric never changes its unit or meaning"
    } else if catalogue.metrics.len() >= METRICS_MAX {
        "more than 4096 metrics"
    } else {
        return Some(name);
    };
    section.problem("name", &name, rule);
    None
}

/// `[a-z][a-z0-9_]{0,63}`: safe in every store, payload and query.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn read_titles(section: &mut Section<'_>, name: &str) -> (Box<str>, Box<str>) {
    let mut title = |key| {
        let title = section.text(key);
        let fits = |title: &String| (1..=TITLE_MAX_CHARS).contains(&title.trim().chars().count());
        match title {
            Some(title) if !fits(&title) => {
                section.problem(key, title, "must be 1 to 120 characters");
                name.into()
            }
            Some(title) => title.into_boxed_str(),
            None => name.into(),
        }
    };
    (title("en"), title("zh"))
}

fn read_type(section: &mut Section<'_>) -> Option<Type> {
    let given = section.has("type");
    let kind = section.word("type", &["number", "flag", "word", "text"]);
    let words = section.texts("words");
    if let (Some(words), true) = (&words, kind != Some("word")) {
        section.problem("words", words.join(", "), "only for type = \"word\"");
    }
    match kind {
        Some("flag") => Some(Type::Flag),
        Some("text") => Some(Type::Text),
        Some("word") => {
            let words = words.unwrap_or_default();
            let mut sorted = words.clone();
            sorted.sort();
            sorted.dedup();
            if !(2..=LIST_MAX).contains(&sorted.len())
                || sorted.len() != words.len()
                || !words.iter().all(|word| is_name(word))
            {
                let rule = "must be 2 to 64 different words of the form [a-z][a-z0-9_]*";
                section.problem("words", words.join(", "), rule);
                return None;
            }
            Some(Type::Word(words.into_iter().map(Into::into).collect()))
        }
        Some(_) => Some(Type::Number),
        None => (!given).then_some(Type::Number),
    }
}

/// A metric's unit and what may be sent for it.
struct Measure {
    unit: Box<str>,
    quantity: Option<&'static Quantity>,
    accepted: Accepted,
}

fn read_measure(section: &mut Section<'_>, kind: Option<&Type>) -> Option<Measure> {
    let unit = section.text("unit").unwrap_or_else(|| "1".to_owned());
    let key = section.text("quantity");
    let substance = Substance {
        molar_mass_milli: read_milli(section, "molar_mass", 1.0, 1_000.0),
        explosive_limit_milli: read_milli(section, "explosive_limit", 0.1, 100.0),
    };
    if kind.is_some_and(|kind| *kind != Type::Number) {
        if unit != "1" {
            section.problem("unit", &unit, "only a number has a unit");
        }
        return Some(Measure {
            unit: "1".into(),
            quantity: None,
            accepted: Accepted::default(),
        });
    }
    let quantity = match key {
        Some(key) => {
            let quantity = Quantity::by_key(&key);
            if quantity.is_none() {
                let keys: Vec<&str> = Quantity::all().map(|quantity| quantity.key).collect();
                let rule = format!("must be one of {}", keys.join(", "));
                section.problem("quantity", key, rule);
            }
            quantity?
        }
        None => Quantity::of_code(&unit).or_else(|| unknown_unit(section, &unit))?,
    };
    let rule = match quantity.code(&unit) {
        Some(code) if code == unit => {
            return Some(Measure {
                accepted: Accepted::new(&unit, quantity, substance)?,
                unit: unit.into(),
                quantity: Some(quantity),
            });
        }
        Some(code) => format!("write the UCUM code `{code}`"),
        None if Quantity::of(&unit).is_some() => format!("does not measure {}", quantity.name),
        None => return unknown_unit(section, &unit),
    };
    section.problem("unit", &unit, rule);
    None
}

fn unknown_unit<T>(section: &mut Section<'_>, unit: &str) -> Option<T> {
    let near = Quantity::nearest_code(unit)
        .map_or_else(String::new, |code| format!("; did you mean `{code}`?"));
    section.problem("unit", unit, format!("unknown unit{near}"));
    None
}

/// A number with at most three decimals, in thousandths, so that rules stay whole.
fn read_milli(section: &mut Section<'_>, key: &'static str, min: f64, max: f64) -> Option<i128> {
    let number = section.number(key, min, max)?;
    let text = format!("{number:.3}");
    let exact = text.parse() == Ok(number);
    if !exact {
        section.problem(key, number, "must have at most three decimals");
    }
    text.replace('.', "").parse().ok()
}

fn read_range(section: &mut Section<'_>, kind: Option<&Type>) -> (f64, f64) {
    let min = section.number("min", f64::MIN, f64::MAX);
    let max = section.number("max", f64::MIN, f64::MAX);
    if let (Some(limit), Some(_)) = (min.or(max), kind.filter(|kind| **kind != Type::Number)) {
        section.problem("min", limit, "only a number has a range");
    }
    let (min, max) = (
        min.unwrap_or(f64::NEG_INFINITY),
        max.unwrap_or(f64::INFINITY),
    );
    if min > max {
        section.problem("min", min, format!("must not be above max = {max}"));
    }
    (min, max)
}

/// `kind` of a rule that holds for some kinds.
pub(super) fn read_kind_prefix(section: &mut Section<'_>, catalogue: &Catalogue) -> String {
    let kind = section.text("kind").unwrap_or_default();
    if !catalogue.has_kind_prefix(&kind) {
        let near = catalogue
            .nearest_kind(&kind)
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        section.problem("kind", &kind, format!("no such kind{near}"));
    }
    kind
}

fn read_ranges(
    section: &mut Section<'_>,
    catalogue: &Catalogue,
    (least, greatest): (f64, f64),
) -> Vec<(Box<str>, f64, f64)> {
    let read = section.sections("range", |section| {
        let kind = read_kind_prefix(section, catalogue);
        let min = section.number("min", f64::MIN, f64::MAX).unwrap_or(least);
        let max = section
            .number("max", f64::MIN, f64::MAX)
            .unwrap_or(greatest);
        if min > max {
            section.problem("min", min, format!("must not be above max = {max}"));
        } else if min < least || max > greatest {
            let rule = format!("must lie in the metric's own range {least} to {greatest}");
            section.problem("range", format!("{min} to {max}"), rule);
        }
        (kind.into_boxed_str(), min, max)
    });
    if read.len() > LIST_MAX {
        section.problem("range", read.len(), "64 ranges at most");
    }
    read
}

/// Aliases are what payloads carry, so they may be spelt otherwise ("PM2.5").
fn read_aliases(
    section: &mut Section<'_>,
    catalogue: &Catalogue,
    name: Option<&str>,
) -> Vec<Box<str>> {
    let aliases = section.texts("aliases").unwrap_or_default();
    if aliases.len() > LIST_MAX {
        section.problem("aliases", aliases.len(), "64 aliases at most");
    }
    let mut kept: Vec<Box<str>> = Vec::new();
    for alias in aliases.into_iter().take(LIST_MAX) {
        let spelt = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let rule = if !(1..=NAME_MAX_BYTES).contains(&alias.len()) || !alias.bytes().all(spelt) {
            "must be of [A-Za-z0-9._-], 64 characters at most"
        } else if RESERVED.contains(&alias.as_str()) {
            "payloads and stores use this name for something else"
        } else if catalogue.metric(&alias).is_some()
            || name == Some(&*alias)
            || kept.iter().any(|other| **other == *alias)
        {
            "there is such a metric or alias already"
        } else {
            kept.push(alias.into());
            continue;
        };
        section.problem("aliases", alias, rule);
    }
    kept
}

fn read_equivalents(section: &mut Section<'_>) -> Vec<Equivalent> {
    let mut all = Vec::new();
    for scheme in SCHEMES {
        let ids = section.texts(scheme).unwrap_or_default();
        if ids.len() > LIST_MAX {
            section.problem(scheme, ids.len(), "64 at most");
        }
        for text in ids.into_iter().take(LIST_MAX) {
            let (id, unit) = text.split_once(' ').unwrap_or((&text, ""));
            if id.is_empty() || text.len() > NAME_MAX_BYTES {
                let rule = "must be \"id\" or \"id unit\", 64 characters at most";
                section.problem(scheme, &text, rule);
                continue;
            }
            all.push(Equivalent {
                scheme: scheme.into(),
                id: id.into(),
                unit: unit.into(),
            });
        }
    }
    all
}
