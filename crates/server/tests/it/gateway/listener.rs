//! The verification listener on the wire: what it does with connections, whatever is asked on them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use claviger::gateway::listener::{Settings, Workers, serve};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio_util::sync::CancellationToken;

/// A listener that answers with the path it was asked for and the thread that answered.
struct Echo {
    address: SocketAddr,
    stop: CancellationToken,
    workers: Option<Workers>,
}

impl Echo {
    fn start(head_read: Duration) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let stop = CancellationToken::new();
        let settings = Settings { head_read, ..Settings::with_workers(NonZeroUsize::new(2).unwrap()) };
        let answer = |request: &Request<Incoming>, _: IpAddr| {
            let worker = std::thread::current().name().unwrap().to_owned();
            Response::new(Full::new(Bytes::from(format!("{} {worker}", request.uri().path()))))
        };
        let workers = Some(serve(socket, settings, || answer, &stop).unwrap());
        Self { address, stop, workers }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    fn stop(&mut self) {
        self.stop.cancel();
        if let Some(workers) = self.workers.take() {
            workers.join();
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop();
    }
}

const PATIENT: Duration = Duration::from_secs(60);

/// Reads until a whole answer has come whose body names the path.
fn answer(stream: &mut TcpStream, path: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.contains(&format!("\r\n\r\n{path} authz-")) || text.ends_with('-') {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    text
}

fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(0) => true,
        Ok(_) => is_closed(stream),
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_connection_answers_many_requests_and_both_workers_take_their_share() {
    let echo = Echo::start(PATIENT);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let mut stream = echo.connect();
        stream.write_all(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let first = answer(&mut stream, "/one");
        stream.write_all(b"GET /two HTTP/1.1\r\nHost: x\r\n\r\nGET /three HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(answer(&mut stream, "/two").starts_with("HTTP/1.1 200"));
        assert!(answer(&mut stream, "/three").starts_with("HTTP/1.1 200"));
        seen.push(first.rsplit_once(' ').unwrap().1.to_owned());
    }
    assert_eq!(seen, ["authz-0", "authz-1", "authz-0", "authz-1"]);
}

#[test]
fn a_body_is_not_read_and_does_no_harm() {
    let echo = Echo::start(PATIENT);
    let mut stream = echo.connect();
    stream.write_all(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc").unwrap();
    assert!(answer(&mut stream, "/body").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_slow_or_idle_connection_is_closed() {
    let echo = Echo::start(Duration::from_millis(200));
    let mut silent = echo.connect();
    let mut half = echo.connect();
    half.write_all(b"GET /half HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut idle = echo.connect();
    idle.write_all(b"GET /idle HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    answer(&mut idle, "/idle");
    assert!(is_closed(&mut silent) && is_closed(&mut half) && is_closed(&mut idle));
    let mut other = echo.connect();
    other.write_all(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    answer(&mut other, "/other");
}

// S6
#[test]
fn bytes_that_are_no_request_are_refused_and_the_next_connection_is_served() {
    let echo = Echo::start(PATIENT);
    let endless = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "a".repeat(70 * 1024));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(101));
    let cases: [(&[u8], &str); 6] = [
        (b"\0\x01\x02 / HTTP/1.1\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nX-A: a\0b\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
        (endless.as_bytes(), "431"),
        (many.as_bytes(), "431"),
    ];
    for (bytes, status) in cases {
        let mut stream = echo.connect();
        drop(stream.write_all(bytes));
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head[9..], status.as_bytes(), "{}", String::from_utf8_lossy(&bytes[..20]));
        assert!(is_closed(&mut stream));
    }
    let mut stream = echo.connect();
    stream.write_all(b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    answer(&mut stream, "/after");
}

#[test]
fn stopping_closes_idle_connections_and_the_socket() {
    let mut echo = Echo::start(PATIENT);
    let mut idle = echo.connect();
    idle.write_all(b"GET /idle HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    answer(&mut idle, "/idle");
    echo.stop();
    assert!(is_closed(&mut idle));
    assert_eq!(TcpStream::connect(echo.address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
