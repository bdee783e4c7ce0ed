//! From a topic to a device and a format.
//!
//! ```text
//! [[route]] in the order of the file, then
//!   city/{device}/{profile}            city/{device}              v1/devices/me/telemetry
//!   v1/gateway/telemetry               v1/devices/me/attributes   v1/gateway/attributes
//!   v1/gateway/connect                 v1/gateway/disconnect
//! and over CoAP
//!   t/{device}/{profile}               t/{device}
//!   api/v1/{token}/telemetry           api/v1/{token}/attributes
//! ```
//! A `[[route]]` serves every source. Each default serves the sources that announce it: a path that
//! works without being announced is one that nobody can ever take back.
//!
//! `+` stands for one level, a last `#` for any rest, as in MQTT 5 §4.7.1; `{device}` is a level
//! that names the device. A handful of patterns is compared one by one, level by level: no
//! allocation, and no tree before somebody has a hundred routes.
use crate::catalogue::Catalogue;
use crate::model::Source;
use crate::model::settings::Section;
use std::borrow::Cow;

/// Most `[[route]]`: they are looked at one by one for each uplink.
const ROUTES_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Word(Box<str>),
    Any,
    Rest,
    Device,
    Profile,
    Token,
}

/// What lies behind a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A codec's format.
    Telemetry,
    /// `ThingsBoard`'s `{"device": [..]}`.
    Gateway,
    /// `ThingsBoard`'s attributes: noted as an event.
    Attributes,
    /// `ThingsBoard`'s `{"device": ".."}`: a child came or went, noted as an event of this name.
    Child(&'static str),
}

/// Whom a route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    All,
    Coap,
    AllButCoap,
}

impl Serves {
    fn has(self, source: Source) -> bool {
        match self {
            Self::All => true,
            Self::Coap => source == Source::Coap,
            Self::AllButCoap => source != Source::Coap,
        }
    }
}

#[derive(Clone, Debug)]
struct Route {
    /// As written.
    pattern: Box<str>,
    serves: Serves,
    levels: Vec<Level>,
    shape: Shape,
    payload_names: bool,
    profile: Box<str>,
    kind: Box<str>,
    district: Box<str>,
}

/// Where a topic leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The pattern that matched.
    pub route: &'a str,
    /// The level that names the device; `None`: the sender's credentials name it.
    pub device: Option<&'a str>,
    /// The level that is an access token. Never shown.
    pub token: Option<&'a str>,
    /// Nobody but the payload names the device.
    pub payload_names: bool,
    /// Name of the profile; empty: the Content-Format's, the inventory's, else `json`.
    pub profile: &'a str,
    /// What to expect.
    pub shape: Shape,
    /// Fixed by the route, or empty.
    pub kind: &'a str,
    /// Fixed by the route, or empty.
    pub district: &'a str,
}

/// All routes.
#[derive(Clone, Debug)]
pub struct Routes(Vec<Route>);

impl Default for Routes {
    /// Those that need no configuration.
    fn default() -> Self {
        use Shape::{Attributes, Child, Gateway, Telemetry};
        let default = |serves| {
            move |(pattern, shape): &(&str, Shape)| Route {
                pattern: (*pattern).into(),
                serves,
                levels: pattern.split('/').map(level).collect(),
                shape: *shape,
                payload_names: false,
                profile: "".into(),
                kind: "".into(),
                district: "".into(),
            }
        };
        let patterns = [
            ("city/{device}/{profile}", Telemetry),
            ("city/{device}", Telemetry),
            ("v1/devices/me/telemetry", Telemetry),
            ("v1/gateway/telemetry", Gateway),
            ("v1/devices/me/attributes", Attributes),
            ("v1/gateway/attributes", Attributes),
            ("v1/gateway/connect", Child("child_connected")),
            ("v1/gateway/disconnect", Child("child_disconnected")),
        ];
        let coap = [
            ("t/{device}/{profile}", Telemetry),
            ("t/{device}", Telemetry),
            ("api/v1/{token}/telemetry", Telemetry),
            ("api/v1/{token}/attributes", Attributes),
        ];
        let others = patterns.iter().map(default(Serves::AllButCoap));
        Self(
            others
                .chain(coap.iter().map(default(Serves::Coap)))
                .collect(),
        )
    }
}

fn level(text: &str) -> Level {
    match text {
        "+" => Level::Any,
        "#" => Level::Rest,
        "{device}" => Level::Device,
        "{profile}" => Level::Profile,
        "{token}" => Level::Token,
        word => Level::Word(word.into()),
    }
}

impl Routes {
    /// Reads `[[route]]`, which go before the defaults: `topic`, `profile` (default: the
    /// Content-Format's, the inventory's, else `json`), and for all devices of the route `kind` and
    /// `district`.
    pub fn read(top: &mut Section<'_>, catalogue: &Catalogue) -> Self {
        let mut routes = top.sections("route", |section| read(section, catalogue));
        if routes.len() > ROUTES_MAX {
            top.problem(
                "route",
                routes.len(),
                format!("at most {ROUTES_MAX} routes"),
            );
            routes.truncate(ROUTES_MAX);
        }
        let configured = routes.into_iter().flatten();
        Self(configured.chain(Self::default().0).collect())
    }

