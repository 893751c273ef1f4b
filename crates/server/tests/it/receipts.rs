//! Receipts: what an answer says of the other nodes is so. And R6: whoever leaves leaves at all nodes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger::app::App;
use claviger::clock::SettableClock;
use claviger::config::{Config, Values};
use claviger::ops::keys::{NewKey, create_key};
use claviger::ops::members::delete_member;
use claviger::ops::organizations::{OrganizationPatch, update_organization};
use claviger::ops::users::{UserPatch, update_user};
use claviger_core::decision::Reach;
use claviger_core::event::{Position, Stream};
use claviger_core::id::{NodeId, OrganizationId};
use claviger_core::node::NodeName;
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;
use claviger_core::secret::Token;
use claviger_core::user::UserStatus;
use claviger_verifier::credential::Presented;
use claviger_verifier::replica::Replica;
use claviger_verifier::verify::{About, Ask};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep};

use crate::app::{TestApp, master_key, new_key, seeded};
use crate::engine::{address_of, is_postgres, node};

/// How long an answer waits for other nodes, with room for a slow machine.
const WITHIN: Duration = Duration::from_secs(1);
const ROOM: Duration = Duration::from_secs(5);

fn named(name: &str) -> Config {
    let flags =
        [("listen", "127.0.0.1:0"), ("authz_listen", "127.0.0.1:0"), ("authz_workers", "1"), ("node_name", name)];
    Config::from_values(&Values::with_flags(flags.map(|(name, value)| (name, value.to_owned())))).unwrap()
}

/// A further node on a service's database.
async fn further(first: &TestApp, name: &str, options: &str) -> App {
    static SEED: AtomicU32 = AtomicU32::new(2);
    let randomness = seeded(SEED.fetch_add(1, Ordering::Relaxed).into());
    let clock = Arc::new(SettableClock::standing(first.now()));
    let address = format!("{}{options}", address_of(first.app.store()));
    let further = App::start(named(name), node(&address, randomness()).await, clock, randomness, master_key());
    further.follower().ready().await;
    further
}

/// A node that is only told of: it says that it stands where a test wants it, and applies nothing.
pub(crate) struct Double {
    id: NodeId,
    name: NodeName,
}

impl Double {
    pub(crate) fn new(name: &str) -> Self {
        Self { id: NodeId::from_u128(u128::from(name.as_bytes()[0])), name: NodeName::parse(name).unwrap() }
    }

    pub(crate) async fn says(&self, test: &TestApp, seq: Option<u64>) {
        let position = seq.map(|seq| Position { epoch: 1, seq });
        test.app.store().tell_node(self.id, &self.name, test.now(), position).await.unwrap();
    }

    /// Lets time pass without a word of it.
    async fn is_silent(&self, test: &TestApp, secs: u64) {
        let store = test.app.store();
        let schema = store.place().rsplit(' ').next().unwrap().to_owned();
        let mut connection = PgConnection::connect(&address_of(store)).await.unwrap();
        let sql = format!("UPDATE {schema}.node SET seen_at = seen_at - {secs}000000 WHERE id = '{}'", self.id);
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
    }
}

/// A service with an admin's key, called over HTTP.
struct Caller {
    test: TestApp,
    key: Token,
    http: reqwest::Client,
}

/// What a change was answered with, and after how long.
struct Answered {
    body: Value,
    receipt: Value,
    took: Duration,
}

