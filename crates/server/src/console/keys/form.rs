//! Creating a key and changing one: one form, read the same way.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::decision::{Code, Reach};
use claviger_core::id::{KeyId, RoleId, UserId};
use claviger_core::key::{Key, KeyPatch, KeyState, Origin};
use claviger_core::key_limits::KeyLimits;
use claviger_core::name::{Description, Name};
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use serde::Deserialize;

use super::choices::{
    KEEP, Lifetimes, NOBODY, Present, owner_choices, reach_choices, read_end, role_choices, user_choices,
};
use super::complaints::{NAME_TAKEN, complain, lead_to_api_access};
use super::conflict::{beginning, differences, holder_of_name, merge};
use super::copied::{copy_of, replaced, settings, source_of};
use super::door::Door;
use super::limits::{Asked, inputs};
use super::review;
use super::secrets::{self, new_once};
use super::view;
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::lines::complaint;
use crate::console::pages::form::{FormErrors, entries, typed, typed_lines};
use crate::console::pages::keys::{KeyFacts, KeyFormPage};
use crate::console::pages::shell::{Notice, Place};
use crate::console::visit::Visit;
use crate::ops::keys::usage::with_uses_here;
use crate::ops::keys::{KeyInfo, NewKey, create_key, get_key, hides_when_given, update_key};

/// The form as it is sent; empty fields and missing ones are the same, but for the role.
///
/// A choice that was not sent leaves a key as it is: a browser sends no radio button where none is chosen, and nobody has asked for anything then.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct KeyForm {
    /// What was answered to [`review`]; empty where nothing was asked yet.
    pub(super) confirmed: String,
    /// Tells one filled-in form from another, so that a reload makes no second key.
    pub(super) once: String,
    /// Along which path the form was reached.
    pub(super) door: String,
    /// Which version of the key the form was filled in from; empty for a new key.
    pub(super) version: String,
    /// What the key was then, field by field; empty for a new key.
    pub(super) began: String,
    /// The key that a new one is a copy of; empty for none.
    pub(super) from: String,
    /// Whether the copy is to take the key's place: anything, or empty.
    pub(super) replaces: String,
    /// The slug of the new key's api; empty for the usual one.
    pub(super) api: String,
    pub(super) name: String,
    pub(super) description: String,
    /// A role's id; empty for the mapped user's role, none where nothing was chosen.
    pub(super) role: Option<String>,
    /// A choice of [`Lifetimes`], or a number of days; empty is [`KEEP`].
    pub(super) expires: String,
    /// The last day, `2027-02-19`.
    pub(super) expires_on: String,
    /// A user's id or [`NOBODY`]; empty where there was no choice.
    pub(super) mapped_user: String,
    /// A user's id or [`NOBODY`]; empty where there was no choice, and then the viewer for a new key.
    pub(super) owner: String,
    /// A [`Reach`]; empty where there was no choice.
    pub(super) reach: String,
    /// Permissions, one a line; none where they were not sent.
    pub(super) scopes: Option<String>,
    /// Addresses and networks, one a line; none where they were not sent.
    pub(super) allowed_ips: Option<String>,
    /// A rate, or the word for none; empty is as the policy says, and none where it was not sent.
    pub(super) rate: Option<String>,
    /// A number, or the word for none; as [`Self::rate`].
    pub(super) daily_quota: Option<String>,
}

/// What a form asks for, parsed. The outer `Option` of a field says whether the form speaks of it at all.
struct Wanted {
    name: Name,
    description: Description,
    role_id: Option<Option<RoleId>>,
    expires_at: Option<Option<Timestamp>>,
    mapped_user_id: Option<Option<UserId>>,
    owner_id: Option<Option<UserId>>,
    reach: Option<Reach>,
    scopes: Option<Option<PermissionSet>>,
    allowed_ips: Option<Option<IpAllowList>>,
    limits: Asked,
}

