//! A reject's bytes, and the sentences that intake itself says.
use super::route;
use super::uplink::Uplink;
use crate::codecs::{Fault, Reason, quote};
use crate::model::{Reject, Source};
use prost::Message;

/// Longest topic, client id or device name that is kept, in bytes.
const NAME_LEN_MAX: usize = 256;

/// Appends a [`Reject`]. The user name is not kept: it may be an access token.
pub(super) fn encode(
    uplink: &Uplink<'_>,
    device: &str,
    profile: &str,
    fault: &Fault,
    out: &mut Vec<u8>,
) {
    let raw = uplink
        .payload
        .get(..Reject::RAW_MAX)
        .unwrap_or(uplink.payload);
    let reject = Reject {
        received_at_ns: uplink.received_at.as_nanos(),
        source: uplink.source as u32,
        address: uplink.address.to_string(),
        device_id: cut(device),
        profile: cut(profile),
        topic: cut(&route::shown(uplink.topic)),
        reason: fault.reason.as_str().to_owned(),
        sentence: fault.sentence.clone(),
        part: cut(&fault.part),
        raw: raw.to_vec(),
        raw_len: uplink.payload.len() as u64,
        client: cut(uplink.client),
    };
    out.extend_from_slice(&reject.encode_to_vec());
}

pub(super) fn cut(text: &str) -> String {
    let mut end = text.len().min(NAME_LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

pub(super) fn no_route(source: Source, topic: &str) -> Fault {
    let root = if source == Source::Coap { "t" } else { "city" };
    Fault::whole(
        Reason::NoRoute,
        format!(
            "no route matches `{}`; {root}/{{device}} and {root}/{{device}}/{{profile}} do, and [[route]] adds more",
            quote(&route::shown(topic))
        ),
    )
}

pub(super) fn too_large(len: usize, max: usize) -> Fault {
    let sentence = format!("payload of {len} bytes; at most {max} are taken (intake.payload_max)");
    Fault::whole(Reason::TooLarge, sentence)
}

pub(super) fn unknown_profile(profile: &str, names: &str) -> Fault {
    let sentence = format!("no profile `{}`; there are: {names}", quote(profile));
    Fault::whole(Reason::UnknownProfile, sentence)
}
