//! Starts the nginx of this machine with the configuration of `gateways/nginx`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../gateways/nginx");

/// A running nginx; stopped when dropped.
pub(super) struct Nginx {
    process: Child,
    directory: PathBuf,
    client: reqwest::Client,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Nginx {
    /// Starts nginx in front of a Claviger and a host API.
    pub(super) fn start(authz: SocketAddr, host: SocketAddr) -> Self {
        Self::start_with(authz, host, ("", ""))
    }

    /// The same, with a piece of `nginx.conf` replaced by another.
    pub(super) fn start_with(authz: SocketAddr, host: SocketAddr, other: (&str, &str)) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{}-{number}", std::process::id()));
        // nginx cannot be told to take any free port, so one is looked for, and another if somebody was quicker.
        for _ in 0..20 {
            let address = free_address();
            write_configuration(&directory, authz, host, address);
            replace_in_nginx_conf(&directory, other);
            let mut process = Command::new("nginx")
                .arg("-p")
                .arg(&directory)
                .arg("-c")
                .arg(directory.join("nginx.conf"))
                // One process, so that ending it leaves no workers behind.
                .args(["-g", "daemon off; master_process off;"])
                .stderr(fs::File::create(directory.join("stderr.log")).unwrap())
                .stdin(Stdio::null())
                .spawn()
                .expect("nginx is installed (Debian: nginx-light)");
            if listens(&mut process, address) {
                let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
                return Self { process, directory, client, address };
            }
        }
        panic!("nginx did not start: {}", fs::read_to_string(directory.join("stderr.log")).unwrap());
    }

    /// A request, such as `GET /scorecards`.
    pub(super) fn request(&self, request: &str) -> RequestBuilder {
        let (method, path) = request.split_once(' ').unwrap();
        let url = format!("http://{}{path}", self.address);
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    /// Everything that nginx wrote down so far.
    pub(super) fn logs(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.directory.join(name)).unwrap();
        read("access.log") + &read("stderr.log")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn write_configuration(directory: &Path, authz: SocketAddr, host: SocketAddr, nginx: SocketAddr) {
    fs::create_dir_all(directory).unwrap();
    for entry in fs::read_dir(CONFIGURATION).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "conf") {
            continue;
        }
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("127.0.0.1:7401", &authz.to_string())
            .replace("127.0.0.1:7402", &host.to_string())
            .replace("127.0.0.1:8080", &nginx.to_string());
        fs::write(directory.join(path.file_name().unwrap()), text).unwrap();
    }
}

fn replace_in_nginx_conf(directory: &Path, (piece, other): (&str, &str)) {
    if piece.is_empty() {
        return;
    }
    let path = directory.join("nginx.conf");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(piece), "nginx.conf holds {piece}");
    fs::write(path, text.replace(piece, other)).unwrap();
}

/// Waits until nginx answers; false if it gave up, for want of the port.
fn listens(process: &mut Child, address: SocketAddr) -> bool {
    for _ in 0..500 {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(address).is_ok() {
            return process.try_wait().unwrap().is_none();
        }
        sleep(Duration::from_millis(10));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    false
}
