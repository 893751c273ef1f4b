//! After a change a page says which nodes have not confirmed it, and says nothing once all have.

use super::browser::Browser;
use crate::app::TestApp;
use crate::engine::is_postgres;
use crate::receipts::Double;

#[tokio::test]
async fn a_page_says_who_has_not_confirmed_a_change_until_all_have() {
    const SENTENCE: &str = "node-c has not confirmed yet; denies at the latest by ";
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("CI deploy").await;
    let key_path = created.key_path();
    let double = Double::new("node-c");
    let stands_at = async |seq| double.says(&app, Some(seq)).await;

    stands_at(1).await;
    let form = browser.get(&key_path).await.form("/deactivate");
    let answer = browser.submit(&form).await.expect(303);
    let page = browser.follow(answer).await.expect(200);
    assert!(page.text_of(".banner").contains("deactivated"));
    // An embedded database has one node, whatever anybody says.
    assert_eq!(page.text.contains(SENTENCE), is_postgres(), "{}", page.text);
    let list = browser.open("/settings/api-keys").await.expect(200);
    assert_eq!(list.text.contains(SENTENCE), is_postgres(), "said as long as it is so");

    stands_at(1000).await;
    let page = browser.get(&key_path).await.expect(200);
    assert!(!page.text.contains("has not confirmed"));
    stands_at(1).await;
    let page = browser.get(&key_path).await.expect(200);
    assert!(!page.text.contains("has not confirmed"), "what is over is forgotten");

    stands_at(1000).await;
    let form = browser.get(&format!("{key_path}/delete")).await.form("/delete");
    let answer = browser.submit(&form).await.expect(303);
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 1, "only the notice: {answer:?}");
    assert!(!browser.follow(answer).await.expect(200).text.contains("has not confirmed"));
}
