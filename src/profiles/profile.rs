//! One profile.
use super::fixture::{self, Fixture};
use super::inner::Inner;
use super::reading::{FILE_BYTES_MAX, Reading, VALUES_MAX};
use super::{Around, Trace, binary, document, frames};
use crate::catalogue::Catalogue;
use crate::codecs::{self, Decoded, Dialect, Fault};
use crate::model::Lines;
use crate::model::settings::{Problem, Section};
use std::path::Path;
use std::time::Duration;

/// One profile, checked and ready to decode.
#[derive(Debug)]
pub struct Profile {
    name: Box<str>,
    version: Box<str>,
    title: Box<str>,
    source: Box<str>,
    kind: Box<str>,
    interval: Option<Duration>,
    sleepy: Option<bool>,
    layout: Layout,
    fixtures: Vec<Fixture>,
    file: Box<str>,
    /// Of the key that names the inner profile.
    inner_line: usize,
}

/// What a profile reads; the last ones are frames of meters.
const FORMATS: [&str; 7] = [
    "json", "cbor", "binary", "dlt645", "dlt698", "cjt188", "meters",
];

/// How its payloads are laid out.
#[derive(Debug)]
enum Layout {
    Document(Box<document::Layout>),
    Binary(Box<binary::Layout>),
    Frames(frames::Layout),
}

/// A device that reports less often than this is not watched by its rhythm.
const INTERVAL_MAX: Duration = Duration::from_hours(24 * 400);

impl Profile {
    /// Reads a profile out of `text`; `file` is its name with the folder, for messages.
    ///
    /// # Errors
    /// Every mistake that it has, with its line.
    pub fn parse(file: &str, text: &str, catalogue: &Catalogue) -> Result<Self, Vec<Problem>> {
        let path = Path::new(file);
        if text.len() > FILE_BYTES_MAX {
            let found = format!("{} bytes", text.len());
            let rule = format!("a profile has at most {FILE_BYTES_MAX} bytes");
            return Err(vec![Problem::new("profile", found, rule).at(path, 1)]);
        }
        let table = toml::from_str(text).map_err(|error| vec![no_toml(path, text, &error)])?;
        let lines = Lines::of(text);
        let mut problems = Vec::new();
        let mut top = Section::new("", table, &mut problems);
        let mut profile = Self::read(&mut top, file, Reading { catalogue });
        top.finish();
        if !problems.is_empty() {
            let at = |problem: Problem| {
                let line = lines.line(&problem.key);
                problem.at(path, line)
            };
            let mut problems: Vec<Problem> = problems.into_iter().map(at).collect();
            problems.sort_by(|one, other| one.place.cmp(&other.place));
            return Err(problems);
        }
        for (at, fixture) in profile.fixtures.iter_mut().enumerate() {
            fixture.line = lines.line(&format!("fixture[{at}]"));
        }
        profile.inner_line = lines.line("inner.profile");
        Ok(profile)
    }

    fn read(top: &mut Section<'_>, file: &str, reading: Reading<'_>) -> Self {
        let name = read_name(top, file);
        let version = top.get("version", "must be a text of 1 to 16 characters", |value| {
            let text = value.as_str()?;
            (1..=16).contains(&text.len()).then(|| text.to_owned())
        });
        let kind = top.get(
            "kind",
            "must be a kind of the catalogue, such as meter.water",
            |value| {
                let kind = value.as_str()?;
                reading
                    .catalogue
                    .has_kind_prefix(kind)
                    .then(|| kind.to_owned())
            },
        );
        let format = top.word("format", &FORMATS);
        if format.is_none() && !top.has("value") && !top.has("each") && !top.has("item") {
            top.problem(
                "format",
                "",
                format!("must be one of {}", FORMATS.join(", ")),
            );
        }
        // Whatever is wrong, the other mistakes are named, too.
        let bytes = ["repeat", "items", "item", "encoding"]
            .iter()
            .any(|key| top.has(key));
        let layout = match format {
            Some("binary") => Layout::Binary(Box::new(binary::Layout::read(top, reading))),
            Some(codec) if codecs::named(codec).is_some_and(|(_, decode)| decode.is_frames()) => {
                Layout::Frames(frames::Layout::read(top, codec))
            }
            None if bytes => Layout::Binary(Box::new(binary::Layout::read(top, reading))),
            format => {
                let cbor = format == Some("cbor");
                Layout::Document(Box::new(document::Layout::read(top, reading, cbor)))
            }
        };
        let values = match &layout {
            Layout::Document(layout) => layout.values(),
            Layout::Binary(layout) => layout.values(),
            Layout::Frames(_) => 0,
        };
        if values > VALUES_MAX {
            let rule = format!("at most {VALUES_MAX} values, those of records included");
            top.problem("value", values, rule);
        }
        Self {
            name: name.into(),
            version: version.unwrap_or_default().into(),
            title: top.text("title").unwrap_or_default().into(),
            source: top.text("source").unwrap_or_default().into(),
            kind: kind.unwrap_or_default().into(),
            interval: top.duration("interval", Duration::from_secs(1), INTERVAL_MAX),
            sleepy: top.flag("sleepy"),
            layout,
            fixtures: fixture::read(top),
            file: file.into(),
            inner_line: 1,
        }
    }

