//! `citygate.v1.DeviceListing` and `Place`.
use super::{is_default, proto_time};
use crate::model::proto;
use serde::Serialize;

/// `citygate.v1.DeviceListing`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(skip_serializing_if = "is_default")]
    whereabouts: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    asset: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    metering_point: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    multiplier: f64,
    #[serde(skip_serializing_if = "is_default")]
    digits: u32,
    #[serde(skip_serializing_if = "is_default")]
    decimals: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    time_zone: &'a str,
}

/// `citygate.v1.Place`.
#[derive(Debug, Serialize)]
struct Place {
    #[serde(skip_serializing_if = "is_default")]
    latitude: f64,
    #[serde(skip_serializing_if = "is_default")]
    longitude: f64,
}

impl<'a> From<&'a proto::DeviceListing> for Listing<'a> {
    fn from(listing: &'a proto::DeviceListing) -> Self {
        Self {
            place: listing.place.map(|place| Place {
                latitude: place.latitude,
                longitude: place.longitude,
            }),
            whereabouts: &listing.whereabouts,
            asset: &listing.asset,
            metering_point: &listing.metering_point,
            multiplier: listing.multiplier,
            digits: listing.digits,
            decimals: listing.decimals,
            valid_from: proto_time(listing.valid_from.as_ref()),
            valid_to: proto_time(listing.valid_to.as_ref()),
            time_zone: &listing.time_zone,
        }
    }
}
