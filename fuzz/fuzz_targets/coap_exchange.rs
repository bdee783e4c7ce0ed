#![no_main]
//! Whatever datagrams come in whatever order, with answers and time in between: no panic, each request is taken once,
//! and an unproven address gets at most three times what it sent.
//!
//! Input: steps of an operation, a length, and that many bytes.
use citygate::sources::coap::exchange::{Exchanges, Heard, Keep, Limits, Secrets, SeenLimits};
use citygate::sources::coap::message::Code;
use citygate::sources::coap::outbox::Outbox;
use citygate::sources::coap::response::Response;
use citygate::sources::coap::session::Session;
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const LIMITS: Limits = Limits {
    outstanding_max: 8,
    ack_after: Duration::from_secs(1),
    seen: SeenLimits {
        entries_max: 16,
        peer_entries_max: 8,
        bytes_max: 256,
        peer_bytes_max: 128,
    },
};
const SECRETS: Secrets = Secrets {
    seed: 1,
    process: [2; 32],
};

fuzz_target!(|input: &[u8]| {
    let mut now = Instant::now();
    let mut exchanges = Exchanges::new(LIMITS, SECRETS, now);
    let mut out = Outbox::default();
    let mut waiting = VecDeque::new();
    let mut rest = input;
    while let [step, len, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        match step % 4 {
            0 | 1 => {
                let session = Session::new(([127, 0, 0, 1], u16::from(step >> 4) + 1).into());
                if let Heard::Request(request) = exchanges.handle_datagram(now, session, bytes, &mut out) {
                    waiting.push_back((request.id, bytes.len()));
                }
                assert!(sent(&out) <= 3 * bytes.len().max(4));
            }
            2 => {
                let code = [Code::CHANGED, Code::CONTENT, Code::BAD_REQUEST, Code::UNAVAILABLE][usize::from(step >> 6)];
                let keep = if step & 16 == 0 { Keep::Answer } else { Keep::Nothing };
                let response = Response { payload: bytes, ..Response::new(code) };
                if let Some((id, heard)) = waiting.pop_front() {
                    exchanges.respond(now, id, &response, keep, &mut out);
                    // A challenge is 14 bytes and the token; only what is longer than a third of it is challenged.
                    assert!(sent(&out) <= (3 * heard).max(26) || exchanges.counts().proven > 0);
                }
            }
            _ => {
                now += Duration::from_millis(u64::from(*len) * 100);
                exchanges.handle_timeout(now, &mut out);
            }
        }
        out.clear();
        assert!(exchanges.outstanding() <= LIMITS.outstanding_max);
        let (remembered, kept, _) = exchanges.remembered();
        assert!(remembered <= LIMITS.seen.entries_max && kept <= LIMITS.seen.bytes_max);
        assert_eq!(exchanges.outstanding(), waiting.len());
    }
});

fn sent(out: &Outbox) -> usize {
    out.from(0).map(|(_, bytes)| bytes.len()).sum()
}
