//! One row of the inventory.
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// One row: a device, for as long as it is valid. A view into the inventory, as cheap as a reference.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'i> {
    id: &'i str,
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north, WGS-84.
    pub lat: f64,
    /// Degrees east, WGS-84.
    pub lon: f64,
}

impl<'i> Entry<'i> {
    /// The city's name for it.
    pub const fn id(self) -> &'i str {
        self.id
    }

    /// Dotted kind; "": the profile's.
    pub const fn kind(self) -> &'i str {
        ""
    }

    /// Name of its profile; "": the topic's, the Content-Format's, else `json`.
    pub const fn profile(self) -> &'i str {
        ""
    }

    /// GB/T 2260 code or name, or "".
    pub const fn district(self) -> &'i str {
        ""
    }

    /// Its clock's zone, where that is not the site's.
    pub const fn zone(self) -> Option<&'i TimeZone> {
        None
    }

    /// Usual time between two reports; `None`: the profile's, else learned.
    pub const fn interval(self) -> Option<Duration> {
        None
    }

    /// Where it is.
    pub const fn place(self) -> Option<Place> {
        None
    }

    /// Code of the asset in the city's information model, or "".
    pub const fn asset(self) -> &'i str {
        ""
    }

    /// Where it is, in words for who has to find it, or "".
    pub const fn whereabouts(self) -> &'i str {
        ""
    }

    /// Id of the concentrator or gateway that carries it, or "".
    pub const fn parent(self) -> &'i str {
        ""
    }

    /// The place whose consumption it counts, which outlives the meter, or "".
    pub const fn metering_point(self) -> &'i str {
        ""
    }

    /// Current ratio times voltage ratio: a register's value is this much larger than it shows.
    pub const fn multiplier(self) -> Option<f64> {
        None
    }

    /// Digits of its register before it rolls over, those behind the point included, and how many
    /// are behind it.
    pub const fn digits(self) -> Option<(u8, u8)> {
        None
    }

    /// From when on this row holds.
    pub const fn valid_from(self) -> Option<Timestamp> {
        None
    }

    /// Until when, exclusive.
    pub const fn valid_to(self) -> Option<Timestamp> {
        None
    }

    /// Other names, such as `imei:868411056758782` or `dlt645:000000000161`.
    pub fn aliases(self) -> impl Iterator<Item = &'i str> {
        std::iter::empty()
    }
}
