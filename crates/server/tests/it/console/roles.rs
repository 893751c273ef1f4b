//! Roles: made, changed and deleted by plain forms, with the switch that lets their holders have keys.

use claviger_core::role::BuiltIn;

use super::browser::{Browser, Form, selector};
use crate::app::{TestApp, new_key};

fn role_path(page: &super::browser::Page, name: &str) -> String {
    let html = page.html();
    let links = selector("tbody th a");
    let link = html.select(&links).find(|it| it.text().collect::<String>() == name);
    link.unwrap_or_else(|| panic!("no role {name} in {}", page.text)).attr("href").unwrap().to_owned()
}

// S0.5, and the page of S0.4: the switch says what it touches, and turns keys of the role's holders off and on.
#[tokio::test]
async fn the_switch_of_a_role_turns_the_keys_of_its_holders_off_and_on() {
    let app = TestApp::new().await;
    let (ann, _, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let mut admin = Browser::signed_in(&app).await;
    let settings = admin.open("/settings").await.expect(200);
    assert!(settings.links().contains(&"/o/root/user-management".to_owned()));
    let menu = admin.get("/o/root/user-management").await.expect(200);
    assert!(menu.links().contains(&"/o/root/roles".to_owned()));
    let path = role_path(&admin.get("/o/root/roles").await.expect(200), "MEMBER");
    let turn = async |admin: &mut Browser<'_>, to: &str| {
        let page = admin.get(&path).await.expect(200);
        let answer = admin.submit(&page.form("/api-access").with("api_access", to)).await.expect(303);
        assert!(admin.follow(answer).await.text_of(".banner").contains("MEMBER"));
    };
    turn(&mut admin, "allowed").await;
    let token = app.create_key(&ann, app.root, new_key("Ann's")).await.unwrap().token;
    assert_eq!(app.verify(&token, &[]), Ok(()));
    let page = admin.get(&path).await.expect(200);
    assert_eq!(page.text_of("section:last-of-type h2"), "Misc");
    assert!(page.text_of("section .aside").contains("touches 1 member and 1 live key,"), "{}", page.text);
    turn(&mut admin, "not-allowed").await;
    assert_eq!(app.verify(&token, &[]), Err("api_access_denied"));
    turn(&mut admin, "allowed").await;
    assert_eq!(app.verify(&token, &[]), Ok(()));
    let nothing = admin.get(&path).await.form("/api-access").with("api_access", "perhaps");
    assert!(admin.submit(&nothing).await.expect(422).text_of("#api_access-error").contains("Choose"));
    let outdated = page.form("/api-access").with("api_access", "allowed");
    assert!(
        admin.submit(&outdated).await.expect(422).text_of("#summary").contains("This was changed after you opened")
    );
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted_and_built_in_ones_stay() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get("/o/root/roles/new").await.expect(200).form("/roles").with("name", "Exporter");
    let wrong = admin.submit(&form.clone().with("permissions", "everything")).await.expect(422);
    assert!(wrong.text_of("#permissions-error").contains("resource[/element]:action"), "{}", wrong.text);
    let answer = admin.submit(&form.clone().with("permissions", "contacts:read\nscorecards/A:read")).await.expect(303);
    let page = admin.follow(answer).await.expect(200);
    assert!(page.text_of("table").contains("scorecards/A"), "{}", page.text);
    assert!(admin.submit(&form).await.expect(422).text_of("#name-error").contains("exists already"));
    let path = page.path.clone();
    let mut edit = admin.get(&format!("{path}/edit")).await.expect(200).form("/edit");
    let ticked = |form: &Form| {
        let ticked = form.fields.iter().filter(|it| it.0 == "permission").map(|it| it.1.clone());
        ticked.collect::<Vec<_>>()
    };
    assert_eq!(ticked(&edit), ["contacts:read", "scorecards/A:read"], "what it allows is ticked, and nothing else");
    assert_eq!(edit.fields.iter().find(|it| it.0 == "permissions").unwrap().1.trim(), "");
    let typed = admin.submit(&edit.clone().with("permissions", "far:off\nnonsense")).await.expect(422);
    assert!(typed.text.contains("far:off\nnonsense"), "what was typed comes back");
    assert_eq!(ticked(&typed.form("/edit")), ticked(&edit), "and so does what was ticked");
    edit.fields.retain(|it| it.1 != "scorecards/A:read");
    let answer = admin.submit(&edit).await.expect(303);
    assert!(!admin.follow(answer).await.text.contains("scorecards/A"));
    let delete = admin.get(&format!("{path}/delete")).await.expect(200).form("/delete");
    let answer = admin.submit(&delete).await.expect(303);
    assert!(admin.follow(answer).await.text_of(".banner").contains("Exporter"));
    admin.get(&path).await.expect(404);

    let ruler = role_path(&admin.get("/o/root/roles").await, "ADMIN");
    let page = admin.get(&ruler).await.expect(200);
    assert!(page.text.contains("Always allowed") && !page.text.contains("/api-access"));
    let of_the_role = |it: &&String| it.starts_with(&ruler) && (it.ends_with("/edit") || it.ends_with("/delete"));
    assert_eq!(page.links().iter().filter(of_the_role).count(), 0);
    let page = admin.get(&format!("{ruler}/delete")).await.expect(200);
    assert!(page.text_of(".ask").contains("1 member has this role"));
    let mut form = delete;
    form.action = format!("{ruler}/delete");
    admin.submit(&form).await.expect(409);
    let (_, user_id, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let mut auditor = Browser::of_user(&app, user_id).await;
    auditor.get("/o/root/roles").await.expect(200);
    auditor.get("/o/root/roles/new").await.expect(403);
}

#[tokio::test]
async fn a_role_that_is_made_is_said_to_be_created() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get("/o/root/roles/new").await.expect(200).form("/roles").with("name", "Agent");
    let form = form.with("permissions", "contacts:read");
    let answer = admin.submit(&form).await.expect(303);
    let said = admin.follow(answer).await.text_of(".banner");
    assert!(said.starts_with("Role “Agent” created."), "{said}");
}