impl Wanted {
    /// What is to become different of a key.
    ///
    /// Only that, since what is sent is judged: somebody who may not grant a key's role again can still mend its description.
    fn patch(self, key: &Key) -> KeyPatch {
        // No scopes at all and scopes that allow nothing are both an empty field: what came back as it was shown is no change.
        let narrows_to_nothing = key.scopes.as_ref().is_some_and(PermissionSet::is_empty);
        let same_scopes = |it: &Option<PermissionSet>| *it == key.scopes || it.is_none() && narrows_to_nothing;
        KeyPatch {
            name: Some(self.name).filter(|it| *it != key.name),
            description: Some(self.description).filter(|it| *it != key.description),
            role_id: self.role_id.filter(|it| *it != key.role_id),
            expires_at: self.expires_at.filter(|it| *it != key.expires_at),
            mapped_user_id: self.mapped_user_id.filter(|it| *it != key.mapped_user_id),
            owner_id: self.owner_id.filter(|it| *it != key.owner_id),
            reach: self.reach.filter(|it| *it != key.reach),
            scopes: self.scopes.filter(|it| !same_scopes(it)),
            allowed_ips: self.allowed_ips.filter(|it| *it != key.allowed_ips),
            limits: Some(self.limits.limits(&key.limits)).filter(|it| *it != key.limits),
            ..KeyPatch::default()
        }
    }
}

impl KeyForm {
    fn read(&self, lifetimes: Lifetimes, now: Timestamp, errors: &mut FormErrors) -> Option<Wanted> {
        let name = keep(errors, "name", "The key's name", Name::parse(&self.name));
        let description = keep(errors, "description", "The description", Description::parse(&self.description));
        let role_id = self.role.as_ref().map(|it| self.optional_id(it, "role", errors));
        let expires_at = read_end((&self.expires, &self.expires_on), lifetimes, now, errors);
        let mapped_user_id = match self.mapped_user.as_str() {
            NOBODY => Some(None),
            user => self.optional_id(user, "mapped_user", errors).map(Some),
        };
        let owner_id = match self.owner.as_str() {
            NOBODY => Some(None),
            user => self.optional_id(user, "owner", errors).map(Some),
        };
        let reach = Reach::parse(&self.reach);
        if reach.is_none() && !self.reach.is_empty() {
            errors.add("reach", "Choose one of the list.");
        }
        let scopes = self.scopes.as_deref().map(|it| {
            let lines = entries(it);
            let scopes = (!lines.is_empty()).then(|| PermissionSet::parse(&lines));
            let is_wrong = |it: &str| PermissionSet::parse(&[it]).is_err();
            scopes.and_then(|it| {
                it.map_err(|error| errors.add("scopes", sentence(&complaint(&lines, &error, is_wrong)))).ok()
            })
        });
        let allowed_ips = self.allowed_ips.as_deref().map(|it| {
            let lines = entries(it);
            let list = (!lines.is_empty()).then(|| IpAllowList::parse(&lines));
            let is_wrong = |it: &str| IpAllowList::parse(&[it]).is_err();
            list.and_then(|it| {
                it.map_err(|error| errors.add("allowed_ips", sentence(&complaint(&lines, &error, is_wrong)))).ok()
            })
        });
        let limits = Asked::read(self, errors);
        let (Some(name), Some(description), true) = (name, description, errors.is_empty()) else { return None };
        Some(Wanted {
            name,
            description,
            role_id,
            expires_at,
            mapped_user_id,
            owner_id,
            reach,
            scopes,
            allowed_ips,
            limits,
        })
    }

    fn optional_id<T: std::str::FromStr>(&self, text: &str, field: &'static str, errors: &mut FormErrors) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|_| errors.add(field, "Choose one of the list.")).ok()
    }
}

/// An error of the domain as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", letters.as_str())
}

/// What the address of the empty form says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct Came {
    door: String,
    /// The key whose settings the form begins with.
    from: String,
    /// Whether the new key is to take its place.
    replaces: Option<String>,
}

