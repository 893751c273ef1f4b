//! Who takes back what a restore did.

use std::sync::Arc;

use claviger::app::{App, system_randomness};
use claviger::clock::SystemClock;
use claviger::ops::caller::Caller;
use claviger::ops::error::Error;
use claviger::ops::keys::set_key_active;
use claviger::ops::sessions::{Origin, sign_in};
use claviger_core::decision::Code;
use claviger_core::name::Email;
use claviger_core::reject::RejectCode;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::backup::{Admin, done};
use super::{Data, Server, on, prepare};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, config, master_key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restore_switched_off_its_owner_leaves_off_and_an_admin_switches_on() {
    let (from, to) = (Data::new().await, Data::new().await);
    let prepared = prepare(&from).await;
    let server = Server::on(&from);
    let admin = Admin::of(&server, &prepared);
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let roles = admin.call(Method::GET, "/roles?limit=100", Value::Null).await;
    let member = roles["data"].as_array().unwrap().iter().find(|it| it["built_in"] == "member").unwrap();
    admin.call(Method::PATCH, &format!("/roles/{}", id(member)), json!({ "api_access": true })).await;
    let user = id(&admin.call(Method::POST, "/users", json!({ "name": "Mia" })).await);
    admin.call(Method::POST, "/members", json!({ "user_id": user, "role_id": id(member) })).await;
    let key = json!({ "name": "Mia's", "owner_id": user, "mapped_user_id": user });
    let key = id(&admin.call(Method::POST, "/keys", key).await["key"]);
    let file = from.files().join("mia.backup");
    let file = file.to_str().unwrap();
    done(&on(&from, &["backup", file]));
    drop(server);
    done(&on(&to, &["restore", file, "--quarantine"]));

    let app = App::start(config(), to.open().await, Arc::new(SystemClock), system_randomness(), master_key());
    let (email, password) = (Email::parse(ADMIN_EMAIL).unwrap(), SecretString::from(ADMIN_PASSWORD));
    let signed_in = sign_in(&app, email, password, Origin::default()).await.unwrap();
    let caller = |user_id| Caller::Session { user_id, session_id: signed_in.session_id, ip: None };
    let (mia, key_id) = (caller(user.parse().unwrap()), key.parse().unwrap());
    let switch = async |caller: &Caller, on| {
        set_key_active(&app, caller, prepared.organization, key_id, on, None, None).await.map(drop)
    };
    let is_refused = |error: &Error| matches!(error, Error::Reject(it) if it.code == RejectCode::Decision(Code::InsufficientPermission));
    let refused = switch(&mia, true).await.unwrap_err();
    assert!(is_refused(&refused), "{refused:?}");
    switch(&caller(signed_in.user.id), true).await.unwrap();
    // What she switches off herself is hers to switch on, also after that.
    switch(&mia, false).await.unwrap();
    switch(&mia, true).await.unwrap();
    app.shut_down().await;
}
