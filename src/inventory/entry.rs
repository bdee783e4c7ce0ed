//! One row of the inventory.
use super::row::{Head, NO_FROM, NO_TO, Rest};
use super::table::Table;
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::time::Duration;

/// One row: a device, for as long as it is valid. A view into the inventory, made without a copy.
#[derive(Clone, Copy)]
pub struct Entry<'i> {
    table: &'i Table,
    id: &'i str,
    /// Where the row begins.
    row: u32,
    // What every uplink asks for.
    kind: u32,
    profile: u32,
    district: u32,
    zone: u32,
    parent: u32,
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north, WGS-84, to 10^-7 (a centimetre).
    pub lat: f64,
    /// Degrees east, WGS-84, to 10^-7.
    pub lon: f64,
}

/// What proves that a device is itself, by reference: the inventory holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'i> {
    /// A user of `mqtt.users_file`. Several devices may share one.
    User(&'i str),
    /// The SHA-256 of an access token; [`Inventory::lookup_token`](super::Inventory::lookup_token)
    /// finds the device by the token.
    Token,
}

impl<'i> Entry<'i> {
    pub(super) const fn new(table: &'i Table, head: &Head<'i>) -> Self {
        Self {
            table,
            id: head.id,
            row: head.at,
            kind: head.kind,
            profile: head.profile,
            district: head.district,
            zone: head.zone,
            parent: head.parent,
        }
    }

    /// The city's name for it.
    pub const fn id(self) -> &'i str {
        self.id
    }

    /// Dotted kind; "": the profile's.
    pub fn kind(self) -> &'i str {
        self.table.kinds.get(self.kind)
    }

    /// Name of its profile; "": the topic's, the Content-Format's, else `json`.
    pub fn profile(self) -> &'i str {
        self.table.profiles.get(self.profile)
    }

    /// GB/T 2260 code or name, or "".
    pub fn district(self) -> &'i str {
        self.table.districts.get(self.district)
    }

    /// Its clock's zone, where that is not the site's.
    pub fn zone(self) -> Option<&'i TimeZone> {
        self.table.zone(self.zone)
    }

    /// Usual time between two reports; `None`: the profile's, else learned.
    pub fn interval(self) -> Option<Duration> {
        self.rest().interval_ms.map(Duration::from_millis)
    }

    /// Where it is.
    pub fn place(self) -> Option<Place> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "degrees times 10^7 have 31 bits"
        )]
        let degrees = |e7: i64| e7 as f64 / 1e7;
        let (lat, lon) = self.rest().place?;
        Some(Place {
            lat: degrees(lat),
            lon: degrees(lon),
        })
    }

    /// Code of the asset in the city's information model, or "".
    pub fn asset(self) -> &'i str {
        self.rest().asset
    }

    /// Where it is, in words for who has to find it, or "".
    pub fn whereabouts(self) -> &'i str {
        self.rest().words
    }

    /// Id of the concentrator or gateway that carries it, or "".
    pub fn parent(self) -> &'i str {
        self.table.parents.names.get(self.parent)
    }

    /// The place whose consumption it counts, which outlives the meter, or "".
    pub fn metering_point(self) -> &'i str {
        self.rest().point
    }

    /// Current ratio times voltage ratio: a register's value is this much larger than it shows.
    pub fn multiplier(self) -> Option<f64> {
        self.table.multiplier(self.rest().multiplier)
    }

    /// Digits of its register before it rolls over, those behind the point included, and how many
    /// are behind it.
    pub fn digits(self) -> Option<(u8, u8)> {
        self.rest().digits
    }

    /// From when on this row holds.
    pub fn valid_from(self) -> Option<Timestamp> {
        let from = self.head().from;
        (from != NO_FROM).then(|| Timestamp::from_secs(from))
    }

    /// Until when, exclusive.
    pub fn valid_to(self) -> Option<Timestamp> {
        let to = self.head().to;
        (to != NO_TO).then(|| Timestamp::from_secs(to))
    }

    /// Does this row hold at a time?
    pub fn is_valid(self, at: Timestamp) -> bool {
        self.head().holds(at)
    }

    /// Since when the device is out of service for good, if the row says so; the row holds until then.
    pub fn retired(self) -> Option<Timestamp> {
        self.valid_to().filter(|_| self.head().is_retired())
    }

    /// What proves that it is itself.
    pub fn credential(self) -> Option<Credential<'i>> {
        let user = self.table.users.names.get(self.head().user);
        if !user.is_empty() {
            return Some(Credential::User(user));
        }
        self.rest().has_token.then_some(Credential::Token)
    }

    /// Its token, as it lies among the names.
    pub(super) fn token(self) -> Option<&'i str> {
        self.rest().token().map(|(_, token)| token)
    }

    /// Other names, such as `imei:868411056758782` or `dlt645:000000000161`.
    pub fn aliases(self) -> impl Iterator<Item = &'i str> {
        self.rest().aliases.map(|(_, alias)| alias)
    }

    /// Do two rows say the same, each in its own inventory?
    pub(super) fn same(self, other: Self) -> bool {
        let (a, b) = (self.rest(), other.rest());
        let head = |entry: Self| {
            let (head, user) = (entry.head(), entry.table.users.names.get(entry.head().user));
            let times = (head.from, head.to, head.is_retired());
            let words = [
                entry.kind(),
                entry.profile(),
                entry.district(),
                entry.parent(),
                user,
            ];
            (head.id, times, words)
        };
        let rest = |rest: &Rest<'i>| {
            let texts = [rest.point, rest.asset, rest.words];
            let token = rest.token().map(|(_, token)| token);
            (rest.interval_ms, rest.digits, rest.place, texts, token)
        };
        let number = |entry: Self| entry.multiplier().map(f64::to_bits);
        head(self) == head(other)
            && rest(&a) == rest(&b)
            && number(self) == number(other)
            && self.zone() == other.zone()
            && self.aliases().eq(other.aliases())
    }

    pub(super) fn head(self) -> Head<'i> {
        self.table.head(self.row)
    }

    fn rest(self) -> Rest<'i> {
        self.head().rest(&self.table.arena)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("profile", &self.profile())
            .field("valid_from", &self.valid_from())
            .field("valid_to", &self.valid_to())
            .finish_non_exhaustive()
    }
}
