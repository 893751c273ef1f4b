//! What a key may do, where and until when: the console shows it, lets it be chosen, and says the way on where it ends.

use claviger::ops::keys::{NewKey, get_key, revoke_key};
use claviger_core::decision::Reach;
use claviger_core::key::RevocationReason;
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::role::BuiltIn;
use serde_json::json;

use super::browser::{Browser, Page, selector};
use crate::app::{DAY, TestApp, new_key, permissions};

/// What a fact of a key's page says.
fn fact(page: &Page, name: &str) -> String {
    let html = page.html();
    let words =
        |it: scraper::ElementRef<'_>| it.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    let facts = selector(".facts > div");
    let found = html.select(&facts).map(words).find(|it| it.starts_with(name));
    let found = found.unwrap_or_else(|| panic!("no fact {name} in {}", page.text));
    found[name.len()..].trim().to_owned()
}

fn way_to_key(page: &Page) -> String {
    page.key_path()
}

#[tokio::test]
async fn an_admin_key_of_the_form_works_on_the_organization_that_it_makes_where_the_reach_is_chosen() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let admin = app.built_in(app.root, BuiltIn::Admin).await.id.to_string();
    for (reach, name, status) in [(None, "Here", 404), (Some("subtree"), "Below", 200)] {
        let mut form = browser.get("/o/root/keys/new").await.form("/keys").with("name", name).with("role", &admin);
        assert!(form.fields.contains(&("reach".to_owned(), "organization".to_owned())), "preset: {:?}", form.fields);
        if let Some(reach) = reach {
            form = form.with("reach", reach);
        }
        let review = browser.submit(&form).await.expect(200);
        assert_eq!(review.text.contains("in each organization below"), reach.is_some(), "{}", review.text);
        assert!(
            review.text_of("h1").contains("with full rights?")
                && review.html().select(&selector("#token")).next().is_none()
        );
        // The question is the answer to a form: its place in the history becomes that of the form, where scripts run.
        assert!(review.text.contains("data-here=\"/o/root/keys/new\""), "{}", review.text);
        let back = browser.submit(&review.form("/keys").with("confirmed", "no")).await.expect(200).form("/keys");
        assert!(back.fields.contains(&("name".to_owned(), name.to_owned())), "all of it is kept: {:?}", back.fields);
        let created = browser.submit(&review.form("/keys").with("confirmed", "yes")).await.expect(200);
        let token = created.text_of("#token");
        let path = format!("/api/v1/organizations/{}/organizations", app.root);
        let made = app.post(&path, &token, &json!({ "name": format!("Made by {name}") })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let id = made.body["id"].as_str().unwrap();
        assert_eq!(app.get(&format!("/api/v1/organizations/{id}"), &token).await.status, status, "{name}");
        let page = browser.get(&way_to_key(&created)).await;
        let said = if status == 200 { "This organization and all below" } else { "This organization only" };
        assert_eq!(fact(&page, "Reach"), said);
    }
    let list = browser.get("/o/root/keys").await;
    let marks: Vec<_> =
        list.html().select(&selector("td[data-label=Role] .desc")).map(|it| it.text().collect::<String>()).collect();
    assert!(marks.contains(&"all below".to_owned()), "{marks:?}");
    let unknown = browser.get("/o/root/keys/new").await.form("/keys").with("name", "x").with("reach", "world");
    assert!(browser.submit(&unknown).await.expect(422).text_of("#reach-error").contains("Choose one"));
}

