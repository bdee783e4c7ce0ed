//! Settings out of a TOML table, with every mistake found in one pass.
//!
//! serde stops at the first error, and an operator who fixes five mistakes by five restarts is
//! right to be angry. So each module reads its own section through [`Section`], which notes a
//! [`Problem`] and goes on with the default; unknown keys are problems too.
pub use super::problem::{Place, Problem};

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::{Table, Value};

/// One table of the configuration while it is read.
#[derive(Debug)]
pub struct Section<'p> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Section<'p> {
    /// Starts reading `table`, which lies at `path` ("" at the top).
    pub fn new(path: impl Into<String>, table: Table, problems: &'p mut Vec<Problem>) -> Self {
        Self {
            path: path.into(),
            table,
            known: Vec::new(),
            problems,
        }
    }

    /// The dotted name of `key`.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes a problem with `key`.
    pub fn problem(&mut self, key: &str, value: impl fmt::Display, rule: impl Into<String>) {
        let problem = Problem::new(self.name(key), value, rule);
        self.problems.push(problem);
    }

    /// Takes a value out, as TOML has it.
    pub fn raw(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// Is `key` present (and not taken yet)?
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Is `key` present, and a table?
    pub fn is_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Value::is_table)
    }

    /// Takes a value that `read` accepts; `None` where absent or wrong. `rule` says what it must be.
    pub fn get<T>(
        &mut self,
        key: &'static str,
        rule: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.raw(key)?;
        let read = read(&value);
        if read.is_none() {
            self.problem(key, &value, rule);
        }
        read
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.get(key, "must be a text", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// One of a closed set of words.
    pub fn word(&mut self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let rule = format!("must be one of {}", words.join(", "));
        self.get(key, &rule, |value| {
            let text = value.as_str()?;
            words.iter().copied().find(|word| *word == text)
        })
    }

    /// A file or folder.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.get(key, "must be a path", |value| {
            value.as_str().map(PathBuf::from)
        })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.get(key, "must be true or false", Value::as_bool)
    }

    /// A whole number in `min..=max`.
    pub fn integer(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let rule = format!("must be a whole number from {min} to {max}");
        self.get(key, &rule, |value| {
            let number = u64::try_from(value.as_integer()?).ok()?;
            (min..=max).contains(&number).then_some(number)
        })
    }

    /// A number in `min..=max`.
    pub fn number(&mut self, key: &'static str, min: f64, max: f64) -> Option<f64> {
        let rule = format!("must be a number from {min} to {max}");
        self.get(key, &rule, |value| {
            let number = match value {
                #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
                Value::Integer(number) => *number as f64,
                Value::Float(number) => *number,
                _ => return None,
            };
            (min..=max).contains(&number).then_some(number)
        })
    }

    /// An IP address and port.
    pub fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.get(
            key,
            "must be an IP address and port, such as 127.0.0.1:1883",
            |value| value.as_str()?.parse().ok(),
        )
    }

    /// A time such as "7d", "90s", "1h", in `min..=max`.
    pub fn duration(
        &mut self,
        key: &'static str,
        min: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let rule = format!(
            "must be a time from {} to {}, such as \"90s\", \"24h\" or \"7d\"",
            show_duration(min),
            show_duration(max)
        );
        self.get(key, &rule, |value| {
            let time = parse_duration(value.as_str()?)?;
            (min..=max).contains(&time).then_some(time)
        })
    }

    /// A size such as "20GiB" or "512MiB", or a number of bytes, in `min..=max`.
    pub fn size(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let rule = format!(
            "must be a size from {} to {}, such as \"512MiB\" or \"20GiB\"",
            show_size(min),
            show_size(max)
        );
        self.get(key, &rule, |value| {
            let size = match value {
                Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
                other => parse_size(other.as_str()?)?,
            };
            (min..=max).contains(&size).then_some(size)
        })
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.get(key, "must be a list of texts", |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        })
    }

    /// Reads a nested table, an empty one where absent.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let table = match self.raw(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.problem(key, other, "must be a table");
                Table::new()
            }
        };
        self.nested(key, table, read)
    }

    /// Reads a table that was taken out of `key`.
    pub fn nested<T>(
        &mut self,
        key: &str,
        table: Table,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let mut section = Section::new(self.name(key), table, self.problems);
        let read = read(&mut section);
        section.finish();
        read
    }

    /// Reads an array of tables, `[[key]]`.
    pub fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        let items = match self.raw(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.problem(key, other, "must be an array of tables: [[..]]");
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let path = format!("{}[{at}]", self.name(key));
            let Value::Table(table) = item else {
                self.problems
                    .push(Problem::new(path, item, "must be a table"));
                continue;
            };
            let mut section = Section::new(path, table, self.problems);
            all.push(read(&mut section));
            section.finish();
        }
        all
    }

    /// Notes what is left over: keys that nobody asked for.
    pub fn finish(&mut self) {
        for (key, value) in std::mem::take(&mut self.table) {
            let near = nearest(&key, self.known.iter().copied());
            let rule = near.map_or_else(
                || "unknown key".to_owned(),
                |near| format!("unknown key; did you mean `{near}`?"),
            );
            self.problem(&key, value, rule);
        }
    }
}