impl Caller {
    async fn new() -> Self {
        let test = TestApp::with_config(named("node-a")).await;
        let new = NewKey { reach: Reach::Subtree, ..new_key("Caller") };
        let key = test.create_key(&test.admin, test.root, new).await.unwrap().token;
        Self { test, key, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn post(&self, path: &str, body: &Value) -> Answered {
        let url = self.test.url(&format!("/api/v1/organizations/{}{path}", self.test.root));
        let started = Instant::now();
        let answer = self.http.post(url).bearer_auth(self.key.expose()).json(body).send().await.unwrap();
        let took = started.elapsed();
        assert!(answer.status().is_success(), "{answer:?}");
        let receipt = serde_json::from_slice(answer.headers()["claviger-receipt"].as_bytes()).unwrap();
        Answered { body: answer.json().await.unwrap(), receipt, took }
    }

    async fn create_key(&self, name: &str) -> Answered {
        self.post("/keys", &json!({ "name": name })).await
    }

    async fn revoke_new_key(&self, name: &str) -> (Answered, String) {
        let made = self.create_key(name).await.body;
        let path = format!("/keys/{}/revoke", made["key"]["id"].as_str().unwrap());
        let token = made["secret"]["token"].as_str().unwrap().to_owned();
        (self.post(&path, &json!({})).await, token)
    }

    async fn nodes(&self) -> Vec<Value> {
        let answer = self.test.get("/api/v1/nodes", self.key.expose()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["data"].as_array().unwrap().clone()
    }
}

fn allows(replica: &Replica, token: &str, now: claviger_core::time::Timestamp) -> bool {
    let presented = Presented::token(token.as_bytes()).unwrap();
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
    replica.verify(&presented, &ask, now).decision().code().is_none()
}

fn nodes_of(receipt: &Value) -> (u64, &Value, &Value) {
    let nodes = &receipt["nodes"];
    (nodes["acked"].as_u64().unwrap(), &nodes["pending"], &nodes["lost"])
}

/// Revokes keys at one node, and counts those that another one allows though the receipt says that it knows: none, if the receipt is true.
async fn allowed_though_confirmed(caller: &Caller, other: &Replica, keys: u32) -> u32 {
    let mut allowed = 0;
    for number in 0..keys {
        let (answered, token) = caller.revoke_new_key(&format!("Revoked {number}")).await;
        let is_allowed = allows(other, &token, caller.test.now());
        assert_eq!(nodes_of(&answered.receipt), (2, &json!([]), &json!([])));
        assert!(answered.receipt["denied_everywhere_by"].is_null());
        assert!(answered.took < WITHIN, "{:?}", answered.took);
        allowed += u32::from(is_allowed);
    }
    allowed
}

#[tokio::test]
async fn one_node_confirms_by_itself_and_waits_for_nobody() {
    let caller = Caller::new().await;
    let answered = caller.create_key("CI").await;
    assert_eq!(nodes_of(&answered.receipt), (1, &json!([]), &json!([])));
    let head = caller.test.app.store().read().await.unwrap().head(Stream::Change).await.unwrap();
    assert_eq!((&answered.receipt["epoch"], &answered.receipt["seq"]), (&json!(head.epoch), &json!(head.seq)));
    let nodes = caller.nodes().await;
    assert_eq!(nodes.len(), 1);
    let node = &nodes[0];
    assert_eq!((&node["name"], &node["state"], &node["answers"]), (&json!("node-a"), &json!("live"), &json!(true)));
    assert_eq!((&node["seq"], &node["behind"]), (&json!(head.seq), &json!(0)));
    // Nothing is changed, and the receipt is that of the change that made it so.
    let path = format!("/keys/{}/activate", answered.body["key"]["id"].as_str().unwrap());
    assert_eq!(caller.post(&path, &json!({})).await.receipt["seq"], head.seq);
    caller.test.stop().await;
}

#[tokio::test]
async fn all_nodes_confirm_within_a_second_and_deny_when_the_receipt_says_so() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    let second = further(&caller.test, "node-b", "").await;
    assert_eq!(allowed_though_confirmed(&caller, second.replica(), 25).await, 0);
    let names: Vec<_> = caller.nodes().await.iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["node-a", "node-b"]);
    second.shut_down().await;
    assert_eq!(caller.nodes().await.len(), 1, "who stops in good order takes itself off");
    caller.test.stop().await;
}

/// The positive control: a node that says it knows before it does is found by the very check of the test above.
#[tokio::test]
async fn a_node_that_confirms_before_it_has_applied_is_found() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    let second = further(&caller.test, "node-b", "").await;
    let keys: Vec<_> = {
        let made = async |it: u32| {
            caller.test.create_key(&caller.test.admin, caller.test.root, new_key(&format!("{it}"))).await
        };
        let mut keys = Vec::new();
        for number in 0..5 {
            keys.push(made(number).await.unwrap());
        }
        keys
    };
    let head = caller.test.app.replica().position().unwrap();
    second.follower().applied(head).await.unwrap();
    // Its replica stays as it is, and in its place somebody confirms whatever comes.
    second.shut_down().await;
    Double::new("liar").says(&caller.test, Some(u64::MAX >> 1)).await;
    let mut allowed = 0;
    for key in keys {
        let answered = caller.post(&format!("/keys/{}/revoke", key.info.key.id), &json!({})).await;
        assert_eq!(nodes_of(&answered.receipt).0, 2);
        allowed += u32::from(allows(second.replica(), key.token.expose(), caller.test.now()));
    }
    assert_eq!(allowed, 5, "all of these were said to be denied everywhere");
    caller.test.stop().await;
}

