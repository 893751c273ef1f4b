//! Receivers on loopback: some take what they are sent, the others do harm when they are told to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::bench::clock::Stopwatch;
use crate::shell::{Failure, Outcome};

/// How a receiver does harm.
#[derive(Debug, Clone, Copy)]
pub(super) enum Harm {
    /// It reads and says nothing.
    Hangs,
    /// It says a byte of its head from time to time.
    Drips,
    /// Its answer does not end.
    NeverEnds,
    /// It breaks off.
    Breaks,
}

impl Harm {
    pub(super) const ALL: [Self; 4] = [Self::Hangs, Self::Drips, Self::NeverEnds, Self::Breaks];
}

/// A receiver, which lives as long as the measurement.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<Stopwatch>,
    /// When the event of a number arrived first.
    arrived: Mutex<HashMap<u32, f64>>,
    harm: Harm,
    is_harmful: AtomicBool,
}

impl Receiver {
    /// Begins to listen.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) fn open(clock: &Arc<Stopwatch>, harm: Harm) -> Outcome<Self> {
        let fault = |error| Failure::new(format!("no receiver: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let shared = Arc::new(Shared {
            clock: Arc::clone(clock),
            arrived: Mutex::default(),
            harm,
            is_harmful: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // Whoever breaks off is not listened to any more.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// From now on it does harm, or does not.
    pub(super) fn set_harmful(&self, is_harmful: bool) {
        self.shared.is_harmful.store(is_harmful, Ordering::SeqCst);
    }

    /// When events of these numbers arrived; absent for those that did not.
    pub(super) fn arrivals(&self, numbers: std::ops::Range<u32>) -> Vec<Option<f64>> {
        let arrived = self.shared.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.map(|it| arrived.get(&it).copied()).collect()
    }

    /// How many have arrived.
    pub(super) fn count(&self) -> usize {
        self.shared.arrived.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(body) = read(&mut stream)? {
            if self.is_harmful.load(Ordering::SeqCst) {
                return self.harm(stream);
            }
            if let Some(number) = number_in(&body) {
                let now = self.clock.seconds();
                self.arrived.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_insert(now);
            }
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
        Ok(())
    }

    fn harm(&self, mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
        match self.harm {
            // Until the other side has had enough.
            Harm::Hangs => stream.read(&mut [0]).map(drop),
            Harm::Drips => loop {
                stream.get_mut().write_all(b"H")?;
                thread::sleep(Duration::from_millis(500));
            },
            Harm::NeverEnds => {
                stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
                loop {
                    stream.get_mut().write_all(&[b'a'; 16 * 1024])?;
                }
            }
            Harm::Breaks => Ok(()),
        }
    }
}

/// The body of one request; none where the connection ended.
fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let (mut line, mut body_bytes) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                body_bytes = value.trim().parse().unwrap_or(0);
            }
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; body_bytes];
    stream.read_exact(&mut body)?;
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}

/// The number that the host gave an event.
fn number_in(body: &str) -> Option<u32> {
    let (_, rest) = body.split_once("\"number\":")?;
    let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn the_number_of_an_event_is_found() {
        assert_eq!(number_in(r#"{"id":"evt_1","data":{"number":42}}"#), Some(42));
        assert_eq!(number_in(r#"{"id":"evt_1","data":{}}"#), None);
    }
}
