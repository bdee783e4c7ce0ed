//! A reject's bytes, and the sentences that intake itself says.
use super::route;
use super::uplink::Uplink;
use crate::codecs::{Fault, Reason, quote};
use crate::model::settings::nearest_name;
use crate::model::wire::put_bytes;
use crate::model::{Reject, Source};
use prost::Message;

/// Longest topic, client id or device name that is kept, in bytes.
const NAME_LEN_MAX: usize = 256;

/// What the rejects of one uplink have in common, and which of them this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) device: &'a str,
    /// Who sent it, or "" where that is the device.
    pub(super) via: &'a str,
    pub(super) profile: &'a str,
    pub(super) route: &'a str,
    pub(super) index: usize,
    pub(super) of: usize,
    /// Nothing of the uplink was taken.
    pub(super) whole: bool,
    /// Longest payload that is kept for a retry.
    pub(super) payload_max: usize,
}

/// Appends a [`Reject`], and returns where it may be cut off: behind that lies what goes beyond
/// [`Reject::RAW_MAX`] of a payload. The user name is not kept: it may be an access token.
pub(super) fn encode(
    uplink: &Uplink<'_>,
    context: Context<'_>,
    fault: &Fault,
    out: &mut Vec<u8>,
) -> usize {
    let first = uplink.payload.len().min(Reject::RAW_MAX);
    let (raw, rest) = uplink.payload.split_at(first);
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let reject = Reject {
        received_at_ns: uplink.received_at.as_nanos(),
        source: uplink.source as u32,
        address: uplink.address.to_string(),
        device_id: cut(context.device),
        profile: cut(context.profile),
        topic: cut(&route::shown(uplink.topic)),
        reason: fault.reason.as_str().to_owned(),
        sentence: fault.sentence.clone(),
        part: cut(&fault.part),
        raw: raw.to_vec(),
        raw_len: uplink.payload.len() as u64,
        client: cut(uplink.client),
        route: cut(context.route),
        content_format: uplink.content_format.map_or(0, |ct| u32::from(ct) + 1),
        index: number(context.index),
        of: number(context.of),
        whole: context.whole,
        out_of: 0,
        via: cut(context.via),
        rest: Vec::new(),
    };
    out.extend_from_slice(&reject.encode_to_vec());
    let short = out.len();
    if context.index == 0 && uplink.payload.len() <= context.payload_max {
        put_bytes(out, Reject::REST_FIELD, rest);
    }
    short
}

/// Was something of this name cut off when it was kept?
pub(super) const fn may_be_cut(text: &str) -> bool {
    text.len() + 3 >= NAME_LEN_MAX
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
    let near = nearest_name(profile, names.split(", "));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let sentence = format!("no profile `{}`{near}; there are: {names}", quote(profile));
    Fault::whole(Reason::UnknownProfile, sentence)
}
