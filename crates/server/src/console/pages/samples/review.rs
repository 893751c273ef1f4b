//! The step before a key is made that may do everything.

use super::frame::shell;
use super::{Words, render};
use crate::console::keys::door::Door;
use crate::console::pages::review::KeyReviewPage;
use crate::console::pages::shell::Place;

/// Every such page with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let page = |is_subtree: bool| KeyReviewPage {
        shell: shell(words, Place::Keys),
        door: Door::default().view(),
        here: "/keys/new".to_owned(),
        name: words.names[0].to_owned(),
        role: "ADMIN".to_owned(),
        mapped_user: words.person.to_owned(),
        expires: "In 90 days".to_owned(),
        is_subtree,
        scopes: if is_subtree { String::new() } else { "contacts:read".to_owned() },
        allowed_ips: if is_subtree { String::new() } else { "203.0.113.0/24".to_owned() },
        fields: vec![("once", "5uYd1s".to_owned()), ("name", words.names[0].to_owned())],
    };
    vec![("key-review", render(&page(true))), ("key-review-narrowed", render(&page(false)))]
}
