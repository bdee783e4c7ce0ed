//! What could not become readings.

/// An uplink, or a part of one, that was refused for good, with its bytes and the reason.
/// Encoded as protobuf in the log's reject segments; the field numbers are never reused.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Reject {
    /// Reception, nanoseconds since the epoch.
    #[prost(sfixed64, tag = "1")]
    pub received_at_ns: i64,
    /// [`Source`](super::Source) as its number.
    #[prost(uint32, tag = "2")]
    pub source: u32,
    /// The sender's address, `ip:port`.
    #[prost(string, tag = "3")]
    pub address: String,
    /// The device, as far as topic or payload named one; possibly not a valid id.
    #[prost(string, tag = "4")]
    pub device_id: String,
    /// The profile that refused it, if it came that far.
    #[prost(string, tag = "5")]
    pub profile: String,
    /// Topic or path.
    #[prost(string, tag = "6")]
    pub topic: String,
    /// Code out of a closed set, such as `unknown_metric`.
    #[prost(string, tag = "7")]
    pub reason: String,
    /// What a person should know: value, place, limit.
    #[prost(string, tag = "8")]
    pub sentence: String,
    /// The part that was refused (a key or index) while the rest was taken; empty: the whole uplink.
    #[prost(string, tag = "9")]
    pub part: String,
    /// The payload's first [`Reject::RAW_MAX`] bytes.
    #[prost(bytes = "vec", tag = "10")]
    pub raw: Vec<u8>,
    /// The payload's full length in bytes.
    #[prost(uint64, tag = "11")]
    pub raw_len: u64,
    /// MQTT client id or the like.
    #[prost(string, tag = "12")]
    pub client: String,
}

impl Reject {
    /// How much of a payload is kept, in bytes.
    pub const RAW_MAX: usize = 4096;
}
