//! A row as it lies in the arena.
//!
//! ```text
//!  id  flags  kind profile district  [from] [to] [zone] [parent] [user]  [interval] [multiplier] [digits] [lat lon]
//!  [point] [asset] [words]  aliases: count, (back, text)..  [token: back, text]
//! ```
//! What is absent takes no byte but its flag. A name (the id, an alias, a token) begins with the way
//! back to the row, so that the place of a name is all that the index keeps: 0 for the id.
use super::arena::{Cursor, put_number, put_signed, put_text};
use crate::model::Timestamp;

/// Before the digest of an access token where it lies among the names: no name of a device begins so.
pub(super) const TOKEN: char = '\u{1}';

/// Before all times, and behind all.
pub(super) const NO_FROM: i64 = i64::MIN;
pub(super) const NO_TO: i64 = i64::MAX;

const FROM: u64 = 1;
const TO: u64 = 1 << 1;
const ZONE: u64 = 1 << 2;
const PARENT: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const PLACE: u64 = 1 << 5;
const ALIASES: u64 = 1 << 6;
const INTERVAL: u64 = 1 << 7;
const MULTIPLIER: u64 = 1 << 8;
const DIGITS: u64 = 1 << 9;
const POINT: u64 = 1 << 10;
const ASSET: u64 = 1 << 11;
const WORDS: u64 = 1 << 12;
const TOKENS: u64 = 1 << 13;
const RETIRED: u64 = 1 << 14;

/// Everything of a row; numbers where a pool has the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft<'a> {
    pub id: &'a str,
    pub kind: u32,
    pub profile: u32,
    pub district: u32,
    pub zone: u32,
    pub parent: u32,
    pub user: u32,
    pub multiplier: u32,
    /// Seconds since the epoch.
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub retired: bool,
    /// Degrees times 10^7.
    pub place: Option<(i64, i64)>,
    pub interval_ms: Option<u64>,
    pub digits: Option<(u8, u8)>,
    pub point: &'a str,
    pub asset: &'a str,
    pub words: &'a str,
    pub aliases: Vec<&'a str>,
    /// Digest of its access token, or "".
    pub token: &'a str,
}

impl Draft<'_> {
    /// Writes it; its names' places go to `names`, the id's first.
    pub fn write(&self, out: &mut String, names: &mut Vec<usize>) {
        let start = out.len();
        names.push(start);
        put_number(out, 0);
        put_text(out, self.id);
        put_number(out, self.flags());
        for number in [self.kind, self.profile, self.district] {
            put_number(out, number.into());
        }
        for time in [self.from, self.to].into_iter().flatten() {
            put_signed(out, time);
        }
        for number in [self.zone, self.parent, self.user] {
            if number != 0 {
                put_number(out, number.into());
            }
        }
        if let Some(interval) = self.interval_ms {
            put_number(out, interval);
        }
        if self.multiplier != 0 {
            put_number(out, self.multiplier.into());
        }
        if let Some((all, behind)) = self.digits {
            put_number(out, all.into());
            put_number(out, behind.into());
        }
        if let Some((lat, lon)) = self.place {
            put_signed(out, lat);
            put_signed(out, lon);
        }
        for text in [self.point, self.asset, self.words] {
            if !text.is_empty() {
                put_text(out, text);
            }
        }
        let mut name = |out: &mut String, text: &str| {
            names.push(out.len());
            let back = (out.len() - start) as u64;
            put_number(out, back);
            put_text(out, text);
        };
        if !self.aliases.is_empty() {
            put_number(out, self.aliases.len() as u64);
            for alias in &self.aliases {
                name(out, alias);
            }
        }
        if !self.token.is_empty() {
            name(out, self.token);
        }
    }

    fn flags(&self) -> u64 {
        [
            (FROM, self.from.is_some()),
            (TO, self.to.is_some()),
            (ZONE, self.zone != 0),
            (PARENT, self.parent != 0),
            (USER, self.user != 0),
            (PLACE, self.place.is_some()),
            (ALIASES, !self.aliases.is_empty()),
            (INTERVAL, self.interval_ms.is_some()),
            (MULTIPLIER, self.multiplier != 0),
            (DIGITS, self.digits.is_some()),
            (POINT, !self.point.is_empty()),
            (ASSET, !self.asset.is_empty()),
            (WORDS, !self.words.is_empty()),
            (TOKENS, !self.token.is_empty()),
            (RETIRED, self.retired),
        ]
        .into_iter()
        .fold(0, |all, (flag, set)| if set { all | flag } else { all })
    }
}

