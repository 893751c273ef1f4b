//! Forms, as OAuth sends them: each field once. Those that are not known are passed over, as RFC 6749 §3.1 wants it.

use axum::body::Body;
use axum::http::HeaderMap;
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use secrecy::SecretString;

use super::body;

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// Fields of a form at most: more are nobody's who means well.
const FIELDS_MAX: usize = 64;

/// Whether the body says that it is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    body::media_type(headers) == FORM
}

/// A form that was read.
pub(super) struct Form(Vec<(String, SecretString)>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// Refuses another media type, and a field that stands twice.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Reject> {
        if !is_form(headers) {
            let detail = format!("The body has to be a form, and to say so: Content-Type: {FORM}.");
            return Err(Reject::new(RejectCode::InvalidBody, detail));
        }
        Self::parse(&body::read(body, headers, limits::BODY_BYTES_MAX).await?)
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, Reject> {
        let mut fields: Vec<(String, SecretString)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.iter().any(|(it, _)| *it == *name) {
                return Err(Reject::field(name.into_owned(), "is given more than once"));
            }
            if fields.len() == FIELDS_MAX {
                return Err(Reject::new(
                    RejectCode::InvalidBody,
                    format!("The form has more than {FIELDS_MAX} fields."),
                ));
            }
            fields.push((name.into_owned(), SecretString::from(value.into_owned())));
        }
        Ok(Self(fields))
    }

    /// A field that is no secret.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        use secrecy::ExposeSecret as _;
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.expose_secret())
    }

    /// A field that has to be there.
    ///
    /// # Errors
    /// Refuses a form without it.
    pub(super) fn secret(&self, name: &'static str) -> Result<SecretString, Reject> {
        let found = self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
        found.ok_or_else(|| Reject::field(name, "is needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_each_field_once_and_may_say_more() {
        let form = Form::parse(b"token=a%2Bb&token_type_hint=access_token&later=x").expect("a form");
        assert_eq!((form.text("token"), form.text("nothing")), (Some("a+b"), None));
        for (body, at) in [("token=a&token=a", "token"), ("a=1&b=&b=", "b")] {
            assert_eq!(Form::parse(body.as_bytes()).err().expect("a refusal").fields[0].pointer, at, "{body}");
        }
        assert_eq!(form.secret("nothing").expect_err("a refusal").fields[0].pointer, "nothing");
        let many: String = (0..65).map(|it| format!("f{it}=&")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
    }
}
