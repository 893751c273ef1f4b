//! Another master key takes the place of the present one while the service runs and is killed: nothing that was sealed is lost.

use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Data, Prepared, Server, claviger, prepare};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD};

/// Organizations with a data key of their own: several pages of them, so that the service can be killed between two.
const ORGANIZATIONS: usize = 230;
/// How long after the rotation was asked for it is killed, in milliseconds; the rotation takes some tens.
const KILLED_AFTER_MILLIS: [u64; 6] = [0, 2, 5, 10, 20, 40];

/// A secret that was answered, and so must never be lost.
#[derive(Clone)]
struct Sealed {
    organization: String,
    key_id: String,
    token: String,
}

struct Caller {
    http: reqwest::Client,
    admin_key: String,
    base: String,
}

impl Caller {
    fn to(server: &Server, admin_key: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { http, admin_key: admin_key.to_owned(), base: server.fact("Console").to_owned() }
    }

    /// Absent where the server is gone, or cannot now.
    async fn call(&self, method: Method, path: &str, body: Value) -> Option<Value> {
        let request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.admin_key);
        let answer = request.json(&body).send().await.ok()?;
        let (status, body) = (answer.status(), answer.json::<Value>().await.ok()?);
        assert!(status.is_success() || status == 503, "{status} {body}");
        status.is_success().then_some(body)
    }

    async fn create_key(&self, organization: &str, name: &str) -> Option<Sealed> {
        let path = format!("/api/v1/organizations/{organization}/keys");
        let made = self.call(Method::POST, &path, json!({ "name": name })).await?;
        let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Some(Sealed { organization: organization.to_owned(), key_id: text("/key/id"), token: text("/secret/token") })
    }

    async fn rotate(&self) -> Option<Value> {
        self.call(Method::POST, "/api/v1/master-key/rotate", json!({})).await
    }

    async fn master_key(&self) -> Value {
        let request = self.http.get(format!("{}/api/v1/master-key", self.base)).bearer_auth(&self.admin_key);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Has all of them shown again, as the admin at the console.
    async fn assert_all_open(&self, sealed: &[Sealed]) {
        let form = [("email", ADMIN_EMAIL), ("password", ADMIN_PASSWORD)];
        let request = self.http.post(format!("{}/sign-in", self.base)).header("sec-fetch-site", "same-origin");
        let answer = request.form(&form).send().await.unwrap();
        let cookies = answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap().to_owned());
        let cookie = cookies.filter_map(|it| it.split(';').next().map(str::to_owned)).find(|it| it.starts_with("sid="));
        let cookie = cookie.unwrap_or_else(|| panic!("not signed in: {answer:?}"));
        for it in sealed {
            let path = format!("{}/api/v1/organizations/{}/keys/{}/reveal", self.base, it.organization, it.key_id);
            let request = self.http.post(path).header("cookie", &cookie).header("sec-fetch-site", "same-origin");
            let shown: Value = request.send().await.unwrap().json().await.unwrap();
            assert_eq!(shown["revealed"][0]["secret"]["token"], it.token, "{}: {shown}", it.key_id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_rotation_under_load_that_is_killed_in_the_middle_loses_nothing() {
    let data = Data::new().await;
    let Prepared { organization, admin_key, .. } = prepare(&data).await;
    let mut server = Server::on(&data);
    let mut caller = Caller::to(&server, &admin_key);
    let root = format!("/api/v1/organizations/{organization}");
    caller.call(Method::PATCH, &format!("{root}/policy"), json!({"reveal": "owner"})).await.unwrap();
    let mut sealed = Vec::new();
    for number in 0..ORGANIZATIONS {
        let body = json!({ "name": format!("L {number}") });
        let made = caller.call(Method::POST, &format!("{root}/organizations"), body).await.unwrap();
        sealed.push(caller.create_key(made["id"].as_str().unwrap(), "Sealed").await.unwrap());
    }
    let old = caller.master_key().await["present"].clone();
    assert!(old.is_string());

    let folder = data.data_folder();
    let added = claviger(&["master-key", "add", "--data-dir", folder.to_str().unwrap()]).output().unwrap();
    assert!(added.status.success(), "{added:?}");
    let new = Value::from(String::from_utf8(added.stdout).unwrap().trim());
    assert_ne!(new, old);
    let said = caller.master_key().await;
    assert_eq!((&said["present"], &said["waiting"]), (&old, &new), "nothing goes by it yet");
    let shown =
        claviger(&["master-key", "show", "--url", &caller.base]).env("CLAVIGER_KEY", &admin_key).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("{}: once every node has it", new.as_str().unwrap())), "{shown}");

    // Killed sooner and later, while keys are made. What was answered is kept account of.
    for (round, millis) in KILLED_AFTER_MILLIS.into_iter().enumerate() {
        let id = server.child.id().to_string();
        let making = async {
            let mut made = Vec::new();
            for number in 0..20 {
                let at = sealed[(round * 37 + number) % ORGANIZATIONS].organization.clone();
                made.extend(caller.create_key(&at, &format!("Load {round} {number}")).await);
            }
            made
        };
        let kill = async {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
        };
        let (_, made, ()) = tokio::join!(caller.rotate(), making, kill);
        sealed.extend(made);
        server.kill();
        server = Server::on(&data);
        caller = Caller::to(&server, &admin_key);
    }
    let done = caller.rotate().await.unwrap();
    assert_eq!((&done["present"], &done["wrapped_by_others"]), (&new, &json!(0)));
    assert_eq!((&done["waiting"], &caller.master_key().await["waiting"]), (&Value::Null, &Value::Null));
    caller.assert_all_open(&sealed).await;
    let doctor = claviger(&["doctor", "--url", &caller.base]).env("CLAVIGER_KEY", &admin_key).output().unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains(&format!("all is wrapped by {}", new.as_str().unwrap())), "{said}");

    // Without the old key all of it still opens; without the new one nothing does, so the old one opened none of it.
    assert_eq!(server.terminate(), Some(0));
    let path = folder.join("master.key");
    let text = std::fs::read_to_string(&path).unwrap();
    let [first, second] = text.lines().collect::<Vec<_>>().try_into().unwrap();
    std::fs::write(&path, format!("{first}\n")).unwrap();
    let mut server = Server::on(&data);
    Caller::to(&server, &admin_key).assert_all_open(&sealed).await;
    assert_eq!(server.terminate(), Some(0));
    std::fs::write(&path, format!("{second}\n")).unwrap();
    let server = Server::on(&data);
    let caller = Caller::to(&server, &admin_key);
    assert!(caller.create_key(&sealed[0].organization, "Refused").await.is_none(), "this node has not the key");
    let doctor = claviger(&["doctor", "--url", &caller.base]).env("CLAVIGER_KEY", &admin_key).output().unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("this node has not the master key"), "{said}");
}
