//! The page on which a leaked key is reported, and what is erased of the audit.

use claviger::ops::keys::NewKey;
use claviger_core::decision::Reach;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{ADMIN_PASSWORD, DAY, TestApp, new_key};

/// What the rows of the answer say: the name of the key, and what came of it.
fn outcomes(page: &Page) -> Vec<(String, String)> {
    let html = page.html();
    let text = |row: &scraper::ElementRef<'_>, css: &str| {
        let found = row.select(&selector(css)).next();
        found.map_or_else(String::new, |it| it.text().collect::<String>().trim().to_owned())
    };
    let rows = selector("tbody tr");
    html.select(&rows).map(|row| (text(&row, "[data-label=Key]"), text(&row, "[data-label=Outcome] .status"))).collect()
}

// S2.18: from home in three steps: the keys, the report, and what leaked.
#[tokio::test]
async fn a_leaked_key_is_ended_three_steps_from_home_and_never_shown() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("CI").await;
    let token = created.text_of("#token");
    let home = browser.open("/").await.expect(200);
    let keys = home.links().into_iter().find(|it| it.ends_with("/keys")).expect("the way to the keys");
    let keys = browser.get(&keys).await.expect(200);
    let way = keys.links().into_iter().find(|it| it.ends_with("/keys/leaked")).expect("the way to the report");
    let ask = browser.get(&way).await.expect(200);
    assert!(ask.text_of(".aside").contains("deleted at once"), "{}", ask.text);
    let form = ask.form("/keys/leaked").with("leaked", &format!("CLAVIGER_KEY=\"{token}\"\r\n\r\nnobody's"));
    let form = form.with("found_at", "https://example.com/paste");
    let page = browser.submit(&form).await.expect(200);
    let said = [("CI".to_owned(), "Deleted now".to_owned()), ("None".to_owned(), "Not one of ours".to_owned())];
    assert_eq!(outcomes(&page), said);
    assert!(!page.text.contains(&token[token.len() - 38..]) && !page.text.contains("nobody's"), "{}", page.text);
    assert_eq!(app.verify_text(&token, &[]), Err("revoked"));
    let key = browser.get(&page.key_path()).await.expect(200);
    assert!(key.text.contains("Deleted"), "{}", key.text);
    let audit = browser.get("/o/root/audit?what=key.revoked").await.expect(200);
    assert!(audit.text.contains("https://example.com/paste"), "{}", audit.text);
    let again = browser.submit(&form).await.expect(200);
    assert_eq!(outcomes(&again)[0].1, "Already dead");
    for path in ["/o/root/health", "/o/root/settings?q=leaked"] {
        assert!(browser.get(path).await.links().contains(&way), "{path}");
    }
}

