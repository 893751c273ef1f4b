//! The service under measurement: its data, its first key, and what is asked of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::bench::clock::Stopwatch;
use crate::bench::http::{Answer, Connection};
use crate::bench::programs::Programs;
use crate::bench::server::{Core, Recipe, Server, free_address, on_core};
use crate::shell::{Failure, Outcome, run};

const PATIENCE: Duration = Duration::from_secs(300);
const STOP: Duration = Duration::from_secs(60);
/// Keys that are verified, so that some have been used.
const USED: usize = 500;

/// Where the service keeps what it holds, and with which key it is asked.
pub(in crate::bench) struct Service {
    program: PathBuf,
    folder: PathBuf,
    database: Option<String>,
    key: String,
}

/// The service, ready.
pub(in crate::bench) struct Running {
    server: Server,
    pub(in crate::bench) address: SocketAddr,
    /// Where gateways ask.
    pub(in crate::bench) authz: SocketAddr,
    pub(in crate::bench) key: String,
    pub(in crate::bench) organization_id: String,
    pub(in crate::bench) user_id: String,
    pub(in crate::bench) seconds_until_ready: f64,
}

/// What stands behind a member's name in a JSON text, up to the next quote: enough for what we ask.
pub(in crate::bench) fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

impl Service {
    /// Starts it on an empty folder, and keeps its first key.
    ///
    /// # Errors
    /// When it does not start, or shows no key.
    pub(in crate::bench) fn set_up(programs: &Programs, folder: &Path, database: Option<&str>) -> Outcome<Self> {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))?;
        let program = programs.service();
        let mut service =
            Self { program, folder: folder.to_owned(), database: database.map(str::to_owned), key: String::new() };
        let (recipe, _, _) = service.recipe()?;
        let mut server = recipe.start(Core::Any, folder)?;
        let log = server.log().to_owned();
        let said = || fs::read_to_string(&log).unwrap_or_default();
        server.wait_until("greeted", PATIENCE, || said().contains("Ctrl-C"))?;
        let said = said();
        let token = said.split_once("/setup/").and_then(|(_, rest)| rest.split_whitespace().next());
        service.key = first_key(recipe.address, token.ok_or_else(|| Failure::new("the first start shows no link"))?)?;
        server.stop(STOP)?;
        Ok(service)
    }

    fn recipe(&self) -> Outcome<(Recipe, SocketAddr, SocketAddr)> {
        let (address, authz) = (free_address()?, free_address()?);
        let mut arguments: Vec<OsString> = vec!["serve".into(), "--data-dir".into(), self.folder.join("data").into()];
        for (flag, value) in [("--listen", address.to_string()), ("--authz-listen", authz.to_string())] {
            arguments.extend([flag.into(), value.into()]);
        }
        arguments.extend(["--api-rate", "off", "--webhook-allow-networks", "127.0.0.0/8"].map(Into::into));
        if let Some(url) = &self.database {
            arguments.extend(["--database".into(), url.into()]);
        }
        let recipe = Recipe {
            name: "claviger".to_owned(),
            program: self.program.clone(),
            arguments,
            address,
            ready_at: Some(address),
            patience: PATIENCE,
        };
        Ok((recipe, address, authz))
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(in crate::bench) fn start(&self, core: Core) -> Outcome<Running> {
        let (recipe, address, authz) = self.recipe()?;
        let stopwatch = Stopwatch::start();
        let server = recipe.start(core, &self.folder)?;
        let seconds_until_ready = stopwatch.seconds();
        let me = send(&mut open(address)?, &request("GET", "/api/v1/me", &self.key, ""), 200)?;
        let missing = || Failure::new(format!("who is asking? {}", me.body));
        let organization_id = id(&me.body, "org_").ok_or_else(missing)?;
        let user_id = id(&me.body, "usr_").ok_or_else(missing)?;
        Ok(Running { server, address, authz, key: self.key.clone(), organization_id, user_id, seconds_until_ready })
    }

    /// Imports a file with the command that operators use, and says how many seconds it took.
    ///
    /// # Errors
    /// When a line is not taken.
    pub(in crate::bench) fn import(&self, running: &Running, file: &Path) -> Outcome<f64> {
        let mut command = on_core(Core::Any, &self.program);
        command.arg("import").arg(file).args(["--url", &format!("http://{}", running.address), "--key", &running.key]);
        command.args(["--role", "readonly"]);
        let stopwatch = Stopwatch::start();
        run(&mut command)?;
        Ok(stopwatch.seconds())
    }

    /// Lets some keys be used, and the rest not.
    ///
    /// # Errors
    /// When a key cannot be created or is not good.
    pub(in crate::bench) fn use_some(&self, running: &Running) -> Outcome {
        let mut connection = open(running.address)?;
        for number in 0..USED {
            let name = format!("used {number} {}", std::process::id());
            let token = running.create(&mut connection, &name)?;
            send(&mut connection, &request("GET", "/api/v1/me", &token, ""), 200)?;
        }
        // As often as they are written down.
        std::thread::sleep(Duration::from_secs(16));
        Ok(())
    }
}