#[tokio::test]
async fn what_narrows_a_key_stands_on_its_page_and_in_the_list_and_editing_keeps_it() {
    let app = TestApp::new().await;
    let new = NewKey {
        role_id: Some(app.built_in(app.root, BuiltIn::Admin).await.id),
        scopes: Some(permissions(&["scorecards/A:read"])),
        allowed_ips: Some(IpAllowList::parse(&["10.0.0.0/8"]).unwrap()),
        reach: Reach::Subtree,
        ..new_key("Till")
    };
    let before = app.create_key(&app.admin, app.root, new).await.unwrap().info.key;
    let mut browser = Browser::signed_in(&app).await;
    let path = format!("/o/root/keys/{}", before.id);
    let page = browser.get(&path).await.expect(200);
    assert_eq!(fact(&page, "Role"), "ADMIN", "a narrowed key has no full privileges to warn of");
    assert_eq!(fact(&page, "Scopes"), "Narrowed to scorecards/A:read");
    assert_eq!(fact(&page, "Allowed IPs"), "Only from 10.0.0.0/8");
    assert_eq!(fact(&page, "Reach"), "This organization and all below");
    assert_eq!(browser.get("/o/root/keys?q=Till").await.text_of("td[data-label=Role] .desc"), "narrowed, all below");

    let form = browser.get(&format!("{path}/edit")).await.form("/edit").with("description", "Counter 3");
    browser.submit(&form).await.expect(303);
    let after = get_key(&app.app, &app.admin, app.root, before.id).await.unwrap().key;
    assert_eq!(
        (&after.scopes, &after.allowed_ips, after.reach),
        (&before.scopes, &before.allowed_ips, before.reach),
        "what was not touched stays"
    );
    let form = browser.get(&format!("{path}/edit")).await.form("/edit");
    let form = form.with("scopes", "").with("allowed_ips", "").with("reach", "organization");
    browser.submit(&form).await.expect(303);
    let page = browser.get(&path).await;
    let said = ["Scopes", "Allowed IPs", "Reach"].map(|it| fact(&page, it));
    assert_eq!(said, ["All that the role may do", "From anywhere", "This organization only"]);
    assert_eq!(fact(&page, "Role"), "ADMIN full administrative privileges");
}

#[tokio::test]
async fn a_key_whose_scopes_allow_nothing_is_not_widened_by_editing_something_else() {
    let app = TestApp::new().await;
    let new = NewKey { scopes: Some(PermissionSet::nothing()), ..new_key("Closed") };
    let before = app.create_key(&app.admin, app.root, new).await.unwrap().info.key;
    let mut browser = Browser::signed_in(&app).await;
    let path = format!("/o/root/keys/{}", before.id);
    assert_eq!(fact(&browser.get(&path).await, "Scopes"), "Narrowed to nothing");
    let form = browser.get(&format!("{path}/edit")).await.form("/edit").with("description", "Closed for now");
    browser.submit(&form).await.expect(303);
    let after = get_key(&app.app, &app.admin, app.root, before.id).await.unwrap().key;
    assert_eq!((after.description.as_str(), after.scopes), ("Closed for now", before.scopes));
}

#[tokio::test]
async fn the_form_takes_scopes_and_addresses_line_by_line_and_complains_beside_the_field() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Till");
    let wrong = form.with("scopes", "contacts:read\r\nnonsense").with("allowed_ips", "10.0.0.0/8\r\n300.1.1.1");
    let told = browser.submit(&wrong).await.expect(422);
    assert!(told.text_of("#scopes-error").contains("`nonsense` is not of the form"));
    assert!(told.text_of("#allowed_ips-error").contains("`300.1.1.1` is neither"));
    let kept = told.form("/keys");
    assert!(kept.fields.contains(&("scopes".to_owned(), "contacts:read\nnonsense".to_owned())), "{:?}", kept.fields);
    let right = kept.with("scopes", "contacts:read\r\nscorecards/A:read").with("allowed_ips", "10.0.0.0/8");
    let created = browser.submit(&right).await.expect(200);
    let page = browser.get(&way_to_key(&created)).await;
    assert_eq!(fact(&page, "Scopes"), "Narrowed to contacts:read, scorecards/A:read");
    assert_eq!(fact(&page, "Allowed IPs"), "Only from 10.0.0.0/8");
}

