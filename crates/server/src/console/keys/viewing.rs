//! View: the secrets of a key, shown again to whom policy shows them and who has just proven who they are.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::key::{Key, KeyState};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;

use super::form::find;
use super::rights::rights_to;
use super::view;
use crate::console::confirm::ConfirmForm;
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::pages::rotation::{SecretValues, ShownSecret, ViewSecretPage, ViewedSecretPage, Viewing};
use crate::console::pages::shell::{Moment, Place};
use crate::console::shared_secret::bundle::is_offered;
use crate::console::visit::Visit;
use crate::ops::keys::{KeyInfo, RevealedSecret, check_reveal, reveal_key};

/// The organization's slug and the key's id in a path.
type KeyPath = Path<(String, String)>;

/// Whether the secrets of a key can be shown to the reader.
pub(super) async fn viewing(visit: &Visit, info: &KeyInfo) -> Result<Viewing, Failure> {
    Ok(match check_reveal(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await? {
        Ok(()) => Viewing::May,
        Err(reject) => Viewing::No(reject.detail.into_owned()),
    })
}

/// Whether the reader is shown a secret of this key again that is made now. No fault of this question stands in the way of a page with a new secret:
/// that would be lost.
pub(super) async fn is_shown_again(visit: &Visit, info: &KeyInfo) -> bool {
    let checked = check_reveal(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await;
    checked.is_ok_and(|it| it.err().is_none_or(|it| it.code == RejectCode::NoCopyKept))
}

/// Asks before the secrets are shown, or says why they are not.
pub(in crate::console) async fn show(visit: Visit, Path((_, key_id)): KeyPath) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    if info.state == KeyState::Revoked {
        return Err(
            Reject::new(RejectCode::StateConflict, "The key is deleted; no copy of its secrets is left.").into()
        );
    }
    let page = question(&visit, &info, visit.is_long_ago(), FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn question(
    visit: &Visit,
    info: &KeyInfo,
    must_confirm: bool,
    errors: FormErrors,
) -> Result<ViewSecretPage, Failure> {
    let may = rights_to(visit, info);
    Ok(ViewSecretPage {
        shell: visit.shell(Place::Keys),
        key: view::facts(info, visit.app.now()),
        viewing: viewing(visit, info).await?,
        may_rotate: may.rotate,
        may_replace: may.replace,
        must_confirm,
        errors,
    })
}

/// Shows the secrets: in the answer to this one request, which nothing keeps.
pub(in crate::console) async fn view(
    mut visit: Visit,
    Path((_, key_id)): KeyPath,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    // Before the password is asked for: nobody proves who they are to be refused then.
    if viewing(&visit, &info).await? != Viewing::May {
        let page = question(&visit, &info, false, FormErrors::default()).await?;
        return Ok(refused(visit.page(&page)));
    }
    if visit.is_long_ago()
        && let Err(unconfirmed) = visit.confirm(form).await?
    {
        let page = question(&visit, &info, true, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    let revealed = match reveal_key(&visit.app, &visit.caller, visit.organization_id(), info.key.id, None).await {
        Ok(answer) => answer.fresh(),
        Err(error) => {
            let reject = error.into_reject();
            if reject.code != RejectCode::ConfirmationRequired {
                return Err(reject.into());
            }
            // The ten minutes were over between the question and its answer.
            let page = question(&visit, &info, true, FormErrors::default()).await?;
            return Ok(refused(visit.page(&page)));
        }
    };
    let revealed = revealed.ok_or_else(Failure::not_found)?;
    Ok(visit.page(&ViewedSecretPage {
        offers_bundle: is_offered(&visit).await,
        shell: visit.shell(Place::Keys),
        key_id: info.key.id.to_string(),
        key_name: info.key.name.to_string(),
        secrets: revealed.secrets.iter().map(|it| shown(&info.key, it, visit.app.now())).collect(),
    }))
}

fn shown(key: &Key, it: &RevealedSecret, now: Timestamp) -> ShownSecret {
    ShownSecret {
        until: key.old_until(&it.secret, now).map(|it| Moment::new(it.at)),
        values: it.token.as_ref().map(|token| SecretValues {
            token: token.expose().to_owned(),
            access: token.access_id().to_string(),
            secret: token.expose_secret_part().to_owned(),
        }),
    }
}
