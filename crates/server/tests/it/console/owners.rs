//! To whom a key belongs, and who is shown its secret when that changes, by the form that changes a key.

use claviger::ops::keys::NewKey;
use claviger_core::id::UserId;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{TestApp, new_key};

fn choices(page: &Page, name: &str) -> Vec<String> {
    let html = page.html();
    let options = selector(&format!("#{name} option"));
    html.select(&options).map(|it| it.text().collect::<String>()).collect()
}

async fn key_of(app: &TestApp, name: &str, owner: Option<UserId>, mapped: Option<UserId>) -> String {
    let new = NewKey { owner_id: Some(owner), mapped_user_id: Some(mapped), ..new_key(name) };
    format!("/o/root/keys/{}", app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id)
}

fn warns(page: &Page) -> bool {
    page.html().select(&selector("#hides-secret")).next().is_some()
}

// Where Key health sends whoever has an ownerless key.
#[tokio::test]
async fn an_admin_gives_a_key_to_a_member_or_to_nobody_by_its_form() {
    let app = TestApp::new().await;
    app.allow_members_keys(app.root, true).await;
    let (_, user_id, _) = app.member(app.root, "Mia Keller", BuiltIn::Member).await;
    let mut admin = Browser::signed_in(&app).await;
    let path = key_of(&app, "CI", None, Some(user_id)).await;
    let form = admin.get(&format!("{path}/edit")).await.expect(200);
    assert_eq!(choices(&form, "owner"), ["Maria Keller (me)", "Nobody", "Mia Keller"]);
    let form = form.form("/edit");
    assert!(form.fields.contains(&("owner".to_owned(), "nobody".to_owned())), "as it is: {:?}", form.fields);
    let page = admin.submit(&form.clone().with("owner", &user_id.to_string())).await.expect(303);
    let page = admin.follow(page).await.expect(200);
    assert!(page.text_of("main").contains("Belongs toMia Keller"), "{}", page.text_of("main"));

    // Somebody else was faster: the page says how it stands, and what was chosen.
    let outdated = admin.submit(&form.with("owner", &app.admin_id.to_string())).await.expect(422);
    assert!(outdated.text_of("main").contains("Belongs to"), "{}", outdated.text);
    let nobody = admin.get(&format!("{path}/edit")).await.form("/edit").with("owner", "nobody");
    admin.submit(&nobody).await.expect(303);
    assert!(admin.get(&path).await.text_of("main").contains("Belongs toNobody"));

    // Who is no admin has no such choice.
    let mine = key_of(&app, "Mine", Some(user_id), Some(user_id)).await;
    let mut member = Browser::of_user(&app, user_id).await;
    assert_eq!(choices(&member.get(&format!("{mine}/edit")).await.expect(200), "owner"), Vec::<String>::new());
}

// What the page says beforehand, and why nothing is shown afterwards.
#[tokio::test]
async fn giving_a_key_away_keeps_its_secret_for_who_comes_or_says_beforehand_that_it_is_lost() {
    let app = TestApp::new().await;
    app.set_policy(app.root, r#"{"reveal": "owner"}"#).await;
    let (_, ann, _) = app.member(app.root, "Ann Admin", BuiltIn::Admin).await;
    let (_, mia, _) = app.member(app.root, "Mia Mapped", BuiltIn::Admin).await;
    let mut admin = Browser::signed_in(&app).await;

    // Her own: she may pass it on, and so the next one is shown it.
    let path = key_of(&app, "Own", Some(app.admin_id), Some(app.admin_id)).await;
    let page = admin.get(&format!("{path}/edit")).await.expect(200);
    assert!(!warns(&page));
    admin.submit(&page.form("/edit").with("mapped_user", &mia.to_string())).await.expect(303);
    let mut mapped = Browser::of_user(&app, mia).await;
    let form = mapped.get(&format!("{path}/view")).await.expect(200).form("/view");
    let shown = mapped.submit(&form).await;
    assert!(!shown.expect(200).text_of("#token-1").is_empty());

    // Somebody else's: to map it to herself does not show her what was kept for them.
    let path = key_of(&app, "Theirs", None, Some(ann)).await;
    let page = admin.get(&format!("{path}/edit")).await.expect(200);
    assert!(warns(&page), "{}", page.text);
    let kept = admin.submit(&page.form("/edit").with("description", "Nobody new")).await;
    assert_eq!(kept.status, 303);
    let mut owner = Browser::of_user(&app, ann).await;
    // No one came, so it is kept.
    owner.get(&format!("{path}/view")).await.expect(200).form("/view");
    let form = admin.get(&format!("{path}/edit")).await.form("/edit").with("mapped_user", &app.admin_id.to_string());
    admin.submit(&form).await.expect(303);
    let said = admin.get(&format!("{path}/view")).await.expect(200).text_of("main");
    assert!(said.contains("was given to somebody else on 2027-01-01") && !said.contains("imported"), "{said}");
    assert!(!warns(&admin.get(&format!("{path}/edit")).await), "there is nothing left to lose");

    // What was made while secrets were shown once is told apart from that.
    app.set_policy(app.root, r#"{"reveal": "once"}"#).await;
    let path = key_of(&app, "Early", Some(app.admin_id), Some(app.admin_id)).await;
    app.set_policy(app.root, r#"{"reveal": "owner"}"#).await;
    let said = admin.get(&format!("{path}/view")).await.expect(200).text_of("main");
    assert!(said.contains("policy showed secrets once") && !said.contains("given to somebody"), "{said}");
}

// An administrator is told where to allow it, and loses nothing of the form.
#[tokio::test]
async fn a_key_for_a_member_whose_role_has_no_api_access_is_refused_at_its_field_with_all_input_kept() {
    let app = TestApp::new().await;
    let (_, mia, _) = app.member(app.root, "Mia Keller", BuiltIn::Member).await;
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys/new").await.expect(200);
    assert_eq!(choices(&page, "owner"), ["Maria Keller (me)", "Nobody", "Mia Keller (role without API access)"]);
    let mia = mia.to_string();
    let form = page.form("/keys").with("name", "Till").with("description", "Counter 3");
    let form = form.with("mapped_user", &mia).with("owner", &mia);
    let page = admin.submit(&form).await.expect(422);
    assert!(page.text_of("#owner-error").contains("is not allowed API access"), "{}", page.text);
    assert!(page.links().contains(&format!("/o/root/roles/{role}#api_access")), "{:?}", page.links());
    let kept = page.form("/keys");
    for (name, value) in [("name", "Till"), ("description", "Counter 3"), ("mapped_user", &mia), ("owner", &mia)] {
        assert!(kept.fields.contains(&(name.to_owned(), value.to_owned())), "{name}: {:?}", kept.fields);
    }
    app.allow_members_keys(app.root, true).await;
    admin.submit(&kept).await.expect(200);
    let page = admin.get("/o/root/keys/new").await.expect(200);
    assert_eq!(choices(&page, "owner"), ["Maria Keller (me)", "Nobody", "Mia Keller"]);
}
