//! The pages of the revision history: what the product reports, under whose name, and the way to what was done here.

use claviger::ops::host_events::{NewHostEvent, report_events};
use claviger::ops::keys::{NewKey, revoke_key};
use claviger::ops::roles::{NewRole, create_role};
use claviger_core::host_event::HostEventBody;
use claviger_core::id::KeyId;
use claviger_core::key::RevocationReason;
use claviger_core::role::BuiltIn;
use claviger_core::webhook::topic::Topic;
use serde_json::{Map, Value, json};

use super::browser::{Browser, selector};
use crate::app::{TestApp, name, new_key, permissions};

fn picture(value: Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}

async fn report(app: &TestApp, given_id: &str, key_id: KeyId, body: HostEventBody) {
    let event = NewHostEvent {
        given_id: given_id.to_owned(),
        topic: Topic::parse_dotted("scorecard.updated").unwrap(),
        organization: Some("root".to_owned()),
        at: app.app.now(),
        entity_id: Some("A".to_owned()),
        actor_key_id: Some(key_id),
        actor_user_id: None,
        body,
    };
    let key = app.create_key(&app.admin, app.root, new_key(&format!("Reporter {given_id}"))).await.unwrap();
    report_events(&app.app, &app.caller(&key.token), vec![event], None).await.unwrap();
}

// S2.16
#[tokio::test]
async fn what_the_product_reports_stands_under_the_mapped_users_name_with_its_history() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let empty = browser.get("/o/root/revision-history").await.expect(200);
    assert!(empty.text.contains("/api/v1/events"), "an empty page says how a product reports: {}", empty.text);
    assert!(empty.links().iter().any(|it| it == "/o/root/audit"), "{:?}", empty.links());

    let key = app.create_key(&app.admin, app.root, new_key("Integration")).await.unwrap().info.key.id;
    let before = picture(json!({"name": "Growth", "rating": 3}));
    let after = picture(json!({"name": "Growth", "rating": 4}));
    report(&app, "1", key, HostEventBody { data: Map::new(), before, after }).await;
    let page = browser.get("/o/root/revision-history").await.expect(200);
    let row = page.text_of("tbody");
    for told in ["Scorecard updated", "Growth", "Maria Keller", "via", "Integration", "Rating:", "3", "→", "4"] {
        assert!(row.contains(told), "{told}: {row}");
    }
    let path = page.links().into_iter().find(|it| it.contains("/revision-history/evt_")).expect("a page of its own");
    let own = browser.get(&path).await.expect(200);
    assert!(own.text.contains("scorecard.updated") && own.text.contains("Before"), "{}", own.text);
    let history = own.links().into_iter().find(|it| it.contains("thing=A")).expect("the history of the thing");
    let history = browser.get(&history).await.expect(200);
    assert_eq!(history.text_of("h1"), "History of A");
    assert!(history.text_of("tbody").contains("Growth"));
    let other = browser.get("/o/root/revision-history?what=scorecard&thing=B").await.expect(200);
    assert!(other.text.contains("No revision matches"), "{}", other.text);
    let misread = browser.get("/o/root/revision-history?who=zzz").await.expect(200);
    assert!(misread.text.contains("asks for a filter that there is not"), "{}", misread.text);
    // Who looks after the organization and reads no scorecards sees that one was changed, and not what.
    let permissions = permissions(&["claviger/events:read", "claviger/organizations:read"]);
    let role = NewRole { name: name("Auditor"), description: "".parse().unwrap(), permissions, api_access: false };
    let role = create_role(&app.app, &app.admin, app.root, role, None).await.unwrap().fresh().unwrap();
    let agency = app.organization(app.root, "Agency").await;
    let (_, user_id, _) = app.member(agency, "Ann Auditor", BuiltIn::Readonly).await;
    app.add_member(app.root, user_id, role.id).await;
    let mut auditor = Browser::of_user(&app, user_id).await;
    for path in ["/o/root/revision-history", path.as_str()] {
        let page = auditor.get(path).await.expect(200);
        assert!(
            page.text.contains("Scorecard updated") && page.text.contains("What changed is left out"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("Rating") && !page.text.contains("rating"), "{}", page.text);
    }
    browser.get("/o/root/revision-history/evt_01h45ytscbebyvny4gc8cr8ma2").await.expect(404);
}

