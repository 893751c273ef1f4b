//! The page of a key that is being rotated, by plain forms; and View, which shows secrets again.

use std::time::Duration;

use claviger::ops::keys::NewKey;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, new_key};

const MINUTE: Duration = Duration::from_secs(60);

/// A key with an old and a new secret, and the path of its page.
async fn rotated(browser: &mut Browser<'_>, name: &str) -> (String, String, String) {
    let created = browser.create_key(name).await;
    let (old, path) = (created.text_of("#token"), created.key_path());
    let form = browser.get(&format!("{path}/rotate")).await.form("/rotate").with("overlap", "604800");
    let new = browser.submit(&form).await.expect(200).text_of("#token");
    (path, old, new)
}

async fn call(app: &TestApp, token: &str) {
    let request = app.http.get(app.url("/api/v1/me")).bearer_auth(token).header("user-agent", "nightly <b>");
    assert_eq!(request.send().await.unwrap().status(), 200);
    app.app.uses().flush().await.unwrap();
}

/// What pages show of a token.
fn hint(token: &str) -> String {
    format!("{}…", &token[..7])
}

fn count(page: &Page, css: &str) -> usize {
    page.html().select(&selector(css)).count()
}

// A1.5: what the old secret was used for stands there until nothing calls with it any more.
#[tokio::test]
async fn the_page_says_when_it_is_safe_to_end_the_old_secret_and_ends_it() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, old, new) = rotated(&mut browser, "Turning").await;
    assert!(browser.get(&path).await.text_of("#rotation").contains("nor was the new one"));
    app.clock.advance(MINUTE);
    call(&app, &old).await;
    let told = browser.get(&path).await.text_of("#rotation");
    assert!(told.contains("Something still calls with the old secret"), "{told}");
    assert!(told.contains("from 127.0.0.1") && told.contains("by nightly <b>"), "{told}");
    call(&app, &new).await;

    // Something in use is stopped only by who proves again who they are.
    app.clock.advance(10 * MINUTE);
    let question = browser.get(&format!("{path}/rotation/end")).await.expect(200);
    let refused = browser.submit(&question.form("/rotation/end")).await.expect(422);
    assert_eq!(app.verify_text(&old, &[]), Ok(()));
    let form = refused.form("/rotation/end").with("confirm", ADMIN_PASSWORD);
    let answer = browser.submit(&form).await.expect(303);
    assert_eq!((app.verify_text(&old, &[]), app.verify_text(&new, &[])), (Err("revoked"), Ok(())));
    let page = browser.follow(answer).await.expect(200);
    let banner = page.text_of(".banner");
    assert!(banner.contains("is refused from now on") && banner.contains(&hint(&old)), "{banner}");
    assert_eq!(count(&page, "#rotation"), 0);
    browser.get(&format!("{path}/rotation/end")).await.expect(409);

    let (path, _, new) = rotated(&mut browser, "Turning again").await;
    app.clock.advance(MINUTE);
    call(&app, &new).await;
    let told = browser.get(&path).await.text_of("#rotation");
    assert!(told.contains("it is safe to end the old one now"), "{told}");
}

