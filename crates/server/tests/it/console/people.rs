//! People: invited by a link, given a role, let in again after a lost password, disabled and removed.

use claviger::ops::keys::NewKey;
use claviger::ops::roles::{NewRole, RolePatch, create_role, update_role};
use claviger_core::id::{MemberId, RoleId, UserId};
use claviger_core::name::Description;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Form, Page, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, name, new_key, permissions};

const ANN: &str = "ann@example.com";
const PASSWORD: &str = "eleven plus one";

async fn role(app: &TestApp, text: &str, allowed: &[&str]) -> RoleId {
    let description = Description::parse("Of a test").unwrap();
    let new = NewRole { name: name(text), description, permissions: permissions(allowed), api_access: true };
    create_role(&app.app, &app.admin, app.root, new, None).await.unwrap().fresh().unwrap().id
}

/// Lets the holders of the built-in role have keys, or not.
async fn allow_api_access(app: &TestApp, allowed: bool) {
    let member = app.built_in(app.root, BuiltIn::Member).await;
    let patch = RolePatch { api_access: Some(allowed), ..RolePatch::default() };
    update_role(&app.app, &app.admin, app.root, member.id, patch, None).await.unwrap();
}

/// Invites by the form; answers the page that came back.
async fn invite(browser: &mut Browser<'_>, email: &str, role_id: RoleId) -> Page {
    let form = browser.get("/o/root/members/new").await.expect(200).form("/members");
    let form = form.with("name", "Ann Meyer").with("email", email).with("role", &role_id.to_string());
    browser.submit(&form).await
}

/// The path of the link that a page shows.
fn path_of_link(app: &TestApp, page: &Page) -> String {
    page.text_of("#link").strip_prefix(&app.url("")).expect("a link to this server").to_owned()
}

/// The page of the member whom a page about a link is for.
fn path_of_member(page: &Page) -> String {
    page.links().into_iter().find(|it| it.contains("/members/mem_")).expect("a way to the member")
}

async fn set_password(browser: &mut Browser<'_>, link: &str, password: &str) -> Page {
    let form = browser.get(link).await.expect(200).form("/link").with("password", password);
    browser.submit(&form).await
}

/// Somebody with the built-in role of members, and with a password.
async fn ann<'a>(app: &'a TestApp, admin: &mut Browser<'_>) -> (Browser<'a>, String) {
    let member = app.built_in(app.root, BuiltIn::Member).await.id;
    let invited = invite(admin, ANN, member).await.expect(200);
    let mut browser = Browser::new(app);
    set_password(&mut browser, &path_of_link(app, &invited), PASSWORD).await.expect(303);
    (browser, path_of_member(&invited))
}

// S0.5: who is let in by the role creates a key that works, and loses it where the role is not allowed any more.
#[tokio::test]
async fn an_invited_person_sets_a_password_and_creates_a_key_that_works() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    allow_api_access(&app, true).await;
    let member = app.built_in(app.root, BuiltIn::Member).await.id;
    let invited = invite(&mut admin, ANN, member).await.expect(200);
    assert_eq!(invited.header("cache-control"), "no-store");
    let list = admin.get("/o/root/members").await.expect(200);
    assert!(list.text.contains("Invited until 8 Jan 2027") && !list.text.contains("/link/"));
    let link = path_of_link(&app, &invited);
    assert!(!admin.get(&path_of_member(&invited)).await.expect(200).text.contains(&link), "shown once");

    let mut browser = Browser::new(&app);
    let page = browser.get(&link).await.expect(200);
    assert!(page.text_of(".lead").contains("You are invited to Root"), "{}", page.text);
    let short = page.form("/link").with("password", "too short");
    assert!(browser.submit(&short).await.expect(422).text_of("#password-error").contains("at least 12 characters"));
    let entered = set_password(&mut browser, &link, PASSWORD).await.expect(303);
    assert_eq!(entered.header("location"), "/o/root/keys");
    let home = browser.follow(entered).await.expect(200);
    assert!(home.text_of(".banner").contains("Your password is set"));
    let token = browser.create_key("Ann's").await.text_of("#token");
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    assert_eq!(app.get("/api/v1/me", &token).await.status, 200);
    let list = admin.get("/o/root/members?q=ann%40example").await.expect(200);
    assert_eq!(list.text_of("tbody [data-label='Keys']"), "1");
    assert_eq!(list.text_of("tbody [data-label='Last sign-in']"), "2027-01-01 00:00:00");
    assert_eq!(list.text_of("tbody [data-label='Status']"), "Active");

    allow_api_access(&app, false).await;
    assert_eq!(app.verify_text(&token, &[]), Err("api_access_denied"));
    let mut again = Browser::new(&app);
    again.sign_in(ANN, PASSWORD).await.expect(303);
}

