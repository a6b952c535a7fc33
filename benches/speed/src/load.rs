//! Couriers: connections that deliver, each waiting for its answer, as fast as they are answered or at a given rate. They speak
//! HTTP by themselves, because a client that costs as much as the server it measures measures itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::deliveries::Delivery;

/// How long an answer may take before the run is given up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Answers to deliveries have no body to speak of.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;

/// When the next delivery is made.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as the connection has its answer.
    Closed,
    /// So many deliveries a second, when they are due, whatever became of those before. Time counts from when it was due.
    Open(f64),
}

/// What came of a load.
pub struct Outcome {
    pub events: u64,
    /// Deliveries that were not answered 200, and connections that broke.
    pub refused: u64,
    /// From the first delivery to the last answer.
    pub took: Duration,
    /// How long each delivery took, in nanoseconds, ascending.
    pub latencies: Vec<u64>,
}

/// Delivers for a while, over so many connections that go to the addresses by turns.
pub async fn load(
    addresses: Vec<String>,
    delivery: Delivery,
    connections: usize,
    pace: Pace,
    lasting: Duration,
) -> Outcome {
    let mut couriers = Vec::new();
    for address in addresses.iter().cycle().take(connections) {
        couriers.push(Courier::connect(address).await.unwrap());
    }
    let plan = Arc::new(Plan {
        began: Instant::now(),
        lasting,
        pace,
        next: AtomicU64::new(0),
        turn: Mutex::new(()),
    });
    let rounds = couriers.into_iter().map(|courier| {
        tokio::spawn(Round { plan: Arc::clone(&plan), courier, delivery: delivery.clone() }.run())
    });
    let rounds = rounds.collect::<Vec<_>>();
    let (mut latencies, mut refused) = (Vec::new(), 0);
    let all = async {
        for round in rounds {
            let (took, failed) = round.await.unwrap();
            latencies.extend(took);
            refused += failed;
        }
    };
    tokio::time::timeout(lasting + PATIENCE, all).await.expect("every delivery is answered");
    let took = plan.began.elapsed();
    latencies.sort_unstable();
    let events = plan.next.load(Ordering::Relaxed) * delivery.events() as u64;
    Outcome { events, refused, took, latencies }
}

struct Plan {
    began: Instant,
    lasting: Duration,
    pace: Pace,
    /// The number of the next delivery.
    next: AtomicU64,
    /// Who makes the next delivery that is not due yet.
    turn: Mutex<()>,
}

impl Plan {
    /// The next delivery's number, and when it was due; nothing when it is over.
    async fn next(&self) -> Option<(u64, Instant)> {
        let Pace::Open(rate) = self.pace else {
            let now = Instant::now();
            return (now - self.began < self.lasting)
                .then(|| (self.next.fetch_add(1, Ordering::Relaxed), now));
        };
        let _turn = self.turn.lock().await;
        let number = self.next.load(Ordering::Relaxed);
        let after = Duration::from_secs_f64(number as f64 / rate);
        if after >= self.lasting {
            return None;
        }
        self.next.store(number + 1, Ordering::Relaxed);
        let due = self.began + after;
        while Instant::now() < due {
            // Timers go by milliseconds, which is too coarse; the core belongs to the load.
            tokio::task::yield_now().await;
        }
        Some((number, due))
    }
}

/// One connection's share.
struct Round {
    plan: Arc<Plan>,
    courier: Courier,
    delivery: Delivery,
}

impl Round {
    async fn run(mut self) -> (Vec<u64>, u64) {
        let (mut latencies, mut refused) = (Vec::new(), 0);
        let events = self.delivery.events() as u64;
        while let Some((number, due)) = self.plan.next().await {
            let answered = self.courier.deliver(self.delivery.numbered(number * events)).await;
            latencies.push(due.elapsed().as_nanos() as u64);
            match answered {
                Ok(200) => {}
                Ok(_) => refused += 1,
                Err(_) => return (latencies, refused + 1),
            }
        }
        (latencies, refused)
    }
}

/// A connection that delivers.
pub struct Courier {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Courier {
    pub async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Sends a request, and returns the status of its answer once all of that is there.
    pub async fn deliver(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some((status, length)) = status_and_length(&self.answer[..filled])
                && filled >= length
            {
                return Ok(status);
            }
        }
    }
}

/// The status of an answer and how long it is altogether, once its head is there.
fn status_and_length(answer: &[u8]) -> Option<(u16, usize)> {
    let head_bytes = memmem::find(answer, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_bytes]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some((status, head_bytes + length.unwrap_or_default()))
}
