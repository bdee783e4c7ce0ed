//! What has to outlive a restart: the number of each session, and what it is subscribed to.
//!
//! ```text
//! key := client id     value := version:u8 = 1, number:u64 little-endian, filters as UTF-8 with \n between
//! ```
//! Intake knows redeliveries by the session's number and the packet id. A broker that has forgotten
//! the session numbers its packets anew, so a new number is drawn then, and is on the disk before
//! the first message is taken. The broker goes on delivering what a session was once subscribed to,
//! also after the configuration has changed; so the filters are remembered until they are revoked.
use crate::model::random_bytes;
use crate::state::{self, State};
use std::sync::Arc;

/// The keyspace, which holds links and nothing else.
const SPACE: &str = "links";
const VERSION: u8 = 1;

/// Why a link cannot remember.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The state.
    #[error("cannot keep the session's number")]
    State(#[from] state::Error),
    /// The kernel has no random number to give.
    #[error("no random number")]
    Random(#[from] std::io::Error),
}

/// The session of one client id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Random.
    pub(super) number: u64,
    /// Filters that it may be subscribed to.
    pub(super) filters: Vec<String>,
}

impl Session {
    fn encode(&self) -> Vec<u8> {
        let mut value = vec![VERSION];
        value.extend_from_slice(&self.number.to_le_bytes());
        value.extend_from_slice(self.filters.join("\n").as_bytes());
        value
    }

    /// `None`: of another version, or damaged.
    fn decode(value: &[u8]) -> Option<Self> {
        let (&[version], rest) = value.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let filters = std::str::from_utf8(rest).ok()?;
        let filters = filters.lines().map(str::to_owned).collect();
        let number = u64::from_le_bytes(*number);
        (version == VERSION).then_some(Self { number, filters })
    }
}

/// Where links remember.
#[derive(Clone, Debug)]
pub(super) struct Memory(pub(super) Arc<State>);

impl Memory {
    /// The session that a connection goes on with, or a new one where the broker has none
    /// (`present`) or it is not remembered. `filters` are added to it. On the disk when this returns. Blocks.
    pub(super) fn open(
        &self,
        client: &str,
        present: bool,
        filters: &[String],
    ) -> Result<Session, Error> {
        let known = if present { self.read(client)? } else { None };
        let before = known.clone();
        let mut session = match known {
            Some(session) => session,
            None => Session {
                number: u64::from_le_bytes(random_bytes()?),
                filters: Vec::new(),
            },
        };
        for filter in filters {
            if !session.filters.contains(filter) {
                session.filters.push(filter.clone());
            }
        }
        if before.as_ref() != Some(&session) {
            self.write(client, &session)?;
        }
        Ok(session)
    }

    /// Replaces what is remembered of this session, unless another has begun meanwhile. Blocks.
    pub(super) fn update(&self, client: &str, session: &Session) -> Result<(), Error> {
        let known = self.read(client)?;
        if known.is_some_and(|known| known.number == session.number) {
            self.write(client, session)?;
        }
        Ok(())
    }

    /// Replaces what is remembered. Blocks.
    pub(super) fn write(&self, client: &str, session: &Session) -> Result<(), Error> {
        let written = self.try_write(client, session);
        if written.is_err() {
            // What a failed write needs. It fails while there is no room; the next attempt says so.
            let _ = self.0.reopen();
        }
        Ok(written?)
    }

    fn try_write(&self, client: &str, session: &Session) -> Result<(), state::Error> {
        let access = self.0.access()?;
        let space = access.space(SPACE)?;
        let mut batch = access.batch();
        batch.insert(&space, client.as_bytes(), &session.encode());
        batch.commit(&[space])
    }

    /// Clients that may be subscribed to something. Blocks.
    pub(super) fn subscribed(&self) -> Result<Vec<String>, Error> {
        let access = self.0.access()?;
        let Some(space) = access.existing(SPACE)? else {
            return Ok(Vec::new());
        };
        let mut clients = Vec::new();
        // Client ids are printable ASCII.
        for row in space.range(b"", b"\x7f") {
            let (key, value) = row?;
            let filters = Session::decode(&value).map(|session| session.filters);
            if filters.is_none_or(|filters| !filters.is_empty()) {
                clients.push(String::from_utf8_lossy(&key).into_owned());
            }
        }
        Ok(clients)
    }

    fn read(&self, client: &str) -> Result<Option<Session>, state::Error> {
        let access = self.0.access()?;
        let Some(space) = access.existing(SPACE)? else {
            return Ok(None);
        };
        let value = space.get(client.as_bytes())?;
        Ok(value.and_then(|value| Session::decode(&value)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_lasts_as_long_as_the_brokers_session() {
        let dir = tempfile::tempdir().unwrap();
        let memory = || Memory(Arc::new(State::open(dir.path()).unwrap()));
        let (a, b) = (["a/#".to_owned()], ["b/#".to_owned()]);
        let first = memory().open("c", false, &a).unwrap();
        assert_eq!(
            memory().open("c", true, &a).unwrap(),
            first,
            "after a restart"
        );
        let changed = memory().open("c", true, &b).unwrap();
        assert_eq!((changed.number, changed.filters.len()), (first.number, 2));
        memory()
            .write(
                "c",
                &Session {
                    filters: b.to_vec(),
                    ..changed
                },
            )
            .unwrap();
        let same = memory().open("c", true, &b).unwrap();
        assert_eq!((same.number, &same.filters[..]), (first.number, &b[..]));
        let anew = memory().open("c", false, &b).unwrap();
        assert_ne!(anew.number, first.number, "the broker has forgotten it");
        assert_ne!(memory().open("d", true, &b).unwrap().number, anew.number);
    }

    proptest! {
        #[test]
        fn sessions_round_trip(number: u64, filters in proptest::collection::vec("[^\\n\\r]{1,8}", 0..4)) {
            let session = Session { number, filters };
            prop_assert_eq!(Session::decode(&session.encode()), Some(session));
        }

        #[test]
        fn garbage_is_no_session(bytes: Vec<u8>) {
            let _ = Session::decode(&bytes);
        }
    }
}