#[tokio::test]
async fn an_admin_at_the_limit_of_own_keys_is_told_the_policy_and_can_make_a_key_that_belongs_to_nobody() {
    let app = TestApp::new().await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Admin).await.id);
    let ruler = app.create_key(&app.admin, app.root, NewKey { role_id, ..new_key("Ruler") }).await.unwrap();
    app.set_policy(app.root, r#"{"max_keys_per_user": 1}"#).await;
    let api = format!("/api/v1/organizations/{}/keys", app.root);
    let refused = app.post(&api, ruler.token.expose(), &json!({ "name": "CI" })).await;
    assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("limit_reached")));
    let way_on = ["max_keys_per_user", "An admin", "PATCH /api/v1/organizations/", "owner_id: null"];
    for part in way_on {
        assert!(refused.body["detail"].as_str().unwrap().contains(part), "{part}: {}", refused.body);
    }
    let nobodys = app.post(&api, ruler.token.expose(), &json!({ "name": "CI", "owner_id": null })).await;
    assert_eq!(nobodys.status, 201, "{}", nobodys.body);

    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Nightly export");
    let told = browser.submit(&form).await.expect(422);
    let summary = told.text_of("#summary");
    assert!(summary.contains("Keys a person may own") && !summary.contains("PATCH"), "{summary}");
    assert!(told.links().contains(&"/o/root/policies/max_keys_per_user".to_owned()));
    browser.get("/o/root/policies/max_keys_per_user").await.expect(200);
    assert!(told.text_of("#owner-error").contains("Nobody"));
    let created = browser.submit(&told.form("/keys").with("owner", "nobody")).await.expect(200);
    assert_eq!(fact(&browser.get(&way_to_key(&created)).await, "Belongs to"), "Nobody");
}

#[tokio::test]
async fn the_day_that_is_chosen_as_the_last_is_the_day_that_is_shown() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Till");
    let created = browser.submit(&form.with("expires", "date").with("expires_on", "2027-06-01")).await.expect(200);
    let path = way_to_key(&created);
    let page = browser.get(&path).await;
    assert_eq!(fact(&page, "Expires"), "end of 1 Jun 2027 (UTC)");
    assert_eq!(browser.get("/o/root/keys").await.text_of("td[data-label=Expires] time"), "2027-06-01");
    let edit = browser.get(&format!("{path}/edit")).await;
    assert_eq!(edit.text_of("#expires option[selected]"), "As now (end of 1 Jun 2027 (UTC))");
    assert!(edit.text_of("#expires_on-hint").contains("until the end of that day"));

    // An instant within a day is written to the second.
    let expires_at = Some(Some("2027-06-01T12:30:00Z".parse().unwrap()));
    let key = app.create_key(&app.admin, app.root, NewKey { expires_at, ..new_key("Noon") }).await.unwrap().info.key;
    let page = browser.get(&format!("/o/root/keys/{}", key.id)).await;
    assert_eq!(fact(&page, "Expires"), "2027-06-01 12:30:00 UTC");
}

#[tokio::test]
async fn a_deleted_key_says_when_and_why_and_shows_nothing_of_it_as_good() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap().info.key;
    revoke_key(&app.app, &app.admin, app.root, key.id, RevocationReason::Superseded, None).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/keys/{}", key.id)).await.expect(200);
    let said = fact(&page, "Status");
    assert!(said.starts_with(&format!("Deleted {} UTC", app.now().to_table_text())), "{said}");
    assert!(said.ends_with("another key took its place"), "{said}");
    assert_eq!(page.html().select(&selector(".status.good")).count(), 0);
    assert!(!page.text.contains("Current"));
}

