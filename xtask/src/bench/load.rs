//! Load by wrk on one server, and what it cost the server.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use super::http::{Answer, Connection};
use super::server::{Core, Server, on_core};
use super::subject::Subject;
use crate::shell::{Failure, Outcome, check_interrupts, find_program, read, workspace_root};

/// Connections that wrk keeps open.
const CONNECTIONS: u32 = 64;

/// A hundred connections that each wait ten milliseconds make somewhat fewer than ten thousand requests a second.
const GENTLE_CONNECTIONS: u32 = 100;
const GENTLE_PAUSE_MS: u32 = 10;

/// Keys in a file, one in each line, all of one length.
#[derive(Clone)]
pub(super) struct KeyFile {
    path: PathBuf,
    /// Of a line, its break included.
    line_bytes: usize,
    pub(super) count: usize,
}

impl KeyFile {
    /// Takes a file of keys as it lies.
    ///
    /// # Errors
    /// When it cannot be read or its lines are of different lengths, as far as its size tells.
    pub(super) fn open(path: PathBuf) -> Outcome<Self> {
        let failed = |why: &str| Failure::new(format!("{} is no file of keys: {why}", path.display()));
        let first = first_line(&path).map_err(|error| failed(&error.to_string()))?;
        let bytes = fs::metadata(&path).map_err(|error| failed(&error.to_string()))?.len();
        let line_bytes = first.len() + 1;
        let bytes = usize::try_from(bytes).map_err(|_| failed("too long"))?;
        if first.is_empty() || !bytes.is_multiple_of(line_bytes) {
            return Err(failed("its lines differ in length"));
        }
        Ok(Self { path, line_bytes, count: bytes / line_bytes })
    }

    /// Bytes of each key.
    pub(super) fn key_bytes(&self) -> usize {
        self.line_bytes - 1
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The first of the keys.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn first(&self) -> Outcome<String> {
        first_line(&self.path).map_err(|error| self.unreadable(&error))
    }

    /// All of the keys.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn all(&self) -> Outcome<Vec<String>> {
        let text = fs::read_to_string(&self.path).map_err(|error| self.unreadable(&error))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::new(format!("cannot read {}: {error}", self.path.display()))
    }
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(File::open(path)?).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// What is sent: bytes before and behind a key, with `\r\n` written as `|`; or several keys with bytes between them.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) head: String,
    pub(super) tail: String,
    /// How many keys.
    pub(super) each: u32,
    pub(super) between: String,
}

impl Shape {
    /// A GET with the key as `X-Api-Key` and these headers.
    pub(super) fn get(path: &str, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("GET {path} HTTP/1.1|Host: bench|");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}|"));
        }
        head.push_str("X-Api-Key: ");
        Self { head, tail: "||".into(), each: 1, between: String::new() }
    }

    /// A POST of JSON with the key between `before` and `after`; all keys have to be of one length.
    pub(super) fn post_json(path: &str, headers: &[(&str, &str)], before: &str, after: &str, key_bytes: usize) -> Self {
        Self::post_json_of(path, headers, [before, "", after], key_bytes, 1)
    }

    /// As [`Self::post_json`], with so many keys, and what stands before, between and behind them.
    pub(super) fn post_json_of(
        path: &str,
        headers: &[(&str, &str)],
        [before, between, after]: [&str; 3],
        key_bytes: usize,
        each: u32,
    ) -> Self {
        let keys = each as usize;
        let length = before.len() + keys * key_bytes + (keys - 1) * between.len() + after.len();
        let mut head =
            format!("POST {path} HTTP/1.1|Host: bench|Content-Type: application/json|Content-Length: {length}|");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}|"));
        }
        head.push('|');
        head.push_str(before);
        Self { head, tail: after.into(), each, between: between.into() }
    }

    /// The bytes of a request with this key, as often as it takes keys.
    pub(super) fn with_key(&self, key: &str) -> Vec<u8> {
        let keys = vec![key; self.each as usize].join(&self.between);
        format!("{}{keys}{}", self.head, self.tail).replace('|', "\r\n").into_bytes()
    }
}

/// How hard the server is pressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As fast as it answers.
    Saturated,
    /// Each connection waits before its next request: about 10,000 requests a second, far below what the server can bear.
    Gentle,
    /// As fast as it answers, for so long that what is put off in a short run is paid for too.
    Sustained,
}

/// What one run of wrk found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// CPU time of the threads that answer, per request.
    pub(super) cpu_us: f64,
    /// CPU time of the whole process, per request.
    pub(super) cpu_us_of_all: f64,
    pub(super) requests_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    /// Share of its core that the server used.
    pub(super) busy: f64,
}

/// One thing that is measured, and what has been found.
pub(super) struct Case {
    pub(super) subject: Subject,
    /// How many keys the subject knows; 0 for one that knows none.
    pub(super) known: usize,
    /// Whose CPU time it costs.
    pub(super) server: Rc<Server>,
    /// What the names of the threads begin with that answer it; all where that is not said.
    pub(super) threads: Option<&'static str>,
    pub(super) address: SocketAddr,
    pub(super) shape: Shape,
    pub(super) keys: KeyFile,
    pub(super) pace: Pace,
    pub(super) samples: Vec<Sample>,
}

impl Case {
    /// The same at another pace, without samples.
    pub(super) fn at(&self, pace: Pace) -> Self {
        Self {
            pace,
            server: Rc::clone(&self.server),
            shape: self.shape.clone(),
            keys: self.keys.clone(),
            samples: Vec::new(),
            ..*self
        }
    }

