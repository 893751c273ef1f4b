//! D6: `claviger backup` beside a running service, and `claviger restore` elsewhere: keys go on working, and what had ended does not come to
//! life again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Data, PORTS, Prepared, Server, on, prepare, run, said};
use crate::engine::is_postgres;
use crate::raw::Raw;
use crate::webhooks::receiver::{Manner, Receiver};

/// What has to succeed, and what it said.
pub(super) fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    said(output)
}

/// What has to be refused, in one line.
fn refused(output: &Output) -> String {
    let line = said(output);
    assert!(!output.status.success(), "{line}");
    assert_eq!(line.lines().filter(|it| it.starts_with("claviger: ")).count(), 1, "{line}");
    line
}

/// A service beside its files, and an admin's key to it.
pub(super) struct Admin {
    pub(super) http: reqwest::Client,
    base: String,
    organization: String,
    pub(super) key: String,
}

/// A key, as it was answered when it was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: String,
    token: String,
}

impl Admin {
    pub(super) fn of(server: &Server, prepared: &Prepared) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap(),
            base: server.fact("Console").to_owned(),
            organization: prepared.organization.to_string(),
            key: prepared.admin_key.clone(),
        }
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/api/v1/organizations/{}{path}", self.base, self.organization);
        let answer = self.http.request(method, url).bearer_auth(&self.key).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) async fn create_key(&self, name: &str) -> Made {
        // Of one owner there are only so many.
        let made = self.call(Method::POST, "/keys", json!({ "name": name, "owner_id": null })).await;
        let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Made { id: text("/key/id"), token: text("/secret/token") }
    }

    /// A user with a membership, and a key that acts for them: their identifiers, and the key.
    async fn person(&self, name: &str, prepared: &Prepared) -> (String, String, Made) {
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        let user = id(&self.call(Method::POST, "/users", json!({ "name": name })).await);
        let body = json!({ "user_id": user, "role_id": prepared.readonly });
        let member = id(&self.call(Method::POST, "/members", body).await);
        let body = json!({ "name": name, "owner_id": null, "mapped_user_id": user });
        let made = self.call(Method::POST, "/keys", body).await;
        let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        (user, member, Made { id: text("/key/id"), token: text("/secret/token") })
    }

    pub(super) async fn change(&self, key: &Made, how: &str, body: Value) {
        self.call(Method::POST, &format!("/keys/{}/{how}", key.id), body).await;
    }

    /// The status with which a key's own request is answered.
    async fn status(&self, token: &str) -> u16 {
        let request = self.http.get(format!("{}/api/v1/me", self.base)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    }

    /// Makes keys and revokes every other one until it is told to stop; at least some.
    async fn work(&self, stop: &AtomicBool) -> Vec<(Made, bool)> {
        let mut all = Vec::new();
        while !stop.load(Ordering::SeqCst) || all.len() < 20 {
            let key = self.create_key(&format!("Load {}", all.len())).await;
            let is_revoked = all.len() % 2 == 0;
            if is_revoked {
                self.change(&key, "revoke", json!({})).await;
            }
            all.push((key, is_revoked));
        }
        all
    }
}

/// The installation's secrets are sealed by its master key, which is no part of a backup.
fn bring_master_key(from: &Data, to: &Data) {
    std::fs::create_dir_all(to.data_folder()).unwrap();
    std::fs::copy(from.data_folder().join("master.key"), to.data_folder().join("master.key")).unwrap();
}