/// The name whose place is `at`: where its row begins, and its text.
pub(super) fn name_at(arena: &str, at: u32) -> (u32, &str) {
    let mut cursor = Cursor::new(arena, at as usize);
    let back = cursor.short();
    (at.saturating_sub(back), cursor.text())
}

/// What of a row every uplink asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    /// Where the row begins.
    pub at: u32,
    pub id: &'a str,
    flags: u32,
    pub kind: u32,
    pub profile: u32,
    pub district: u32,
    /// Seconds since the epoch; [`NO_FROM`] and [`NO_TO`] where there is no such time.
    pub from: i64,
    pub to: i64,
    pub zone: u32,
    pub parent: u32,
    pub user: u32,
    /// Of what [`Rest`] reads.
    rest: u32,
}

impl<'a> Head<'a> {
    pub fn read(arena: &'a str, at: u32) -> Self {
        let mut cursor = Cursor::new(arena, at as usize);
        cursor.number();
        let id = cursor.text();
        let flags = cursor.short();
        let (kind, profile, district) = (cursor.short(), cursor.short(), cursor.short());
        let has = |flag| u64::from(flags) & flag != 0;
        let from = if has(FROM) { cursor.signed() } else { NO_FROM };
        let to = if has(TO) { cursor.signed() } else { NO_TO };
        let mut number = |flag| if has(flag) { cursor.short() } else { 0 };
        let (zone, parent, user) = (number(ZONE), number(PARENT), number(USER));
        Self {
            at,
            id,
            flags,
            kind,
            profile,
            district,
            from,
            to,
            zone,
            parent,
            user,
            rest: u32::try_from(cursor.at).unwrap_or(u32::MAX),
        }
    }

    /// Does the row hold at this time?
    pub fn holds(&self, at: Timestamp) -> bool {
        let time = Timestamp::from_secs;
        time(self.from) <= at && (at < time(self.to) || self.to == NO_TO)
    }

    /// Do two rows hold at one time?
    pub const fn overlaps(&self, other: &Self) -> bool {
        other.from < self.to && self.from < other.to
    }

    /// Is the end of this row the end of the device?
    pub const fn is_retired(&self) -> bool {
        self.flags as u64 & RETIRED != 0
    }

    pub fn rest(&self, arena: &'a str) -> Rest<'a> {
        let mut cursor = Cursor::new(arena, self.rest as usize);
        let has = |flag| u64::from(self.flags) & flag != 0;
        let interval_ms = has(INTERVAL).then(|| cursor.number());
        let multiplier = if has(MULTIPLIER) { cursor.short() } else { 0 };
        let digits = has(DIGITS).then(|| {
            let mut digit = || u8::try_from(cursor.number()).unwrap_or(0);
            (digit(), digit())
        });
        let place = has(PLACE).then(|| (cursor.signed(), cursor.signed()));
        let mut text = |flag| if has(flag) { cursor.text() } else { "" };
        let (point, asset, words) = (text(POINT), text(ASSET), text(WORDS));
        let aliases = if has(ALIASES) { cursor.number() } else { 0 };
        Rest {
            interval_ms,
            multiplier,
            digits,
            place,
            point,
            asset,
            words,
            aliases: Names {
                cursor,
                left: aliases,
            },
            has_token: has(TOKENS),
        }
    }
}

/// What of a row is asked for less often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest<'a> {
    pub interval_ms: Option<u64>,
    pub multiplier: u32,
    pub digits: Option<(u8, u8)>,
    pub place: Option<(i64, i64)>,
    pub point: &'a str,
    pub asset: &'a str,
    pub words: &'a str,
    pub aliases: Names<'a>,
    pub has_token: bool,
}

impl<'a> Rest<'a> {
    /// Place and digest of its access token.
    pub fn token(&self) -> Option<(u32, &'a str)> {
        let mut names = self.aliases;
        names.by_ref().for_each(drop);
        names.left = self.has_token.into();
        names.next()
    }
}

/// Aliases, with the place of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    cursor: Cursor<'a>,
    left: u64,
}

#[expect(clippy::copy_iterator, reason = "a row is looked at again and again")]
impl<'a> Iterator for Names<'a> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let at = u32::try_from(self.cursor.at).unwrap_or(u32::MAX);
        self.cursor.number();
        Some((at, self.cursor.text()))
    }
}
