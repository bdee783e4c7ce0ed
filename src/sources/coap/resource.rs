//! Which resource a request is for, and what it does there.
//!
//! ```text
//!  GET       /.well-known/core        links, cut by Block2
//!  POST, PUT /t/{device}[/{profile}], /api/v1/{token}/telemetry, [[route]]: an uplink, or a block of one
//!  any other method there 4.05, else 4.04; a POST that no route matches is a reject and 4.04
//! ```
use super::blockwise::{self, Step, block2};
use super::discovery::{self, LINK_FORMAT, WELL_KNOWN};
use super::exchange::{ExchangeId, Keep, Request};
use super::message::{Code, Kind};
use super::options::Block;
use super::response::Response;
use super::socket::Datagram;
use super::work::{Taken, Work};
use crate::intake::{Delivery, Uplink};
use crate::model::Source;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

impl Work {
    pub(super) fn request(&mut self, now: Instant, request: &Request<'_>, datagram: &Datagram<'_>) {
        request.asked.path(&mut self.path);
        let code = request.message.header.code;
        let discovery = self.path == WELL_KNOWN;
        match (code, discovery) {
            (Code::GET, true) => self.discover(now, request),
            (Code::POST | Code::PUT, false) => self.upload(now, request, datagram),
            _ => {
                let known = discovery || self.service.intake.serves(&self.path, Source::Coap);
                let (code, words) = if known {
                    let words = format!("method {code} is not served here");
                    (Code::METHOD_NOT_ALLOWED, words)
                } else {
                    let words = "nothing is served here; /.well-known/core says what is where";
                    (Code::NOT_FOUND, words.to_owned())
                };
                self.refuse(now, request.id, &Response::diagnostic(code, &words));
            }
        }
    }

    /// GET /.well-known/core.
    fn discover(&mut self, now: Instant, request: &Request<'_>) {
        if request
            .asked
            .accept
            .is_some_and(|accept| accept != LINK_FORMAT)
        {
            let words = "only Content-Format 40, link-format, is served here";
            let response = Response::diagnostic(Code::NOT_ACCEPTABLE, words);
            return self.refuse(now, request.id, &response);
        }
        let mut links = std::mem::take(&mut self.links);
        discovery::links(&request.asked.queries(), &mut links);
        match block2(request.asked.block2, links.as_bytes()) {
            Err(words) => {
                let response = Response::diagnostic(Code::BAD_REQUEST, words);
                self.refuse(now, request.id, &response);
            }
            Ok((piece, block)) => {
                let size = u32::try_from(links.len()).ok();
                let first = block.is_some_and(|block| block.num == 0);
                let response = Response {
                    etag: Some(discovery::etag(&links)),
                    content_format: Some(LINK_FORMAT),
                    block2: block,
                    size2: size.filter(|_| first || request.asked.size2),
                    payload: piece,
                    ..Response::new(Code::CONTENT)
                };
                self.answer(now, request.id, &response, Keep::Nothing);
            }
        }
        self.links = links;
    }

    /// POST or PUT: the whole payload, or a block of it.
    fn upload(&mut self, now: Instant, request: &Request<'_>, datagram: &Datagram<'_>) {
        let payload = request.message.payload;
        let Some(block) = request.asked.block1 else {
            return self.uplink(request, datagram, payload, None);
        };
        self.numbers.blocks += 1;
        if (block.num == 0 || !block.more)
            && let Some(refusal) = self.service.intake.refusing()
        {
            // Before the transfer is begun or used up, so that the same block is taken later.
            let kind = request.message.header.kind;
            if !block.more {
                self.count_refused(kind);
            }
            return self.later(now, request.id, kind, refusal);
        }
        let key = blockwise::key(request.peer, request.message.header.code, &request.asked);
        let secs = self.secs(now);
        let of = (key, request.peer);
        let step = self
            .transfers
            .block1(secs, of, &request.asked, block, payload);
        match step {
            Step::Complete(whole) => self.uplink(request, datagram, &whole, Some(block)),
            Step::Continue(block) => {
                let response = Response {
                    block1: Some(block),
                    ..Response::new(Code::CONTINUE)
                };
                self.answer(now, request.id, &response, Keep::Answer);
            }
            Step::Failed(code, words) => {
                let max = u32::try_from(self.service.intake.payload_max()).ok();
                let response = Response {
                    block1: Some(block).filter(|block| block.szx <= blockwise::SZX_MAX),
                    size1: max.filter(|_| code == Code::TOO_LARGE),
                    ..Response::diagnostic(code, words)
                };
                // It may have ended a transfer, so a copy would find another state.
                self.protocol_errors += 1;
                self.answer(now, request.id, &response, Keep::Answer);
            }
        }
    }

    pub(super) fn secs(&self, now: Instant) -> u32 {
        let secs = now.saturating_duration_since(self.start).as_secs();
        u32::try_from(secs).unwrap_or(u32::MAX)
    }

    /// An error that follows from the request alone.
    fn refuse(&mut self, now: Instant, id: ExchangeId, response: &Response<'_>) {
        self.protocol_errors += 1;
        self.answer(now, id, response, Keep::Nothing);
    }

    pub(super) fn answer(
        &mut self,
        now: Instant,
        id: ExchangeId,
        response: &Response<'_>,
        keep: Keep,
    ) {
        self.exchanges
            .respond(now, id, response, keep, &mut self.outbox);
    }

    fn uplink(
        &mut self,
        request: &Request<'_>,
        datagram: &Datagram<'_>,
        payload: &[u8],
        block1: Option<Block>,
    ) {
        let kind = request.message.header.kind;
        let uplink = Uplink {
            source: Source::Coap,
            received_at: self.at,
            address: canonical(datagram.session.peer),
            topic: &self.path,
            client: "",
            user: "",
            payload,
            content_format: request.asked.content_format,
            delivery: Some(Delivery::Exchange {
                peer: request.peer,
                message_id: request.message.header.id,
            }),
            unassured: kind != Kind::Confirmable,
        };
        self.at = self.at.plus(Duration::from_nanos(1));
        let fault = self.service.intake.take(&uplink, &mut self.pending);
        self.exchanges.mark_uplink(request.id);
        self.taken.push(Taken {
            id: request.id,
            kind,
            block1: block1.map(|block| Block {
                more: false,
                ..block
            }),
            fault,
        });
    }
}

/// An IPv4 peer of an IPv6 socket is shown as what it is.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
