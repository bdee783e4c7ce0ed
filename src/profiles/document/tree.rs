//! The paths of a record as a tree, and one walk of a text along it.
//!
//! Only what is on the way to a path is looked into; all else is passed over by the parser. What is
//! found is a slice of the text. Values are made of the slices after the walk, so that a condition
//! may name a member that comes later.
use super::path::{Path, Step};
use crate::codecs::Fault;
use crate::codecs::json::{Key, syntax_fault};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What was found at one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    /// Nothing.
    #[default]
    Empty,
    /// One JSON value.
    Sent(&'a str),
    /// It, or what it lies in, is there twice; the texts are empty for the latter.
    Twice(&'a str, &'a str),
}

/// The paths of one record; a slot each.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// The first is the record.
    nodes: Vec<Node>,
    paths: Vec<Path>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    members: Vec<(Box<str>, usize)>,
    elements: Vec<(usize, usize)>,
    slot: Option<usize>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            paths: Vec::new(),
        }
    }
}

impl Tree {
    /// The slot of a path.
    pub(super) fn slot(&mut self, path: &Path) -> usize {
        let mut at = 0;
        for step in &path.0 {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                break;
            };
            let known = match step {
                Step::Key(key) => place(&node.members, key),
                Step::Index(index) => place(&node.elements, index),
            };
            let next = known.unwrap_or(fresh);
            match step {
                _ if known.is_some() => {}
                Step::Key(key) => node.members.push((key.clone(), fresh)),
                Step::Index(index) => node.elements.push((*index, fresh)),
            }
            if next == fresh {
                self.nodes.push(Node::default());
            }
            at = next;
        }
        let fresh = self.paths.len();
        let slot = self
            .nodes
            .get_mut(at)
            .map(|node| *node.slot.get_or_insert(fresh));
        if slot == Some(fresh) {
            self.paths.push(path.clone());
        }
        slot.unwrap_or_default()
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.paths.len()
    }

    /// The path of a slot.
    pub(super) fn path(&self, slot: usize) -> &Path {
        static RECORD: Path = Path(Vec::new());
        self.paths.get(slot).unwrap_or(&RECORD)
    }

    /// Fills `slots` with what `text` has at the paths.
    ///
    /// # Errors
    /// The text is not JSON.
    pub(super) fn walk<'a>(&self, text: &'a str, slots: &mut [Slot<'a>]) -> Result<(), Fault> {
        let mut json = serde_json::Deserializer::from_str(text);
        let walk = Walk {
            tree: self,
            at: 0,
            slots,
        };
        walk.deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| syntax_fault(text, &error))
    }

    /// Everything at and below a node is not to be told apart.
    #[cold]
    fn spoil<'a>(&self, at: usize, both: (&'a str, &'a str), slots: &mut [Slot<'a>]) {
        let Some(node) = self.nodes.get(at) else {
            return;
        };
        if let Some(slot) = node.slot.and_then(|slot| slots.get_mut(slot)) {
            *slot = Slot::Twice(both.0, both.1);
        }
        let below = node.members.iter().map(|(_, at)| *at);
        let below = below.chain(node.elements.iter().map(|(_, at)| *at));
        for at in below {
            self.spoil(at, ("", ""), slots);
        }
    }
}

fn place<K: PartialEq>(children: &[(K, usize)], key: &K) -> Option<usize> {
    let known = children.iter().find(|(own, _)| own == key);
    known.map(|(_, at)| *at)
}

struct Walk<'t, 's, 'a> {
    tree: &'t Tree,
    at: usize,
    slots: &'s mut [Slot<'a>],
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Some(node) = self.tree.nodes.get(self.at) else {
            return json.deserialize_ignored_any(IgnoredAny).map(drop);
        };
        let Some(slot) = node.slot else {
            return json.deserialize_any(Inside { walk: self, node });
        };
        let raw: &'de RawValue = serde::Deserialize::deserialize(json)?;
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Slot::Sent(raw.get());
        }
        // A path that goes on below another: what is found is looked into once more.
        if !node.members.is_empty() || !node.elements.is_empty() {
            let mut json = serde_json::Deserializer::from_str(raw.get());
            let inside = Inside { walk: self, node };
            // It has been read once, so that it is JSON.
            let _ = json.deserialize_any(inside);
        }
        Ok(())
    }
}

/// Looks into an object or array; whatever else is there has nothing below it.
struct Inside<'t, 's, 'a> {
    walk: Walk<'t, 's, 'a>,
    node: &'t Node,
}

impl<'de> Visitor<'de> for Inside<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Walk { tree, slots, .. } = self.walk;
        let members = &self.node.members;
        let (mut seen, mut next) = (0u64, 0);
        while let Some(key) = map.next_key_seed(Key)? {
            let Some((at, node)) = find(members, &key, next) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            next = at + 1;
            let bit = u32::try_from(at).ok().and_then(|at| 1u64.checked_shl(at));
            let bit = bit.unwrap_or_default();
            let earlier = tree.nodes.get(node).and_then(|node| slots.get(node.slot?));
            let earlier = match earlier {
                Some(Slot::Sent(text) | Slot::Twice(text, _)) => Some(*text),
                _ => (seen & bit != 0).then_some(""),
            };
            if let Some(earlier) = earlier {
                let again: &'de RawValue = map.next_value()?;
                tree.spoil(node, (earlier, again.get()), slots);
                continue;
            }
            seen |= bit;
            map.next_value_seed(Walk {
                tree,
                at: node,
                slots: &mut *slots,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Walk { tree, slots, .. } = self.walk;
        for index in 0.. {
            let known = self.node.elements.iter().find(|(own, _)| *own == index);
            let more = match known {
                Some((_, at)) => elements.next_element_seed(Walk {
                    tree,
                    at: *at,
                    slots: &mut *slots,
                })?,
                None => elements.next_element::<IgnoredAny>()?.map(drop),
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The place and node of a key. Payloads have their members in the order of the profile, mostly: the
/// place behind the last is tried first.
fn find(members: &[(Box<str>, usize)], key: &str, next: usize) -> Option<(usize, usize)> {
    if let Some((name, node)) = members.get(next)
        && **name == *key
    {
        return Some((next, *node));
    }
    let key = key.trim();
    let place = members.iter().position(|(name, _)| **name == *key)?;
    members.get(place).map(|(_, node)| (place, *node))
}