    /// One request whose answer is looked at, so that what is measured afterwards is what it says it is.
    ///
    /// # Errors
    /// When the answer is not the one expected of this subject.
    pub(super) fn try_one(&self) -> Outcome<Answer> {
        let failed = |error| Failure::new(format!("{} does not answer: {error}", self.subject));
        let request = self.shape.with_key(&self.keys.first()?);
        let answer = Connection::open(self.address).and_then(|mut it| it.send(&request)).map_err(failed)?;
        // The API answers 200 to a question about a bad key too.
        let denies = answer.body.contains("\"allowed\":false");
        if answer.status != self.subject.status() || denies {
            return Err(Failure::new(format!("{} answered {}: {}", self.subject, answer.status, answer.body)));
        }
        Ok(answer)
    }

    /// Puts load on the server for some seconds, and keeps what was found.
    ///
    /// # Errors
    /// When wrk fails, a connection breaks, or an answer is not of the kind expected of this subject.
    pub(super) fn press(&mut self, seconds: u32, seed: u32, tick_us: f64) -> Outcome {
        check_interrupts()?;
        let before = (self.server.cpu_ticks(self.threads)?, self.server.cpu_ticks(None)?);
        let said = read(&mut self.command(seconds, seed)?)?;
        let ticks = self.server.cpu_ticks(self.threads)? - before.0;
        let ticks_of_all = self.server.cpu_ticks(None)? - before.1;
        check_interrupts()?;
        let figures =
            Figures::find(&said).ok_or_else(|| Failure::new(format!("wrk printed no figures. It said:\n{said}")))?;
        let refused = if self.subject.status() == 200 { 0 } else { figures.requests };
        if figures.requests == 0 || figures.broken > 0 || figures.refused != refused {
            return Err(Failure::new(format!("{} did not answer as it should under load: {figures:?}", self.subject)));
        }
        self.samples.push(figures.sample(self.shape.each, ticks as f64 * tick_us, ticks_of_all as f64 * tick_us));
        Ok(())
    }

    fn command(&self, seconds: u32, seed: u32) -> Outcome<Command> {
        let program = find_program("wrk").ok_or_else(|| Failure::new("wrk is not installed"))?;
        let (pause_ms, connections) = match self.pace {
            Pace::Saturated | Pace::Sustained => (0, CONNECTIONS),
            Pace::Gentle => (GENTLE_PAUSE_MS, GENTLE_CONNECTIONS),
        };
        let mut command = on_core(Core::Load, &program);
        command
            .arg("--threads=1")
            .arg(format!("--connections={connections}"))
            .arg(format!("--duration={seconds}s"))
            .arg("--script")
            .arg(workspace_root().join("xtask/src/bench/load.lua"))
            .arg(format!("http://{}/", self.address))
            .arg("--")
            .arg(&self.keys.path)
            .args([self.keys.line_bytes.to_string(), self.keys.count.to_string(), seed.to_string()])
            .args([&self.shape.head, &self.shape.tail, &pause_ms.to_string()])
            .args([&self.shape.each.to_string(), &self.shape.between]);
        Ok(command)
    }
}

/// The line that load.lua prints.
#[derive(Debug, PartialEq)]
struct Figures {
    requests: u64,
    duration_us: u64,
    refused: u64,
    broken: u64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
}

impl Figures {
    fn find(said: &str) -> Option<Self> {
        let line = said.lines().find_map(|line| line.strip_prefix("figures "))?;
        let value = |name: &str| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
            word.parse().ok()
        };
        Some(Self {
            requests: value("requests")?,
            duration_us: value("duration_us")?,
            refused: value("refused")?,
            broken: value("broken")?,
            p50_us: value("p50_us")?,
            p99_us: value("p99_us")?,
            p999_us: value("p999_us")?,
        })
    }

    /// What is told of requests with several keys is told of each key.
    fn sample(&self, each: u32, cpu_us: f64, cpu_us_of_all: f64) -> Sample {
        let requests = self.requests as f64 * f64::from(each);
        let duration_us = self.duration_us as f64;
        Sample {
            cpu_us: cpu_us / requests,
            cpu_us_of_all: cpu_us_of_all / requests,
            requests_per_second: requests / duration_us * 1e6,
            p50_us: self.p50_us as f64,
            p99_us: self.p99_us as f64,
            p999_us: self.p999_us as f64,
            busy: cpu_us_of_all / duration_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_among_what_wrk_says() {
        let said = "Running 3s test\nfigures requests=10 duration_us=2000000 refused=1 broken=0 p50_us=3 p99_us=4 p999_us=5 max_us=6\n";
        let figures = Figures::find(said).expect("figures");
        assert_eq!((figures.requests, figures.refused, figures.p999_us), (10, 1, 5));
        assert_eq!(Figures::find("Running 3s test\nfigures requests=10\n"), None);
    }

    #[test]
    fn request_has_its_line_breaks() {
        let shape = Shape::get("/authz", &[("Claviger-Permission", "contacts:read")]);
        let expected =
            "GET /authz HTTP/1.1\r\nHost: bench\r\nClaviger-Permission: contacts:read\r\nX-Api-Key: ck_1\r\n\r\n";
        assert_eq!(String::from_utf8(shape.with_key("ck_1")).as_deref(), Ok(expected));
    }
}