    /// Its name: what topics, routes and the inventory call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, as its author counts.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Which devices it is for, in words; "" where it does not say.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where the layout is written down; "" where it does not say.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Kind of the devices that it is made for; "" where it does not say.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Usual time between two reports.
    pub const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Is its radio off between reports (PSM, eDRX)? `None`: it does not say.
    pub const fn sleepy(&self) -> Option<bool> {
        self.sleepy
    }

    /// Payloads that it must read right.
    pub fn fixtures(&self) -> &[Fixture] {
        &self.fixtures
    }

    /// The file that it was read from, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What it settles of a meter's protocol; `None` of one that reads no frames.
    pub(super) const fn dialect(&self) -> Option<Dialect> {
        match &self.layout {
            Layout::Frames(layout) => Some(layout.dialect()),
            Layout::Document(_) | Layout::Binary(_) => None,
        }
    }

    /// Does it read frames of meters, and nothing around them? Then decoding itself shows every piece.
    pub const fn is_frames(&self) -> bool {
        matches!(self.layout, Layout::Frames(_))
    }

    /// Does it read a payload within the payload?
    pub(super) fn has_inner(&self) -> bool {
        !self.inners().is_empty()
    }

    pub(super) fn inners(&self) -> Vec<&Inner> {
        match &self.layout {
            Layout::Document(layout) => layout.inners(),
            Layout::Binary(layout) => layout.inner().into_iter().collect(),
            Layout::Frames(_) => Vec::new(),
        }
    }

    /// The line on which it is named, from 1.
    pub(super) const fn inner_line(&self) -> usize {
        self.inner_line
    }

    /// Decodes a payload into `out`, which is empty.
    ///
    /// # Errors
    /// Nothing of it can be used.
    pub fn decode<'a>(
        &'a self,
        payload: &'a [u8],
        around: Around<'a>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        match &self.layout {
            Layout::Document(layout) => layout.decode(payload, around, out),
            Layout::Binary(layout) => layout.decode(payload, around, out),
            Layout::Frames(layout) => layout.decode(payload, around, out),
        }
    }

    /// Every piece of a payload: what it became, or that it was ignored. Slower than
    /// [`Profile::decode`], and bounded.
    pub fn trace(&self, payload: &[u8], around: Around<'_>) -> Trace {
        match &self.layout {
            Layout::Document(layout) => layout.trace(payload, around),
            Layout::Binary(layout) => layout.trace(payload, around),
            Layout::Frames(layout) => layout.trace(payload, around),
        }
    }
}

fn read_name(top: &mut Section<'_>, file: &str) -> String {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
    let missing = !top.has("name");
    let name = top.get("name", "must be 1 to 32 of a-z 0-9 -", |value| {
        let name = value.as_str()?;
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=32).contains(&name.len()) && name.chars().all(usable);
        fits.then(|| name.to_owned())
    });
    if missing {
        top.problem("name", "", "a profile needs a name");
    }
    if let (Some(name), Some(stem)) = (&name, stem)
        && name != stem
    {
        top.problem("name", name, format!("must be the file's name, {stem}"));
    }
    name.unwrap_or_default()
}

/// The text is no TOML.
fn no_toml(file: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let found = text.lines().nth(line - 1).unwrap_or_default();
    Problem::new("line", found.trim(), error.message()).at(file, line)
}
