//! What is done to several ticked keys at once.

use claviger::ops::keys::{NewKey, revoke_key};
use claviger_core::id::KeyId;
use claviger_core::key::RevocationReason;
use claviger_core::time::Timestamp;

use super::browser::{Browser, selector};
use crate::app::{DAY, TestApp, new_key};

async fn key(app: &TestApp, name: &str, expires_at: Option<Timestamp>) -> (KeyId, String) {
    let new = NewKey { expires_at: Some(expires_at), ..new_key(name) };
    let made = app.create_key(&app.admin, app.root, new).await.unwrap();
    (made.info.key.id, made.token.expose().to_owned())
}

// Nothing ticked is no error of the reader's: the list stands there as it was, and says what to do first.
#[tokio::test]
async fn a_press_without_a_ticked_key_leads_back_to_the_same_list() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    key(&app, "First", None).await;
    let list = browser.get("/o/root/keys?q=first&sort=name").await.expect(200);
    let back = list.form("/bulk/delete").fields.into_iter().find(|it| it.0 == "back").unwrap().1;
    let query = back.replace('?', "%3F").replace('&', "%26").replace('=', "%3D");
    for verb in ["activate", "deactivate", "extend", "delete"] {
        let path = format!("/o/root/keys/bulk/{verb}");
        let mut form = list.form("/bulk/delete").with("back", &back);
        (form.method, form.action) = ("post".to_owned(), path.clone());
        for is_asked in [true, false] {
            let asked = format!("{path}?back={query}");
            let answer = if is_asked { browser.get(&asked).await } else { browser.submit(&form).await };
            let answer = answer.expect(303);
            assert_eq!(answer.header("location"), "/o/root/keys?q=first&sort=name");
            let list = browser.follow(answer).await.expect(200);
            assert!(list.text_of("main [role=status]").contains("Tick the keys first"), "{verb}");
            assert!(list.text.contains("value=\"first\""), "the search is still there");
        }
    }
}

#[tokio::test]
async fn ticked_keys_are_switched_off_and_on_again_after_a_look() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (first, first_token) = key(&app, "First", None).await;
    let (second, second_token) = key(&app, "Second", None).await;
    let list = browser.get("/o/root/keys").await.expect(200);
    assert!(!list.text.contains("bulk/activate"), "there is nothing to activate");
    for (verb, done, verified) in
        [("deactivate", "2 keys deactivated", Err("inactive")), ("activate", "2 keys activated", Ok(()))]
    {
        let path = format!("/o/root/keys/bulk/{verb}?key={first}&key={second}");
        let question = browser.get(&path).await.expect(200);
        assert!(question.text_of("h1").ends_with("activate 2 keys?") || question.text_of("h1") == "Activate 2 keys?");
        let answer = browser.submit(&question.form(&format!("/bulk/{verb}"))).await.expect(303);
        let list = browser.follow(answer).await.expect(200);
        assert!(list.text_of(".banner").contains(done), "{}", list.text_of(".banner"));
        assert_eq!(
            list.text.contains("bulk/activate"),
            verb == "deactivate",
            "each is offered where it does something"
        );
        for token in [&first_token, &second_token] {
            assert_eq!(app.verify_text(token, &[]), verified, "{verb}");
        }
    }
}