#[tokio::test]
async fn each_line_is_told_by_the_policy_of_its_own_organization() {
    let app = TestApp::new().await;
    let below = app.organization(app.root, "Location 1").await;
    app.set_policy(app.root, r#"{"leak_action": "notify"}"#).await;
    app.set_policy(below, r#"{"leak_action": "revoke"}"#).await;
    let here = app.create_key(&app.admin, app.root, new_key("Here")).await.unwrap();
    let there = app.create_key(&app.admin, below, new_key("There")).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let ask = browser.get("/o/root/keys/leaked").await.expect(200);
    assert!(ask.text_of(".aside").contains("stay good"), "{}", ask.text);
    let pair = format!("{}:{}", there.token.access_id(), there.token.expose_secret_part());
    let form = ask.form("/keys/leaked").with("leaked", &format!("{}\n{pair}", here.token.expose()));
    let page = browser.submit(&form).await.expect(200);
    let said: Vec<_> = outcomes(&page).into_iter().map(|it| it.1).collect();
    assert_eq!(said, ["On record, still good", "Deleted now"]);
    let links = page.links();
    assert!(links.contains(&format!("/o/location-1/keys/{}", there.info.key.id)), "{links:?}");
    for link in links.iter().filter(|it| it.contains("/keys/key_")) {
        browser.get(link).await.expect(200);
    }
    assert_eq!(app.verify(&here.token, &[]), Ok(()));
    assert_eq!(app.verify(&there.token, &[]), Err("revoked"));
}

#[tokio::test]
async fn lines_are_named_by_where_they_were_pasted() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let ask = browser.get("/o/root/keys/leaked").await.expect(200);
    let form = ask.form("/keys/leaked").with("leaked", &format!("\r\n\r\nnope\r\n{}", key.token.expose()));
    let page = browser.submit(&form).await.expect(200);
    let numbers = selector("tbody tr th");
    let said: Vec<_> = page.html().select(&numbers).map(|it| it.text().collect::<String>()).collect();
    assert_eq!(said, ["3", "4"]);
    assert_eq!(outcomes(&page)[1], ("CI".to_owned(), "Deleted now".to_owned()));
}

#[tokio::test]
async fn a_form_that_comes_back_has_forgotten_what_was_pasted() {
    let app = TestApp::new().await;
    let token = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap().token;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/leaked").await.form("/keys/leaked");
    let many = format!("{}\n", token.expose()).repeat(21);
    for (leaked, found_at, field) in [
        ("", "a chat", "#leaked-error"),
        (" \r\n ", "a chat", "#leaked-error"),
        (&many, "a chat", "#leaked-error"),
        (token.expose(), token.expose(), "#found_at-error"),
        (token.expose(), &"x".repeat(501), "#found_at-error"),
    ] {
        let sent = form.clone().with("leaked", leaked).with("found_at", found_at);
        let page = browser.submit(&sent).await.expect(422);
        assert_ne!(page.text_of(field), "", "{}", page.text);
        assert!(!page.text.contains(token.expose_secret_part()), "{}", page.text);
        assert!(page.text_of("#summary").contains("paste them again"));
    }
    assert_eq!(app.verify(&token, &[]), Ok(()));
}

#[tokio::test]
async fn who_may_delete_no_key_reports_none_and_who_may_delete_own_ones_reports_those() {
    let app = TestApp::new().await;
    app.allow_members_keys(app.root, true).await;
    let (_, reader, _) = app.member(app.root, "Reader", BuiltIn::Readonly).await;
    let mut browser = Browser::of_user(&app, reader).await;
    browser.get("/o/root/keys/leaked").await.expect(403);
    assert!(!browser.get("/o/root/keys").await.links().iter().any(|it| it.ends_with("/leaked")));
    let (_, member, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let own = NewKey { owner_id: Some(Some(member)), mapped_user_id: Some(Some(member)), ..new_key("Ann's") };
    let own = app.create_key(&app.admin, app.root, own).await.unwrap().token;
    let others = NewKey { reach: Reach::Subtree, ..new_key("Others") };
    let others = app.create_key(&app.admin, app.root, others).await.unwrap().token;
    let mut browser = Browser::of_user(&app, member).await;
    let form = browser.get("/o/root/keys/leaked").await.expect(200).form("/keys/leaked");
    let sent = form.with("leaked", &format!("{}\n{}", others.expose(), own.expose()));
    let page = browser.submit(&sent).await.expect(200);
    let said = [("None".to_owned(), "Not one of ours".to_owned()), ("Ann's".to_owned(), "Deleted now".to_owned())];
    assert_eq!(outcomes(&page), said);
    assert_eq!((app.verify(&others, &[]), app.verify(&own, &[])), (Ok(()), Err("revoked")));
}

#[tokio::test]
async fn what_an_event_tells_is_erased_from_its_page_with_a_reason_and_a_password() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    browser.create_key("Canary of Maria").await;
    let list = browser.get("/o/root/audit?what=key.created").await.expect(200);
    let path = list.html().select(&selector("tbody th a")).next().unwrap().attr("href").unwrap().to_owned();
    let page = browser.get(&path).await.expect(200);
    assert!(page.text_of("table").contains("Canary of Maria"));
    let way = page.links().into_iter().find(|it| it.ends_with("/erase")).expect("the way to erase it");
    app.clock.advance(DAY / 24);
    let form = browser.get(&way).await.expect(200).form("/erase");
    let told = browser.submit(&form).await.expect(422);
    assert!(told.text_of("#reason-error").contains("is needed"), "{}", told.text);
    let form = form.with("reason", "Request 4711");
    assert!(browser.submit(&form).await.expect(422).text_of("#confirm-error").contains("password"));
    let done = browser.submit(&form.with("confirm", ADMIN_PASSWORD)).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert!(page.text_of("main [role=status]").contains("Erased for good"), "{}", page.text);
    assert!(page.text_of(".aside").contains("was erased") && !page.text.contains("/erase\""), "{}", page.text);
    assert_eq!(page.text.matches("was erased").count(), 1, "it is said once: {}", page.text);
    let why = page.links().into_iter().find(|it| it.contains("audit?about=evt_")).expect("the way to who and why");
    let why = browser.get(&why).await.expect(200);
    assert!(
        why.text_of("tbody").contains("Request 4711") && why.text_of("tbody").contains("Maria Keller"),
        "{}",
        why.text
    );
    let gone = browser.get(&way).await.expect(409);
    assert!(gone.text.contains("Nothing of what this event told is left"), "{}", gone.text);
    let (_, reader, _) = app.member(app.root, "Reader", BuiltIn::Readonly).await;
    let mut reader = Browser::of_user(&app, reader).await;
    let other = reader.get("/o/root/audit?what=member.created").await.expect(200);
    let other = other.html().select(&selector("tbody th a")).next().map(|it| it.attr("href").unwrap().to_owned());
    if let Some(other) = other {
        assert!(!reader.get(&other).await.expect(200).text.contains("/erase"));
    }
    reader.get(&way).await.expect(403);
}

#[tokio::test]
async fn the_audit_says_where_its_chain_ends() {
    let app = TestApp::new().await;
    claviger::ops::chain::extend_chains(&app.app).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/audit").await.expect(200);
    let link = page.text_of("#chain");
    assert!(link.len() == 64 && page.text.contains(&format!("ending in {}…", &link[..8])), "{}", page.text);
    assert!(page.links().iter().any(|it| it == "/docs/history#check-the-chain"));
}

#[tokio::test]
async fn what_an_outcome_means_is_said_once_however_many_lines_have_it() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/leaked").await.form("/keys/leaked").with("leaked", "one\ntwo\nthree");
    let page = browser.submit(&form).await.expect(200);
    assert_eq!(outcomes(&page).len(), 3);
    assert_eq!(page.text.matches("No key that you may delete").count(), 1, "{}", page.text);
}