#[tokio::test]
async fn a_link_that_is_used_withdrawn_replaced_or_over_is_answered_like_one_that_never_was() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let member = app.built_in(app.root, BuiltIn::Member).await.id;
    let mut dead = Vec::new();
    let used = path_of_link(&app, &invite(&mut admin, "used@example.com", member).await.expect(200));
    set_password(&mut Browser::new(&app), &used, PASSWORD).await.expect(303);
    dead.push(used);
    let withdrawn = invite(&mut admin, "withdrawn@example.com", member).await.expect(200);
    let form = admin.get(&path_of_member(&withdrawn)).await.form("/withdraw");
    admin.submit(&form).await.expect(303);
    dead.push(path_of_link(&app, &withdrawn));
    let replaced = invite(&mut admin, "replaced@example.com", member).await.expect(200);
    let form = admin.get(&path_of_member(&replaced)).await.form("/link");
    let newer = path_of_link(&app, &admin.submit(&form).await.expect(200));
    dead.push(path_of_link(&app, &replaced));
    let disabled = invite(&mut admin, "disabled@example.com", member).await.expect(200);
    for action in ["/disable", "/enable"] {
        let page = if action == "/disable" { action } else { "" };
        let form = admin.get(&format!("{}{page}", path_of_member(&disabled))).await.form(action);
        admin.submit(&form).await.expect(303);
    }
    dead.push(path_of_link(&app, &disabled));
    let removed = invite(&mut admin, "removed@example.com", member).await.expect(200);
    let form = admin.get(&format!("{}/remove", path_of_member(&removed))).await.form("/remove");
    admin.submit(&form).await.expect(303);
    dead.push(path_of_link(&app, &removed));

    let mut browser = Browser::new(&app);
    let form = browser.get(&newer).await.expect(200).form("/link").with("password", PASSWORD);
    app.clock.advance(DAY * 7);
    dead.push(newer);
    let unknown = browser.get("/link/never-was-one").await.expect(410).text;
    for link in dead {
        assert_eq!(browser.get(&link).await.expect(410).text, unknown, "{link}");
        let form = form.clone().with("token", link.rsplit('/').next().unwrap());
        assert_eq!(browser.submit(&form).await.expect(410).text, unknown, "{link}");
    }
    assert!(browser.cookies.is_empty(), "nobody was signed in");
}

#[tokio::test]
async fn a_reset_link_sets_another_password_and_ends_the_sessions() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let (mut browser, member) = ann(&app, &mut admin).await;
    browser.get("/o/root/keys").await.expect(200);
    let form = admin.get(&member).await.expect(200).form("/link");
    let made = admin.submit(&form).await.expect(200);
    assert!(made.text_of("h1").starts_with("Reset link for"));
    browser.get("/o/root/keys").await.expect(200);
    // The page that shows it, loaded again, makes no other one, which would end it.
    let again = admin.submit(&form).await.expect(303);
    let said = admin.follow(again).await.expect(200).text_of("main [role=status]");
    assert!(said.contains("was shown before") && said.contains("It still works"), "{said}");
    let mut elsewhere = Browser::new(&app);
    set_password(&mut elsewhere, &path_of_link(&app, &made), "another password").await.expect(303);
    elsewhere.get("/o/root/keys").await.expect(200);
    assert!(browser.get("/o/root/keys").await.expect(303).header("location").starts_with("/sign-in"));
    browser.sign_in(ANN, PASSWORD).await.expect(422);
    browser.sign_in(ANN, "another password").await.expect(303);
    assert!(Browser::new(&app).get("/sign-in").await.text_of(".fine").contains("Ask an administrator"));
}

