//! The pages around a new secret: the one that shows it, and rotation.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::id::UserId;
use claviger_core::key::KeyState;
use claviger_core::policy::ROTATION_OVERLAP_HOURS_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::SecretState;
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::door::Door;
use super::form::find;
use super::rights::rights_to;
use super::rotation::{new_view, old_view};
use super::view;
use super::viewing::is_shown_again;
use crate::app::App;
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::form::{Choice, FormErrors, typed};
use crate::console::pages::secrets::{CreatedKeyPage, Made, Replaced, RotateKeyPage, SecretOrigin, SecretShownPage};
use crate::console::pages::settings::Crumb;
use crate::console::pages::shell::{Moment, Place};
use crate::console::shared_secret::bundle::is_offered;
use crate::console::visit::Visit;
use crate::console::webhooks;
use crate::ops::idempotency::{Answer, Idempotency};
use crate::ops::keys::{
    CreatedKey, KeyInfo, Overlap, OverlapBounds, Rotation, overlap_bounds, rotate_key, rotation_of,
};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// The overlaps that the form offers beside policy's own, in seconds, as far as policy lets them.
pub(in crate::console) const OVERLAPS: [u64; 5] = [0, HOUR, DAY, 7 * DAY, 30 * DAY];
/// No form offers more; whether policy lets it is the operation's to say.
const OVERLAP_SECS_MAX: u64 = ROTATION_OVERLAP_HOURS_MAX as u64 * HOUR;
/// Bytes of a form's mark that are looked at; ours have 22.
const ONCE_BYTES_MAX: usize = 64;