/// Shows the empty form.
pub(in crate::console) async fn show_new_key(visit: Visit, came: Query<Came>) -> Result<Response, Failure> {
    if !visit.may_create_keys() {
        let code = if visit.may("create") { Code::ApiAccessDenied } else { Code::InsufficientPermission };
        return Err(Reject::from(code).into());
    }
    let door = Door::parse(&came.0.door).word().to_owned();
    let form = match came.0.from.as_str() {
        "" => KeyForm::default(),
        from => {
            let info = find(&visit, from).await?;
            copy_of(&info, came.0.replaces.is_some(), Lifetimes::of(&visit), visit.app.now())
        }
    };
    let form = KeyForm { once: new_once(&visit.app), door, ..form };
    let page = form_page(&visit, None, form, FormErrors::default()).await;
    Ok(visit.page(&page))
}

/// Creates a key and answers with its token: the one page that shows it, and the one POST that is not answered with the way to another page.
pub(in crate::console) async fn create(
    visit: Visit,
    form: Result<Form<KeyForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    if form.confirmed == review::NO {
        return Ok(visit.page(&form_page(&visit, None, form, errors).await));
    }
    // Without one a key may do all that its mapped user may: whoever wants that says so.
    if form.role.is_none() {
        errors.add("role", "Choose a role.");
    }
    let api = form.optional_id(&form.api, "api", &mut errors);
    let source = source_of(&visit, &form).await;
    if let Some(wanted) = form.read(Lifetimes::of(&visit), visit.app.now(), &mut errors) {
        if let Some(page) = review::asked(&visit, &form, source.as_ref()).await {
            return Ok(visit.page(&page));
        }
        let new = NewKey {
            api,
            description: wanted.description,
            role_id: wanted.role_id.flatten(),
            expires_at: wanted.expires_at,
            mapped_user_id: wanted.mapped_user_id,
            owner_id: wanted.owner_id,
            reach: wanted.reach.unwrap_or(Reach::Organization),
            scopes: wanted.scopes.flatten(),
            allowed_ips: wanted.allowed_ips.flatten(),
            limits: wanted.limits.limits(&KeyLimits::default()),
            metadata: source.as_ref().map(|it| it.key.metadata.clone()).unwrap_or_default(),
            ..NewKey::named(wanted.name, Origin::Form)
        };
        let sent = |it: &Option<String>| it.clone().unwrap_or_default();
        let [role, scopes, ips, rate, quota] =
            [&form.role, &form.scopes, &form.allowed_ips, &form.rate, &form.daily_quota].map(sent);
        let KeyForm { from, api, name, description, expires, expires_on, mapped_user, owner, reach, .. } = &form;
        let parts = [
            from,
            api,
            name,
            description,
            &role,
            expires,
            expires_on,
            mapped_user,
            owner,
            reach,
            &scopes,
            &ips,
            &rate,
            &quota,
        ];
        let once = secrets::idempotency("create", &form.once, parts);
        match create_key(&visit.app, &visit.caller, visit.organization_id(), new, Some(once)).await {
            Ok(answer) => {
                let replaced = source.filter(|_| !form.replaces.is_empty()).and_then(|it| replaced(&visit, &it));
                return secrets::show_created(&visit, answer, Door::parse(&form.door), replaced).await;
            }
            Err(error) => {
                let reject = error.into_reject();
                let at_limit = reject.code == RejectCode::LimitReached && form.owner != NOBODY && visit.is_admin();
                complain(&visit, &mut errors, reject)?;
                lead_to_api_access(&visit, &mut errors, &form.owner).await;
                if at_limit {
                    errors.put_at("owner", "Choose “Nobody” here to make the key all the same.");
                }
            }
        }
    } else if errors.of("name").is_none() && holder_of_name(&visit, &form.name, &form.api).await.is_some() {
        // The operation finds it too, but is only asked once all else is mended.
        errors.add("name", NAME_TAKEN);
        errors.list.rotate_right(1);
    }
    let page = form_page(&visit, None, form, errors).await;
    Ok(refused(visit.page(&page)))
}