#[tokio::test]
async fn who_does_not_follow_is_named_pending_then_lost_and_the_change_waits_no_longer_than_a_second() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    let double = Double::new("node-c");
    double.says(&caller.test, None).await;
    let answered = caller.create_key("While it loads").await;
    assert_eq!(nodes_of(&answered.receipt), (1, &json!([]), &json!([])), "who loads answers nobody");

    double.says(&caller.test, Some(1)).await;
    let answered = caller.create_key("Pending").await;
    assert_eq!(nodes_of(&answered.receipt), (1, &json!(["node-c"]), &json!([])));
    assert!((WITHIN..WITHIN + ROOM).contains(&answered.took), "{:?}", answered.took);
    assert!(answered.receipt["denied_everywhere_by"].is_string());
    let listed = caller.nodes().await;
    let behind = answered.receipt["seq"].as_u64().unwrap() - 1;
    assert_eq!((&listed[1]["state"], &listed[1]["behind"]), (&json!("live"), &json!(behind)));

    // It confirms while somebody waits for it: a ring is not needed.
    let answered = {
        let late = async {
            sleep(Duration::from_millis(200)).await;
            double.says(&caller.test, Some(1000)).await;
        };
        tokio::join!(caller.create_key("Late"), late).0
    };
    assert_eq!(nodes_of(&answered.receipt), (2, &json!([]), &json!([])));
    assert!((Duration::from_millis(200)..WITHIN + ROOM).contains(&answered.took), "{:?}", answered.took);

    double.says(&caller.test, Some(1)).await;
    double.is_silent(&caller.test, 10).await;
    let answered = caller.create_key("Lost").await;
    assert_eq!(nodes_of(&answered.receipt), (1, &json!([]), &json!(["node-c"])));
    assert!(answered.took < WITHIN, "nobody waits for a lost node: {:?}", answered.took);
    assert!(answered.receipt["denied_everywhere_by"].is_string());
    assert_eq!(caller.nodes().await[1]["state"], "lost");
    let metrics = caller.test.get("/metrics", caller.key.expose()).await.body;
    for line in ["claviger_nodes{state=\"live\"} 1.0", "claviger_nodes{state=\"lost\"} 1.0"] {
        assert!(metrics.as_str().unwrap().lines().any(|it| it == line), "{metrics}");
    }
    double.is_silent(&caller.test, 86_400).await;
    let answered = caller.create_key("Silent for as long as policy lets it answer").await;
    assert_eq!(nodes_of(&answered.receipt), (1, &json!([]), &json!([])));
    caller.test.stop().await;
}

/// Nobody waits for a node that still loads; so what was answered before it begins to answer, it knows when it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_while_keys_are_revoked_allows_none_of_which_it_was_said_that_all_deny_it() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    caller.test.set_policy(caller.test.root, r#"{"max_keys_per_user": 1000}"#).await;
    for round in 0..5 {
        let mut keys = Vec::new();
        for number in 0..40 {
            let new = new_key(&format!("CI {round} {number}"));
            keys.push(caller.test.create_key(&caller.test.admin, caller.test.root, new).await.unwrap());
        }
        let revoked = Mutex::new(Vec::new());
        let revoke = async {
            for key in &keys {
                let answered = caller.post(&format!("/keys/{}/revoke", key.info.key.id), &json!({})).await;
                assert_eq!(nodes_of(&answered.receipt).1, &json!([]), "whoever is waited for follows");
                revoked.lock().unwrap().push(key.token.expose().to_owned());
            }
        };
        let address = address_of(caller.test.app.store());
        let start = async {
            let randomness = seeded(100 + round);
            let clock = Arc::new(SettableClock::standing(caller.test.now()));
            let second =
                App::start(named("node-b"), node(&address, randomness()).await, clock, randomness, master_key());
            loop {
                let answered = revoked.lock().unwrap().clone();
                if second.replica().is_ready() {
                    let allowed = answered.iter().filter(|it| allows(second.replica(), it, second.now())).count();
                    assert_eq!(allowed, 0, "of {} that were revoked before it answered anybody", answered.len());
                    break;
                }
                tokio::task::yield_now().await;
            }
            second
        };
        let ((), second) = tokio::join!(revoke, start);
        second.shut_down().await;
    }
    caller.test.stop().await;
}