impl Running {
    /// Creates a key, and says its token.
    ///
    /// # Errors
    /// When it is refused.
    pub(in crate::bench) fn create(&self, connection: &mut Connection, name: &str) -> Outcome<String> {
        let path = format!("/api/v1/organizations/{}/keys", self.organization_id);
        // Nobody's: how many one user may own is a policy.
        let body = format!("{{\"name\":\"{name}\",\"owner_id\":null}}");
        let answer = send(connection, &request("POST", &path, &self.key, &body), 201)?;
        let token = member(&answer.body, "token").ok_or_else(|| Failure::new("the answer shows no token"))?;
        Ok(token.to_owned())
    }

    pub(in crate::bench) fn get(&self, connection: &mut Connection, path: &str) -> Outcome<Answer> {
        send(connection, &request("GET", path, &self.key, ""), 200)
    }

    pub(in crate::bench) fn cpu_ticks(&self, threads: Option<&str>) -> Outcome<u64> {
        self.server.cpu_ticks(threads)
    }

    pub(in crate::bench) fn resident_bytes(&self) -> Outcome<u64> {
        self.server.resident_bytes()
    }

    pub(in crate::bench) fn stop(self) -> Outcome {
        self.server.stop(STOP)
    }
}

pub(in crate::bench) fn open(address: SocketAddr) -> Outcome<Connection> {
    Connection::open(address).map_err(|error| Failure::new(format!("cannot connect to {address}: {error}")))
}

pub(in crate::bench) fn request(method: &str, path: &str, key: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends it, and refuses another answer than that.
///
/// # Errors
/// When there is none, or it has another status.
pub(in crate::bench) fn send(connection: &mut Connection, request: &str, status: u16) -> Outcome<Answer> {
    let answer = connection.send(request.as_bytes()).map_err(|error| Failure::new(format!("no answer: {error}")))?;
    if answer.status == status {
        Ok(answer)
    } else {
        Err(Failure::new(format!("answered {} and not {status}: {}", answer.status, answer.body)))
    }
}

/// Sets the service up as a person does, and makes a key that may do everything.
fn first_key(address: SocketAddr, token: &str) -> Outcome<String> {
    let mut connection = open(address)?;
    let post = |path: &str, kind: &str, cookie: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n{cookie}\r\n{body}",
            body.len()
        )
    };
    let form = format!("token={token}&name=Bench&email=bench%40example.com&password=measured+with+care");
    let answer = send(&mut connection, &post("/setup", "application/x-www-form-urlencoded", "", &form), 303)?;
    let cookie = answer.cookie.ok_or_else(|| Failure::new("no session after the set-up"))?;
    let cookie = format!("Cookie: {cookie}\r\n");
    let me = send(&mut connection, &format!("GET /api/v1/me HTTP/1.1\r\nHost: {address}\r\n{cookie}\r\n"), 200)?;
    let organization_id = id(&me.body, "org_").ok_or_else(|| Failure::new(format!("where? {}", me.body)))?;
    let path = format!("/api/v1/organizations/{organization_id}/keys");
    let answer = send(&mut connection, &post(&path, "application/json", &cookie, "{\"name\":\"bench\"}"), 201)?;
    member(&answer.body, "token").map(str::to_owned).ok_or_else(|| Failure::new("the answer shows no token"))
}

/// The first identifier of a kind in a JSON text.
fn id(json: &str, prefix: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{prefix}"))?;
    rest.split_once('"').map(|(id, _)| format!("{prefix}{id}"))
}

/// Writes a file of so many keys: digests of [`token`], names of several words, an end for one in ten.
///
/// # Errors
/// When it cannot be written.
pub(in crate::bench) fn write_keys(path: &Path, count: u32) -> Outcome {
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "sha256,name,expires_at")?;
        for number in 0..count {
            let digest: String = Sha256::digest(token(number)).iter().map(|it| format!("{it:02x}")).collect();
            let customer = mix(u64::from(number)) % 50_000;
            let end =
                if number % 10 == 0 { format!("2040-{:02}-01T00:00:00Z", number / 10 % 12 + 1) } else { String::new() };
            writeln!(file, "{digest},Customer {customer:05} integration {number},{end}")?;
        }
        file.flush()
    };
    write().map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

/// The key of a number, as its holder shows it.
pub(in crate::bench) fn token(number: u32) -> String {
    format!("imported-{:016x}-{:016x}", mix(u64::from(number)), mix(!u64::from(number)))
}

/// Numbers without a pattern (the finalizer of SplitMix64).
pub(in crate::bench) fn mix(number: u64) -> u64 {
    let mut it = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_an_answer_are_found() {
        assert_eq!(member(r#"{"a":{"token":"ck_1"},"next_cursor":null}"#, "token"), Some("ck_1"));
        assert_eq!(member(r#"{"next_cursor":null}"#, "next_cursor"), None);
    }
}