/// A mark for one showing of a form.
pub(in crate::console) fn new_once(app: &App) -> String {
    let mut bytes = [0; 16];
    rand_core::Rng::fill_bytes(&mut *app.rng(), &mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

/// Makes a form that is sent twice, by a reload or an impatient finger, one change.
///
/// The key of it covers what was typed beside the form's mark: who goes back, types another name and sends again means another key.
pub(in crate::console) fn idempotency<const N: usize>(
    action: &str,
    once: &str,
    parts: [&String; N],
) -> Idempotency<CreatedKey> {
    let (key, fingerprint) = once_of(action, once, parts);
    Idempotency { key, fingerprint, status: 200, render: remember, headers: |_| http::HeaderMap::new() }
}

/// What one showing of a form is known by, and what was typed into it.
pub(in crate::console) fn once_of<const N: usize>(action: &str, once: &str, parts: [&String; N]) -> (String, [u8; 32]) {
    let mut hash = Sha256::new();
    for part in [action, once.get(..ONCE_BYTES_MAX).unwrap_or(once)].into_iter().chain(parts.map(String::as_str)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let fingerprint: [u8; 32] = hash.finalize().into();
    (format!("form-{}", BASE64URL_NOPAD.encode(&fingerprint)), fingerprint)
}

/// What is kept of the answer: enough to find the key again, and nothing of its secret.
fn remember(created: &CreatedKey) -> Value {
    json!({ "id": created.info.key.id.to_string(), "name": created.info.key.name.to_string() })
}

/// Shows a new key's token, or says that it was shown; and what is left to do about the key that it takes the place of.
pub(super) async fn show_created(
    visit: &Visit,
    answer: Answer<CreatedKey>,
    door: Door,
    replaced: Option<Replaced>,
) -> Result<Response, Failure> {
    show(visit, answer, (below(door), door.path(), None), Made::Key, 1, replaced).await
}

/// The way to what stands below the list.
fn below(door: Door) -> Vec<Crumb> {
    let mut crumbs = door.crumbs();
    crumbs.push(Crumb { path: door.path(), label: "API Keys" });
    crumbs
}

/// Shows a new secret, or says that it was shown; `done` is where the reader came from and goes on, and where a reload leads.
pub(in crate::console) async fn show_new(
    visit: &Visit,
    answer: Answer<CreatedKey>,
    crumbs: Vec<Crumb>,
    done: &'static str,
    made: Made,
) -> Result<Response, Failure> {
    show(visit, answer, (crumbs, done, Some(done)), made, 1, None).await
}

async fn show(
    visit: &Visit,
    answer: Answer<CreatedKey>,
    (crumbs, done, here): (Vec<Crumb>, &'static str, Option<&'static str>),
    made: Made,
    good_before: usize,
    replaced: Option<Replaced>,
) -> Result<Response, Failure> {
    match answer {
        Answer::Fresh(created) => {
            let token = created.token.expose();
            Ok(visit.page(&CreatedKeyPage {
                shell: visit.shell(Place::Keys),
                shown_again: is_shown_again(visit, &created.info).await,
                crumbs,
                done,
                here: here.map_or_else(|| path_of(&created.info, replaced.as_ref()), str::to_owned),
                key_id: created.info.key.id.to_string(),
                key_name: created.info.key.name.to_string(),
                origin: match made {
                    Made::Key => SecretOrigin::Created,
                    Made::Secret | Made::PersonalSecret => rotated(visit, &created.info, good_before),
                },
                access: created.token.access_id().to_string(),
                secret: created.token.expose_secret_part().to_owned(),
                snippets: view::snippets(&visit.site.base_url, created.info.api.as_str(), Some(token)),
                token: token.to_owned(),
                offers_bundle: is_offered(visit).await,
                replaced,
            }))
        }
        Answer::Replayed { body: kept, .. } => {
            let text =
                |name: &str| kept.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(Failure::not_found);
            let found = find(visit, &text("id")?).await.ok();
            let may_rotate = found.as_ref().is_some_and(|it| rights_to(visit, it).rotate);
            let shown_again = match &found {
                Some(info) => is_shown_again(visit, info).await,
                None => false,
            };
            Ok(visit.page(&SecretShownPage {
                shell: visit.shell(Place::Keys),
                crumbs,
                key_id: text("id")?,
                key_name: text("name")?,
                made,
                shown_again,
                may_rotate,
                replaced,
            }))
        }
    }
}

/// The page of a new key, which offers what is left to do about the one that it takes the place of.
fn path_of(info: &KeyInfo, replaced: Option<&Replaced>) -> String {
    let replaces = replaced.map(|it| format!("?replaces={}", it.id)).unwrap_or_default();
    format!("/keys/{}{replaces}", info.key.id)
}

/// What becomes of the secret that was replaced. No fault of this question stands in the way of a page with a new secret: that would be lost.
fn rotated(visit: &Visit, info: &KeyInfo, good_before: usize) -> SecretOrigin {
    let old = rotation_of(&visit.app, info).ok().flatten().map(|it| it.old.until);
    SecretOrigin::Rotated {
        old_until: old.map(|it| Moment::new(it.at)),
        ends_with_key: old.is_some_and(|it| it.with_key),
        ended: good_before,
    }
}

/// The rotation form as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RotateForm {
    once: String,
    /// Seconds for which the old secret stays good; one of those that were offered.
    overlap: String,
}

/// Asks how a key is to be rotated.
pub(in crate::console) async fn show_rotate(
    visit: Visit,
    Path((_, key_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    visit.require_to("update", &info.key)?;
    if !can_rotate(&info, visit.user.id) {
        let detail = match info.state {
            KeyState::Expired => {
                "This key has expired, and a new secret would not make it good again. Give it a later end (Edit), then rotate it."
            }
            KeyState::Revoked => "This key is deleted, for ever: it gets no new secret.",
            KeyState::Active | KeyState::Inactive => {
                "This is the personal key of somebody else: only its user gives it a new secret."
            }
        };
        return Err(Reject::new(RejectCode::StateConflict, detail).into());
    }
    let page = rotate_page(&visit, &info, new_once(&visit.app), None, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

/// Rotates a key and answers with its new token.
pub(in crate::console) async fn rotate(
    visit: Visit,
    Path((_, key_id)): Path<(String, String)>,
    form: Result<Form<RotateForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let info = find(&visit, &key_id).await?;
    let mut errors = FormErrors::default();
    let overlap = form.overlap.parse().ok().filter(|secs| *secs <= OVERLAP_SECS_MAX);
    if let Some(secs) = overlap {
        let once = idempotency("rotate", &form.once, [&info.key.id.to_string(), &form.overlap]);
        let overlap = Overlap::For(Duration::from_secs(secs));
        match rotate_key(&visit.app, &visit.caller, visit.organization_id(), info.key.id, overlap, Some(once)).await {
            Ok(answer) => {
                let door = Door::default();
                let made = if info.key.personal { Made::PersonalSecret } else { Made::Secret };
                // No fault of this question either.
                let rotation = rotation_of(&visit.app, &info).ok().flatten();
                let good_before = 1 + rotation.map_or(0, |it| it.all_old().count());
                return show(&visit, answer, (below(door), door.path(), None), made, good_before, None).await;
            }
            Err(error) => {
                let reject = error.into_reject();
                match reject.code {
                    RejectCode::LimitReached => {
                        let detail = "Two old secrets of this key still work, and it has no room for another. End one of them with “End now” on \
                                      the key’s page, wait until one ends, or choose “Now”, which ends all of them.";
                        errors.add("overlap", detail);
                        errors.add_way(visit.path(&format!("/keys/{}#rotation", info.key.id)), "The key’s old secrets");
                    }
                    RejectCode::PolicyDenied | RejectCode::StateConflict | RejectCode::InvalidField => {
                        errors.add("overlap", reject.detail);
                    }
                    _ => return Err(reject.into()),
                }
            }
        }
    } else {
        errors.add("overlap", "Choose when the old secret stops.");
    }
    let page = rotate_page(&visit, &info, typed(&form.once), overlap, errors).await?;
    Ok(refused(visit.page(&page)))
}

async fn rotate_page(
    visit: &Visit,
    info: &KeyInfo,
    once: String,
    chosen: Option<u64>,
    errors: FormErrors,
) -> Result<RotateKeyPage, Failure> {
    let now = visit.app.now();
    let present =
        info.secrets.iter().find(|it| it.secret.state == SecretState::Current).ok_or_else(Failure::not_found)?;
    let rotation = rotation_of(&visit.app, info)?;
    let older: Vec<_> =
        rotation.iter().flat_map(Rotation::all_old).map(|it| old_view(it, rights_to(visit, info))).collect();
    let OverlapBounds { preset, max } = overlap_bounds(&visit.app, &info.key)?;
    let offered: BTreeSet<_> =
        OVERLAPS.into_iter().filter(|secs| *secs <= max.as_secs()).chain([preset.as_secs()]).collect();
    let preset = chosen.filter(|it| offered.contains(it)).unwrap_or(preset.as_secs());
    let both = if older.is_empty() { "Both secrets work" } else { "It and the new one work" };
    let overlaps = offered.into_iter().map(|secs| {
        let until = now.saturating_add(Duration::from_secs(secs));
        let note = match info.key.expires_at {
            _ if secs == 0 && older.is_empty() => "Everything that still uses it fails at once.".to_owned(),
            _ if secs == 0 => format!(
                "So {} at once: everything that still uses one of these {} secrets fails.",
                if older.len() == 1 { "does the old one" } else { "do the old ones" },
                older.len() + 1
            ),
            Some(expiry) if expiry < until => {
                format!("{both} until {} UTC: the key expires then, before that.", expiry.to_table_text())
            }
            _ => format!("{both} until {} UTC.", until.to_table_text()),
        };
        Choice::new(secs.to_string(), overlap_label(secs), secs == preset).with_note(note)
    });
    Ok(RotateKeyPage {
        shell: visit.shell(Place::Keys),
        shown_again: is_shown_again(visit, info).await,
        key: view::facts(info, now),
        present: new_view(present),
        once,
        overlaps: overlaps.collect(),
        older,
        webhooks: webhooks::pausing_with(visit, info.key.id).await?,
        errors,
    })
}

/// When an old secret stops, in words; policy counts in hours.
pub(in crate::console) fn overlap_label(secs: u64) -> String {
    match secs {
        0 => "Now".to_owned(),
        HOUR => "In 1 hour".to_owned(),
        secs if secs > DAY && secs.is_multiple_of(DAY) => format!("In {} days", secs / DAY),
        secs => format!("In {} hours", secs / HOUR),
    }
}

/// Whether a key can still get a new secret from this user: a personal key's is for its own user alone.
pub(super) fn can_rotate(info: &KeyInfo, user_id: UserId) -> bool {
    let is_foreign = info.key.personal && info.key.owner_id != Some(user_id);
    !is_foreign && matches!(info.state, KeyState::Active | KeyState::Inactive)
}