// What could not be extended comes back, alone and with its reason; what could be is not asked about again.
#[tokio::test]
async fn keys_that_cannot_be_extended_come_back_with_the_reason() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let end = |days: u32| Some(app.app.now().saturating_add(DAY * days));
    let (first, _) = key(&app, "First", end(5)).await;
    let (second, _) = key(&app, "Second", end(400)).await;
    app.set_policy(app.root, r#"{"expiry_days_max": 90}"#).await;
    let path = format!("/o/root/keys/bulk/extend?key={first}&key={second}");
    let question = browser.get(&path).await.expect(200);
    let chosen = |page: &super::browser::Page| {
        let (html, chosen) = (page.html(), selector("#expires option[selected]"));
        html.select(&chosen).map(|it| it.attr("value").unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(chosen(&question), ["90"], "the longest that policy allows");
    let html = question.html();
    let off: Vec<_> =
        html.select(&selector("#expires option[disabled]")).map(|it| it.text().collect::<String>()).collect();
    assert!(off.len() == 2 && off.iter().all(|it| it.contains("policy allows 90 days at most")), "{off:?}");
    drop(html);

    // Sent all the same, as a page of yesterday would.
    let form = question.form("/bulk/extend").with("expires", "365");
    let answer = browser.submit(&form).await.expect(422);
    assert_eq!(answer.text_of("h1"), "Extend 1 key?");
    assert_eq!(answer.text_of("#summary h2"), "1 of 2 keys was left as it is");
    assert!(answer.text_of("#summary li").starts_with("1 key: Keys of this organization live at most 90 days"));
    let again = answer.form("/bulk/extend");
    let keys: Vec<_> = again.fields.iter().filter(|it| it.0 == "key").map(|it| it.1.clone()).collect();
    assert_eq!(keys, [first.to_string()], "what was left is still selected, and nothing else");
    assert_eq!(chosen(&answer), ["90"]);
    let answer = browser.submit(&again).await.expect(303);
    assert!(browser.follow(answer).await.text_of(".banner").contains("1 key extended."));

    // Where nothing was done, it is a refusal.
    let question = browser.get(&path).await.expect(200);
    let past = question.form("/bulk/extend").with("expires", "date").with("expires_on", "2020-01-01");
    let answer = browser.submit(&past).await.expect(422);
    assert!(!answer.text_of("#expires_on-error").is_empty());
}

// Nobody makes many keys immortal by one press, or is told of a change where there was none.
#[tokio::test]
async fn extending_is_preset_to_an_end_and_names_what_ends_later_already() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let end = |days: u32| Some(app.app.now().saturating_add(DAY * days));
    let (soon, _) = key(&app, "Soon", end(5)).await;
    let (late, _) = key(&app, "Late", end(400)).await;
    let (never, _) = key(&app, "Eternal", None).await;
    let path = format!("/o/root/keys/bulk/extend?key={soon}&key={late}&key={never}");
    // What never expires is not asked about, and is counted; nobody is left to fear that it gets an end.
    let question = browser.get(&path).await.expect(200);
    assert_eq!(question.text_of("h1"), "Extend 2 keys?");
    assert!(question.text_of(".aside").starts_with("1 of the selected keys never expires, and is left out here"));
    let form = question.form("/bulk/extend");
    assert!(!form.fields.iter().any(|it| it.1 == never.to_string()), "{:?}", form.fields);
    assert!(form.fields.contains(&("expires".to_owned(), "90".to_owned())), "{:?}", form.fields);
    let answer = browser.submit(&form).await.expect(303);
    let said = browser.follow(answer).await.text_of(".banner");
    assert!(said.contains("1 key extended. Left as they are, since they end later already or never: "), "{said}");
    assert!(said.contains("Late") && !said.contains("Eternal") && !said.contains("Soon"), "{said}");
    let path = format!("/o/root/keys/bulk/extend?key={late}");
    let form = browser.get(&path).await.expect(200).form("/bulk/extend");
    let answer = browser.submit(&form).await.expect(303);
    let said = browser.follow(answer).await.text_of(".banner");
    assert!(said.contains("No key was extended.") && said.contains("never: Late."), "{said}");
    // Where none of them ends the page says that there is nothing to extend and offers no button; sent all the same, nothing is.
    let question = browser.get(&format!("/o/root/keys/bulk/extend?key={never}")).await.expect(200);
    assert!(question.text_of(".aside").starts_with("It never expires: there is nothing to extend"));
    assert!(question.html().select(&selector("form[action$='/bulk/extend'] button")).next().is_none());
    let form = question.form("/bulk/extend").with("expires", "90");
    let answer = browser.submit(&form).await.expect(303);
    let said = browser.follow(answer).await.text_of(".banner");
    assert!(said.contains("No key was extended.") && said.contains("never: Eternal."), "{said}");
    let page = browser.get(&format!("/o/root/keys/{never}")).await.expect(200);
    assert!(page.text_of(".facts").contains("ExpiresNever"), "{}", page.text_of(".facts"));
}

// A page of the list is what is ticked at most, and the list says so where there are more.
#[tokio::test]
async fn the_list_says_that_only_its_page_is_selected_and_offers_the_next() {
    let app = TestApp::new().await;
    for number in 0..26 {
        let new = NewKey { owner_id: Some(None), ..new_key(&format!("Key {number}")) };
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/keys").await.expect(200);
    assert!(page.text_of("main").contains("Only keys of this page are selected. Go on with the others"));
    let last = browser.get("/o/root/keys?rows=50").await.expect(200);
    assert!(!last.text_of("main").contains("Only keys of this page"));
}

#[tokio::test]
async fn the_form_of_a_key_begins_with_an_end_that_policy_allows() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (old, _) = key(&app, "Old", None).await;
    app.set_policy(app.root, r#"{"expiry_days_max": 90}"#).await;
    for (path, expected) in [
        ("/o/root/keys/new".to_owned(), "90"),
        (format!("/o/root/keys/new?from={old}"), "90"),
        (format!("/o/root/keys/{old}/edit"), "keep"),
    ] {
        let page = browser.get(&path).await.expect(200);
        let chosen =
            page.html().select(&selector("#expires option[selected]")).next().unwrap().attr("value").map(str::to_owned);
        assert_eq!(chosen.as_deref(), Some(expected), "{path}");
        assert!(page.text_of("#expires_on-hint").contains("At the latest"), "{path}");
    }
    browser.create_key("Made as it stands").await;
    let edit = browser.get(&format!("/o/root/keys/{old}/edit")).await.expect(200);
    let form = edit.form("/edit").with("description", "kept from before the policy");
    browser.submit(&form).await.expect(303);
}

// What somebody else deletes meanwhile is neither asked about nor counted.
#[tokio::test]
async fn a_key_that_is_deleted_meanwhile_is_left_out_and_counted_apart() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (first, _) = key(&app, "First", None).await;
    let (second, second_token) = key(&app, "Second", None).await;
    let (third, _) = key(&app, "Third", None).await;
    let path = |verb: &str| format!("/o/root/keys/bulk/{verb}?key={first}&key={second}&key={third}");
    let asked = browser.get(&path("delete")).await.expect(200).form("/bulk/delete");
    let delete = async |id| {
        revoke_key(&app.app, &app.admin, app.root, id, RevocationReason::Unspecified, None).await.unwrap();
    };
    delete(first).await;

    // Opened now, every question is about the other two.
    for verb in ["activate", "deactivate", "extend", "delete"] {
        let page = browser.get(&path(verb)).await.expect(200);
        assert!(page.text_of("h1").ends_with(" 2 keys?"), "{}", page.text_of("h1"));
        assert!(page.text_of(".aside").starts_with("1 of the selected keys was deleted meanwhile"), "{verb}");
        let form = page.form(&format!("/bulk/{verb}"));
        assert!(!form.fields.iter().any(|it| it.1 == first.to_string()), "{verb}");
        assert!(!page.text.to_lowercase().contains("revoked"), "{verb}");
    }
    // Opened before, it is answered for what is left: whoever meant three means the two of them.
    delete(third).await;
    let answer = browser.submit(&asked.with("count", "3")).await.expect(303);
    let said = browser.follow(answer).await.text_of(".banner");
    assert!(said.contains("1 key deleted.") && said.contains("2 were deleted meanwhile"), "{said}");
    assert_eq!(app.verify_text(&second_token, &[]), Err("revoked"));
    // Where nothing is left there is nothing to press.
    for verb in ["activate", "deactivate", "extend", "delete"] {
        let answer = browser.get(&path(verb)).await.expect(303);
        let said = browser.follow(answer).await.text_of("main [role=status]");
        assert!(said.contains("deleted meanwhile"), "{said}");
    }
}
