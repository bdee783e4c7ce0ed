//! The lines of a TOML text on which its keys stand, for errors that name file and line.
use std::collections::HashMap;
use toml::de::{DeTable, DeValue};

/// Where each key of a TOML text stands.
///
/// [`settings::Section`](super::settings::Section) notes problems by dotted keys such as
/// `value[2].scale`; this finds the line of such a key, or of the nearest table around it.
#[derive(Clone, Debug, Default)]
pub struct Lines(HashMap<String, usize>);

impl Lines {
    /// Reads the places of all keys. A text that is no TOML has none.
    pub fn of(text: &str) -> Self {
        let mut lines = Self::default();
        let starts: Vec<usize> = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        if let Ok(table) = DeTable::parse(text) {
            lines.table("", table.get_ref(), &starts);
        }
        lines
    }

    /// The line of a dotted key, from 1: its own, else that of the table it would lie in.
    pub fn line(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(line) = self.0.get(key) {
                return *line;
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = key.get(..end).unwrap_or_default(),
                None => return 1,
            }
        }
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>, starts: &[usize]) {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if path.is_empty() {
                name.to_string()
            } else {
                format!("{path}.{name}")
            };
            self.note(&path, key.span().start, starts);
            self.value(&path, value.get_ref(), starts);
        }
    }

    fn value(&mut self, path: &str, value: &DeValue<'_>, starts: &[usize]) {
        match value {
            DeValue::Table(table) => self.table(path, table, starts),
            DeValue::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let path = format!("{path}[{at}]");
                    self.note(&path, item.span().start, starts);
                    self.value(&path, item.get_ref(), starts);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, path: &str, offset: usize, starts: &[usize]) {
        let line = starts.partition_point(|start| *start <= offset);
        self.0.insert(path.to_owned(), line.max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_they_stand() {
        let lines = Lines::of(
            "name = 'x'\n\n[time]\nunit = 's'\n[[value]]\nmetric = 'a'\n[[value]]\nmetric = 'b'\n\
             labels = { phase = 'a',\n  tariff = '1' }\n",
        );
        for (key, line) in [
            ("name", 1),
            ("time.unit", 4),
            ("value[1].metric", 8),
            ("value[1].labels.tariff", 10),
            // What is missing stands where its table does.
            ("value[1].scale", 7),
            ("value[0].when.at", 5),
            ("absent", 1),
        ] {
            assert_eq!(lines.line(key), line, "{key}");
        }
        assert_eq!(Lines::of("name = ").line("name"), 1);
    }
}
