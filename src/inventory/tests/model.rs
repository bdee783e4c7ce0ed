//! Any rows, held against a loop over them, and CSV against TOML.
use super::*;
use proptest::prelude::*;
use std::fmt::Write;

/// A row as a list has it; hours since 2026-01-01 for its times.
#[derive(Clone, Debug)]
struct Line {
    id: String,
    aliases: Vec<String>,
    kind: &'static str,
    place: String,
    parent: Option<usize>,
    multiplier: Option<u32>,
    lat: Option<i32>,
    from: Option<i64>,
    to: Option<i64>,
    credential: Option<u8>,
}

const BEGIN: i64 = 1_767_225_600;
const HEADER: &str =
    "place,id,aliases,kind,parent,multiplier,lat,lon,valid_from,valid_to,credential";

fn time(hour: i64) -> Timestamp {
    Timestamp::from_secs(BEGIN + hour * 3_600)
}

fn token(number: u8) -> String {
    format!("token-{number}")
}

fn hex(token: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

impl Line {
    /// As texts, in the order of the header.
    fn cells(&self, ids: &[String]) -> [String; 11] {
        let hour = |hour: Option<i64>| hour.map(|hour| time(hour).to_string()).unwrap_or_default();
        [
            self.place.clone(),
            self.id.clone(),
            self.aliases.join("; "),
            self.kind.to_owned(),
            self.parent
                .map(|at| ids[at % ids.len()].clone())
                .unwrap_or_default(),
            self.multiplier
                .map(|n| format!("{n}/5"))
                .unwrap_or_default(),
            self.lat
                .map(|e7| format!("{:.7}", f64::from(e7) / 1e7))
                .unwrap_or_default(),
            self.lat.map(|_| "117.12".to_owned()).unwrap_or_default(),
            hour(self.from),
            hour(self.to),
            self.credential
                .map(|n| format!("sha256:{}", hex(&token(n))))
                .unwrap_or_default(),
        ]
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| time(from) <= at) && self.to.is_none_or(|to| at < time(to))
    }

    fn overlaps(&self, other: &Self) -> bool {
        let before =
            |to: Option<i64>, from: Option<i64>| to.zip(from).is_some_and(|(to, from)| to <= from);
        !before(self.to, other.from) && !before(other.to, self.from)
    }

    /// What one of the two may not say beside the other.
    fn clashes(&self, other: &Self) -> bool {
        let named = |a: &Self, b: &Self| a.aliases.contains(&b.id) && a.id != b.id;
        let shared = self
            .aliases
            .iter()
            .any(|alias| other.aliases.contains(alias));
        let token = self.credential.is_some() && self.credential == other.credential;
        let both = self.overlaps(other);
        named(self, other)
            || named(other, self)
            || (both && self.id == other.id)
            || (both && self.id != other.id && (shared || token))
    }
}

fn line() -> impl Strategy<Value = Line> {
    let name = |text: &'static str| proptest::string::string_regex(text).unwrap();
    let names = (
        name("[ab][0-3]"),
        prop::collection::vec(name("(sn:[0-9]|[ab][0-3])"), 0..3),
    );
    let kind = prop::sample::select(vec!["", "meter.gas", "pole.light"]);
    let words = (
        kind,
        name("[a-z灯杆\", ]{0,12}"),
        prop::option::of(0usize..2),
    );
    let numbers = (
        prop::option::of(1u32..500),
        prop::option::of(180_000_000..540_000_000i32),
    );
    let times = (
        prop::option::of(0i64..8),
        prop::option::of(1i64..9),
        prop::option::of(0u8..4),
    );
    (names, words, numbers, times).prop_map(|(names, words, numbers, times)| Line {
        id: names.0,
        aliases: names.1,
        kind: words.0,
        // Cells are trimmed.
        place: words.1.trim().to_owned(),
        parent: words.2,
        multiplier: numbers.0,
        lat: numbers.1,
        from: times.0,
        to: times.1.filter(|to| times.0.is_none_or(|from| from < *to)),
        credential: times.2,
    })
}