    /// The profiles that `[[route]]` names, with their places in the file.
    pub fn profiles(&self) -> impl Iterator<Item = (usize, &str)> {
        let named = self.0.iter().enumerate();
        named.filter_map(|(at, route)| (!route.profile.is_empty()).then_some((at, &*route.profile)))
    }

    /// The first route that serves `source` and matches. A `CoAP` path has no leading slash.
    pub fn find<'a>(&'a self, topic: &'a str, source: Source) -> Option<Target<'a>> {
        let serving = self.0.iter().filter(|route| route.serves.has(source));
        serving.into_iter().find_map(|route| route.matches(topic))
    }
}

impl Route {
    fn matches<'a>(&'a self, topic: &'a str) -> Option<Target<'a>> {
        let mut target = Target {
            route: &self.pattern,
            device: None,
            token: None,
            profile: &self.profile,
            shape: self.shape,
            payload_names: self.payload_names,
            kind: &self.kind,
            district: &self.district,
        };
        let mut levels = topic.split('/');
        for expected in &self.levels {
            let Some(found) = levels.next() else {
                // `a/#` matches `a` too (MQTT 5 §4.7.1.2).
                return (*expected == Level::Rest).then_some(target);
            };
            match expected {
                Level::Word(word) if **word == *found => {}
                Level::Word(_) => return None,
                Level::Any => {}
                Level::Rest => return Some(target),
                Level::Device => target.device = Some(found),
                Level::Profile => target.profile = found,
                Level::Token => target.token = Some(found),
            }
        }
        levels.next().is_none().then_some(target)
    }
}

fn read(section: &mut Section<'_>, catalogue: &Catalogue) -> Option<Route> {
    let topic = section.text("topic");
    let profile = section.text("profile").unwrap_or_default();
    let kind = section.text("kind").unwrap_or_default();
    let district = section.text("district").unwrap_or_default();
    if !kind.is_empty() && !catalogue.kinds().any(|known| *known.name == *kind) {
        let near = catalogue
            .nearest_kind(&kind)
            .map(|near| format!("; did you mean `{near}`?"));
        let rule = format!(
            "must be a kind of the catalogue{}",
            near.unwrap_or_default()
        );
        section.problem("kind", &kind, rule);
    }
    if district.len() > DISTRICT_LEN_MAX || district.chars().any(char::is_control) {
        let rule = format!("must be a text of at most {DISTRICT_LEN_MAX} bytes");
        section.problem("district", &district, rule);
    }
    let Some(topic) = topic else {
        section.problem(
            "topic",
            "",
            "is missing: a topic such as plant/+/{device}/up",
        );
        return None;
    };
    match parse(&topic) {
        Ok(levels) if profile.is_empty() && !levels.contains(&Level::Device) => {
            section.problem(
                "topic",
                &topic,
                "must have {device} as a level of its own, or a `profile` whose payloads name the device",
            );
            None
        }
        Ok(levels) => Some(Route {
            serves: Serves::All,
            pattern: topic.as_str().into(),
            payload_names: !levels.contains(&Level::Device),
            levels,
            shape: Shape::Telemetry,
            profile: profile.into(),
            kind: kind.into(),
            district: district.into(),
        }),
        Err(rule) => {
            section.problem("topic", &topic, rule);
            None
        }
    }
}

/// Longest district, in bytes.
const DISTRICT_LEN_MAX: usize = 64;

fn parse(topic: &str) -> Result<Vec<Level>, &'static str> {
    let levels: Vec<Level> = topic.split('/').map(level).collect();
    let count = |wanted: &Level| levels.iter().filter(|level| *level == wanted).count();
    if count(&Level::Device) > 1 {
        return Err("may have {device} only once, as a level of its own");
    }
    if count(&Level::Profile) != 0 {
        return Err("must not have {profile}: the key `profile` says it");
    }
    if count(&Level::Token) != 0 {
        return Err("must not have {token}: it is shown, and tokens are not");
    }
    let rests = count(&Level::Rest);
    if rests > 1 || (rests == 1 && levels.last() != Some(&Level::Rest)) {
        return Err("may have # only as its last level");
    }
    let odd = |level: &Level| matches!(level, Level::Word(word) if word.contains(['+', '#', '{', '}', '\0']));
    if levels.iter().any(odd) {
        return Err("may have +, #, { and } only as levels of their own: +, # and {device}");
    }
    Ok(levels)
}

/// A topic as it may be shown: the access token in `/api/v1/{token}/..` is nobody's business.
pub(super) fn shown(topic: &str) -> Cow<'_, str> {
    let (slash, path) = match topic.strip_prefix('/') {
        Some(path) => ("/", path),
        None => ("", topic),
    };
    let Some(rest) = path.strip_prefix("api/v1/") else {
        return Cow::Borrowed(topic);
    };
    let behind = rest.find('/').and_then(|at| rest.get(at..));
    Cow::Owned([slash, "api/v1/***", behind.unwrap_or_default()].concat())
}

#[cfg(test)]
mod tests;