#[tokio::test]
async fn a_rotation_is_extended_by_one_of_the_ends_that_policy_lets_it() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, old, _) = rotated(&mut browser, "Turning").await;
    let question = browser.get(&format!("{path}/rotation/extend")).await.expect(200);
    let ends: Vec<_> =
        question.html().select(&selector("[name=until]")).map(|it| it.attr("value").unwrap().to_owned()).collect();
    assert_eq!(ends, ["2027-01-09T00:00:00Z", "2027-01-15T00:00:00Z", "2027-01-31T00:00:00Z"]);
    let form = question.form("/rotation/extend");
    for (typed, said) in [
        ("", "Choose when the old secret stops."),
        ("2027-02-01T00:00:00Z", "at most 720 hours"),
        ("2027-01-02T00:00:00Z", "must be later than"),
    ] {
        let refused = browser.submit(&form.clone().with("until", typed)).await.expect(422);
        assert!(refused.text_of("#until-error").contains(said), "{typed}: {}", refused.text_of("#until-error"));
    }
    let answer = browser.submit(&form.clone().with("until", &ends[2])).await.expect(303);
    let page = browser.follow(answer).await;
    assert!(page.text_of("#rotation").contains("2027-01-31 00:00:00 UTC"));
    // The audit tells it in words, wherever it does.
    let event = page.links().into_iter().find(|it| it.contains("/audit/")).unwrap();
    let key = path.rsplit_once('/').unwrap().1;
    for path in [path.clone(), event, format!("/o/root/audit?about={key}")] {
        let told = browser.get(&path).await.expect(200).html().root_element().text().collect::<String>();
        let secret = format!("Secret {}", hint(&old));
        assert!(told.contains(&secret) && told.contains("works until 2027-01-31 00:00:00 UTC"), "{path}: {told}");
        let in_words = told.split("As a program sees it").next().unwrap();
        assert!(!in_words.contains("\"state\""), "{path}: {in_words}");
    }
    app.clock.advance(29 * DAY);
    assert_eq!(app.verify_text(&old, &[]), Ok(()));
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    browser.get(&format!("{path}/rotation/extend")).await.expect(403);
    assert!(!browser.get(&path).await.text.contains("rotation/extend"), "nobody is offered what policy refuses");
}

// Of two old secrets each stands there with its own end and use, and what is pressed beside one is done to this one.
#[tokio::test]
async fn each_of_two_old_secrets_is_tracked_ended_and_extended_by_itself() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, first, second) = rotated(&mut browser, "Twice").await;
    app.clock.advance(DAY);
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    let form = browser.get(&format!("{path}/rotate")).await.form("/rotate").with("overlap", "86400");
    let third = browser.submit(&form).await.expect(200).text_of("#token");
    app.clock.advance(MINUTE);
    call(&app, &first).await;
    let page = browser.get(&path).await.expect(200);
    let told: Vec<String> = page.html().select(&selector("#rotation .aside")).map(|it| it.text().collect()).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains(&hint(&second)) && told[0].contains("2027-01-03 00:00:00"), "{}", told[0]);
    assert!(told[0].contains("was not used since it was replaced"), "{}", told[0]);
    assert!(told[1].contains(&hint(&first)) && told[1].contains("2027-01-08 00:00:00"), "{}", told[1]);
    assert!(
        told[1].contains("Something still calls") && told[1].contains("from 127.0.0.1 by nightly <b>"),
        "{}",
        told[1]
    );

    let links: Vec<_> = page.links().into_iter().filter(|it| it.contains("/rotation/")).collect();
    let of =
        |word: &str, at: usize| links.iter().filter(|it| it.contains(&format!("/{word}?secret="))).nth(at).unwrap();
    let question = browser.get(of("end", 0)).await.expect(200);
    let asked = question.text_of(".ask");
    assert!(asked.contains(&hint(&second)) && !asked.contains(&hint(&first)), "{asked}");
    assert!(asked.contains("was never used") && asked.contains("so does the other old one"), "{asked}");
    let answer = browser.submit(&question.form("/rotation/end")).await.expect(303);
    assert!(browser.follow(answer).await.text_of(".banner").contains(&hint(&second)));
    let good = || [&first, &second, &third].map(|it| app.verify_text(it, &[]).is_ok());
    assert_eq!(good(), [true, false, true]);

    // Sent again, by a second tab: it says that this one is over, and touches no other.
    browser.submit(&question.form("/rotation/end")).await.expect(409);
    browser.get(of("extend", 0)).await.expect(409);
    assert_eq!(good(), [true, false, true]);
    let question = browser.get(of("end", 1)).await.expect(200).form("/rotation/end");
    browser.submit(&question).await.expect(303);
    assert_eq!(good(), [false, false, true]);
}

#[tokio::test]
async fn all_old_secrets_end_at_once_and_the_question_names_each_of_them() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, first, second) = rotated(&mut browser, "Twice").await;
    let form = browser.get(&format!("{path}/rotate")).await.form("/rotate").with("overlap", "86400");
    let third = browser.submit(&form).await.expect(200).text_of("#token");
    assert!(browser.get(&path).await.links().contains(&format!("{path}/rotation/end")));
    let question = browser.get(&format!("{path}/rotation/end")).await.expect(200);
    let asked = question.text_of(".ask");
    assert!(asked.contains(&hint(&first)) && asked.contains(&hint(&second)), "{asked}");
    browser.submit(&question.form("/rotation/end")).await.expect(303);
    assert_eq!([&first, &second, &third].map(|it| app.verify_text(it, &[]).is_ok()), [false, false, true]);
}