/// Shows the form with a key's present values.
pub(in crate::console) async fn show_edit_key(
    visit: Visit,
    Path((_, key_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    visit.require_to("update", &info.key)?;
    if info.state == KeyState::Revoked {
        return Err(Failure::key_deleted());
    }
    let version = info.key.version.to_string();
    let form = KeyForm { version, began: beginning(&info), expires: KEEP.to_owned(), ..settings(&info) };
    let page = form_page(&visit, Some(&info), form, FormErrors::default()).await;
    Ok(visit.page(&page))
}

/// Changes a key. Its secret stays what it is.
pub(in crate::console) async fn edit(
    visit: Visit,
    Path((_, key_id)): Path<(String, String)>,
    form: Result<Form<KeyForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(mut form) = form.map_err(|_| Failure::bad_form())?;
    let info = find(&visit, &key_id).await?;
    if info.state == KeyState::Revoked {
        return Err(Failure::key_deleted());
    }
    // What is different is found by comparing with the key as it is now, so it must be this one still where the form names none.
    let mut version = match form.version.as_str() {
        "" => info.key.version,
        text => text.parse().map_err(|_| Failure::bad_form())?,
    };
    // Whoever was faster and changed something else has not been in the way: only what both have changed is asked.
    if version != info.key.version && merge(&mut form, &info).is_some_and(|it| it.is_empty()) {
        version = info.key.version;
    }
    let mut errors = FormErrors::default();
    if let Some(wanted) = form.read(Lifetimes::of(&visit), visit.app.now(), &mut errors) {
        let patch = wanted.patch(&info.key);
        match update_key(&visit.app, &visit.caller, visit.organization_id(), info.key.id, patch, Some(version)).await {
            Ok(changed) => {
                let notice = Notice::KeyUpdated(changed.key.name.to_string());
                return Ok(visit.done_back_or(&format!("/keys/{}", changed.key.id), &notice));
            }
            Err(error) => {
                complain(&visit, &mut errors, error.into_reject())?;
                lead_to_api_access(&visit, &mut errors, &form.owner).await;
            }
        }
    }
    Ok(refused(visit.page(&form_page(&visit, Some(&info), form, errors).await)))
}

/// A key of the organization by the id in a path.
pub(in crate::console) async fn find(visit: &Visit, key_id: &str) -> Result<KeyInfo, Failure> {
    let key_id: KeyId = key_id.parse().map_err(|_| Failure::not_found())?;
    let info = get_key(&visit.app, &visit.caller, visit.organization_id(), key_id).await?;
    // Nobody is told of a key that it was never used while this very node has seen it used.
    Ok(with_uses_here(&visit.app, info))
}

async fn form_page(visit: &Visit, info: Option<&KeyInfo>, mut form: KeyForm, mut errors: FormErrors) -> KeyFormPage {
    let now = visit.app.now();
    let lifetimes = Lifetimes::of(visit);
    let key: Option<KeyFacts> = info.map(|it| view::facts(it, now));
    let source = if info.is_none() { source_of(visit, &form).await } else { None };
    let copied = source.as_ref().map(|info| Present { info, is_copy: true });
    let source_name = source.as_ref().map(|it| it.key.name.to_string());
    let of = info.map(|info| Present { info, is_copy: false }).or(copied);
    let roles = role_choices(visit, of, form.role.as_deref()).await;
    let expiries = lifetimes.choices(info.map(|it| it.key.expires_at), &form.expires, now);
    let mapped_users = user_choices(visit, of, &form.mapped_user).await;
    let owners = owner_choices(visit, of, &form.owner).await;
    // No fault of this question stands in the way of the form: the operation decides for itself.
    let hides_secret = match info {
        Some(info) if !mapped_users.is_empty() || !owners.is_empty() => {
            hides_when_given(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await.unwrap_or_default()
        }
        _ => false,
    };
    if let Some(info) = info.filter(|_| errors.is_outdated()) {
        let asked = merge(&mut form, info);
        let differing = differences(info, &form, [&roles, &mapped_users, &owners]);
        errors.compare(differing.into_iter().filter(|it| asked.as_ref().is_none_or(|asked| asked.contains(&it.0))));
        form.began = beginning(info);
        // What is saved from here on takes the place of what is shown as the present.
        form.version = info.key.version.to_string();
    }
    let taken = errors.of("name").is_some_and(|it| it == NAME_TAKEN);
    KeyFormPage {
        shell: visit.shell(Place::Keys),
        door: Door::parse(&form.door).view(),
        roles,
        expiries,
        latest: lifetimes.last_day(now),
        mapped_users,
        owners,
        hides_secret,
        reaches: reach_choices(visit, info, &form.reach),
        scopes: typed_lines(form.scopes.as_deref().unwrap_or_default()),
        allowed_ips: typed_lines(form.allowed_ips.as_deref().unwrap_or_default()),
        limits: inputs(visit, &form),
        key,
        metadata: source
            .map(|it| it.key.metadata)
            .filter(|it| !it.is_empty())
            .map(|it| it.to_json())
            .unwrap_or_default(),
        replaces: source_name.filter(|_| !form.replaces.is_empty()),
        from: typed(&form.from),
        api: typed(&form.api),
        api_label: view::type_label(&typed(&form.api)),
        once: typed(&form.once),
        version: typed(&form.version),
        began: typed(&form.began),
        name: typed(&form.name),
        description: typed(&form.description),
        expires_on: typed(&form.expires_on),
        taken_by: if taken { holder_of_name(visit, &form.name, &form.api).await } else { None },
        errors,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::keys::choices::{NEVER, ON_DATE};

    fn now() -> Timestamp {
        "2026-11-21T05:15:00Z".parse().unwrap()
    }

    fn expiry(expires: &str, expires_on: &str) -> Result<Option<Option<Timestamp>>, FormErrors> {
        let form = KeyForm {
            name: "x".to_owned(),
            expires: expires.to_owned(),
            expires_on: expires_on.to_owned(),
            ..KeyForm::default()
        };
        let mut errors = FormErrors::default();
        form.read(Lifetimes::default(), now(), &mut errors).map(|it| it.expires_at).ok_or(errors)
    }

    #[test]
    fn an_expiry_is_a_span_or_the_end_of_a_day() {
        assert_eq!(expiry("", ""), Ok(None), "what was not sent changes nothing");
        assert_eq!(expiry(NEVER, "2027-01-01"), Ok(Some(None)));
        assert_eq!(expiry(KEEP, ""), Ok(None));
        assert_eq!(expiry("30", ""), Ok(Some(Some("2026-12-21T05:15:00Z".parse().unwrap()))));
        assert_eq!(expiry(ON_DATE, " 2027-02-19 "), Ok(Some(Some("2027-02-20T00:00:00Z".parse().unwrap()))));
    }

    #[test]
    fn nonsense_in_an_expiry_is_a_complaint_about_its_field() {
        for (expires, on, field) in [
            ("31", "", "expires"),
            ("soon", "", "expires"),
            (ON_DATE, "", "expires_on"),
            (ON_DATE, "2027-02-30", "expires_on"),
            (ON_DATE, "99999-01-01", "expires_on"),
        ] {
            let errors = expiry(expires, on).unwrap_err();
            assert!(errors.of(field).is_some(), "{expires} {on}: {errors:?}");
        }
    }

    #[test]
    fn a_form_comes_back_with_all_its_complaints_at_once() {
        let form = KeyForm {
            role: Some("admin".to_owned()),
            mapped_user: "me".to_owned(),
            description: "x".repeat(501),
            ..KeyForm::default()
        };
        let mut errors = FormErrors::default();
        assert!(form.read(Lifetimes::default(), now(), &mut errors).is_none());
        for field in ["name", "description", "role", "mapped_user"] {
            assert!(errors.of(field).is_some(), "{field}: {errors:?}");
        }
        assert_eq!(errors.of("name"), Some("The key's name must not be empty."));
    }
}
