//! Texts that many rows share, each kept once.
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Texts by number and numbers by text. 0 is the empty text.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    texts: Vec<Box<str>>,
    numbers: HashTable<u32>,
    /// Rows that follow each other are alike.
    last: u32,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            texts: vec!["".into()],
            numbers: HashTable::new(),
            last: 0,
        }
    }
}

impl Pool {
    pub fn get(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    pub fn find(&self, text: &str) -> Option<u32> {
        if text.is_empty() {
            return Some(0);
        }
        if self.get(self.last) == text {
            return Some(self.last);
        }
        let found = self
            .numbers
            .find(xxh3_64(text.as_bytes()), |number| self.get(*number) == text);
        found.copied()
    }

    /// The number of a text, a new one if it was not there.
    pub fn intern(&mut self, text: &str) -> u32 {
        let known = self.find(text);
        self.last = known.unwrap_or_else(|| {
            // A text takes a row, and rows are counted in four bytes.
            let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
            self.texts.push(text.into());
            let texts = &self.texts;
            let hash = |number: &u32| {
                let text = texts.get(*number as usize).map_or("", |text| text);
                xxh3_64(text.as_bytes())
            };
            self.numbers
                .insert_unique(xxh3_64(text.as_bytes()), number, hash);
            number
        });
        self.last
    }

    /// Every text but the empty one, with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (1u32..).zip(self.texts.iter().skip(1).map(|text| &**text))
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn same(&self, other: &Self) -> bool {
        self.texts == other.texts
    }

    pub fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len()).sum();
        texts + self.texts.capacity() * size_of::<Box<str>>() + self.numbers.allocation_size()
    }
}

/// A text that leads to rows: the children of a parent, the devices of a user.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    pub names: Pool,
    /// Where the rows of each text begin, and one more for the end.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Groups {
    /// Sorts rows into groups; `all` gives each row with the number of its text, 0 for none.
    pub fn fill(&mut self, all: impl Iterator<Item = (u32, u32)> + Clone) {
        let mut starts = vec![0u32; self.names.len() + 1];
        for (_, name) in all.clone().filter(|(_, name)| *name != 0) {
            if let Some(count) = starts.get_mut(name as usize) {
                *count += 1;
            }
        }
        // From counts to ends, and backwards from ends to starts as the rows are laid down.
        let mut end = 0;
        for count in &mut starts {
            end += *count;
            *count = end;
        }
        self.rows = vec![0; end as usize];
        let all: Vec<(u32, u32)> = all.filter(|(_, name)| *name != 0).collect();
        for (row, name) in all.into_iter().rev() {
            if let Some(start) = starts.get_mut(name as usize) {
                *start -= 1;
                if let Some(place) = self.rows.get_mut(*start as usize) {
                    *place = row;
                }
            }
        }
        self.starts = starts;
    }

    /// The rows of a text, in the order of the file.
    pub fn rows(&self, name: u32) -> &[u32] {
        let at = |number: u32| {
            self.starts
                .get(number as usize)
                .map(|start| *start as usize)
        };
        let range = at(name).zip(at(name + 1));
        range
            .and_then(|(from, to)| self.rows.get(from..to))
            .unwrap_or_default()
    }

    pub fn bytes(&self) -> usize {
        self.names.bytes() + (self.starts.capacity() + self.rows.capacity()) * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_leads_to_its_rows() {
        let mut groups = Groups::default();
        let (a, b, c) = ("a".to_owned(), "b", "c");
        let numbers: Vec<u32> = ["", &a, b, "", b, c, &a]
            .into_iter()
            .map(|text| groups.names.intern(text))
            .collect();
        assert_eq!(numbers, [0, 1, 2, 0, 2, 3, 1]);
        groups.fill((0u32..).zip(numbers.iter().copied()));
        assert_eq!(groups.rows(1), [1, 6]);
        assert_eq!(groups.rows(2), [2, 4]);
        assert_eq!(groups.rows(3), [5]);
        assert!(groups.rows(4).is_empty());
        assert_eq!(
            (groups.names.find("c"), groups.names.find("d")),
            (Some(3), None)
        );
        assert_eq!(
            groups.names.iter().collect::<Vec<_>>(),
            [(1, "a"), (2, "b"), (3, "c")]
        );
    }
}