#[tokio::test]
async fn a_rotation_that_ends_older_secrets_names_each_of_them_before_and_after() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, first, second) = rotated(&mut browser, "Twice").await;
    let form = browser.get(&format!("{path}/rotate")).await.form("/rotate").with("overlap", "86400");
    let third = browser.submit(&form).await.expect(200).text_of("#token");
    app.clock.advance(MINUTE);
    let request = app.http.get(app.url("/api/v1/me")).bearer_auth(&first).header("user-agent", "nightly <b>");
    assert_eq!(request.send().await.unwrap().status(), 200);

    // There is no room for a fourth, and the console says what there is to do in its own words.
    let question = browser.get(&format!("{path}/rotate")).await.expect(200);
    let refused = browser.submit(&question.form("/rotate").with("overlap", "86400")).await.expect(422);
    let told = refused.text_of("#summary");
    assert!(told.contains("End now") && !told.contains("overlap_secs"), "{told}");
    assert!(refused.links().contains(&format!("{path}#rotation")));

    // Also what was used a moment ago is said, though nothing has written it down.
    let asked = question.text_of(".ask");
    for it in [&first, &second, &third] {
        assert!(asked.contains(&hint(it)), "{it}: {asked}");
    }
    assert!(asked.contains("from 127.0.0.1 by nightly <b>"), "{asked}");
    assert!(asked.contains("2027-01-08 00:00:00") && asked.contains("2027-01-02 00:00:00"), "{asked}");
    assert!(asked.contains("one of these 3 secrets"), "{asked}");
    let done = browser.submit(&question.form("/rotate").with("overlap", "0")).await.expect(200);
    assert!(done.text_of(".aside").contains("The 3 old secrets are refused from now on"), "{}", done.text_of(".aside"));
    assert_eq!([&first, &second, &third].map(|it| app.verify_text(it, &[]).is_ok()), [false; 3]);
    let key = path.rsplit_once('/').unwrap().1;
    let audit = browser.get(&format!("/o/root/audit?about={key}")).await.expect(200);
    let told = audit.html().root_element().text().collect::<String>();
    let all = [&third, &second, &first].map(|it| hint(it)).join(", ");
    assert!(told.contains(&format!("Ended secrets: {all}")), "{all}: {told}");

    // To the bearer of one of them the key is not gone.
    let answer = app.http.get(app.url("/api/v1/me")).bearer_auth(&second).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "revoked");
    assert!(problem["detail"].as_str().unwrap().contains("was replaced"), "{problem}");
    assert!(problem["fix"].as_str().unwrap().contains("present secret"), "{problem}");
    let form = browser.get(&format!("{path}/delete")).await.form("/delete");
    browser.submit(&form).await.expect(303);
    let answer = app.http.get(app.url("/api/v1/me")).bearer_auth(&second).send().await.unwrap();
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["detail"], "The key is revoked.");
}

// The page promises no overlap that the end of the key cuts short.
#[tokio::test]
async fn an_overlap_beyond_the_end_of_the_key_is_shown_as_ending_with_it_and_an_expired_key_stays_so() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let new = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Ends");
    let created = browser.submit(&new.with("expires", "date").with("expires_on", "2027-01-02")).await.expect(200);
    let path = created.key_path();
    let question = browser.get(&format!("{path}/rotate")).await.expect(200);
    let notes: Vec<String> =
        question.html().select(&selector(".option .quiet")).map(|it| it.text().collect()).collect();
    let cut = notes.iter().filter(|it| it.contains("2027-01-03 00:00:00 UTC: the key expires then")).count();
    assert_eq!((notes.len(), cut), (5, 2), "{notes:?}");
    let rotated = browser.submit(&question.form("/rotate").with("overlap", "604800")).await.expect(200);
    let told = rotated.text_of(".aside");
    assert!(told.contains("until 2027-01-03 00:00:00 UTC, when the key expires"), "{told}");
    let page = browser.get(&path).await;
    let tracked = page.text_of("#rotation");
    assert!(tracked.contains("2027-01-03 00:00:00 UTC, when the key expires"), "{tracked}");
    assert!(!page.text.contains("rotation/extend"), "it cannot be extended beyond the key");
    app.clock.advance(3 * DAY);
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    let page = browser.get(&path).await;
    assert!(
        page.text.contains("a new secret would not make it good again")
            && page.links().contains(&format!("{path}/edit"))
    );
    assert_eq!((count(&page, "#rotation"), page.text.contains("/rotate\"")), (0, false));
    assert!(browser.get(&format!("{path}/rotate")).await.expect(409).text.contains("Give it a later end"));
}

