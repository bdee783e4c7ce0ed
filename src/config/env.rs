//! `CITYGATE_SECTION__KEY` over the configuration file.
use crate::model::settings::Problem;
use toml::{Table, Value};

const PREFIX: &str = "CITYGATE_";
/// Longest array that environment variables may address, so that `.._999999999__X` allocates nothing.
const INDEX_MAX: usize = 64;
/// Keys at the top level. Other names without `__` belong to commands (`CITYGATE_URL`), not to the
/// configuration.
const TOP: &[&str] = &["NODE", "DATA_DIR"];

/// The dotted key that a variable names, such as `store[0].url`; `None`: none of the configuration.
pub fn dotted(variable: &str) -> Option<String> {
    let key = ours(variable)?.to_ascii_lowercase();
    let mut dotted = String::new();
    for part in key.split("__") {
        if !dotted.is_empty() && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
            dotted.extend(["[", part, "]"]);
        } else {
            let point = if dotted.is_empty() { "" } else { "." };
            dotted.extend([point, part]);
        }
    }
    Some(dotted)
}

/// What a variable's name says behind the prefix, if it is a key's.
fn ours(variable: &str) -> Option<&str> {
    let key = variable.strip_prefix(PREFIX)?;
    (key.contains("__") || TOP.contains(&key)).then_some(key)
}

/// Lays the variables over `table`. A value that reads as TOML is taken as that (`5`, `true`,
/// `["a"]`), any other as a text.
pub fn overlay(
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) {
    let mut variables: Vec<_> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let key = ours(&name)?.to_ascii_lowercase();
            Some((key, name, value))
        })
        .collect();
    // In order of name, so that array items come in order of index.
    variables.sort();
    for (key, name, text) in variables {
        let path: Vec<&str> = key.split("__").collect();
        let value = toml::from_str::<Table>(&format!("value = {text}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or(Value::String(text.clone()));
        if let Err(rule) = place(table, &path, value) {
            problems.push(Problem::new(name, format!("{text:?}"), rule));
        }
    }
}

fn place(table: &mut Table, path: &[&str], value: Value) -> Result<(), &'static str> {
    match path {
        [] | [""] | ["", ..] => Err("names no key: need CITYGATE_SECTION__KEY"),
        [key] => {
            table.insert((*key).to_owned(), value);
            Ok(())
        }
        [key, index, rest @ ..] if index.bytes().all(|b| b.is_ascii_digit()) => {
            let index: usize = index.parse().map_err(|_| "array index is too large")?;
            let items = table
                .entry((*key).to_owned())
                .or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(items) = items else {
                return Err("addresses an array, but the file has none there");
            };
            if index > items.len() || index >= INDEX_MAX {
                return Err("array index leaves a hole: items are numbered from 0");
            }
            if index == items.len() {
                items.push(Value::Table(Table::new()));
            }
            match items.get_mut(index) {
                Some(item) if rest.is_empty() => {
                    *item = value;
                    Ok(())
                }
                Some(Value::Table(item)) => place(item, rest, value),
                _ => Err("addresses a table, but the file has none there"),
            }
        }
        [key, rest @ ..] => {
            let inner = table
                .entry((*key).to_owned())
                .or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = inner else {
                return Err("addresses a table, but the file has none there");
            };
            place(inner, rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn overlaid(file: &str, variables: &[(&str, &str)]) -> (Table, Vec<Problem>) {
        let mut table: Table = toml::from_str(file).unwrap();
        let mut problems = Vec::new();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        overlay(&mut table, variables, &mut problems);
        (table, problems)
    }

    #[test]
    fn variables_override_and_add() {
        let (table, problems) = overlaid(
            "node = 'a'\n[log]\nretain = '1d'\nretain_bytes = '1GiB'",
            &[
                ("CITYGATE_NODE", "b"),
                ("CITYGATE_LOG__RETAIN", "7d"),
                ("CITYGATE_STORE__0__URL", "http://influx:8086"),
                ("CITYGATE_STORE__1__URL", "http://other:8086"),
                ("CITYGATE_MQTT__RECEIVE_MAX", "50"),
                ("CITYGATE_URL", "not a setting"),
                ("HOME", "/root"),
            ],
        );
        assert_eq!(problems, []);
        let expected: Table = toml::from_str(
            "node = 'b'\n[log]\nretain = '7d'\nretain_bytes = '1GiB'\n[mqtt]\nreceive_max = 50\n\
             [[store]]\nurl = 'http://influx:8086'\n[[store]]\nurl = 'http://other:8086'",
        )
        .unwrap();
        assert_eq!(table, expected);
    }

    #[test]
    fn variables_that_cannot_be_placed_are_problems() {
        let (_, problems) = overlaid(
            "node = 'a'",
            &[
                ("CITYGATE_NODE__X", "1"),
                ("CITYGATE_STORE__7__URL", "x"),
                ("CITYGATE___X", "x"),
            ],
        );
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