/// Waits until the log of endings of a running service says this.
pub(super) async fn until_written(endings: &Path, wanted: &str) {
    for _ in 0..200 {
        if std::fs::read_to_string(endings).unwrap_or_default().contains(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{wanted} is not in {} within ten seconds", endings.display());
}

/// How many rows a table has.
async fn count(data: &Data, what: &str) -> i64 {
    let mut raw = Raw::at(&data.data_folder(), data.database.as_deref()).await;
    raw.rows::<(i64,)>(&format!("SELECT count(*) FROM {what}")).await[0].0
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

// A5.4: D6 of the assurance plan, with the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_comes_back_elsewhere_and_no_key_that_was_revoked_since_lives() {
    comes_back(Data::embedded(), Data::new().await).await;
    if is_postgres() {
        comes_back(Data::new().await, Data::embedded()).await;
        comes_back(Data::new().await, Data::new().await).await;
    }
}

async fn comes_back(from: Data, to: Data) {
    let prepared = prepare(&from).await;
    let mut server = Server::on(&from);
    let admin = Admin::of(&server, &prepared);
    let [stays, revoked, off, rotated, early] = ["Stays", "Revoked", "Off", "Rotated", "Early"];
    let (stays, revoked, off) =
        (admin.create_key(stays).await, admin.create_key(revoked).await, admin.create_key(off).await);
    let (rotated, early) = (admin.create_key(rotated).await, admin.create_key(early).await);
    let overlapping = admin.create_key("Overlapping").await;
    let (ann, _, of_ann) = admin.person("Ann", &prepared).await;
    let (_, bob, of_bob) = admin.person("Bob", &prepared).await;
    assert_eq!((admin.status(&of_ann.token).await, admin.status(&of_bob.token).await), (200, 200));
    admin.call(Method::POST, "/shared-secret", json!({})).await;
    admin.change(&early, "revoke", json!({})).await;
    let endings = from.data_folder().join("endings.jsonl");
    until_written(&endings, &early.id).await;
    // Moved away while the service runs: it goes on in a new file.
    let moved = from.files().join("moved.jsonl");
    std::fs::rename(&endings, &moved).unwrap();

    let file = from.files().join("under-load.backup");
    let stop = AtomicBool::new(false);
    let backup = async {
        let flags = from.flags();
        let (folder, target) = (from.files().to_owned(), file.clone());
        let output = tokio::task::spawn_blocking(move || {
            let flags: Vec<_> = flags.iter().map(String::as_str).collect();
            run(&[&["backup", text(&target)], &flags[..]].concat(), &folder)
        });
        let output = output.await.unwrap();
        stop.store(true, Ordering::SeqCst);
        output
    };
    let (output, load) = tokio::join!(backup, admin.work(&stop));
    let words = done(&output);
    assert!(words.contains("MiB in") && words.contains("SHA-256") && words.contains("master.key"), "{words}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(!written.contains(&prepared.admin_key) && !written.contains(&stays.token), "no key in clear");
    let key_text = std::fs::read_to_string(from.data_folder().join("master.key")).unwrap();
    assert!(!written.contains(key_text.split(' ').nth(2).unwrap().trim()), "no master key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    admin.change(&revoked, "revoke", json!({})).await;
    admin.change(&off, "deactivate", json!({})).await;
    admin.call(Method::DELETE, "/shared-secret", json!({})).await;
    admin.call(Method::PATCH, &format!("/users/{ann}"), json!({ "status": "disabled" })).await;
    admin.call(Method::DELETE, &format!("/members/{bob}"), json!({})).await;
    admin.change(&overlapping, "rotate", json!({ "overlap_secs": 7_200 })).await;
    admin.change(&rotated, "rotate", json!({ "overlap_secs": 0 })).await;
    let after = admin.create_key("After").await;
    until_written(&endings, &rotated.id).await;
    let log = std::fs::read_to_string(&endings).unwrap();
    assert!(!log.contains(&revoked.token) && !log.contains("Revoked"), "neither secrets nor names: {log}");
    assert_eq!(std::fs::metadata(&endings).unwrap().permissions().mode() & 0o777, 0o600);
    // The machine is gone; the log of endings lay elsewhere.
    server.kill();
    drop(server);

    let checked = done(&on(&to, &["restore", "--check", text(&file)]));
    assert!(checked.contains("is whole"), "{checked}");
    let why = refused(&on(&to, &["restore", text(&file)]));
    for way in ["--endings FILE", "--quarantine", "--as-of-backup"] {
        assert!(why.contains(way), "{why}");
    }
    let why = refused(&on(&to, &["restore", text(&file), "--endings", text(&moved)]));
    assert!(why.contains("the log of endings ends at"), "{why}");
    let words = done(&on(&to, &["restore", text(&file), "--endings", text(&endings), "--endings", text(&moved)]));
    let rows = written.lines().filter(|it| it.starts_with('[')).count();
    assert!(words.contains(&format!("{rows} rows restored")), "{words}");
    assert!(words.contains("Put the master key"), "{words}");
    // Those first that want something done, each by its name.
    let named: Vec<_> = words.lines().skip_while(|it| !it.contains("These keys were changed")).skip(1).collect();
    let line_of = |key: &Made| named.iter().position(|it| it.contains(&key.id));
    assert_eq!((line_of(&rotated), line_of(&overlapping)), (Some(0), Some(1)), "{words}");
    let off_line = line_of(&off).unwrap_or_else(|| panic!("{words}"));
    for (at, name, todo) in [
        (0, "- Rotated (key_", "no secret of it works"),
        (1, "- Overlapping (key_", "its old secret works until 20"),
        (off_line, "- Off (key_", "switched off"),
    ] {
        assert!(named[at].starts_with(name) && named[at].contains(todo), "{words}");
    }
    assert!(words.contains("1 shared secrets, 1 users disabled, 1 memberships"), "{words}");
    assert_eq!(count(&to, "shared_secret").await, 0);
    if to.database.is_none() {
        assert_eq!(super::open_to_others(&to.data_folder()), Vec::<PathBuf>::new());
    }
    let twice = refused(&on(&to, &["restore", text(&file), "--endings", text(&endings)]));
    assert!(twice.contains("holds an installation already"), "{twice}");

    bring_master_key(&from, &to);
    let mut server = Server::on(&to);
    let admin = Admin::of(&server, &prepared);
    assert_eq!(admin.status(&stays.token).await, 200);
    for (key, why) in [
        (&revoked, "revoked after the backup"),
        (&off, "switched off after it"),
        (&rotated, "its secret ended after it"),
        (&early, "revoked before it"),
        (&after, "made after it"),
        (&of_ann, "its user was disabled after it"),
    ] {
        assert_eq!(admin.status(&key.token).await, 401, "{why}");
    }
    assert_eq!(admin.status(&overlapping.token).await, 200, "its overlap is not over");
    assert_ne!(admin.status(&of_bob.token).await, 200, "its user left after it");
    let mut known = 0;
    for (key, is_revoked) in &load {
        match admin.status(&key.token).await {
            200 => {
                assert!(!is_revoked, "{} was revoked", key.id);
                known += 1;
            }
            status => assert_eq!(status, 401),
        }
    }
    println!("{known} of {} keys that were made beside the backup are in it", load.len());
    // A key without a current secret gets one.
    admin.change(&overlapping, "rotate", json!({ "overlap_secs": 3_600 })).await;
    admin.change(&rotated, "rotate", json!({ "overlap_secs": 0 })).await;
    assert_eq!(server.terminate(), Some(0));
    let proved = on(&to, &["audit", "verify"]);
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stdout));
    for what in ["installation.restored", "key.revoked", "key.deactivated", "key.rotation_ended"] {
        let of_restore = format!("event WHERE kind = '{what}' AND actor_job = 'restore'");
        assert!(count(&to, &of_restore).await > 0, "{what}");
    }
    assert_eq!(count(&to, "event WHERE epoch = 1").await, {
        let before = written.lines().filter(|it| it.starts_with("[\"change\",1,") && it.contains("\"evt_")).count();
        i64::try_from(before).unwrap()
    });
}

// The positive control: without the log of endings the danger is real.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_can_tell_what_ended_every_key_is_off_until_somebody_confirms() {
    let (from, to, other) = (Data::new().await, Data::new().await, Data::new().await);
    let prepared = prepare(&from).await;
    let server = Server::on(&from);
    let admin = Admin::of(&server, &prepared);
    let (lives, off, revoked) =
        (admin.create_key("Lives").await, admin.create_key("Off").await, admin.create_key("Revoked").await);
    admin.change(&off, "deactivate", json!({})).await;
    let folder = from.files().join("backups");
    std::fs::create_dir(&folder).unwrap();
    done(&on(&from, &["backup", text(&folder)]));
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    assert!(text(file).ends_with(".backup"));
    admin.change(&revoked, "revoke", json!({})).await;
    drop(server);

    // A log that ends before the backup was made is none.
    let old = from.files().join("old.jsonl");
    let begins = |root: &str| {
        format!("{{\"root\":\"{root}\",\"epoch\":1,\"seq\":0,\"at\":\"2026-01-01T00:00:00Z\",\"what\":\"begins\"}}\n")
    };
    std::fs::write(&old, begins("org_01kapxb4q0e8mv5r3g2t9w7yzn")).unwrap();
    let why = refused(&on(&to, &["restore", text(file), "--endings", text(&old)]));
    assert!(why.contains("about another installation"), "{why}");
    std::fs::write(&old, begins(&prepared.organization.to_string())).unwrap();
    let why = refused(&on(&to, &["restore", text(file), "--endings", text(&old)]));
    assert!(why.contains("the log of endings ends at 2026-01-01"), "{why}");

    let words = done(&on(&to, &["restore", text(file), "--quarantine"]));
    assert!(words.contains("keys are switched off") && words.contains("--confirm"), "{words}");
    bring_master_key(&from, &to);
    let mut server = Server::on(&to);
    let admin = Admin::of(&server, &prepared);
    for token in [&prepared.admin_key, &lives.token, &off.token, &revoked.token] {
        assert_eq!(admin.status(token).await, 401);
    }
    assert_eq!(server.terminate(), Some(0));
    let words = done(&on(&to, &["restore", "--confirm"]));
    assert!(words.contains("keys are switched on again"), "{words}");
    let mut server = Server::on(&to);
    let admin = Admin::of(&server, &prepared);
    assert_eq!((admin.status(&lives.token).await, admin.status(&prepared.admin_key).await), (200, 200));
    assert_eq!(admin.status(&off.token).await, 401, "it was off before");
    assert_eq!(server.terminate(), Some(0));
    let words = done(&on(&to, &["restore", "--confirm"]));
    assert!(words.contains("No key is left"), "{words}");

    done(&on(&other, &["restore", text(file), "--as-of-backup"]));
    bring_master_key(&from, &other);
    let server = Server::on(&other);
    let admin = Admin::of(&server, &prepared);
    assert_eq!(admin.status(&revoked.token).await, 200, "who says so takes it back into life");
    drop(server);
    let never = refused(&on(&from, &["restore", "--confirm"]));
    assert!(never.contains("was never restored"), "{never}");
}

// A5.4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_sent_and_told_waits_after_a_restore_and_nobody_is_signed_in() {
    let (from, to) = (Data::new().await, Data::new().await);
    let prepared = prepare(&from).await;
    let receiver = Receiver::new(Manner::status(500)).await;
    let start = |data: &Data| {
        let flags = data.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Server::run(
            &[&["serve"], &PORTS[..], &["--webhook-allow-networks", "127.0.0.0/8"], &flags].concat(),
            "Stop it with",
        )
    };
    let mut server = start(&from);
    let admin = Admin::of(&server, &prepared);
    let hook = json!({"target_url": receiver.url(), "entity": "contact", "operation": "create"});
    let post = async |path: &str, body: &Value| {
        let request = admin.http.post(format!("{}{path}", admin.base)).bearer_auth(&admin.key).json(body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    };
    post("/api/v1/hooks", &hook).await;
    let event = json!({"id": "c-1", "type": "contact.created", "at": "2026-01-01T00:00:00Z", "data": {"number": 1}});
    post("/api/v1/events", &json!({ "events": [event] })).await;
    // Somebody else has a key made for them, and is told so.
    let user = admin.call(Method::POST, "/users", json!({ "name": "Ann" })).await;
    admin.call(Method::POST, "/members", json!({ "user_id": user["id"], "role_id": prepared.readonly })).await;
    admin.call(Method::POST, "/keys", json!({ "name": "For Ann", "mapped_user_id": user["id"] })).await;
    for _ in 0..200 {
        if count(&from, "notification").await > 0 && count(&from, "attempt").await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let file = from.files().join("file");
    done(&on(&from, &["backup", text(&file)]));
    let waiting = ["delivery WHERE state = 'pending'", "notification"];
    let before = [count(&from, waiting[0]).await, count(&from, waiting[1]).await];
    assert!(before.iter().all(|it| *it > 0), "{before:?}");
    assert_eq!(count(&from, "session").await, 1, "the admin is signed in");
    server.kill();

    done(&on(&to, &["restore", text(&file), "--as-of-backup"]));
    assert_eq!([count(&to, waiting[0]).await, count(&to, waiting[1]).await], before);
    assert_eq!(count(&to, "session").await, 0);
    assert_eq!(count(&to, "link WHERE used_at IS NULL").await, 0);
    bring_master_key(&from, &to);
    // As if its time had come.
    let mut raw = Raw::at(&to.data_folder(), to.database.as_deref()).await;
    raw.execute("UPDATE delivery SET due_at = 1 WHERE state = 'pending'").await;
    raw.execute("UPDATE webhook SET due_at = 1, leased_until = NULL").await;
    drop(raw);
    receiver.becomes(Manner::status(200));
    let had = receiver.received().len();
    let server = start(&to);
    let received = receiver.wait_for(had + 1).await;
    assert_eq!(received[had].json()["data"]["number"], received[0].json()["data"]["number"]);
    assert_eq!(received[had].header("webhook-id"), received[0].header("webhook-id"));
    drop(server);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_in_one_line_and_nothing_is_made() {
    let (from, to) = (Data::embedded(), Data::embedded());
    prepare(&from).await;
    let file = from.files().join("file");
    // Beside no service too.
    done(&on(&from, &["backup", text(&file)]));
    let whole = std::fs::read(&file).unwrap();
    let damaged = from.files().join("damaged");
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let mut place = || rng.next_u32() as usize % whole.len();
    for round in 0..16 {
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes.truncate(place()),
            1 => bytes[place()] ^= 1 << (round / 4),
            2 => {
                let from = place().min(whole.len() - 40);
                drop(bytes.drain(from..from + 30));
            }
            _ => bytes.extend(b"{}\n"),
        }
        std::fs::write(&damaged, &bytes).unwrap();
        let line = refused(&on(&to, &["restore", text(&damaged), "--as-of-backup"]));
        assert!(line.contains("Nothing was restored") || line.contains("Claviger"), "{line}");
        assert!(!to.data_folder().exists(), "{line}");
    }
    let newer = String::from_utf8(whole.clone()).unwrap().replacen("\"schema\":", "\"schema\":9", 1);
    std::fs::write(&damaged, newer).unwrap();
    let line = refused(&on(&to, &["restore", text(&damaged), "--as-of-backup"]));
    assert!(line.contains("made by a newer version"), "{line}");
    let missing = refused(&on(&to, &["restore", "nowhere", "--as-of-backup"]));
    assert!(missing.contains("nowhere: No such file"), "{missing}");
    std::fs::write(&damaged, "a letter\n").unwrap();
    let letter = refused(&on(&to, &["restore", text(&file), "--endings", text(&damaged)]));
    assert!(letter.contains("line 1 cannot be read"), "{letter}");
    assert!(!to.data_folder().exists());
}

#[tokio::test]
async fn a_backup_is_never_written_over_anything_and_of_nothing_none_is_made() {
    let data = Data::new().await;
    let file = data.files().join("file");
    let nothing = refused(&on(&data, &["backup", text(&file)]));
    assert!(nothing.contains("there is no installation at") || nothing.contains("holds no installation"), "{nothing}");
    prepare(&data).await;
    std::fs::write(&file, "a letter").unwrap();
    let taken = refused(&on(&data, &["backup", text(&file)]));
    assert!(taken.contains("is there already; name another file"), "{taken}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a letter");
    let nowhere = refused(&on(&data, &["backup", "no/such/folder/file"]));
    assert!(nowhere.contains("name a folder that is there"), "{nowhere}");
    let piped = refused(&on(&data, &["backup", "-"]));
    assert!(piped.contains("claviger export"), "{piped}");
    let left: Vec<PathBuf> = std::fs::read_dir(data.files()).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(left.iter().all(|it| !text(it).contains(".claviger-backup")), "{left:?}");
    let exported = data.files().join("everything.jsonl");
    done(&on(&data, &["export", text(&exported)]));
    let line = refused(&on(&Data::embedded(), &["restore", text(&exported), "--as-of-backup"]));
    assert!(line.contains("import --everything"), "{line}");
}