#[tokio::test]
async fn a_cancelled_rotation_tells_first_that_the_new_secret_is_in_use() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, old, new) = rotated(&mut browser, "Turning").await;
    let unused = browser.get(&format!("{path}/rotation/cancel")).await.expect(200);
    assert!(unused.text_of(".ask").contains("was never used"));
    // Between the question and its answer somebody begins to use it.
    app.clock.advance(MINUTE);
    call(&app, &new).await;
    let refused = browser.submit(&unused.form("/rotation/cancel")).await.expect(422);
    assert_eq!(app.verify_text(&new, &[]), Ok(()));
    assert!(refused.text_of(".ask .aside").contains("from 127.0.0.1 by nightly <b>: what uses it fails"));
    let answer = browser.submit(&refused.form("/rotation/cancel")).await.expect(303);
    assert_eq!((app.verify_text(&old, &[]), app.verify_text(&new, &[])), (Ok(()), Err("revoked")));
    assert!(browser.follow(answer).await.text_of(".banner").contains("is the current one again"));

    // Who looked at another rotation does not cancel this one.
    let (path, ..) = rotated(&mut browser, "Turning again").await;
    let form = browser.get(&format!("{path}/rotation/cancel")).await.form("/rotation/cancel");
    let again = browser.get(&format!("{path}/rotate")).await.form("/rotate").with("overlap", "3600");
    let third = browser.submit(&again).await.expect(200).text_of("#token");
    let refused = browser.submit(&form).await.expect(422);
    assert!(refused.text.contains("Open with the present values"));
    assert_eq!(app.verify_text(&third, &[]), Ok(()));
}

