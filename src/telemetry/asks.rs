//! Asking a running gateway to read its files again, and hearing what became of it.
use super::{Loss, SnapshotState};
use std::sync::OnceLock;
use tokio::sync::{mpsc, oneshot};

/// Those who wait for their turn; each reads everything, so more would only wait longer.
const WAITING_MAX: usize = 4;

/// May an inventory be taken that loses many devices?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// No.
    #[default]
    No,
    /// Yes, if it loses what was refused the last time.
    Refused,
    /// Yes, if this is [`Loss::code`].
    Code(String),
}

/// What another snapshot changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Devices that are new.
    pub added: u64,
    /// Devices that are no more, or are retired.
    pub removed: u64,
    /// Devices of which something else is known.
    pub changed: u64,
    /// Names of profiles that are new, went, or read otherwise.
    pub profiles: Vec<String>,
}

/// What became of reading everything again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It works now.
    Loaded {
        /// What is known now.
        snapshot: SnapshotState,
        /// Against what was known.
        changed: Changed,
        /// Keys of the configuration that have another value now.
        keys: Vec<String>,
        /// Keys whose new value waits for a restart.
        needs_restart: Vec<String>,
    },
    /// It is wrong, and what worked works on: every problem.
    Wrong(Vec<String>),
    /// It would lose many devices, and what worked works on.
    Lossy(Loss),
}

/// Somebody asks.
#[derive(Debug)]
pub struct Ask {
    /// What may be lost.
    pub force: Force,
    /// Who asked may have gone.
    pub answer: oneshot::Sender<Outcome>,
}

/// Why nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It is starting, or ending, or nothing is to be read (the demo).
    #[error("this gateway reads nothing again now")]
    Nobody,
    /// Others wait already.
    #[error("{WAITING_MAX} others wait for their turn already")]
    Busy,
}

/// From those who ask to the one who reads.
#[derive(Debug, Default)]
pub struct Asks(OnceLock<mpsc::Sender<Ask>>);

impl Asks {
    /// The end of the one who reads; `None` if there is one.
    pub fn listen(&self) -> Option<mpsc::Receiver<Ask>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        self.0.set(sender).is_ok().then_some(receiver)
    }

    /// Asks for everything to be read again. What is received may fail if the gateway ends meanwhile.
    ///
    /// # Errors
    /// Nobody reads, or many ask.
    pub fn ask(&self, force: Force) -> Result<oneshot::Receiver<Outcome>, AskError> {
        let sender = self.0.get().ok_or(AskError::Nobody)?;
        let (answer, outcome) = oneshot::channel();
        match sender.try_send(Ask { force, answer }) {
            Ok(()) => Ok(outcome),
            Err(mpsc::error::TrySendError::Full(_)) => Err(AskError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(AskError::Nobody),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_beyond_the_bound_are_sent_away() {
        let asks = Asks::default();
        assert_eq!(asks.ask(Force::No).err(), Some(AskError::Nobody));
        let mut reader = asks.listen();
        assert!(reader.is_some() && asks.listen().is_none());
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX {
            waiting.push(asks.ask(Force::Refused));
        }
        assert!(waiting.iter().all(Result::is_ok));
        assert_eq!(asks.ask(Force::No).err(), Some(AskError::Busy));
        let ask = reader.as_mut().and_then(|reader| reader.try_recv().ok());
        assert_eq!(ask.map(|ask| ask.force), Some(Force::Refused));
        drop(reader);
        assert_eq!(asks.ask(Force::No).err(), Some(AskError::Nobody));
    }
}