/// Those of some rows that fit together.
fn fitting(all: Vec<Line>) -> Vec<Line> {
    let mut kept: Vec<Line> = Vec::new();
    for mut line in all {
        line.aliases.retain(|alias| *alias != line.id);
        let mut once = Vec::new();
        line.aliases.retain(|alias| {
            let new = !once.contains(alias);
            once.push(alias.clone());
            new
        });
        if !kept.iter().any(|other| other.clashes(&line)) {
            kept.push(line);
        }
    }
    // Two parents for all others, so that there is no circle.
    let roots: Vec<String> = kept.iter().take(2).map(|line| line.id.clone()).collect();
    for line in &mut kept {
        if roots.contains(&line.id) {
            line.parent = None;
        }
    }
    kept
}

fn csv(lines: &[Line]) -> String {
    let ids: Vec<String> = lines.iter().take(2).map(|line| line.id.clone()).collect();
    let quote = |cell: String| format!("\"{}\"", cell.replace('"', "\"\""));
    let rows = lines
        .iter()
        .map(|line| line.cells(&ids).map(quote).join(","));
    std::iter::once(HEADER.to_owned())
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\r\n")
}

fn toml(lines: &[Line]) -> String {
    let ids: Vec<String> = lines.iter().take(2).map(|line| line.id.clone()).collect();
    let mut text = String::new();
    for line in lines {
        text.push_str("[[device]]\n");
        for (name, cell) in HEADER.split(',').zip(line.cells(&ids)) {
            match name {
                _ if cell.is_empty() => Ok(()),
                "aliases" => writeln!(text, "aliases = {:?}", line.aliases),
                "lat" | "lon" | "valid_from" | "valid_to" => writeln!(text, "{name} = {cell}"),
                _ => writeln!(text, "{name} = {}", ::toml::Value::String(cell)),
            }
            .unwrap();
        }
    }
    text
}