#[tokio::test]
async fn what_is_told_of_an_event_alone_is_no_change_and_what_was_erased_is_said_to_be() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let key = app.create_key(&app.admin, app.root, new_key("Integration")).await.unwrap().info.key.id;
    let data = json!({"rating": 4}).as_object().cloned().unwrap();
    report(&app, "1", key, HostEventBody { data, before: None, after: None }).await;
    let list = browser.get("/o/root/revision-history").await.expect(200);
    let row = list.text_of("tbody");
    assert!(row.contains("Rating:") && row.contains('4') && !row.contains('→'), "{row}");
    let path = list.links().into_iter().find(|it| it.contains("/revision-history/evt_")).expect("a page of its own");
    let page = browser.get(&path).await.expect(200);
    assert!(page.text.contains("What receivers are sent") && page.text.contains("rating"), "{}", page.text);
    assert!(!page.text.contains("Before and after"), "{}", page.text);
    let question = browser.get(&format!("{path}/erase")).await.expect(200);
    let done = browser.submit(&question.form("/erase").with("reason", "Request 4711")).await.expect(303);
    browser.follow(done).await;
    let page = browser.get(&path).await.expect(200);
    assert!(page.text_of("main").contains("What this revision told was erased."), "{}", page.text);
    assert!(!page.text.contains("rating"), "{}", page.text);
    // The list marks it alike, and says by whom; what was not erased bears no mark. So does the audit.
    let data = json!({"rating": 5}).as_object().cloned().unwrap();
    report(&app, "2", key, HostEventBody { data, before: None, after: None }).await;
    let list = browser.get("/o/root/revision-history").await.expect(200);
    let rows = list.text_of("tbody");
    assert_eq!((rows.matches("Erased").count(), rows.matches("Erased by Maria Keller").count()), (1, 1), "{rows}");
    let why = list.links().into_iter().find(|it| it.contains("/audit?about=evt_")).expect("the way to why");
    let why = browser.get(&why).await.expect(200);
    assert!(why.text_of("tbody").contains("Request 4711"), "{}", why.text);
    assert!(!why.text_of("tbody").contains("Erased by"), "what says why was not erased: {}", why.text);
    let created = browser.get("/o/root/audit?what=key.created").await.expect(200);
    assert!(!created.text_of("tbody").contains("Erased"), "{}", created.text);
    let path = created.links().into_iter().find(|it| it.contains("/audit/evt_")).expect("an event's page");
    let question = browser.get(&format!("{path}/erase")).await.expect(200);
    let done = browser.submit(&question.form("/erase").with("reason", "Request 4712")).await.expect(303);
    browser.follow(done).await;
    let created = browser.get("/o/root/audit?what=key.created").await.expect(200).text_of("tbody");
    assert_eq!(created.matches("Erased by Maria Keller").count(), 1, "{created}");
}

// By whom and when is one line: what a key erased has it neither broken in two nor begun with a comma.
#[tokio::test]
async fn what_a_key_erased_is_marked_in_one_line() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("adm")).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/audit?what=key.created").await.expect(200);
    let path = list.links().into_iter().find(|it| it.contains("/audit/evt_")).expect("an event's page");
    let event = path.rsplit('/').next().unwrap();
    let path = format!("/api/v1/organizations/{}/events/{event}/erase", app.root);
    let erased = app.post(&path, key.token.expose(), &json!({"reason": "Request 4713"})).await;
    assert_eq!(erased.status, 200, "{:?}", erased.body);
    let list = browser.get("/o/root/audit?what=key.created").await.expect(200);
    let said = list.text_of("tbody td.long .desc");
    assert!(said.starts_with("Erased by Maria Keller via adm, 2"), "{said}");
    assert!(list.html().select(&selector("td.long .desc .desc")).next().is_none(), "{}", list.text);
}

// What somebody's key did is asked for after it was deleted above all.
#[tokio::test]
async fn what_a_deleted_key_changed_is_reached_from_its_page_and_stands_under_its_name() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let key = app.create_key(&app.admin, app.root, new_key("Integration")).await.unwrap().info.key.id;
    report(&app, "1", key, HostEventBody { data: Map::new(), before: None, after: picture(json!({"rating": 4})) })
        .await;
    revoke_key(&app.app, &app.admin, app.root, key, RevocationReason::Unspecified, None).await.unwrap();
    let page = browser.get(&format!("/o/root/keys/{key}")).await.expect(200);
    let path = format!("/o/root/revision-history?who={key}");
    assert!(page.links().contains(&path), "{:?}", page.links());
    for path in [path, format!("/o/root/audit?who={key}")] {
        let list = browser.get(&path).await.expect(200);
        assert!(
            list.text.contains(&format!("<option value=\"{key}\" selected>Integration</option>")),
            "{path}: {}",
            list.text
        );
    }
    assert!(!browser.get("/o/root/revision-history").await.expect(200).text.contains(&format!("value=\"{key}\"")));
}

#[tokio::test]
async fn of_many_keys_a_few_are_offered_in_the_order_in_which_people_count() {
    let app = TestApp::new().await;
    for number in (0..30).rev() {
        // Of nobody: a user owns 25 keys at most.
        let new = NewKey { owner_id: Some(None), ..new_key(&format!("For Mia {number}")) };
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let list = Browser::signed_in(&app).await.get("/o/root/audit").await.expect(200);
    let group = list.text.split("<optgroup label=\"By key").nth(1).unwrap().split("</optgroup>").next().unwrap();
    assert_eq!(group.matches("<option").count(), 25, "{group}");
    let at = |name: &str| group.find(&format!(">{name}</option>")).unwrap();
    assert!(at("For Mia 2") < at("For Mia 10") && !group.contains("For Mia 29"), "{group}");
}