#[tokio::test]
async fn the_last_moment_is_what_policy_says_of_the_keys_own_organization() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    caller.test.set_policy(caller.test.root, r#"{"max_stale_secs": 60}"#).await;
    let below = caller.test.organization(caller.test.root, "Below").await;
    caller.test.set_policy(below, r#"{"max_stale_secs": 3600}"#).await;
    let double = Double::new("node-c");
    let head = caller.test.app.replica().position().unwrap().seq;
    double.says(&caller.test, Some(head)).await;
    double.is_silent(&caller.test, 10).await;
    let last_contact = |listed: &[Value]| listed[1]["last_contact_at"].as_str().unwrap().parse().unwrap();
    let heard: claviger_core::time::Timestamp = last_contact(&caller.nodes().await);
    let by = |answered: &Answered| {
        let text = answered.receipt["denied_everywhere_by"].as_str().unwrap();
        text.parse::<claviger_core::time::Timestamp>().unwrap().since(heard).as_secs()
    };
    assert_eq!(
        by(&caller.create_key("CI").await),
        70,
        "a key hangs on its organization; a lease may lie behind the last word"
    );
    let role = json!({"name": "Own", "permissions": ["contacts:read"]});
    assert_eq!(by(&caller.post("/roles", &role).await), 3610, "keys of any organization below may hang on a role");
    caller.test.set_policy(caller.test.root, r#"{"max_stale_secs": 30}"#).await;
    let by_older = by(&caller.create_key("Later").await);
    assert_eq!(by_older, 86_410, "it does not know of that, and nobody asks it by which policy it answers");
    caller.test.stop().await;
}

#[tokio::test]
async fn a_node_that_starts_while_the_storage_is_full_answers_and_is_heard_once_there_is_room() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    let schema = caller.test.app.store().place().rsplit(' ').next().unwrap().to_owned();
    let mut connection = PgConnection::connect(&address_of(caller.test.app.store())).await.unwrap();
    let fill = format!(
        "CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {schema}.node FOR EACH ROW EXECUTE FUNCTION {schema}.refuse()"
    );
    connection.execute(AssertSqlSafe(fill)).await.unwrap();
    let second = further(&caller.test, "node-b", "").await;
    assert!(allows(second.replica(), caller.key.expose(), second.now()));
    connection.execute(AssertSqlSafe(format!("DROP TRIGGER full_disk ON {schema}.node"))).await.unwrap();
    let started = Instant::now();
    while caller.create_key(&format!("CI {:?}", started.elapsed())).await.receipt["nodes"]["acked"] != 2 {
        assert!(started.elapsed() < WITHIN * 10, "it is never heard");
    }
    second.shut_down().await;
    caller.test.stop().await;
}

// R2, short: nobody rings.
#[tokio::test]
async fn nodes_confirm_when_nobody_rings() {
    if !is_postgres() {
        return;
    }
    let caller = Caller::new().await;
    let schema = caller.test.app.store().place().rsplit(' ').next().unwrap().to_owned();
    let mut connection = PgConnection::connect(&address_of(caller.test.app.store())).await.unwrap();
    let mute = format!("CREATE FUNCTION {schema}.pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ SELECT $$");
    connection.execute(AssertSqlSafe(mute)).await.unwrap();
    let (mute, hears) =
        (further(&caller.test, "node-m", ",pg_catalog").await, further(&caller.test, "node-h", "").await);
    let admin = &caller.test.admin;
    for number in 0..5 {
        let made = create_key(&mute, admin, caller.test.root, new_key(&format!("CI {number}")), None).await.unwrap();
        let at = mute.replica().position().unwrap();
        let started = Instant::now();
        while !mute.nodes().wait_for(at).await.iter().all(|it| it.has_applied(at)) {
            assert!(started.elapsed() < WITHIN * 3, "{:?}", mute.nodes().last_known());
        }
        assert!(allows(hears.replica(), made.fresh().unwrap().token.expose(), hears.now()));
    }
    for node in [mute, hears] {
        node.shut_down().await;
    }
    caller.test.stop().await;
}

/// Keys of one user.
struct Person {
    user_id: claviger_core::id::UserId,
    member_id: claviger_core::id::MemberId,
    tokens: Vec<Token>,
}

async fn people(test: &TestApp, at: OrganizationId, count: usize, keys: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..count {
        let (_, user_id, member_id) = test.member(at, &format!("{at} {number}"), BuiltIn::Admin).await;
        let mut tokens = Vec::new();
        for key in 0..keys {
            let mut new = new_key(&format!("Key {number} {key}"));
            (new.owner_id, new.mapped_user_id) = (Some(Some(user_id)), Some(Some(user_id)));
            tokens.push(test.create_key(&test.admin, at, new).await.unwrap().token);
        }
        people.push(Person { user_id, member_id, tokens });
    }
    people
}

// R6: whoever is disabled or removed, and whoever stands in a suspended organization, is denied at all nodes, while they verify all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_who_leaves_and_of_a_suspended_organization_are_denied_at_both_nodes() {
    let test = TestApp::with_config(named("node-a")).await;
    let staying = test.organization(test.root, "Staying").await;
    let suspended = test.organization(test.root, "Suspended").await;
    let (leaving, others) = (people(&test, staying, 60, 3).await, people(&test, suspended, 40, 3).await);
    let second = if is_postgres() { Some(further(&test, "node-b", "").await) } else { None };
    let nodes: Vec<_> = [Some(test.app.clone()), second.clone()].into_iter().flatten().collect();
    let head = test.app.replica().position().unwrap();
    for node in &nodes {
        node.follower().applied(head).await.unwrap();
    }
    let tokens: Arc<Vec<_>> =
        Arc::new(leaving.iter().chain(&others).flat_map(|it| &it.tokens).map(|it| it.expose().to_owned()).collect());
    let all = tokens.len();
    assert_eq!(all, 300);
    // They verify meanwhile.
    let (ended, verified) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let verifying: Vec<_> = nodes
        .iter()
        .cloned()
        .map(|node| {
            let (tokens, ended, verified) = (Arc::clone(&tokens), Arc::clone(&ended), Arc::clone(&verified));
            std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    for token in tokens.iter() {
                        allows(node.replica(), token, node.now());
                        verified.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    let is_allowed = |node: &App, token: &Token| allows(node.replica(), token.expose(), node.now());
    let denied_within = async |tokens: &[&Token]| {
        assert!(tokens.iter().all(|it| !is_allowed(&nodes[0], it)), "the node that answered denies at once");
        let started = Instant::now();
        while nodes.iter().any(|node| tokens.iter().any(|it| is_allowed(node, it))) {
            assert!(started.elapsed() < WITHIN, "still allowed after a second");
            sleep(Duration::from_millis(1)).await;
        }
        started.elapsed()
    };
    for node in &nodes {
        assert!(
            leaving.iter().chain(&others).flat_map(|it| &it.tokens).all(|it| is_allowed(node, it)),
            "all are good first"
        );
    }
    let mut slowest = Duration::ZERO;
    for (number, person) in leaving.iter().enumerate() {
        if number % 2 == 0 {
            let patch = UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
            update_user(&test.app, &test.admin, staying, person.user_id, patch, None).await.unwrap();
        } else {
            delete_member(&test.app, &test.admin, staying, person.member_id).await.unwrap();
        }
        slowest = slowest.max(denied_within(&person.tokens.iter().collect::<Vec<_>>()).await);
    }
    let patch = OrganizationPatch { status: Some(OrganizationStatus::Suspended), ..OrganizationPatch::default() };
    update_organization(&test.app, &test.admin, suspended, patch, None).await.unwrap();
    slowest = slowest.max(denied_within(&others.iter().flat_map(|it| &it.tokens).collect::<Vec<_>>()).await);
    ended.store(true, Ordering::Relaxed);
    verifying.into_iter().for_each(|it| it.join().unwrap());
    assert!(all < verified.load(Ordering::Relaxed) as usize);
    println!("{all} keys at {} nodes, the last denied after {slowest:?}", nodes.len());
    if let Some(second) = second {
        second.shut_down().await;
    }
    test.stop().await;
}
