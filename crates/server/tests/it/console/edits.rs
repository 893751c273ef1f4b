//! The form that changes a key changes what its user changed, and nothing else.

use claviger::ops::keys::{KeyInfo, NewKey, get_key};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{DAY, TestApp, new_key};

async fn create(app: &TestApp, at: OrganizationId, new: NewKey) -> KeyInfo {
    app.create_key(&app.admin, at, new).await.unwrap().info
}

async fn present(app: &TestApp, at: OrganizationId, id: KeyId) -> KeyInfo {
    get_key(&app.app, &app.admin, at, id).await.unwrap()
}

/// Opens the form of a key, types a description, saves, and answers with the key as it is then.
async fn describe(app: &TestApp, browser: &mut Browser<'_>, at: &str, before: &KeyInfo) -> KeyInfo {
    let path = format!("/o/{at}/keys/{}/edit", before.key.id);
    let form = browser.get(&path).await.expect(200).form("/edit").with("description", "Deploys from main");
    browser.submit(&form).await.expect(303);
    let after = present(app, before.key.organization_id, before.key.id).await;
    assert_eq!(after.key.description.to_string(), "Deploys from main");
    after
}

async fn describe_as(app: &TestApp, browser: &mut Browser<'_>, key: &KeyInfo, words: &str) {
    let path = format!("/o/root/keys/{}/edit", key.key.id);
    let form = browser.get(&path).await.expect(200).form("/edit").with("description", words);
    browser.submit(&form).await.expect(303);
    assert_eq!(present(app, app.root, key.key.id).await.key.description.to_string(), words);
}

#[track_caller]
fn assert_grants_the_same(before: &KeyInfo, after: &KeyInfo) {
    let grants = |it: &KeyInfo| (it.key.mapped_user_id, it.key.role_id, it.key.expires_at);
    assert_eq!(grants(after), grants(before));
}

#[tokio::test]
async fn a_key_that_is_mapped_to_nobody_stays_so_when_its_description_is_edited() {
    let app = TestApp::new().await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Admin).await.id);
    let before = create(&app, app.root, NewKey { role_id, mapped_user_id: Some(None), ..new_key("CI") }).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/keys/{}/edit", before.key.id)).await;
    assert_eq!(page.text_of("#mapped_user option[selected]"), "Nobody");
    let after = describe(&app, &mut browser, "root", &before).await;
    assert_grants_the_same(&before, &after);

    let form = browser.get(&format!("/o/root/keys/{}/edit", before.key.id)).await.form("/edit");
    browser.submit(&form.with("mapped_user", &app.admin_id.to_string())).await.expect(303);
    let mapped = present(&app, app.root, before.key.id).await;
    assert_eq!(mapped.key.mapped_user_id, Some(app.admin_id), "who is chosen is taken");
}

#[tokio::test]
async fn a_key_that_is_mapped_to_a_member_from_above_stays_so_when_its_description_is_edited() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let (_, user_id, _) = app.member(app.root, "From above", BuiltIn::Readonly).await;
    let new = NewKey { mapped_user_id: Some(Some(user_id)), ..new_key("Till") };
    let before = create(&app, location, new).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/location-1/keys/{}/edit", before.key.id)).await;
    assert_eq!(page.text_of("#mapped_user option[selected]"), "From above");
    let after = describe(&app, &mut browser, "location-1", &before).await;
    assert_eq!(after.key.mapped_user_id, Some(user_id));
    assert_grants_the_same(&before, &after);
}

#[tokio::test]
async fn a_member_who_cannot_list_roles_keeps_the_role_of_the_own_key() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Member", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Readonly).await.id);
    let own = Some(Some(user_id));
    let before = create(&app, app.root, NewKey { role_id, owner_id: own, mapped_user_id: own, ..new_key("Own") }).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    let after = describe(&app, &mut browser, "root", &before).await;
    assert_eq!(after.key.role_id, role_id);
    assert_grants_the_same(&before, &after);
}

#[tokio::test]
async fn a_choice_that_is_not_sent_leaves_the_key_as_it_is() {
    let app = TestApp::new().await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Readonly).await.id);
    let expires_at = Some(Some(app.now().saturating_add(DAY * 30)));
    let new = NewKey { role_id, expires_at, mapped_user_id: Some(None), ..new_key("CI") };
    let before = create(&app, app.root, new).await;
    let mut browser = Browser::signed_in(&app).await;
    let mut form = browser.get(&format!("/o/root/keys/{}/edit", before.key.id)).await.form("/edit");
    form.fields.retain(|(name, _)| name == "description");
    browser.submit(&form.with("name", "CI deploy")).await.expect(303);
    let after = present(&app, app.root, before.key.id).await;
    assert_eq!(after.key.name.to_string(), "CI deploy");
    assert_grants_the_same(&before, &after);
}

