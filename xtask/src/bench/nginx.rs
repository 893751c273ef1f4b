//! nginx as a peer: one that answers 200 to everything, and one that looks a plain key up in a map.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::server::{Recipe, free_address};
use crate::shell::{Failure, Outcome, find_program};

/// A map of a million keys takes nginx some seconds to build.
const PATIENCE: Duration = Duration::from_secs(60);

/// An nginx that answers `return 200` and nothing more.
///
/// # Errors
/// When nginx is not installed or its configuration cannot be written.
pub(super) fn answering_200(folder: &Path) -> Outcome<Recipe> {
    recipe(folder, "nginx-static", |address| configuration(address, "", "return 200;"))
}

/// An nginx that answers 200 to a key in this file and 401 to any other.
///
/// # Errors
/// As [`answering_200`], and when the keys cannot be read.
pub(super) fn looking_up(folder: &Path, keys: &Path) -> Outcome<Recipe> {
    let failed = |error| Failure::new(format!("cannot turn {} into a map: {error}", keys.display()));
    let mut map = String::new();
    let text = fs::read_to_string(keys).map_err(failed)?;
    for key in text.lines() {
        writeln!(map, "{key} 1;").expect("writing to a string does not fail");
    }
    let file = folder.join("nginx-map.keys");
    fs::write(&file, map).map_err(failed)?;
    let size = text.lines().count() * 2;
    let known = format!(
        "map_hash_max_size {size};\n    map_hash_bucket_size 256;\n    map $http_x_api_key $known {{ default 0; include {}; }}",
        file.display()
    );
    recipe(folder, "nginx-map", |address| {
        configuration(address, &known, "if ($known = 0) { return 401; }\n      return 200;")
    })
}

fn recipe(folder: &Path, name: &str, configuration: impl Fn(SocketAddr) -> String) -> Outcome<Recipe> {
    let program = find_program("nginx").ok_or_else(|| Failure::new("nginx is not installed"))?;
    let prefix = folder.join(name);
    let address = free_address()?;
    let file = prefix.join("nginx.conf");
    fs::create_dir_all(&prefix)
        .and_then(|()| fs::write(&file, configuration(address)))
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
    let arguments = vec!["-p".into(), prefix.into(), "-c".into(), file.into()];
    Ok(Recipe { name: name.to_owned(), program, arguments, address, ready_at: None, patience: PATIENCE })
}

/// One process, so that its CPU time is read in one place. It does per request what a worker under a master does.
fn configuration(address: SocketAddr, prelude: &str, answer: &str) -> String {
    format!(
        "daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {prelude}
    server {{
      listen {address};
      {answer}
    }}
}}
"
    )
}