/// Reads "90s", "15m", "24h", "7d", "20y" (365 days) or "250ms".
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let secs = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "y" => 365 * 86_400,
        _ => return None,
    };
    number.checked_mul(secs).map(Duration::from_secs)
}

/// Reads "512MiB", "20GiB", "64KiB", "100B", also MB and GB (powers of ten).
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim()))
}

/// "90s", "24h", "7d": the largest unit that divides it.
pub fn show_duration(time: Duration) -> String {
    let secs = time.as_secs();
    if time.subsec_nanos() != 0 {
        return format!("{}ms", time.as_millis());
    }
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if secs != 0 && secs.is_multiple_of(size) {
            return format!("{}{unit}", secs / size);
        }
    }
    format!("{secs}s")
}

/// "512MiB", "20GiB": the largest unit that divides it.
pub fn show_size(bytes: u64) -> String {
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

/// The name most like `word`, if any is close: at most a third of its letters (rounded up) differ.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, name)| name)
}

/// The name that begins with `word`, the shortest of them; else the one most like it: `vega` is meant
/// for `vega-nb`.
pub fn nearest_name<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let names: Vec<&str> = names.into_iter().collect();
    let longer = names.iter().copied().filter(|name| {
        let lower = word.to_ascii_lowercase();
        lower.len() >= 2 && name.starts_with(&lower)
    });
    let longer = longer.min_by_key(|name| (name.len(), *name));
    longer.or_else(|| nearest(word, names))
}

/// Levenshtein distance over characters; both texts are short names, cut at 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            left = (corner + usize::from(from != *to))
                .min(left + 1)
                .min(above + 1);
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_mistakes_are_five_problems_with_key_value_and_rule() {
        let table: Table = toml::from_str(
            "bind = 'nowhere'\nretain = '7 lightyears'\nretain_bytes = '1KiB'\nwindow = -3\nbnid = 1",
        )
        .expect("valid TOML");
        let mut problems = Vec::new();
        let mut section = Section::new("log", table, &mut problems);
        section.address("bind");
        section.duration("retain", Duration::from_secs(1), Duration::from_hours(24));
        section.size("retain_bytes", 1 << 20, 1 << 40);
        section.integer("window", 1, 10);
        section.finish();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 5, "{shown:#?}");
        assert_eq!(
            shown.get(2).map(String::as_str),
            Some(
                "log.retain_bytes = \"1KiB\": must be a size from 1MiB to 1TiB, such as \"512MiB\" or \"20GiB\""
            )
        );
        assert!(
            shown
                .last()
                .is_some_and(|p| p.contains("did you mean `bind`?"))
        );
    }

    #[test]
    fn times_and_sizes_are_read_and_shown() {
        assert_eq!(parse_duration("7d"), Some(Duration::from_hours(168)));
        assert_eq!(parse_duration("20y"), Some(Duration::from_hours(175_200)));
        assert_eq!(parse_duration("d"), None);
        assert_eq!(parse_size("20GiB"), Some(20 << 30));
        assert_eq!(parse_size("99999999999TiB"), None);
        assert_eq!(show_size(512 << 20), "512MiB");
        assert_eq!(show_duration(Duration::from_hours(168)), "7d");
    }

    #[test]
    fn a_name_cut_short_is_found_before_one_that_is_alike() {
        let names = [
            "json",
            "vega-nb",
            "dragino-s31-nb",
            "dragino-s31-nb-v2",
            "senml",
        ];
        let near = |word| nearest_name(word, names);
        assert_eq!(near("vega"), Some("vega-nb"));
        assert_eq!(near("Dragino"), Some("dragino-s31-nb"));
        assert_eq!(near("sennl"), Some("senml"));
        assert_eq!(near("banana"), None);
    }

    #[test]
    fn nearest_finds_a_slip_and_nothing_far() {
        let names = ["active_energy_import", "voltage"];
        assert_eq!(
            nearest("active_energy_inport", names),
            Some("active_energy_import")
        );
        assert_eq!(nearest("banana", names), None);
    }
}
