//! The one line with which a client of Netography's Fusion is set up: everything that it needs to sign in with a key, in base64.
//!
//! It is put together when somebody asks for it with a key's token in hand, and never unasked: each time is a look at the shared secret, and an
//! audit that is full of looks which nobody took hides those that somebody did.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::reject::RejectCode;
use claviger_core::secret::Token;
use secrecy::SecretString;
use serde::Deserialize;

use super::{found, require, rights};
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::keys::form::find;
use crate::console::pages::form::FormErrors;
use crate::console::pages::secrets::BundlePage;
use crate::console::pages::shell::Place;
use crate::console::visit::Visit;
use crate::ops::error::{Error, OpResult};
use crate::ops::keys::{KeyInfo, is_token_of};
use crate::ops::shared_secrets::reveal_shared_secret;

/// Whether a page with a key's token offers the line. No fault of this question stands in the way of a page with a new secret: that would be lost.
pub(in crate::console) async fn is_offered(visit: &Visit) -> bool {
    rights(visit).view && found(visit).await.is_ok_and(|it| !it.is_empty())
}

/// What asks for the line.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct BundleForm {
    /// The key's token, from the page that shows it: nothing else knows it any more.
    token: SecretString,
    confirm: SecretString,
}

/// Shows the line: in the answer to this one request, which nothing keeps.
pub(in crate::console) async fn show_bundle(
    mut visit: Visit,
    Path((_, key_id)): Path<(String, String)>,
    form: Result<Form<BundleForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    require(rights(&visit).view)?;
    let info = find(&visit, &key_id).await?;
    // A line with another key's token, or none at all, would only fail where it is used.
    let token = Token::from_opened(form.token).ok_or_else(Failure::bad_form)?;
    if !is_token_of(&visit.app, &visit.caller, visit.organization_id(), info.key.id, &token).await? {
        return Err(Failure::bad_form());
    }
    if visit.is_long_ago() {
        use secrecy::ExposeSecret as _;
        // The page with the token has no place for a password: it is asked for here.
        if form.confirm.expose_secret().is_empty() {
            return Ok(visit.page(&page(&visit, &info, &token, None, FormErrors::default())));
        }
        if let Err(unconfirmed) = visit.confirm_by(form.confirm).await? {
            let page = page(&visit, &info, &token, None, unconfirmed.errors);
            return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
        }
    }
    match line(&visit, info.key.name.as_str(), &token).await.map_err(Error::into_reject) {
        Ok(line) => Ok(visit.page(&page(&visit, &info, &token, line, FormErrors::default()))),
        // The ten minutes were over between the question and its answer.
        Err(reject) if reject.code == RejectCode::ConfirmationRequired => {
            Ok(refused(visit.page(&page(&visit, &info, &token, None, FormErrors::default()))))
        }
        Err(reject) => Err(reject.into()),
    }
}

fn page(visit: &Visit, info: &KeyInfo, token: &Token, line: Option<String>, errors: FormErrors) -> BundlePage {
    BundlePage {
        shell: visit.shell(Place::Keys),
        key_id: info.key.id.to_string(),
        key_name: info.key.name.to_string(),
        token: token.expose().to_owned(),
        line,
        errors,
    }
}

async fn line(visit: &Visit, key_name: &str, key: &Token) -> OpResult<Option<String>> {
    let revealed = reveal_shared_secret(&visit.app, &visit.caller, visit.organization_id(), None).await?;
    let Some(revealed) = revealed.fresh() else { return Ok(None) };
    let bundle = serde_json::json!({
        "url": visit.site.base_url,
        "shortname": visit.organization.slug.as_str(),
        "appname": key_name,
        "sharedsecret": revealed.token.expose(),
        "appkey": key.expose(),
    });
    Ok(Some(data_encoding::BASE64.encode(bundle.to_string().as_bytes())))
}
