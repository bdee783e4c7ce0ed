//! A meter's request that is encoded once, and patched in place for each message.
use crate::model::Timestamp;
use crate::sim::coap::message::Request;

/// Digits before and after the point of a time in seconds, from 2001 to 2286.
const SECONDS_DIGITS: usize = 10;
const MILLIS_DIGITS: usize = 3;
/// Place of the message id, and of the token of four bytes, RFC 7252 §3.
const MID_AT: usize = 2;
const TOKEN_AT: usize = 4;

/// One datagram and where it changes.
#[derive(Clone, Debug)]
pub(super) struct Template {
    datagram: Vec<u8>,
    time_at: usize,
    time_ms: u64,
}

/// `SenML` with base name and time and two records: about 100 bytes.
fn payload(device: &str, time_ms: u64) -> String {
    format!(
        concat!(
            r#"[{{"bn":"{}:","bt":{:010}.{:03},"n":"active_energy_import","v":48213.57}},"#,
            r#"{{"n":"frequency","v":50.02}}]"#
        ),
        device,
        time_ms / 1_000,
        time_ms % 1_000
    )
}

impl Template {
    /// A confirmable request of `device` to `path`; its first message has the time `start`.
    pub(super) fn new(device: &str, path: &str, put: bool, start: Timestamp) -> Self {
        let time_ms = u64::try_from(start.as_micros() / 1_000).unwrap_or(0);
        let payload = payload(device, time_ms);
        let mut datagram = Request {
            confirmable: true,
            mid: 0,
            token: &[0; 4],
            path,
            format: 110,
            block: None,
            echo: None,
            payload: payload.as_bytes(),
        }
        .encode();
        if put {
            // The code's byte: 0.03 instead of 0.02.
            if let Some(code) = datagram.get_mut(1) {
                *code = 3;
            }
        }
        let payload_at = datagram.len() - payload.len();
        let place = |before: &str| payload.find(before).map_or(0, |at| at + before.len());
        Self {
            time_at: payload_at + place(r#""bt":"#),
            datagram,
            time_ms,
        }
    }

    /// The next message: `step_ms` later than the last, under this message id and token.
    pub(super) fn advance(&mut self, mid: u16, token: u32, step_ms: u64) {
        self.time_ms += step_ms;
        self.patch(MID_AT, &mid.to_be_bytes());
        self.patch(TOKEN_AT, &token.to_be_bytes());
        let seconds_at = self.time_at;
        self.patch_number(seconds_at, SECONDS_DIGITS, self.time_ms / 1_000);
        let millis_at = self.time_at + SECONDS_DIGITS + 1;
        self.patch_number(millis_at, MILLIS_DIGITS, self.time_ms % 1_000);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.datagram
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.datagram.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn patch_number(&mut self, at: usize, digits: usize, mut number: u64) {
        for digit in self.datagram.iter_mut().skip(at).take(digits).rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use coap_lite::{CoapOption, MessageClass, Packet, RequestType};

    #[test]
    fn a_patched_request_is_read_by_the_codec_and_by_a_parser_of_json() {
        let start = Timestamp::from_micros(1_795_391_999_998_000);
        let mut template = Template::new("em-1-00001", "t/em-1-00001/senml", true, start);
        let mut times = Vec::new();
        for message in 0..4_u16 {
            template.advance(0xfffe_u16.wrapping_add(message), 0x0102_0304, 1);
            let packet = Packet::from_bytes(template.bytes()).unwrap();
            assert_eq!(packet.header.code, MessageClass::Request(RequestType::Put));
            assert_eq!(packet.header.message_id, 0xfffe_u16.wrapping_add(message));
            assert_eq!(packet.get_token(), [1, 2, 3, 4]);
            assert_eq!(packet.get_option(CoapOption::UriPath).unwrap().len(), 3);
            assert!((95..125).contains(&packet.payload.len()));
            let json: serde_json::Value = serde_json::from_slice(&packet.payload).unwrap();
            assert_eq!(json[0]["bn"], "em-1-00001:");
            assert!(json[0]["v"].as_f64().unwrap() > 48_000.0);
            times.push((json[0]["bt"].as_f64().unwrap() * 1e3).round());
        }
        let wanted = [1_795_391_999_999_f64, 1_795_392_000_000.0];
        assert_eq!(times[..2], wanted);
        assert!(times.is_sorted_by(|a, b| a < b));
    }
}
