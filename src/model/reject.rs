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
    /// The device, as far as topic or payload named one; possibly not a valid id. Of a part that is a
    /// meter's behind a concentrator, that meter: its id, or its address where nobody knows it.
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
    /// The pattern that led to the device, if one did.
    #[prost(string, tag = "13")]
    pub route: String,
    /// One more than the `CoAP` Content-Format (RFC 7252 §12.3); 0: none was given.
    #[prost(uint32, tag = "14")]
    pub content_format: u32,
    /// 0-based place among the rejects of its uplink, which lie one behind the other in the log.
    #[prost(uint32, tag = "15")]
    pub index: u32,
    /// How many rejects its uplink has; 0 in logs of before this was noted.
    #[prost(uint32, tag = "16")]
    pub of: u32,
    /// Nothing of the uplink was taken, even if this names a part.
    #[prost(bool, tag = "17")]
    pub whole: bool,
    /// This is a part that a retry left over: the last sequence of the rejected uplink which it came out
    /// of. 0: it is none. See [`Reject::recovered`].
    #[prost(uint64, tag = "18")]
    pub out_of: u64,
    /// The device that sent the uplink, where the part is of another one.
    #[prost(string, tag = "19")]
    pub via: String,
    /// Of the first reject of an uplink, what follows `raw` in the payload; empty where it was not kept.
    /// The last field, so that it can be left off what is encoded already.
    #[prost(bytes = "vec", tag = "20")]
    pub rest: Vec<u8>,
}

impl Reject {
    /// How much of a payload is kept, in bytes.
    pub const RAW_MAX: usize = 4096;
    /// Marks an uplink as a whole: no sequence is that large.
    pub const WHOLE: u64 = 1 << 63;
    /// Marks the first of the parts that a retry left over: they are those that its report knows of.
    pub const LEFT_OVER: u64 = 1 << 62;
    /// What a mark has besides a sequence.
    pub const BITS: u64 = Self::WHOLE | Self::LEFT_OVER;
    /// The field number of `rest`.
    pub const REST_FIELD: u32 = 20;

    /// Was nothing of its uplink taken?
    pub const fn is_whole(&self) -> bool {
        self.whole || (self.of == 0 && self.part.is_empty())
    }

    /// First and last sequence of the uplink's rejects, this one lying at `sequence`.
    pub fn uplink(&self, sequence: u64) -> (u64, u64) {
        let of = u64::from(self.of.max(1));
        let first = sequence.saturating_sub(u64::from(self.index));
        (first, first.saturating_add(of - 1))
    }

    /// Under which number it is noted that this reject, lying at `sequence`, was recovered: its own
    /// sequence where its uplink was taken in part, else [`Reject::WHOLE`] and that of the uplink's last,
    /// for all of them.
    pub fn mark(&self, sequence: u64) -> u64 {
        if self.is_whole() {
            self.uplink(sequence).1 | Self::WHOLE
        } else {
            sequence
        }
    }

    /// Is it one of the parts that a retry left over, and of a retry that came to nothing? Lying at
    /// `sequence`; `find` looks a mark up.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn is_stray<E>(
        &self,
        sequence: u64,
        find: impl Fn(u64) -> Result<Option<u64>, E>,
    ) -> Result<bool, E> {
        let first = self.uplink(sequence).0;
        Ok(self.out_of != 0 && find(first | Self::LEFT_OVER)?.is_none())
    }

    /// The report that it became, lying at `sequence`; `find` looks a mark up. A part that is left of a
    /// retry which came to nothing goes with the uplink that it came out of.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn recovered<E>(
        &self,
        sequence: u64,
        find: impl Fn(u64) -> Result<Option<u64>, E>,
    ) -> Result<Option<u64>, E> {
        if self.is_stray(sequence, &find)? {
            return find(self.out_of | Self::WHOLE);
        }
        find(self.mark(sequence))
    }

    /// Who sent the uplink.
    pub fn sender(&self) -> &str {
        match self.via.as_str() {
            "" => &self.device_id,
            via => via,
        }
    }

    /// Does it concern a device of this name: is it of it, or was it sent by it?
    pub fn concerns(&self, device: &str) -> bool {
        self.device_id == device || (!self.via.is_empty() && self.via == device)
    }

    /// Is the payload kept as a whole, by this reject of its uplink?
    pub fn has_payload(&self) -> bool {
        (self.raw.len() + self.rest.len()) as u64 == self.raw_len
    }
}
