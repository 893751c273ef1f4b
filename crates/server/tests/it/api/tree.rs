//! The tree over HTTP: lists of parts of it, suspension, and moving.

use serde_json::{Value, json};

use super::client::Client;
use super::fixture::Fixture;

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/organizations/{id}{rest}")
}

async fn create_below(it: &Fixture, parent: &str, name: &str) -> String {
    it.admin.post(&path(parent, "/organizations"), json!({"name": name})).await.expect(201).text_at("/id")
}

async fn names(it: &Fixture, parent: &str, query: &str) -> Vec<String> {
    let page = it.admin.get(&path(parent, &format!("/organizations{query}"))).await.expect(200).json();
    page["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

/// Makes a key of an organization that is nobody's and may read contacts.
async fn key_of(it: &Fixture, id: &str, more: Value) -> Value {
    let role = json!({"name": "Reads", "permissions": ["contacts:read"], "api_access": true});
    let role = it.admin.post(&path(id, "/roles"), role).await.expect(201).text_at("/id");
    let mut body = json!({"name": "CI", "role_id": role, "owner_id": null, "mapped_user_id": null});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    it.admin.post(&path(id, "/keys"), body).await.expect(201).json()
}

async fn code(it: &Fixture, token: &Value, organization: &str) -> String {
    let question = json!({"key": token, "organization": organization, "permissions": ["contacts:read"]});
    let answer = it.verify(question).await;
    answer["code"].as_str().unwrap_or("allowed").to_owned()
}

async fn go(client: &Client, id: &str, parent: &str) -> (u16, String) {
    let answer = client.post(&path(id, "/move"), json!({"parent_id": parent})).await;
    if answer.status == 200 { (200, answer.text_at("/parent_id")) } else { answer.refusal() }
}

#[tokio::test]
async fn children_and_subtree_are_listed_and_searched() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let north = create_below(&it, &agency, "North").await;
    create_below(&it, &agency, "South").await;
    create_below(&it, &north, "North Pole").await;
    assert_eq!(names(&it, &agency, "").await, ["Agency", "North", "North Pole", "South"]);
    assert_eq!(names(&it, &agency, "?children=true").await, ["North", "South"]);
    assert_eq!(names(&it, &agency, "?search=NORTH").await, ["North", "North Pole"]);
    assert_eq!(names(&it, &agency, "?search=north&children=true").await, ["North"]);
    assert_eq!(names(&it, &agency, "?search=%25").await, [""; 0], "what is searched is taken literally");
    let first = it.admin.get(&path(&agency, "/organizations?children=true&limit=1")).await.expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(names(&it, &agency, &format!("?children=true&limit=1&cursor={cursor}")).await, ["South"]);
    let foreign = it.admin.get(&path(&agency, &format!("/organizations?cursor={cursor}"))).await;
    assert_eq!(foreign.pointers(), ["cursor"], "a cursor belongs to its list");
    let long = it.admin.get(&path(&agency, &format!("/organizations?search={}", "x".repeat(81)))).await;
    assert_eq!((long.status, long.pointers()), (400, vec!["search".to_owned()]));
}

#[tokio::test]
async fn what_is_moved_is_reached_and_bound_from_its_new_place_at_once() {
    let it = Fixture::start().await;
    let (old, new) = (it.create_organization("Old").await, it.create_organization("New").await);
    let moved = create_below(&it, &old, "Moved").await;
    let below = create_below(&it, &moved, "Below").await;
    let of_old = key_of(&it, &old, json!({"reach": "subtree"})).await;
    let of_new = key_of(&it, &new, json!({"reach": "subtree"})).await;
    let own = key_of(&it, &below, json!({})).await;
    let token = |key: &Value| key["secret"]["token"].clone();
    it.admin.patch(&path(&old, "/policy"), json!({"reveal": "owner"})).await.expect(200);
    it.admin.patch(&path(&new, "/policy"), json!({"idle_days": 90, "locked": ["idle_days"]})).await.expect(200);
    assert_eq!(code(&it, &token(&of_old), &below).await, "allowed");
    assert_eq!(code(&it, &token(&of_new), &below).await, "out_of_reach");

    assert_eq!(go(&it.admin, &moved, &new).await, (200, new.clone()));
    assert_eq!(code(&it, &token(&of_old), &below).await, "out_of_reach");
    assert_eq!(code(&it, &token(&of_new), &below).await, "allowed");
    assert_eq!(code(&it, &token(&own), &below).await, "allowed");
    let policy = it.admin.get(&path(&below, "/policy")).await.expect(200).json();
    assert_eq!((&policy["idle_days"]["effective"], &policy["reveal"]["effective"]), (&json!(90), &json!("once")));
    assert_eq!(policy["idle_days"]["locked_by"]["organization_id"], new.as_str());
    assert_eq!(names(&it, &old, "").await, ["Old"]);
    assert_eq!(names(&it, &new, "").await, ["New", "Below", "Moved"]);

    // It is suspended and resumed with its new parent, and none of its old one's business any more.
    it.admin.patch(&path(&old, ""), json!({"status": "suspended"})).await.expect(200);
    assert_eq!(code(&it, &token(&own), &below).await, "allowed");
    it.admin.patch(&path(&new, ""), json!({"status": "suspended"})).await.expect(200);
    let own_token = token(&own);
    let suspended = it.app.verify_text(own_token.as_str().unwrap(), &["contacts:read"]);
    assert_eq!(suspended, Err("organization_suspended"));
    it.admin.patch(&path(&new, ""), json!({"status": "active"})).await.expect(200);
    assert_eq!(code(&it, &token(&own), &below).await, "allowed");

    let history = it.admin.get(&path(&moved, "/events?operation=organization.moved")).await.expect(200).json();
    let event = &history["data"][0];
    assert_eq!((&event["before"]["parent_id"], &event["after"]["parent_id"]), (&json!(old), &json!(new)));
    // Doing it twice is no error and no change.
    assert_eq!(go(&it.admin, &moved, &new).await, (200, new.clone()));
    let again = it.admin.get(&path(&moved, "/events?operation=organization.moved")).await.expect(200).json();
    assert_eq!(again["data"].as_array().unwrap().len(), 1);
    let stale = it.admin.request("POST", &path(&moved, "/move")).header("if-match", "\"1\"");
    assert_eq!(it.admin.send(stale.json(&json!({"parent_id": it.root}))).await.status, 412);
}

#[tokio::test]
async fn what_stands_above_ones_reach_is_not_named() {
    let it = Fixture::start().await;
    let agency = create_below(&it, &it.root, "Agency").await;
    let location = create_below(&it, &agency, "Location").await;
    let path = |id: &str| format!("/api/v1/organizations/{id}");
    let admin = it.admin.get(&format!("{}/roles?limit=100", path(&agency))).await.expect(200).json();
    let admin = admin["data"].as_array().unwrap().iter().find(|it| it["built_in"] == "admin").unwrap()["id"].clone();
    let key =
        json!({"name": "Agency's", "role_id": admin, "owner_id": null, "mapped_user_id": null, "reach": "subtree"});
    let key = it.admin.post(&format!("{}/keys", path(&agency)), key).await.expect(201).text_at("/secret/token");
    let own = it.admin.with(&key);
    assert_eq!(own.get(&path(&agency)).await.expect(200).json()["parent_id"], Value::Null);
    assert_eq!(own.get(&path(&location)).await.expect(200).text_at("/parent_id"), agency);
    assert_eq!(it.admin.get(&path(&agency)).await.expect(200).text_at("/parent_id"), it.root);
}

// A membership and a role come down to what stands below, so whoever reaches only one organization gives neither while there is something below.
#[tokio::test]
async fn a_key_that_reaches_one_organization_gives_nothing_in_those_below() {
    let it = Fixture::start().await;
    let agency = create_below(&it, &it.root, "Agency").await;
    let path = |rest: &str| format!("/api/v1/organizations/{agency}/{rest}");
    let roles = it.admin.get(&path("roles?limit=100")).await.expect(200).json();
    let of_kind = |kind: &str| {
        let found = roles["data"].as_array().unwrap().iter().find(|it| it["built_in"] == kind);
        found.unwrap()["id"].clone()
    };
    let role = it.admin.post(&path("roles"), json!({"name": "Sales", "permissions": ["deals:read"]})).await.expect(201);
    let role = format!("/api/v1/organizations/{agency}/roles/{}", role.text_at("/id"));
    let bearer = async |name: &str, reach: &str| {
        let key = json!({"name": name, "role_id": of_kind("admin"), "owner_id": null, "mapped_user_id": null, "reach": reach});
        it.admin.with(&it.admin.post(&path("keys"), key).await.expect(201).text_at("/secret/token"))
    };
    let (narrow, wide) = (bearer("Narrow", "organization").await, bearer("Wide", "subtree").await);
    let join = async |client: &super::client::Client, name: &str| {
        let user = client.post(&path("users"), json!({"name": name})).await.expect(201).text_at("/id");
        client.post(&path("members"), json!({"user_id": user, "role_id": of_kind("readonly")})).await
    };
    join(&narrow, "Before").await.expect(201);
    narrow.patch(&role, json!({"permissions": ["deals:*"]})).await.expect(200);

    create_below(&it, &agency, "Location").await;
    let refused = (403, "grant_exceeds_own".to_owned());
    assert_eq!(join(&narrow, "After").await.refusal(), refused);
    assert_eq!(narrow.patch(&role, json!({"permissions": ["deals:read"]})).await.refusal(), refused);
    join(&wide, "Wide's").await.expect(201);
    wide.patch(&role, json!({"permissions": ["deals:read"]})).await.expect(200);
}

#[tokio::test]
async fn a_move_closes_no_circle_and_keeps_the_depth() {
    let it = Fixture::start().await;
    let mut chain = vec![it.create_organization("Level 1").await];
    for level in 2..7 {
        let parent = chain.last().unwrap().clone();
        chain.push(create_below(&it, &parent, &format!("Level {level}")).await);
    }
    let conflict = (409, "state_conflict".to_owned());
    assert_eq!(go(&it.admin, &chain[0], &chain[3]).await, conflict);
    assert_eq!(go(&it.admin, &chain[0], &chain[0]).await, conflict);
    assert_eq!(go(&it.admin, &it.root, &chain[0]).await, conflict);
    let pair = it.create_organization("Pair").await;
    let inner = create_below(&it, &pair, "Inner").await;
    create_below(&it, &inner, "Innermost").await;
    assert_eq!(go(&it.admin, &pair, &chain[5]).await, (409, "limit_reached".to_owned()));
    assert_eq!(go(&it.admin, &pair, &chain[3]).await, (200, chain[3].clone()));
    assert_eq!(go(&it.admin, &pair, "org_01kapxb4q0e8mv5r3g2t9w7yzn").await, (404, "not_found".to_owned()));
    let wrong = it.admin.post(&path(&pair, "/move"), json!({"parent_id": "x"})).await;
    assert_eq!((wrong.status, wrong.pointers()), (400, vec!["/parent_id".to_owned()]));
}

#[tokio::test]
async fn only_who_holds_everything_where_both_places_meet_moves_what_is_between() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let (one, two) = (create_below(&it, &agency, "One").await, create_below(&it, &agency, "Two").await);
    let moved = create_below(&it, &one, "Moved").await;
    let key = async |at: &str, name: &str, more: Value| {
        let mut body = json!({"name": name, "reach": "subtree"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it.admin.with(&it.admin.post(&path(at, "/keys"), body).await.expect(201).text_at("/secret/token"))
    };
    let narrow = key(&agency, "Narrow", json!({"scopes": ["claviger/organizations:update"]})).await;
    assert_eq!(go(&narrow, &moved, &two).await, (403, "grant_exceeds_own".to_owned()));
    let of_one = key(&one, "Of one", json!({})).await;
    assert_eq!(go(&of_one, &moved, &two).await, (404, "not_found".to_owned()), "it does not know the new place");
    assert_eq!(go(&of_one, &moved, &agency).await, (404, "not_found".to_owned()));
    assert_eq!(go(&of_one, &one, &one).await, (404, "not_found".to_owned()), "nor its own parent");
    let flat = key(&agency, "Flat", json!({"reach": "organization"})).await;
    assert_eq!(go(&flat, &moved, &two).await, (404, "not_found".to_owned()));
    let of_agency = key(&agency, "Of the agency", json!({})).await;
    assert_eq!(go(&of_agency, &moved, &it.root).await, (404, "not_found".to_owned()), "not out of its own reach");
    assert_eq!(go(&of_agency, &moved, &two).await, (200, two.clone()));
}

#[tokio::test]
async fn what_somebody_needs_from_above_is_not_left_behind() {
    let it = Fixture::start().await;
    let (old, new) = (it.create_organization("Old").await, it.create_organization("New").await);
    let moved = create_below(&it, &old, "Moved").await;
    let role = json!({"name": "Old's", "permissions": ["contacts:read"], "api_access": true});
    let role = it.admin.post(&path(&old, "/roles"), role).await.expect(201).text_at("/id");
    let user = it.admin.post(&path(&moved, "/users"), json!({"name": "Ann"})).await.expect(201).text_at("/id");
    let member = json!({"user_id": user, "role_id": role});
    let member = it.admin.post(&path(&moved, "/members"), member).await.expect(201).text_at("/id");
    let conflict = (409, "state_conflict".to_owned());
    assert_eq!(go(&it.admin, &moved, &new).await, conflict);
    let member = path(&moved, &format!("/members/{member}"));
    it.admin.send(it.admin.request("DELETE", &member)).await.expect(204);

    let key = json!({"name": "CI", "role_id": role, "owner_id": null, "mapped_user_id": null});
    let key = it.admin.post(&path(&moved, "/keys"), key).await.expect(201).text_at("/key/id");
    assert_eq!(go(&it.admin, &moved, &new).await, conflict);
    assert_eq!(
        go(&it.admin, &moved, &create_below(&it, &old, "Elsewhere").await).await.0,
        200,
        "the role is above there too"
    );
    it.admin.post(&path(&moved, &format!("/keys/{key}/revoke")), json!({})).await.expect(200);
    assert_eq!(go(&it.admin, &moved, &new).await, (200, new.clone()));
}

/// Two moves that would close a circle together: one of them goes through.
#[tokio::test]
async fn two_moves_at_once_leave_a_tree() {
    let it = Fixture::start().await;
    for round in 0..10 {
        let left = it.create_organization(&format!("Left {round}")).await;
        let right = it.create_organization(&format!("Right {round}")).await;
        let (one, two) = tokio::join!(go(&it.admin, &left, &right), go(&it.admin, &right, &left));
        assert!((one.0 == 200) != (two.0 == 200), "{one:?} {two:?}");
        let refused = if one.0 == 200 { two } else { one };
        assert_eq!(refused, (409, "state_conflict".to_owned()));
        assert_eq!(
            names(&it, &it.root, &format!("?search={round}")).await,
            [format!("Left {round}"), format!("Right {round}")]
        );
    }
}

// What is absent opens nothing that an admin has closed.
#[tokio::test]
async fn a_put_replaces_what_describes_and_leaves_what_guards() {
    let it = Fixture::start().await;
    let put = async |path: &str, body: Value| {
        let answer = it.admin.send(it.admin.request("PUT", &it.at(path)).json(&body)).await;
        assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
        answer.json()
    };
    let user = "/users/by-external-id/u-1";
    let made = put(user, json!({"name": "Ann", "email": "ann@example.com"})).await;
    let place = it.at(&format!("/users/{}", made["id"].as_str().unwrap()));
    it.admin.patch(&place, json!({"status": "disabled"})).await.expect(200);
    let again = put(user, json!({"name": "Ann B"})).await;
    assert_eq!(
        (&again["email"], &again["status"], &again["name"]),
        (&Value::Null, &json!("disabled"), &json!("Ann B"))
    );

    let organization = "/organizations/by-external-id/o-1";
    let guarded =
        json!({"name": "Acme", "slug": "acme-1", "allowed_ips": ["127.0.0.0/8"], "policy": {"idle_days": 30}});
    let made = put(organization, guarded).await;
    let again = put(organization, json!({"name": "Acme Ltd"})).await;
    assert_eq!((&again["name"], &again["slug"], &again["id"]), (&json!("Acme Ltd"), &json!("acme-1"), &made["id"]));
    assert_eq!((&again["allowed_ips"], &again["policy"]["idle_days"]), (&json!(["127.0.0.0/8"]), &json!(30)));
    let opened = put(organization, json!({"name": "Acme Ltd", "allowed_ips": null, "policy": {}})).await;
    assert_eq!((&opened["allowed_ips"], &opened["policy"]["idle_days"]), (&Value::Null, &Value::Null));
    for path in [user, organization] {
        let answer = it.admin.send(it.admin.request("PUT", &it.at(path)).json(&json!({}))).await;
        assert_eq!(answer.refusal(), (400, "invalid_body".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn nobody_locks_themselves_out_without_saying_so() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let office = json!({"name": "Office only", "allowed_ips": ["203.0.113.0/24"]});
    let put = it.at("/organizations/by-external-id/o-1");
    let tries =
        [("PATCH", path(&it.root, "")), ("PATCH", path(&agency, "")), ("POST", it.at("/organizations")), ("PUT", put)];
    for (method, path) in &tries {
        let refused = it.admin.send(it.admin.request(method, path).json(&office)).await;
        assert_eq!(refused.refusal(), (409, "locks_out".to_owned()), "{method} {path}");
        assert_eq!(refused.pointers(), ["/allowed_ips"]);
        assert!(refused.text_at("/errors/0/detail").contains("127.0.0.1"), "{refused:?}");
        assert!(refused.text_at("/fix").contains("Claviger-Confirm-Lockout"), "{refused:?}");
    }
    it.admin.get(&path(&it.root, "")).await.expect(200);
    let wrong = it.admin.request("PATCH", &path(&agency, "")).header("claviger-confirm-lockout", "yes").json(&office);
    assert_eq!(it.admin.send(wrong).await.status, 400);
    // A list with the address in it is taken, and what does not touch the list is not asked about.
    let both = json!({"allowed_ips": ["203.0.113.0/24", "127.0.0.0/8"]});
    it.admin.patch(&path(&it.root, ""), both).await.expect(200);
    it.admin.patch(&path(&it.root, ""), json!({"name": "Root again"})).await.expect(200);
    let meant = it.admin.request("PATCH", &path(&it.root, "")).header("claviger-confirm-lockout", "true").json(&office);
    it.admin.send(meant).await.expect(200);
    assert_eq!(it.admin.get(&path(&it.root, "")).await.refusal(), (403, "ip_not_allowed".to_owned()));
    // Who is signed in is bound to no address, and lifts it.
    let cookie = super::sessions::cookie(&it).await;
    let browser = it.admin.without();
    let lift =
        browser.request("PATCH", &path(&it.root, "")).header("cookie", cookie).header("sec-fetch-site", "same-origin");
    browser.send(lift.json(&json!({"allowed_ips": null}))).await.expect(200);
    it.admin.get(&path(&it.root, "")).await.expect(200);
}
