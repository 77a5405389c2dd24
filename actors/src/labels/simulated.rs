//! A label printer that is not there: a real TCP server that takes ZPL, answers `~HS`, and can be told to fail in every way
//! that real ones do. For demonstrations, rehearsals and tests.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nightshift_domain::labels::HostStatus;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Labels that it remembers; it counts all.
const REMEMBERED_MAX: usize = 20_000;
/// Largest label that it takes, bytes.
const LABEL_BYTES_MAX: usize = 64 * 1_024;
/// Labels that wait in it, as in a real one's memory.
const WAITING_MAX: usize = 200;
/// Longest line that tells it something, bytes.
const LINE_BYTES_MAX: u64 = 200;
/// Connections at once.
const CONNECTIONS_MAX: usize = 64;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrinterMood {
    /// It prints at once.
    #[default]
    Well,
    /// It is out of paper, and says so; what it gets waits in it.
    PaperOut,
    /// It takes connections and bytes and answers nothing; what it gets waits in it.
    Silent,
    /// It closes the connection in the middle of each label, which it does not print.
    Drops,
    /// It answers nonsense.
    Garbage,
    /// Each label takes so long.
    Slow(Duration),
}

impl FromStr for PrinterMood {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "well" => Ok(Self::Well),
            "paper-out" => Ok(Self::PaperOut),
            "silent" => Ok(Self::Silent),
            "drops" => Ok(Self::Drops),
            "garbage" => Ok(Self::Garbage),
            other => {
                let ms = other
                    .strip_prefix("slow=")
                    .and_then(|ms| ms.parse::<u64>().ok())
                    .filter(|ms| *ms <= 600_000);
                let unknown = || {
                    format!("`{other}` is none of well, paper-out, silent, drops, garbage, slow=MILLISECONDS")
                };
                ms.map(|ms| Self::Slow(Duration::from_millis(ms))).ok_or_else(unknown)
            }
        }
    }
}

/// The printer. It ends when it is dropped.
pub struct SimulatedPrinter {
    address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    /// Told when something waits or the mood has changed.
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    mood: PrinterMood,
    waiting: VecDeque<String>,
    /// Whether one is being printed just now.
    busy: bool,
    printed: Vec<String>,
    count: u64,
    connections: u64,
    questions: u64,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimulatedPrinter {
    /// Starts one that listens on `address`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, mood: PrinterMood) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        state.lock().mood = mood;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state), serve));
        tasks.spawn(print(Arc::clone(&state)));
        Ok(Self { address, state, _tasks: tasks })
    }

    /// Lets whoever connects to `address` tell it things, a line each: a mood, `count`, `labels`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn listen_to(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        self._tasks.spawn(accept(listener, Arc::clone(&self.state), obey));
        Ok(address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how it behaves.
    pub fn set_mood(&self, mood: PrinterMood) {
        set_mood(&self.state, mood);
    }

    /// Labels that it has printed, copies counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state.lock().count
    }

    /// The ZPL of what it has printed, in order; the first 20,000.
    #[must_use]
    pub fn printed(&self) -> Vec<String> {
        self.state.lock().printed.clone()
    }

    /// How often somebody connected, and asked how it is.
    #[must_use]
    pub fn visits(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.connections, state.questions)
    }
}

fn set_mood(state: &State, mood: PrinterMood) {
    state.lock().mood = mood;
    state.changed.notify_waiters();
    state.changed.notify_one();
}

type Serve<F> = fn(TcpStream, Arc<State>) -> F;

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    state: Arc<State>,
    with: Serve<F>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if connections.len() < CONNECTIONS_MAX {
            connections.spawn(with(stream, Arc::clone(&state)));
        }
    }
}

/// A client that prints.
async fn serve(mut stream: TcpStream, state: Arc<State>) {
    state.lock().connections += 1;
    let _ = stream.set_nodelay(true);
    let mut came: Vec<u8> = Vec::new();
    let mut bytes = [0; 4_096];
    loop {
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(n) => came.extend_from_slice(&bytes[..n]),
        }
        if came.len() > LABEL_BYTES_MAX {
            return;
        }
        while let Some(answer) = take_command(&mut came, &state) {
            match answer {
                Answer::None => {}
                Answer::Bytes(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Answer::Close => return,
            }
        }
    }
}

