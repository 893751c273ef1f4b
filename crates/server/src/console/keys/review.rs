//! The step before a key is made that may do everything: what it can do, and whether that is meant. All other keys are made at once.

use super::choices::{Lifetimes, ON_DATE, Present, role_choices, user_choices};
use super::door::Door;
use super::form::KeyForm;
use crate::console::pages::form::{Choice, typed, typed_lines};
use crate::console::pages::review::KeyReviewPage;
use crate::console::pages::shell::Place;
use crate::console::paging::query_string;
use crate::console::visit::Visit;
use crate::ops::keys::KeyInfo;

/// The answer that makes the key.
pub(super) const YES: &str = "yes";
/// The answer that leads back to the form.
pub(super) const NO: &str = "no";

/// Where the form begins that was sent: the answer to it cannot be come back to.
fn form_path(form: &KeyForm) -> String {
    let said = [("from", form.from.as_str()), ("replaces", &form.replaces), ("door", &form.door)];
    match query_string(said.into_iter().filter(|it| !it.1.is_empty())) {
        query if query.is_empty() => "/keys/new".to_owned(),
        query => format!("/keys/new?{query}"),
    }
}

/// The question, where the role that was chosen may do everything; `source` is the key that the new one is a copy of.
pub(super) async fn asked(visit: &Visit, form: &KeyForm, source: Option<&KeyInfo>) -> Option<KeyReviewPage> {
    if form.confirmed == YES {
        return None;
    }
    let of = source.map(|info| Present { info, is_copy: true });
    let roles = role_choices(visit, of, form.role.as_deref()).await;
    let role = roles.into_iter().find(|it| it.grave && Some(it.value.as_str()) == form.role.as_deref())?;
    let label = |all: Vec<Choice>| all.into_iter().find(|it| it.chosen).map(|it| it.label);
    let user = label(user_choices(visit, of, &form.mapped_user).await);
    let expires = match form.expires.as_str() {
        ON_DATE => Some(typed(&form.expires_on)),
        chosen => label(Lifetimes::of(visit).choices(None, chosen, visit.app.now())),
    };
    let lines = |it: &Option<String>| typed_lines(it.as_deref().unwrap_or_default());
    let (scopes, allowed_ips) = (lines(&form.scopes), lines(&form.allowed_ips));
    Some(KeyReviewPage {
        shell: visit.shell(Place::Keys),
        door: Door::parse(&form.door).view(),
        here: form_path(form),
        role: role.label,
        mapped_user: user.unwrap_or_else(|| visit.user.name.to_string()),
        expires: expires.unwrap_or_default(),
        is_subtree: form.reach == "subtree",
        name: typed(&form.name),
        fields: vec![
            ("once", typed(&form.once)),
            ("door", typed(&form.door)),
            ("from", typed(&form.from)),
            ("replaces", typed(&form.replaces)),
            ("api", typed(&form.api)),
            ("name", typed(&form.name)),
            ("description", typed(&form.description)),
            ("role", typed(form.role.as_deref().unwrap_or_default())),
            ("expires", typed(&form.expires)),
            ("expires_on", typed(&form.expires_on)),
            ("mapped_user", typed(&form.mapped_user)),
            ("owner", typed(&form.owner)),
            ("reach", typed(&form.reach)),
            ("scopes", scopes.clone()),
            ("allowed_ips", allowed_ips.clone()),
            ("rate", typed(form.rate.as_deref().unwrap_or_default())),
            ("daily_quota", typed(form.daily_quota.as_deref().unwrap_or_default())),
        ],
        scopes,
        allowed_ips,
    })
}
