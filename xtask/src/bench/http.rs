//! One HTTP/1.1 connection, for single requests whose answer matters and for exact numbers of them. Load comes from wrk.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// A kept connection.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The first cookie it sets, `name=value`.
    pub(super) cookie: Option<String>,
    pub(super) body: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, ANSWER)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends the bytes of a request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks, or what comes back is not an answer with its length.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or_else(|| not_http(&line))?;
        let (mut body_bytes, mut cookie) = (0, None);
        loop {
            line.clear();
            self.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                body_bytes = value.trim().parse().map_err(|_| not_http(value))?;
            } else if cookie.is_none() && name.eq_ignore_ascii_case("set-cookie") {
                cookie = value.split(';').next().map(|it| it.trim().to_owned());
            }
        }
        let mut body = vec![0; body_bytes];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, cookie, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn read_line(&mut self, line: &mut String) -> io::Result<()> {
        if self.stream.read_line(line)? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn not_http(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an answer: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn answered(with: &'static [u8]) -> io::Result<Answer> {
        let socket = TcpListener::bind(("127.0.0.1", 0))?;
        let address = socket.local_addr()?;
        let server = thread::spawn(move || {
            let (mut stream, _) = socket.accept().expect("a connection");
            let mut request = [0; 4];
            stream.read_exact(&mut request).expect("a request");
            stream.write_all(with).expect("the connection holds");
        });
        let answer = Connection::open(address)?.send(b"GET ");
        server.join().expect("the server ends");
        answer
    }

    #[test]
    fn answer_is_read_to_its_end() {
        let answer = answered(b"HTTP/1.1 403 Forbidden\r\ncontent-Length: 5\r\n\r\nhello").expect("an answer");
        assert_eq!((answer.status, answer.body.as_str()), (403, "hello"));
    }

    #[test]
    fn broken_answer_is_an_error() {
        assert!(answered(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell").is_err());
        assert!(answered(b"").is_err());
        assert!(answered(b"what\r\n").is_err());
    }
}