#[tokio::test]
async fn nobody_invites_into_a_role_above_their_own_or_makes_a_link_for_who_is_stronger() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let guest = role(&app, "Guest", &[]).await;
    let all = ["claviger/users", "claviger/members", "claviger/roles"].map(|it| format!("{it}:*"));
    let greeter = role(&app, "Greeter", &all.each_ref().map(String::as_str)).await;
    let invited = invite(&mut admin, ANN, greeter).await.expect(200);
    let mut browser = Browser::new(&app);
    set_password(&mut browser, &path_of_link(&app, &invited), PASSWORD).await.expect(303);

    let ruler = app.built_in(app.root, BuiltIn::Admin).await.id;
    let page = browser.get("/o/root/members/new").await.expect(200);
    let offered = |id: RoleId| page.text.contains(&id.to_string());
    assert!(offered(guest) && offered(greeter) && !offered(ruler));
    let page = invite(&mut browser, "eve@example.com", ruler).await.expect(422);
    assert!(page.text_of("#role-error").contains("may do yourself"));
    assert!(!admin.get("/o/root/members").await.text.contains("eve@example.com"), "nothing was left behind");
    invite(&mut browser, "eve@example.com", guest).await.expect(200);

    let list = admin.get(&format!("/o/root/members?q={}", ADMIN_EMAIL.replace('@', "%40"))).await;
    let path = path_of_member(&list);
    for action in ["/link", "/disable"] {
        let mut form = browser.get(&path_of_member(&invited)).await.form("/link");
        form.action = format!("{path}{action}");
        browser.submit(&form).await.expect(403);
    }
    let form = Form { method: "post".to_owned(), action: format!("{path}/remove"), fields: vec![] };
    browser.submit(&form).await.expect(403);
    Browser::new(&app).sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
}

#[tokio::test]
async fn who_is_disabled_loses_sessions_and_keys_until_enabled_again() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    allow_api_access(&app, true).await;
    let (mut browser, member) = ann(&app, &mut admin).await;
    let token = browser.create_key("Ann's").await.text_of("#token");
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    assert!(!admin.get(&member).await.text.contains("<form method=\"post\" action=\"/o/root/members/disable"));
    // The question says what stops and how it is undone, before anything does.
    let asked = admin.get(&format!("{member}/disable")).await.expect(200);
    let said = asked.text_of("[data-ask]");
    for words in ["signed out everywhere", "Enable them again", "1 active key", "0 used in the last 24 hours", "Ann's"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    let answer = admin.submit(&asked.form("/disable")).await.expect(303);
    let done = admin.follow(answer).await;
    assert!(done.text_of(".banner").contains("disabled") && done.text_of(".banner").contains("1 key stopped"));
    assert!(done.text.contains("/o/root/keys?user=usr_"), "the banner leads to what stopped");
    admin.get(&format!("{member}/disable")).await.expect(409);
    assert_eq!(app.verify_text(&token, &[]), Err("user_inactive"));
    browser.get("/o/root/keys").await.expect(303);
    browser.sign_in(ANN, PASSWORD).await.expect(422);
    let form = admin.get(&member).await.form("/enable");
    admin.submit(&form).await.expect(303);
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    browser.get("/o/root/keys").await.expect(303);
    browser.sign_in(ANN, PASSWORD).await.expect(303);
}

