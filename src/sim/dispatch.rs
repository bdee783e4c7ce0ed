//! Gives each message at its time to the connection of its device. The only place that waits.
use super::city::City;
use super::message::{Lane, Message};
use super::replay::ReplayError;
use super::tally::Tally;
use super::{Ended, Error};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Messages with the time, from the start of the run, at which they are due.
pub(super) enum Feed {
    City {
        city: Box<City>,
        left: u64,
        tally: Arc<Tally>,
    },
    Rows {
        rows: mpsc::Receiver<Result<Message, ReplayError>>,
        every: Option<f64>,
        sent: u64,
    },
}

/// The queues of one target's connections.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) shared: Vec<mpsc::Sender<Message>>,
    pub(super) own: Vec<mpsc::Sender<Message>>,
}

impl Feed {
    async fn next(&mut self) -> Result<Option<(Duration, Message)>, Error> {
        match self {
            Self::City { left: 0, .. } => Ok(None),
            Self::City { city, left, tally } => {
                *left -= 1;
                let next = city.next_message();
                tally.faults.store(city.faults_played(), Relaxed);
                Ok(Some(next))
            }
            Self::Rows { rows, every, sent } => {
                let Some(message) = rows.recv().await.transpose()? else {
                    return Ok(None);
                };
                #[expect(clippy::cast_precision_loss, reason = "exact to 2^53 messages")]
                let due = every.map_or(Duration::ZERO, |every| {
                    Duration::try_from_secs_f64(every * *sent as f64).unwrap_or(Duration::MAX)
                });
                *sent += 1;
                Ok(Some((due, message)))
            }
        }
    }
}

/// Waits for each message's time and queues it at its lane's connection; `queues` has a row per target.
/// A full queue holds up all lanes: the load is then as much as the gateway acknowledges.
pub(super) async fn dispatch(
    mut feed: Feed,
    queues: Vec<Queues>,
    stop: CancellationToken,
) -> Ended {
    let started = Instant::now();
    let work = async {
        while let Some((due, message)) = feed.next().await? {
            let at = started + due;
            if at > Instant::now() {
                sleep_until(at).await;
            }
            let Some(lanes) = queues.get(message.target) else {
                break;
            };
            let queue = match message.lane {
                Lane::Shared(lane) => {
                    let lane = lane % lanes.shared.len().max(1) as u64;
                    lanes.shared.get(usize::try_from(lane).unwrap_or(0))
                }
                Lane::Own(number) => lanes.own.get(number),
            };
            let Some(queue) = queue else { break };
            if queue.send(message).await.is_err() {
                // The connection gave up and says why itself.
                break;
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = work => ended,
        () = stop.cancelled() => Ok(()),
    }
}