fn loaded(name: &str, text: &str) -> Inventory {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let read = load(
        &path,
        &Catalogue::shipped(),
        &TimeZone::UTC,
        Unknown::Accept,
    );
    read.unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

proptest! {
    #[test]
    fn rows_are_found_as_a_loop_finds_them(all in prop::collection::vec(line(), 0..14)) {
        let lines = fitting(all);
        let inventory = loaded("devices.csv", &csv(&lines));
        let other = loaded("devices.toml", &toml(&lines));
        prop_assert!(Inventory::difference(&inventory, &other).is_none());
        prop_assert_eq!(inventory.rows(), lines.len());
        prop_assert_eq!(other.rows(), lines.len());
        for (entry, line) in inventory.entries().zip(&lines) {
            prop_assert_eq!((entry.id(), entry.kind(), entry.whereabouts()), (&*line.id, line.kind, &*line.place));
            prop_assert_eq!(entry.multiplier(), line.multiplier.map(|n| f64::from(n) / 5.0));
            prop_assert_eq!(entry.place().map(|place| place.lat), line.lat.map(|e7| f64::from(e7) / 1e7));
            prop_assert!(entry.aliases().eq(line.aliases.iter()));
        }
        let names = (0..10).map(|n| format!("sn:{n}")).chain((0..4).flat_map(|n| [format!("a{n}"), format!("b{n}")]));
        let names: Vec<String> = names.collect();
        for hour in -1..10 {
            let at = time(hour);
            let valid = || lines.iter().filter(|line| line.holds(at));
            for name in &names {
                let expected = valid().find(|line| line.id == *name || line.aliases.contains(name));
                let expected = expected.map(|line| (&*line.id, &*line.place));
                for inventory in [&inventory, &other] {
                    let found = inventory.lookup(name, at).map(|entry| (entry.id(), entry.whereabouts()));
                    prop_assert_eq!(found, expected, "{} at {}", name, hour);
                }
            }
            for number in 0..4 {
                let expected = valid().find(|line| line.credential == Some(number)).map(|line| &*line.id);
                prop_assert_eq!(inventory.lookup_token(&token(number), at).map(Entry::id), expected);
            }
            for root in lines.iter().take(2) {
                let ids: Vec<&str> = lines.iter().take(2).map(|line| &*line.id).collect();
                let mine = |line: &&Line| line.parent.is_some_and(|at| ids[at % ids.len()] == root.id);
                let expected = valid().filter(mine).map(|line| &*line.id);
                prop_assert!(inventory.children(&root.id, at).map(Entry::id).eq(expected));
            }
        }
        for part in ["a", "N:", "3", "b1", ""] {
            let within = |name: &String| !part.is_empty() && name.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
            let expected = lines.iter().filter(|line| within(&line.id) || line.aliases.iter().any(within));
            prop_assert!(inventory.search(part).map(Entry::id).eq(expected.map(|line| &*line.id)), "{}", part);
        }
    }

    #[test]
    fn a_difference_is_what_a_loop_says(
        all in prop::collection::vec(line(), 0..14),
        keep in prop::collection::vec(any::<bool>(), 14),
        other in prop::collection::vec(any::<bool>(), 14),
    ) {
        let mut lines = fitting(all);
        for line in &mut lines {
            line.parent = None;
        }
        let kept = lines.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(line, _)| line.clone());
        let mut kept: Vec<Line> = kept.collect();
        let of = |lines: &[Line], id: &str| -> Vec<String> {
            let rows = lines.iter().filter(|line| line.id == id).map(|line| format!("{line:?}"));
            let mut rows: Vec<String> = rows.collect();
            rows.sort();
            rows
        };
        for (line, other) in kept.iter_mut().zip(&other) {
            if *other {
                line.place.push('x');
            }
        }
        let ids = |lines: &[Line]| lines.iter().map(|line| line.id.clone()).collect::<std::collections::BTreeSet<_>>();
        let (old_ids, new_ids) = (ids(&lines), ids(&kept));
        let (old, new) = (loaded("devices.csv", &csv(&lines)), loaded("devices.csv", &csv(&kept)));
        let found = Inventory::difference(&old, &new);
        let changed = new_ids.iter().filter(|id| of(&lines, id) != of(&kept, id)).count();
        prop_assert_eq!((found.before, found.added.count, found.changed.count), (old_ids.len(), 0, changed));
        prop_assert_eq!(found.removed.count, old_ids.difference(&new_ids).count());
        prop_assert_eq!(found.removed.first.len(), found.removed.count.min(5));
        prop_assert_eq!(found.loses_over(10), found.removed.count * 10 > old_ids.len());
        let back = Inventory::difference(&new, &old);
        prop_assert_eq!((back.added.count, back.removed.count), (found.removed.count, 0));
    }
}

#[test]
fn toml_is_read_with_the_lines_of_its_mistakes() {
    let text = "[[device]]\nid = 'a'\nlat = 36.65\nlon = 117.1\nvalid_from = 2026-03-01\naliases = ['sn:1', 'sn 2']\n\
                [[device]]\nid = 'b'\nknd = 'x'\nkind = true\n[[devise]]\nid = 'c'\n";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("devices.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load(
            &path,
            &Catalogue::shipped(),
            &TimeZone::UTC,
            Unknown::Accept,
        )
    };
    let problems = read(text).unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for words in [
        "devices.toml:6: aliases = \"(another type)\": must be a text, or a list",
        "devices.toml:9: key = \"knd\": unknown key; did you mean `kind`?",
        "devices.toml:10: kind = \"(another type)\": must be a text",
        "devices.toml:11: key = \"devise\": unknown key; did you mean `device`?",
    ] {
        assert!(
            shown.iter().any(|problem| problem.contains(words)),
            "{words}\n{shown:#?}"
        );
    }
    assert_eq!(shown.len(), 4, "{shown:#?}");
    assert!(
        read("[[device]\n").unwrap_err()[0]
            .to_string()
            .contains("devices.toml:1: TOML")
    );
    assert_eq!(read("").unwrap().rows(), 0);
}