#[tokio::test]
async fn a_filter_in_an_address_is_understood_or_said_not_to_be() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("Gone")).await.unwrap().info.key;
    revoke_key(&app.app, &app.admin, app.root, key.id, RevocationReason::Unspecified, None).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    for query in ["status=deleted", "status=revoked"] {
        let page = browser.get(&format!("/o/root/keys?{query}")).await.expect(200);
        assert_eq!(page.text_of("tbody th a"), "Gone", "{query}");
        assert_eq!(page.text_of("[name=status] option[selected]"), "Deleted", "{query}");
        assert!(!page.text.contains("a filter that there is not"), "{query}");
    }
    for query in ["status=gone", "role=admin", "from=-1&status=deleted", "state=active", "sort=secret"] {
        let page = browser.get(&format!("/o/root/keys?{query}")).await.expect(200);
        assert!(page.text_of(".aside").contains("a filter that there is not"), "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_names_nothing_of_the_list_stays_set_whoever_looks() {
    let app = TestApp::new().await;
    let (_, member, _) = app.member(app.root, "Member", BuiltIn::Member).await;
    let elsewhere = app.organization(app.root, "Elsewhere").await;
    let (_, stranger, _) = app.member(elsewhere, "Stranger", BuiltIn::Member).await;
    let role = app.built_in(elsewhere, BuiltIn::Member).await.id;
    // Whoever sees the locations' keys sees whose they are.
    for (mut browser, user) in
        [(Browser::signed_in(&app).await, "Stranger"), (Browser::of_user(&app, member).await, "Not in this list")]
    {
        for (name, value) in [("role", role.to_string()), ("type", "gone".to_owned()), ("user", stranger.to_string())] {
            let page = browser.get(&format!("/o/root/keys?{name}={value}")).await.expect(200);
            let html = page.html();
            let chosen =
                html.select(&selector(&format!("[name={name}] option[selected]"))).next().expect("it is shown");
            assert_eq!(chosen.attr("value"), Some(value.as_str()), "{name}");
            let shown = if name == "user" { user } else { "Not in this list" };
            assert_eq!(chosen.text().collect::<String>(), shown, "{name}");
        }
    }
}

// A list is sorted by a click on the head of a column, and turned round by another one; filters stay.
#[tokio::test]
async fn heads_of_columns_sort_the_list_without_a_script() {
    let app = TestApp::new().await;
    for name in ["Two keys", "One keys"] {
        app.create_key(&app.admin, app.root, new_key(name)).await.unwrap();
    }
    let mut browser = Browser::signed_in(&app).await;
    let names = |page: &Page| {
        page.html().select(&selector("tbody th a")).map(|it| it.text().collect()).collect::<Vec<String>>()
    };
    let mut page = browser.get("/o/root/keys?q=keys&status=active").await.expect(200);
    assert_eq!(page.html().select(&selector("[aria-sort]")).count(), 0, "sorted by no column that is shown");
    for (direction, expected) in [("ascending", ["One keys", "Two keys"]), ("descending", ["Two keys", "One keys"])] {
        let html = page.html();
        let head = html.select(&selector("thead th a")).next().unwrap();
        let address = format!("/o/root/keys{}", head.attr("href").unwrap());
        drop(html);
        assert!(address.contains("q=keys") && address.contains("status=active"), "{address}");
        page = browser.get(&address).await.expect(200);
        assert_eq!(names(&page), expected);
        let html = page.html();
        let sorted: Vec<_> = html.select(&selector("[aria-sort]")).collect();
        assert_eq!((sorted.len(), sorted[0].attr("aria-sort")), (1, Some(direction)));
        assert!(page.html().select(&selector("[name=sort] option[selected]")).next().is_some());
    }
}

#[tokio::test]
async fn a_name_that_is_too_long_comes_back_whole_with_a_complaint() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/keys/new").await;
    assert_eq!(
        page.html().select(&selector("[maxlength]")).count(),
        0,
        "a browser would cut what is typed without a word"
    );
    let name = "n".repeat(81);
    let told = browser.submit(&page.form("/keys").with("name", &name)).await.expect(422);
    assert_eq!(told.text_of("#name-error"), "The key's name must be at most 80 characters long.");
    assert!(told.form("/keys").fields.contains(&("name".to_owned(), name)));
}

#[tokio::test]
async fn pages_carry_the_instant_that_spans_are_counted_from() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    app.clock.advance(DAY / 2);
    let page = browser.get("/o/root/keys").await.expect(200);
    let html = page.html();
    assert_eq!(html.root_element().attr("data-now"), Some(app.now().to_string().as_str()));
}