// S2.23: View shows both values again, to who proves that they are still there.
#[tokio::test]
async fn view_shows_the_token_and_both_parts_again_and_asks_for_the_password_after_a_while() {
    let app = TestApp::new().await;
    app.set_policy(app.root, r#"{"reveal": "owner"}"#).await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("Shown").await;
    assert!(created.text_of(".secret").contains("It can be viewed again on the key’s page."));
    let values = ["#token", "#access", "#secret"].map(|it| created.text_of(it));
    let path = created.key_path();
    assert!(browser.get(&path).await.links().contains(&format!("{path}/view")));
    let question = browser.get(&format!("{path}/view")).await.expect(200);
    assert_eq!(count(&question, "#confirm"), 0, "signed in just now");
    let shown = browser.submit(&question.form("/view")).await.expect(200);
    assert_eq!(["#token-1", "#access-1", "#secret-1"].map(|it| shown.text_of(it)), values);
    assert_eq!(shown.header("cache-control"), "no-store");

    app.clock.advance(10 * MINUTE);
    let question = browser.get(&format!("{path}/view")).await.expect(200);
    for (typed, said) in [("", "Enter your password."), ("a guess", "This is not your password.")] {
        let refused = browser.submit(&question.form("/view").with("confirm", typed)).await.expect(422);
        assert_eq!(refused.text_of("#confirm-error"), said);
        assert!(!refused.text.contains(&values[2]) && !refused.text.contains("a guess"));
    }
    let shown = browser.submit(&question.form("/view").with("confirm", ADMIN_PASSWORD)).await.expect(200);
    assert_eq!(shown.text_of("#token-1"), values[0]);

    // While it is rotated both are there, each with its name.
    let form = browser.get(&format!("{path}/rotate")).await.form("/rotate").with("overlap", "3600");
    let new = browser.submit(&form).await.expect(200).text_of("#token");
    let form = browser.get(&format!("{path}/view")).await.form("/view");
    let shown = browser.submit(&form).await.expect(200);
    assert_eq!([shown.text_of("#token-1"), shown.text_of("#token-2")], [new, values[0].clone()]);
    let heads: Vec<_> = shown.html().select(&selector("h2")).map(|it| it.text().collect::<String>()).collect();
    assert!(heads[0].starts_with("Current secret") && heads[1].starts_with("Old secret, accepted until"), "{heads:?}");
    let page = browser.get(&path).await;
    assert_eq!(page.text.matches("Secret shown again").count(), 3, "each time is an event");
    assert!(!page.text.contains(&values[2]));
}

#[tokio::test]
async fn where_policy_shows_a_secret_once_the_page_says_so_and_what_to_do_instead() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("Once").await;
    assert!(created.text_of(".secret").contains("This console does not show it again."));
    let path = created.key_path();
    let page = browser.get(&path).await.expect(200);
    assert!(!page.links().contains(&format!("{path}/view")));
    assert!(page.text.contains("Policy shows a secret once, when it is made.") && page.text.contains("Lost it?"));
    let told = browser.get(&format!("{path}/view")).await.expect(200);
    assert!(told.links().contains(&format!("{path}/rotate")));
    assert!(told.text.contains("Policy shows a secret once") && count(&told, "form[action$='/view']") == 0);
    // Neither is it shown to who makes the request by hand.
    app.set_policy(app.root, r#"{"reveal": "owner"}"#).await;
    let form = {
        let other = browser.create_key("Other").await.key_path();
        browser.get(&format!("{other}/view")).await.form("/view")
    };
    app.set_policy(app.root, r#"{"reveal": "once"}"#).await;
    let refused = browser.submit(&form).await.expect(422);
    assert!(refused.text.contains("is not shown again"));
}

// S2.28: what is mapped to somebody who is no admin is theirs to see, and theirs alone where policy says owner.
#[tokio::test]
async fn who_a_key_was_made_for_views_it_and_nobody_else() {
    let app = TestApp::new().await;
    app.set_policy(app.root, r#"{"reveal": "owner"}"#).await;
    let (_, mia, _) = app.member(app.root, "Mia", BuiltIn::Member).await;
    let (_, max, _) = app.member(app.root, "Max", BuiltIn::Member).await;
    let new = NewKey { mapped_user_id: Some(Some(mia)), ..new_key("Made for Mia") };
    let made = app.create_key(&app.admin, app.root, new).await.unwrap();
    let path = format!("/o/root/keys/{}", made.info.key.id);
    let mut hers = Browser::of_user(&app, mia).await;
    let form = hers.get(&format!("{path}/view")).await.expect(200).form("/view");
    let shown = hers.submit(&form).await.expect(200);
    assert_eq!(shown.text_of("#token-1"), made.token.expose());
    let page = hers.get(&path).await;
    for path in [format!("{path}/edit"), format!("{path}/delete"), format!("{path}/rotate")] {
        assert!(!page.links().contains(&path), "{path}");
    }
    let mut his = Browser::of_user(&app, max).await;
    his.get(&format!("{path}/view")).await.expect(404);
}

#[tokio::test]
async fn of_an_inactive_key_no_secret_is_said_to_work() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (path, old, _) = rotated(&mut browser, "Turning").await;
    app.clock.advance(MINUTE);
    call(&app, &old).await;
    let page = browser.get(&path).await.expect(200);
    assert!(page.text_of("#rotation").contains("It works until") && page.text.contains("Old secret still used"));
    let off = page.form("/deactivate");
    browser.submit(&off).await.expect(303);
    let page = browser.get(&path).await.expect(200);
    let told = page.text_of("#rotation");
    assert!(told.contains("Both are refused while the key is inactive") && !told.contains("It works until"), "{told}");
    assert!(!page.text.contains("Old secret still used"), "nothing calls with it successfully");
    assert_eq!(count(&page, ".status.good"), 0, "{}", page.text_of("main"));
    let links = browser.get("/o/root/health").await.expect(200).links();
    assert!(!links.iter().any(|it| it.ends_with("health=old-secret")), "none to look at: {links:?}");
}