#[tokio::test]
async fn removing_somebody_says_first_what_becomes_of_their_keys() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    allow_api_access(&app, true).await;
    let (mut browser, member) = ann(&app, &mut admin).await;
    let token = browser.create_key("Ann's").await.text_of("#token");
    let id: MemberId = member.rsplit('/').next().unwrap().parse().unwrap();
    let ann: UserId = claviger::ops::members::get_member(&app.app, &app.admin, app.root, id).await.unwrap().user.id;
    let mut mapped = new_key("Acts as Ann");
    mapped.mapped_user_id = Some(Some(ann));
    app.create_key(&app.admin, app.root, mapped).await.unwrap();

    let page = admin.get(&format!("{member}/remove")).await.expect(200);
    let html = page.html();
    let said: Vec<String> = html.select(&selector(".plain li")).map(|it| it.text().collect()).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("1 key that belongs to this person stays without an owner"), "{said:?}");
    assert!(said[1].starts_with("1 further key that acts as this person is refused"), "{said:?}");
    let answer = admin.submit(&page.form("/remove")).await.expect(303);
    assert!(admin.follow(answer).await.text_of(".banner").contains("removed from Root"));
    assert_eq!(app.verify_text(&token, &[]), Err("user_inactive"));
    let link = admin.get("/o/root/members").await;
    assert!(!link.text.contains(ANN));

    // An account that is there already needs no link to become a member again.
    let role_id = app.built_in(app.root, BuiltIn::Member).await.id;
    let answer = invite(&mut admin, ANN, role_id).await.expect(303);
    assert!(admin.follow(answer).await.text_of(".banner").contains("had an account already"));
    let page = invite(&mut admin, ANN, role_id).await.expect(422);
    assert!(page.text_of("#email-error").contains("is a member or invited already"));
    Browser::new(&app).sign_in(ANN, PASSWORD).await.expect(303);
}

#[tokio::test]
async fn a_member_gets_another_role_and_the_last_admin_stays() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let (_, member) = ann(&app, &mut admin).await;
    let readonly = app.built_in(app.root, BuiltIn::Readonly).await.id.to_string();
    let form = admin.get(&format!("{member}/role")).await.expect(200).form("/role").with("role", &readonly);
    let answer = admin.submit(&form).await.expect(303);
    assert!(admin.follow(answer).await.text.contains("<bdi>READONLY</bdi>"));
    let page = admin.submit(&form).await.expect(422);
    assert!(page.text_of("#summary").contains("This was changed after you opened"));

    let list = admin.get(&format!("/o/root/members?q={}", ADMIN_EMAIL.replace('@', "%40"))).await;
    let own = path_of_member(&list);
    let form = admin.get(&format!("{own}/role")).await.form("/role").with("role", &readonly);
    assert!(admin.submit(&form).await.expect(422).text_of("#summary").contains("last admin"));
    let page = admin.get(&own).await.expect(200);
    assert!(page.text_of("main .aside").contains("The last administrator cannot be removed"));
    assert!(!page.links().iter().any(|it| it.ends_with("/remove")), "what cannot be done is not offered");
    admin.get(&format!("{own}/remove")).await.expect(409);
    let remove = Form { method: "post".to_owned(), action: format!("{own}/remove"), fields: vec![] };
    admin.submit(&remove).await.expect(409);
    admin.get("/o/root/members").await.expect(200);
}

#[tokio::test]
async fn members_and_roles_of_another_organization_are_not_there() {
    let app = TestApp::new().await;
    let (here, there) = (app.organization(app.root, "Here").await, app.organization(app.root, "There").await);
    let (_, local, _) = app.member(here, "Local admin", BuiltIn::Admin).await;
    let (_, _, stranger) = app.member(there, "Stranger", BuiltIn::Member).await;
    let role = app.built_in(there, BuiltIn::Member).await.id;
    let mut browser = Browser::of_user(&app, local).await;
    assert!(!browser.get("/o/here/members").await.expect(200).text.contains("Stranger"));
    let unknown = browser.get("/o/here/members/mem_01kapxb4q0e8mv5r3g2t9w7yzn").await.expect(404).refusal();
    for organization in ["here", "there", "root"] {
        let mut paths = vec![format!("/o/{organization}/roles/{role}"), format!("/o/{organization}/roles/{role}/edit")];
        paths.extend(["", "/role", "/remove"].map(|it| format!("/o/{organization}/members/{stranger}{it}")));
        for path in paths {
            assert_eq!(browser.get(&path).await.expect(404).refusal(), unknown, "{path}");
        }
        let mut form = browser.get("/o/here/members/new").await.expect(200).form("/members");
        for action in ["link", "withdraw", "disable", "enable", "remove"] {
            form.action = format!("/o/{organization}/members/{stranger}/{action}");
            browser.submit(&form).await.expect(404);
        }
    }
}