#[tokio::test]
async fn of_two_who_edit_a_key_at_once_each_keeps_what_is_theirs_and_only_what_both_changed_is_asked() {
    let app = TestApp::new().await;
    let before = create(&app, app.root, new_key("CI")).await;
    let path = format!("/o/root/keys/{}/edit", before.key.id);
    let (mut first, mut second) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    let late = second.get(&path).await.form("/edit").with("name", "Renamed");
    describe(&app, &mut first, "root", &before).await;
    let said = async || {
        let it = present(&app, app.root, before.key.id).await.key;
        (it.name.to_string(), it.description.to_string())
    };
    second.submit(&late).await.expect(303);
    assert_eq!(said().await, ("Renamed".to_owned(), "Deploys from main".to_owned()), "neither overwrites the other");

    // Both have changed the description; the name is changed by one only, and asked about by nobody.
    let late = second.get(&path).await.form("/edit").with("name", "Mine").with("description", "Mine too");
    describe_as(&app, &mut first, &before, "Theirs").await;
    let told = second.submit(&late).await.expect(422);
    assert!(told.text_of("#summary").contains("changed after you opened this form"));
    assert!(told.html().select(&selector("input[name=name][value=Mine]")).next().is_some(), "what was typed is kept");
    let differing = |page: &Page| {
        let (html, differing) = (page.html(), selector("main .aside li"));
        let lines = html.select(&differing).map(|it| it.text().collect::<Vec<_>>().join(" "));
        lines.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(differing(&told), ["Description Yours: Mine too Now: Theirs"]);
    assert_eq!(said().await, ("Renamed".to_owned(), "Theirs".to_owned()));
    let way_out =
        told.html().select(&selector("a.button[href$='/edit']")).next().unwrap().attr("href").unwrap().to_owned();
    second.get(&way_out).await.expect(200);

    // One's own takes the place of what was shown as the other's, and of nothing that came after it.
    describe_as(&app, &mut first, &before, "Theirs again").await;
    let told = second.submit(&told.form("/edit")).await.expect(422);
    assert_eq!(differing(&told), ["Description Yours: Mine too Now: Theirs again"]);
    second.submit(&told.form("/edit")).await.expect(303);
    assert_eq!(said().await, ("Mine".to_owned(), "Mine too".to_owned()));

    // A form that does not say what it began with is asked about all that differs.
    let late = second.get(&path).await.form("/edit").with("name", "Later").with("began", "");
    describe_as(&app, &mut first, &before, "Theirs once more").await;
    let told = second.submit(&late).await.expect(422);
    assert_eq!(differing(&told), ["Name Yours: Later Now: Mine", "Description Yours: Mine too Now: Theirs once more"]);
    let nonsense = second.get(&path).await.form("/edit").with("version", "newest");
    assert_eq!(second.submit(&nonsense).await.status, 400);
}

// Each of the two is harmless: together they would be a key that may more than either wanted.
#[tokio::test]
async fn what_a_key_may_do_is_not_put_together_of_what_two_wanted() {
    let app = TestApp::new().await;
    let before = create(&app, app.root, new_key("CI")).await;
    let path = format!("/o/root/keys/{}/edit", before.key.id);
    let (mut first, mut second) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    let late = second.get(&path).await.form("/edit").with("allowed_ips", "192.0.2.0/24");
    let early = first.get(&path).await.form("/edit").with("scopes", "contacts:read");
    first.submit(&early).await.expect(303);
    let told = second.submit(&late).await.expect(422);
    assert!(told.text_of("#summary").contains("changed after you opened this form"));
    let present = present(&app, app.root, before.key.id).await.key;
    assert!(present.allowed_ips.is_none(), "{present:?}");
}

#[tokio::test]
async fn every_form_that_somebody_else_was_faster_with_leads_to_the_present_values() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let (_, _, member_id) = app.member(app.root, "Ann", BuiltIn::Readonly).await;
    let role_id = app.built_in(app.root, BuiltIn::Member).await.id;
    let mut browser = Browser::signed_in(&app).await;
    let review = "?version=1&choice=number&number=90&locked=";
    for (path, ends, field, theirs, mine) in [
        (format!("/o/root/tree/{location}/edit"), "/edit", "name", "Location A", "Location B"),
        (format!("/o/root/members/{member_id}/edit"), "/edit", "name", "Ann Smith", "Ann Jones"),
        (format!("/o/root/members/{member_id}/role"), "/role", "extra", "crm/deals:read", "crm/deals:update"),
        (format!("/o/root/roles/{role_id}/edit"), "/edit", "description", "Theirs", "Mine"),
        (format!("/o/location-1/policies/idle_days/review{review}"), "/idle_days", "number", "80", "70"),
    ] {
        let mut page = browser.get(&path).await.expect(200);
        if ends == "/idle_days" {
            let version = browser.get("/o/location-1/policies/idle_days").await.form("/review");
            let version = version.fields.into_iter().find(|it| it.0 == "version").unwrap().1;
            page = browser.get(&path.replace("version=1", &format!("version={version}"))).await.expect(200);
        }
        let form = page.form(ends);
        browser.submit(&form.clone().with(field, theirs)).await.expect(303);
        let told = browser.submit(&form.clone().with(field, mine)).await.expect(422);
        assert!(told.text_of("#summary").contains("changed after you opened this form"), "{path}: {}", told.text);
        let differing = told.text_of("main .aside li");
        assert!(differing.contains(mine) && differing.contains(theirs), "{path}: {differing}");
        let way_out = told
            .html()
            .select(&selector("main a.button"))
            .find_map(|it| it.inner_html().contains("present values").then(|| it.attr("href").unwrap().to_owned()));
        let way_out = way_out.unwrap_or_else(|| panic!("no way out of {path}"));
        let fresh = browser.get(&way_out).await.expect(200);
        assert!(fresh.text.contains(theirs), "{path}: {}", fresh.text);
        let (form, is_policy) = (fresh.form(if ends == "/idle_days" { "/review" } else { ends }), ends == "/idle_days");
        let saved = if is_policy {
            let query: Vec<_> =
                form.with(field, mine).fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let review = browser.get(&format!("/o/location-1/policies/idle_days/review?{}", query.join("&"))).await;
            review.expect(200).form("/idle_days")
        } else {
            form.with(field, mine)
        };
        browser.submit(&saved).await.expect(303);
    }
}
