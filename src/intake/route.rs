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
//! A `[[route]]` with `topic` serves every source that has topics or paths; one with `push` serves
//! `POST /v1/push/{route}` and nothing else. Each default serves the sources that announce it: a path that
//! works without being announced is one that nobody can ever take back.
//!
//! `+` stands for one level, a last `#` for any rest, as in MQTT 5 §4.7.1; `{device}` is a level
//! that names the device. A handful of patterns is compared one by one, level by level: no
//! allocation, and no tree before somebody has a hundred routes.
use super::push::{self, Proof, Push};
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
    Http,
}

impl Serves {
    fn has(self, source: Source) -> bool {
        match self {
            // Whoever pushes has shown that it may use its own route, and no other.
            Self::Http => source == Source::Http,
            _ if source == Source::Http => false,
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
    /// Of a push route.
    proof: Option<Proof>,
}

/// Where a topic leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The pattern that matched, or the name of a push route.
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

impl Target<'_> {
    /// Of a payload that came by no route.
    pub(super) const fn nowhere() -> Self {
        Self {
            route: "",
            device: None,
            token: None,
            payload_names: false,
            profile: "",
            shape: Shape::Telemetry,
            kind: "",
            district: "",
        }
    }
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
                proof: None,
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
    /// Reads `[[route]]`, which go before the defaults: `topic` or `push`, `profile` (default: the
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
        let configured: Vec<Route> = routes.into_iter().flatten().collect();
        let mut names: Vec<&str> = configured.iter().filter_map(Route::push).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if let [one, other] = pair
                && one == other
            {
                top.problem("route", one, "is the name of two push routes");
            }
        }
        let configured = configured.into_iter();
        Self(configured.chain(Self::default().0).collect())
    }

    /// The profiles that `[[route]]` names, with their places in the file.
    pub fn profiles(&self) -> impl Iterator<Item = (usize, &str)> {
        let named = self.0.iter().enumerate();
        named.filter_map(|(at, route)| (!route.profile.is_empty()).then_some((at, &*route.profile)))
    }

    /// Those by which platforms push.
    pub fn pushes(&self) -> impl Iterator<Item = Push> {
        let routes = self.0.iter().enumerate();
        routes.filter_map(|(at, route)| {
            Some(Push {
                at,
                name: route.push()?.into(),
                proof: route.proof.clone()?,
            })
        })
    }

    /// The first route that serves `source` and matches. A `CoAP` path has no leading slash.
    pub fn find<'a>(&'a self, topic: &'a str, source: Source) -> Option<Target<'a>> {
        let serving = self.0.iter().filter(|route| route.serves.has(source));
        serving.into_iter().find_map(|route| route.matches(topic))
    }
}

impl Route {
    /// The name of a push route.
    fn push(&self) -> Option<&str> {
        self.proof.as_ref().map(|_| &*self.pattern)
    }

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
                // `a/#` matches `a` too (MQTT 5 §4.7.1.2), and a push needs to name no device.
                let optional = self.proof.is_some() && *expected == Level::Device;
                return (optional || *expected == Level::Rest).then_some(target);
            };
            match expected {
                Level::Word(word) if **word == *found => {}
                Level::Word(_) => return None,
                Level::Any => {}
                Level::Rest => return Some(target),
                Level::Device => {
                    target.device = Some(found);
                    target.payload_names = false;
                }
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
    let (serves, pattern, levels, proof) = if section.has("push") {
        if let Some(topic) = topic {
            section.problem("topic", topic, "topic or push, one of them");
        }
        let (name, proof) = push::read(section)?;
        let levels = vec![
            Level::Word(PUSH.into()),
            Level::Word(name.clone()),
            Level::Device,
        ];
        (Serves::Http, name, levels, Some(proof))
    } else {
        push::refuse(section);
        let (topic, levels) = read_topic(section, topic, !profile.is_empty())?;
        (Serves::All, topic, levels, None)
    };
    Some(Route {
        serves,
        pattern,
        // Of a push route only where the request names a device.
        payload_names: serves == Serves::Http || !levels.contains(&Level::Device),
        levels,
        shape: Shape::Telemetry,
        profile: profile.into(),
        kind: kind.into(),
        district: district.into(),
        proof,
    })
}

/// The first level of what is pushed: `push/huawei`, or `push/huawei/{device}` where the request
/// names the device.
pub const PUSH: &str = "push";

fn read_topic(
    section: &mut Section<'_>,
    topic: Option<String>,
    has_profile: bool,
) -> Option<(Box<str>, Vec<Level>)> {
    let Some(topic) = topic else {
        let rule = "is missing: a topic such as plant/+/{device}/up, or push = \"name\"";
        section.problem("topic", "", rule);
        return None;
    };
    match parse(&topic) {
        Ok(levels) if !has_profile && !levels.contains(&Level::Device) => {
            section.problem(
                "topic",
                &topic,
                "must have {device} as a level of its own, or a `profile` whose payloads name the device",
            );
            None
        }
        Ok(levels) => Some((topic.into(), levels)),
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