// What a role does to API access is said where it is chosen, with the keys that it is about, and is what then happens to them.
#[tokio::test]
async fn the_choice_of_a_role_says_how_many_keys_stop_or_start_working() {
    let app = TestApp::new().await;
    let (_, user_id, member_id) = app.member(app.root, "Ann", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    let (member, readonly) =
        (app.built_in(app.root, BuiltIn::Member).await.id, app.built_in(app.root, BuiltIn::Readonly).await);
    assert!(!readonly.api_access, "the two roles differ");
    let new = NewKey { owner_id: Some(Some(user_id)), mapped_user_id: Some(Some(user_id)), ..new_key("Ann's") };
    let token = app.create_key(&app.admin, app.root, new).await.unwrap().token.expose().to_owned();
    let mut browser = Browser::signed_in(&app).await;
    let path = format!("/o/root/members/{member_id}/role");
    let told = |page: &Page, role: RoleId| {
        let (html, options) = (page.html(), selector(".option"));
        let input = selector(&format!("input[value='{role}']"));
        let option = html.select(&options).find(|it| it.select(&input).next().is_some()).unwrap();
        option.text().collect::<String>()
    };
    for (role, words, verified) in [
        (
            readonly.id,
            "Takes API access away: 1 key that belongs to this person stops working.",
            Err("api_access_denied"),
        ),
        (member, "Gives API access: 1 key that belongs to this person starts working again.", Ok(())),
    ] {
        let page = browser.get(&path).await.expect(200);
        assert!(told(&page, role).contains(words), "{}", told(&page, role));
        assert!(page.text_of(".lead").contains("1 key belongs to this person."), "{}", page.text_of(".lead"));
        browser.submit(&page.form("/role").with("role", &role.to_string())).await.expect(303);
        assert_eq!(app.verify_text(&token, &[]), verified);
        assert!(!told(&browser.get(&path).await, role).contains("API access"), "the present role changes nothing");
    }
}

#[tokio::test]
async fn a_taken_name_leads_to_the_key_that_has_it() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let made = app.create_key(&app.admin, app.root, new_key("CI deploy")).await.unwrap().info.key.id;
    let form = admin.get("/o/root/keys/new").await.expect(200).form("/keys").with("name", "ci Deploy");
    let page = admin.submit(&form).await.expect(422);
    assert!(page.text_of("#name-error").contains("Choose another name"));
    assert!(page.links().contains(&format!("/o/root/keys/{made}")), "{:?}", page.links());
    // Together with all else that is to be mended.
    let both = form.with("description", &"x".repeat(501));
    let page = admin.submit(&both).await.expect(422);
    assert!(page.text_of("#name-error").contains("Choose another name"), "{}", page.text);
    assert!(!page.text_of("#description-error").is_empty(), "{}", page.text);
}

// True with a mail server and without one: a link that lets somebody in is passed on by whoever made it.
#[tokio::test]
async fn an_invitation_says_that_its_link_is_not_mailed_whatever_else_is() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get("/o/root/members/new").await.expect(200);
    assert!(form.text_of("#email-hint").contains("The invitation is not sent to it"), "{}", form.text);
    let member = app.built_in(app.root, BuiltIn::Member).await.id;
    let invited = invite(&mut admin, ANN, member).await.expect(200);
    let said = invited.text_of(".secret .quiet");
    assert!(said.contains("never links that sign somebody in") && !said.contains("no e-mail"), "{said}");
}