enum Answer {
    None,
    Bytes(Vec<u8>),
    Close,
}

/// Does the first command of what came, if it is whole.
fn take_command(came: &mut Vec<u8>, state: &State) -> Option<Answer> {
    let find = |what: &[u8]| came.windows(what.len()).position(|w| w == what);
    let question = find(b"~HS");
    let label = find(b"^XA");
    match (question, label) {
        (Some(at), label) if label.is_none_or(|label| at < label) => {
            came.drain(..at + 3);
            Some(status(state))
        }
        (_, Some(from)) => {
            if state.lock().mood == PrinterMood::Drops {
                return Some(Answer::Close);
            }
            let to = find(b"^XZ").filter(|to| *to > from)? + 3;
            let zpl = String::from_utf8_lossy(&came[from..to]).into_owned();
            came.drain(..to);
            let mut inner = state.lock();
            if inner.waiting.len() < WAITING_MAX {
                inner.waiting.push_back(zpl);
            }
            drop(inner);
            print_at_once(state);
            state.changed.notify_one();
            Some(Answer::None)
        }
        _ => None,
    }
}

fn status(state: &State) -> Answer {
    let mut inner = state.lock();
    inner.questions += 1;
    let waiting = inner.waiting.len() + usize::from(inner.busy);
    let status = HostStatus {
        paper_out: inner.mood == PrinterMood::PaperOut,
        formats_waiting: u32::try_from(waiting).unwrap_or(u32::MAX).min(999),
        buffer_full: inner.waiting.len() >= WAITING_MAX,
        ..HostStatus::default()
    };
    match inner.mood {
        PrinterMood::Silent => Answer::None,
        PrinterMood::Garbage => Answer::Bytes(b"220 welcome to the mail server\r\n".to_vec()),
        _ => Answer::Bytes(status.answer()),
    }
}

/// A printer that is well is never seen waiting.
fn print_at_once(state: &State) {
    let mut inner = state.lock();
    while inner.mood == PrinterMood::Well && !inner.busy {
        let Some(zpl) = inner.waiting.pop_front() else { return };
        finish(&mut inner, zpl);
    }
}

fn finish(inner: &mut Inner, zpl: String) {
    let copies =
        zpl.rsplit_once("^PQ").and_then(|(_, rest)| rest.split([',', '^']).next()?.parse::<u64>().ok());
    inner.count += copies.unwrap_or(1);
    if inner.printed.len() < REMEMBERED_MAX {
        inner.printed.push(zpl);
    }
}

/// Prints what waits, as its mood allows.
async fn print(state: Arc<State>) {
    loop {
        let changed = state.changed.notified();
        print_at_once(&state);
        let slow = {
            let mut inner = state.lock();
            match inner.mood {
                PrinterMood::Slow(pause) => inner.waiting.pop_front().map(|zpl| (zpl, pause)),
                _ => None,
            }
            .inspect(|_| inner.busy = true)
        };
        match slow {
            None => changed.await,
            Some((zpl, pause)) => {
                tokio::time::sleep(pause).await;
                let mut inner = state.lock();
                inner.busy = false;
                finish(&mut inner, zpl);
            }
        }
    }
}

/// A client that tells it things.
async fn obey(stream: TcpStream, state: Arc<State>) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading);
    loop {
        let mut line = String::new();
        match (&mut lines).take(LINE_BYTES_MAX).read_line(&mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let answer = match line.trim() {
            "count" => format!("{}\n", state.lock().count),
            "labels" => {
                state.lock().printed.iter().map(|zpl| format!("{}\n", zpl.replace('\n', " "))).collect()
            }
            mood => match mood.parse() {
                Ok(mood) => {
                    set_mood(&state, mood);
                    "ok\n".to_owned()
                }
                Err(why) => format!("{why}\n"),
            },
        };
        if writing.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
