//! Do profiles read their fixtures right? Decoded and normalised as intake would.
use super::Knowledge;
use super::preview::{Assumed, Place, Preview, preview, quality_name};
use crate::catalogue::Catalogue;
use crate::inventory::Unknown;
use crate::model::settings;
use crate::model::{Timestamp, proto};
use crate::profiles::{Expected, ExpectedValue, Fixture, Profile, Profiles};
use jiff::tz::TimeZone;
use proto::reading::Value;
use std::fmt;

/// When a fixture that does not say arrives: 2026-11-23T08:00:00Z.
const RECEIVED_AT: Timestamp = Timestamp::from_secs(1_795_420_800);
/// Most readings of one fixture, as of an uplink by default.
const READINGS_MAX: usize = 1_000;
/// Widest column of a comparison, in characters.
const COLUMN_MAX: usize = 72;

/// A fixture that is not read as it should be. Shown, it is two columns, expected and got, with a
/// mark on each line that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// File and line of the fixture.
    pub place: settings::Place,
    /// Its name.
    pub fixture: String,
    /// In the fixture's order, what is not expected at the end.
    pub lines: Vec<Line>,
}

/// One line of a comparison; a side is empty where it has nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the fixture says.
    pub expected: String,
    /// What the profile makes of the payload.
    pub got: String,
}

/// Every fixture of `profile` that is not read as it should be. `profiles` are those that an inner
/// payload may name.
pub fn check_fixtures(
    profile: &Profile,
    catalogue: &Catalogue,
    profiles: &Profiles,
) -> Vec<Difference> {
    let knowledge = Knowledge {
        profiles: profiles.clone(),
        ..Knowledge::nothing(Unknown::Accept)
    };
    let check = |fixture| check(fixture, profile, catalogue, &knowledge);
    profile.fixtures().iter().filter_map(check).collect()
}

fn check(
    fixture: &Fixture,
    profile: &Profile,
    catalogue: &Catalogue,
    knowledge: &Knowledge,
) -> Option<Difference> {
    let utc = TimeZone::UTC;
    let assumed = Assumed {
        profile: profile.name(),
        device: "",
        kind: "unknown",
        zone: fixture.zone.as_ref().unwrap_or(&utc),
        received_at: fixture.received_at.unwrap_or(RECEIVED_AT),
        readings_max: READINGS_MAX,
    };
    let got = preview(catalogue, knowledge, &fixture.payload, &assumed);
    let lines = compare(fixture, &got);
    let differs = lines.iter().any(Line::differs);
    differs.then(|| Difference {
        place: settings::Place {
            file: profile.file().to_owned(),
            line: fixture.line,
        },
        fixture: fixture.name.clone(),
        lines,
    })
}

fn compare(fixture: &Fixture, got: &Preview) -> Vec<Line> {
    let mut lines = Vec::new();
    if !fixture.device.is_empty() {
        lines.push(Line {
            expected: format!("device {}", fixture.device),
            got: format!("device {}", got.sender),
        });
    }
    lines.extend(readings(fixture, got));
    let events = fixture.events.iter().map(|name| format!("event {name}"));
    let found = got.events.iter().map(|said| format!("event {}", said.name));
    lines.extend(zip(events, found));
    let rejected = fixture
        .rejected
        .iter()
        .map(|part| format!("rejected {part}"));
    let found = got.faults.iter().map(|fault| match fault.part.as_str() {
        "" => format!("rejected {}", fault.reason),
        part => format!("rejected {}: {part}", fault.reason),
    });
    let mut parts: Vec<Line> = zip(rejected, found).collect();
    // The sentence says what is wrong, and is no part of the comparison.
    for (line, fault) in parts.iter_mut().zip(&got.faults) {
        if line.differs() {
            line.got = format!("{} ({})", line.got, fault.sentence);
        }
    }
    lines.extend(parts);
    lines
}

/// Two lists, line by line.
fn zip(
    expected: impl Iterator<Item = String>,
    mut got: impl Iterator<Item = String>,
) -> impl Iterator<Item = Line> {
    let mut expected = expected;
    std::iter::from_fn(move || match (expected.next(), got.next()) {
        (None, None) => None,
        (expected, got) => Some(Line {
            expected: expected.unwrap_or_default(),
            got: got.unwrap_or_default(),
        }),
    })
}

/// Does a reading fit what is expected?
type Fits = fn(&proto::Reading, &Place, &Expected) -> bool;

