//! Receivers on loopback that do what a test says, and remember what they were sent.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger::outgoing::{Connector, Found, Names};
use claviger_core::network::IpAllowList;
use claviger_core::webhook::target::TargetUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Answers with these bytes.
    Answer(String),
    /// Reads, and says nothing.
    Hang,
    /// Says a byte of its head from time to time.
    Drip,
    /// Answers 200 with a body that does not end.
    Endless,
    /// Breaks the connection off by force.
    Reset,
    /// Reads nothing and takes no bytes.
    Tarpit,
}

impl Manner {
    /// An answer with this status and nothing else.
    pub(crate) fn status(status: u16) -> Self {
        Self::with(status, "", "")
    }

    /// An answer with a header (and its end of line) and a body.
    pub(crate) fn with(status: u16, header: &str, body: &str) -> Self {
        Self::Answer(format!("HTTP/1.1 {status} Said\r\n{header}Content-Length: {}\r\n\r\n{body}", body.len()))
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Method and path.
    pub(crate) line: String,
    /// Names in small letters.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver; it ends with the test.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    /// Bytes that were taken of its answers.
    written: Arc<AtomicUsize>,
    open_most: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn new(manner: Manner) -> Self {
        Self::at([127, 0, 0, 1], manner).await
    }

    /// One at another address of this machine.
    pub(crate) async fn at(address: impl Into<IpAddr>, manner: Manner) -> Self {
        let listener = TcpListener::bind((address.into(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let manner = Arc::new(Mutex::new(manner));
        let (received, connections) = (Arc::default(), Arc::<AtomicUsize>::default());
        let counts: [Arc<AtomicUsize>; 3] = std::array::from_fn(|_| Arc::default());
        let [written, open, open_most] = counts;
        let each = Each {
            manner: Arc::clone(&manner),
            received: Arc::clone(&received),
            written: Arc::clone(&written),
            open,
            open_most: Arc::clone(&open_most),
        };
        let counted = Arc::clone(&connections);
        #[expect(clippy::disallowed_methods, reason = "a stand-in may be cut off when the test ends")]
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let each = each.clone();
                #[expect(clippy::disallowed_methods, reason = "a stand-in may be cut off when the test ends")]
                tokio::spawn(async move { drop(each.serve(stream).await) });
            }
        });
        Self { address, manner, received, connections, written, open_most, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn target(&self) -> TargetUrl {
        TargetUrl::parse(&self.url()).unwrap()
    }

    /// From now on it does this.
    pub(crate) fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// What has arrived, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// One header of everything that has arrived, in order.
    pub(crate) fn header_of_all(&self, name: &str) -> Vec<String> {
        self.received.lock().unwrap().iter().map(|it| it.header(name).to_owned()).collect()
    }

    /// The bodies of everything that has arrived, in order.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().iter().map(|it| it.body.clone()).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }

    /// Requests that were under way at once, at most.
    pub(crate) fn open_most(&self) -> usize {
        self.open_most.load(Ordering::SeqCst)
    }

    /// Waits until so many have arrived.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        for _ in 0..1000 {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} have arrived and not {count}", self.received().len());
    }
}

#[derive(Clone)]
struct Each {
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<Received>>>,
    written: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    open_most: Arc<AtomicUsize>,
}

impl Each {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let begun = self.manner.lock().unwrap().clone();
        if matches!(begun, Manner::Tarpit) {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        while let Some(request) = read(&mut stream).await? {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.open_most.fetch_max(open, Ordering::SeqCst);
            self.received.lock().unwrap().push(request);
            let manner = self.manner.lock().unwrap().clone();
            let answered = self.answer(&mut stream, manner).await;
            self.open.fetch_sub(1, Ordering::SeqCst);
            answered?;
        }
        Ok(())
    }

    async fn answer(&self, stream: &mut TcpStream, manner: Manner) -> io::Result<()> {
        match manner {
            Manner::Answer(text) => stream.write_all(text.as_bytes()).await,
            Manner::Hang | Manner::Tarpit => {
                // Until the other side has enough.
                stream.read(&mut [0; 1]).await.map(|_| ())
            }
            Manner::Drip => loop {
                stream.write_all(b"H").await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
            },
            Manner::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await?;
                loop {
                    self.written.fetch_add(stream.write(&[b'a'; 16 * 1024]).await?, Ordering::SeqCst);
                }
            }
            Manner::Reset => {
                stream.set_zero_linger()?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

/// Reads one request; none where the connection ended.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let pairs = lines.filter_map(|it| it.split_once(':'));
    let headers: HashMap<_, _> = pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
    let mut body = bytes[head + 4..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Received { line, headers, body }))
}

/// Names that lead where a test says; each answer is for one question, and the last one for all further ones.
#[derive(Default)]
pub(crate) struct Table(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Table {
    /// Names, and what their questions are answered with, one after the other.
    pub(crate) fn of(entries: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parse = |it: &&str| it.parse().unwrap();
        let entries = entries.iter().map(|(name, answers)| {
            let answers = answers.iter().map(|it| it.iter().map(parse).collect()).collect();
            ((*name).to_owned(), answers)
        });
        Arc::new(Self(Mutex::new(entries.collect())))
    }
}

impl Names for Table {
    fn look_up(&self, name: &str) -> Found {
        let mut table = self.0.lock().unwrap();
        let found = match table.get_mut(name) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        Box::pin(async move { found })
    }
}

/// A connector that knows no names and may call these networks.
pub(crate) fn connector(networks: &[&str], names: Arc<Table>) -> Connector {
    let allowed = (!networks.is_empty()).then(|| IpAllowList::parse(networks).unwrap());
    Connector::new(allowed, names)
}