#[tokio::test]
async fn how_often_a_key_may_be_used_is_set_in_its_form_and_stands_on_its_page() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Website");
    let wrong = browser.submit(&form.with("rate", "often").with("daily_quota", "many")).await.expect(422);
    assert!(wrong.text_of("#rate-error").contains("such as 100/10s"));
    assert!(wrong.text_of("#daily_quota-error").contains("whole number of requests"));
    let right = wrong.form("/keys").with("rate", "100/10s").with("daily_quota", "5,000");
    let created = browser.submit(&right).await.expect(200);
    let (token, path) = (created.text_of("#token"), way_to_key(&created));
    let facts = |page: &Page| ["Rate limit", "Daily quota"].map(|it| fact(page, it));
    let said = [
        "100 requests per 10 seconds set for this key · 100 left now",
        "5,000 requests a day set for this key · 5,000 left until 00:00 UTC",
    ];
    assert_eq!(facts(&browser.get(&path).await), said);
    for _ in 0..13 {
        assert_eq!(app.get("/api/v1/me", &token).await.status, 200);
    }
    let said = [
        "100 requests per 10 seconds set for this key · 87 left now",
        "5,000 requests a day set for this key · 4,987 left until 00:00 UTC",
    ];
    assert_eq!(facts(&browser.get(&path).await), said);

    let form = browser.get(&format!("{path}/edit")).await.form("/edit");
    assert!(form.fields.contains(&("rate".to_owned(), "100/10s".to_owned())), "{:?}", form.fields);
    browser.submit(&form.with("rate", "").with("daily_quota", "")).await.expect(303);
    assert_eq!(facts(&browser.get(&path).await), ["No limit", "No limit"]);
    app.set_policy(app.root, r#"{"default_rate":"10/1s","locked":["default_rate"]}"#).await;
    // What was used counts on at another rate.
    app.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(fact(&browser.get(&path).await, "Rate limit"), "10 requests per second by the policy · 10 left now");
    let edit = browser.get(&format!("{path}/edit")).await;
    let hints = (edit.text_of("#rate-hint"), edit.text_of("#daily_quota-hint"));
    assert!(hints.0.contains("locked") && !hints.0.contains("none for no limit"), "what would be refused: {}", hints.0);
    assert!(!hints.1.contains("locked"), "{}", hints.1);
    let form = edit.form("/edit").with("rate", "none");
    let told = browser.submit(&form).await.expect(422);
    let told = told.text_of("#rate-error");
    assert!(told.contains("policy is locked") && told.contains("10 requests per second at most"), "{told}");
}

#[tokio::test]
async fn the_policy_of_limits_is_chosen_reviewed_and_saved() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/policies").await;
    assert!(list.text.contains("Rate limit of keys") && list.text.contains("Daily quota of keys"), "{}", list.text);
    for (setting, typed, wrong, words) in [
        ("default_rate", "100/10s", "100", "100 requests per 10 seconds"),
        ("default_daily_quota", "200000", "0", "200,000 requests a day"),
    ] {
        let path = format!("/o/root/policies/{setting}");
        let told = browser.get(&format!("{path}/review?choice=number&number={wrong}")).await.expect(422);
        assert!(!told.text_of("#number-error").is_empty());
        let review = browser.get(&format!("{path}/review?choice=number&number={typed}")).await.expect(200);
        assert!(review.text.contains(words), "{}", review.text);
        browser.submit(&review.form(&path)).await.expect(303);
        assert!(browser.get("/o/root/policies").await.text.contains(words));
    }
    let review = browser.get("/o/root/policies/default_rate/review?choice=none").await.expect(200);
    browser.submit(&review.form("/o/root/policies/default_rate")).await.expect(303);
    assert_eq!(app.app.replica().policy(app.root).unwrap().default_rate, None);
    let told = browser.get("/o/root/audit").await.expect(200).text_of("tbody tr");
    assert!(
        told.contains("100 requests per 10 seconds →"),
        "what was taken back does not read as if it were set: {told}"
    );
}