/// Each expected reading beside the one that fits it, else one of its metric, else nothing.
fn readings(fixture: &Fixture, got: &Preview) -> Vec<Line> {
    let found: Vec<(&proto::Reading, &Place)> = got.readings.iter().zip(&got.origins).collect();
    let mut free: Vec<bool> = vec![true; found.len()];
    let mut partner: Vec<Option<usize>> = vec![None; fixture.readings.len()];
    let all: Fits = |found, origin, like| show_got(found, origin, Some(like)) == show(like);
    let metric: Fits = |found, _, like| found.metric == like.metric;
    for fits in [all, metric] {
        for (expected, partner) in fixture.readings.iter().zip(&mut partner) {
            if partner.is_some() {
                continue;
            }
            let at = found
                .iter()
                .zip(&free)
                .position(|((reading, origin), free)| *free && fits(reading, origin, expected));
            if let Some(free) = at.and_then(|at| free.get_mut(at)) {
                *free = false;
                *partner = at;
            }
        }
    }
    let paired = fixture
        .readings
        .iter()
        .zip(partner)
        .map(|(expected, partner)| {
            let got = partner.and_then(|at| found.get(at));
            Line {
                expected: show(expected),
                got: got.map_or_else(String::new, |(got, origin)| {
                    show_got(got, origin, Some(expected))
                }),
            }
        });
    let extra = found.iter().zip(&free).filter(|(_, free)| **free);
    let extra = extra.map(|((got, origin), _)| Line {
        expected: String::new(),
        got: show_got(got, origin, None),
    });
    paired.chain(extra).collect()
}

/// What a fixture says, and no more.
fn show(expected: &Expected) -> String {
    let value = match &expected.value {
        None => "no value".to_owned(),
        Some(ExpectedValue::Number(number)) => number.to_string(),
        Some(ExpectedValue::Flag(flag)) => flag.to_string(),
        Some(ExpectedValue::Text(text)) => format!("{text:?}"),
    };
    let at = expected.at.map(|at| at.to_string());
    assemble(
        &expected.metric,
        &value,
        &Rest {
            labels: expected.labels.as_deref(),
            unit: expected.unit.as_deref(),
            at: at.as_deref(),
            quality: expected.quality.as_deref(),
            device: expected.device.as_deref(),
        },
    )
}

/// A reading, with those fields that `like` has; without it, with all.
fn show_got(reading: &proto::Reading, origin: &Place, like: Option<&Expected>) -> String {
    let value = match &reading.value {
        None => "no value".to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Flag(flag)) => flag.to_string(),
        Some(Value::Text(text)) => format!("{text:?}"),
    };
    let mut labels: Vec<(String, String)> = reading.labels.clone().into_iter().collect();
    labels.sort();
    let at = reading.observed_at.as_ref();
    let at = at.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos));
    let at = at.map(|at| at.to_string());
    let quality = quality_name(reading).trim_start_matches("QUALITY_");
    let asked = |asked: fn(&Expected) -> bool| like.is_none_or(asked);
    assemble(
        &reading.metric,
        &value,
        &Rest {
            labels: asked(|like| like.labels.is_some()).then_some(&labels),
            unit: asked(|like| like.unit.is_some()).then_some(&reading.unit),
            at: at.as_deref().filter(|_| asked(|like| like.at.is_some())),
            quality: asked(|like| like.quality.is_some()).then_some(quality),
            device: asked(|like| like.device.is_some()).then_some(&origin.device),
        },
    )
}

struct Rest<'a> {
    labels: Option<&'a [(String, String)]>,
    unit: Option<&'a str>,
    at: Option<&'a str>,
    quality: Option<&'a str>,
    device: Option<&'a str>,
}

fn assemble(metric: &str, value: &str, rest: &Rest<'_>) -> String {
    let mut line = metric.to_owned();
    for (name, value) in rest.labels.unwrap_or_default() {
        line.extend([" ", name, "=", value]);
    }
    line.extend([" = ", value]);
    if let Some(unit) = rest.unit {
        line.extend([" ", unit]);
    }
    if let Some(at) = rest.at {
        line.extend([" at ", at]);
    }
    if let Some(quality) = rest.quality {
        line.extend([" ", quality]);
    }
    if let Some(device) = rest.device {
        line.extend([
            " of ",
            if device.is_empty() {
                "the sender"
            } else {
                device
            },
        ]);
    }
    line
}

impl Line {
    /// Is it wrong?
    pub fn differs(&self) -> bool {
        self.expected != self.got
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings::Place { file, line } = &self.place;
        writeln!(
            f,
            "{file}:{line}: fixture {:?} is read otherwise",
            self.fixture
        )?;
        let width = |line: &Line| line.expected.chars().count();
        let width = self.lines.iter().map(width).chain(["expected".len()]).max();
        let width = width.unwrap_or_default().min(COLUMN_MAX);
        write!(f, "    {:width$}  got", "expected")?;
        for line in &self.lines {
            let mark = if line.differs() { '!' } else { ' ' };
            let (expected, got) = (dash(&line.expected), dash(&line.got));
            write!(f, "\n  {mark} {expected:width$}  {got}")?;
        }
        Ok(())
    }
}

/// Nothing, so that it is seen.
fn dash(side: &str) -> &str {
    if side.is_empty() { "-" } else { side }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name = 'x'\nversion = '1'\nformat = 'json'\n[device]\npath = 'id'\n\
        [time]\npath = 't'\n[[value]]\nmetric = 'air_temperature'\npath = 'temp'\nscale = 0.1\n\
        [[value]]\nmetric = 'battery_level'\npath = 'bat'\n\
        [[event]]\nname = 'tamper'\nwhen = { open = 1 }\n";

    fn differences(fixture: &str) -> Vec<String> {
        let catalogue = Catalogue::shipped();
        let text = format!("{HEAD}{fixture}");
        let profile = Profile::parse("profiles/x.toml", &text, &catalogue).expect("a profile");
        let profiles = Profiles::of([profile]).expect("one");
        let profile = profiles.iter().next().expect("one");
        let differences = check_fixtures(profile, &catalogue, &profiles);
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_fixture_that_is_read_right_says_nothing() {
        let found = differences(
            r#"
[[fixture]]
name = "all of it"
payload = '{"id":"a","t":1795420000,"temp":"+219","bat":130,"open":1,"x":2}'
device = "a"
events = ["tamper"]
readings = [
  { metric = "battery_level", value = 130, quality = "BAD" },
  { metric = "air_temperature", value = 21.9, unit = "Cel", at = "2026-11-23T07:46:40Z", labels = {}, quality = "GOOD", device = "" },
]
[[fixture]]
name = "a broken sensor"
payload = '{"temp":"broken","bat":null}'
readings = [{ metric = "battery_level", quality = "NOT_AVAILABLE" }]
rejected = ["wrong_type: air_temperature"]
"#,
        );
        assert_eq!(found, <[&str; 0]>::default());
    }

    #[test]
    fn the_profile_of_the_readme_reads_its_fixture() {
        let readme = include_str!("../../README.md");
        let section = readme.split("\n## Profiles\n").nth(1).expect("a section");
        let text = section
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let catalogue = Catalogue::shipped();
        let text = text.expect("an example");
        let profile = Profile::parse("vega-nb.toml", text, &catalogue).expect("no mistakes");
        assert_eq!(profile.fixtures().len(), 1);
        let profiles = Profiles::of([profile]).expect("one");
        let profile = profiles.iter().next().expect("one");
        let found = check_fixtures(profile, &catalogue, &profiles);
        assert_eq!(
            found,
            [],
            "{}",
            found.iter().map(ToString::to_string).collect::<String>()
        );
    }

    #[test]
    fn a_difference_is_two_columns() {
        let found = differences(
            r#"[[fixture]]
name = "tenths"
payload = '{"id":"b","temp":219,"bat":99}'
device = "a"
events = ["tamper"]
readings = [
  { metric = "battery_level", value = 99, unit = "%" },
  { metric = "air_temperature", value = 219 },
  { metric = "voltage", value = 3.6, unit = "V" },
]
"#,
        );
        let expected = [
            "profiles/x.toml:18: fixture \"tenths\" is read otherwise",
            "    expected               got",
            "  ! device a               device b",
            "    battery_level = 99 %   battery_level = 99 %",
            "  ! air_temperature = 219  air_temperature = 21.9",
            "  ! voltage = 3.6 V        -",
            "  ! event tamper           -",
        ];
        assert_eq!(found, [expected.join("\n")]);
        let found = differences(
            "[[fixture]]\nname = 'nothing'\npayload = '[]'\nreceived_at = '2026-11-23 08:00:00'\n",
        );
        assert_eq!(found.len(), 1);
        assert!(
            found
                .concat()
                .contains("rejected no_readings (the payload has nothing")
        );
    }
}
