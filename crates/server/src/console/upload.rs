//! Forms that bring a file along, and more than a few short fields.
//!
//! They are `multipart/form-data` (RFC 7578). The same form without a file may come as any other does: so it is sent again after a sign-in.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use claviger_core::limits::OPENAPI_BYTES_MAX;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use multer::{Multipart, parse_boundary};

use super::failure::Failure;

/// Bytes of a form with a document in it: what is pasted has two bytes at the end of each line, and may be too long by as much before it is cut off
/// without a word beside the field.
pub(super) const UPLOAD_BYTES_MAX: usize = 2 * OPENAPI_BYTES_MAX;
/// Bytes of a form that are thrown away once it is too long. A browser that is cut off while it sends shows an error of its own and not our page.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Parts of a form; the largest has a dozen.
const PARTS_MAX: usize = 32;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It has more bytes than are taken.
    TooLarge,
    /// It ended before it was complete.
    Broken,
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::too_large(),
            Unread::Broken => Self::bad_form(),
        }
    }
}

/// Whether a form that is sent to this path may bring a document along.
pub(super) fn takes_documents(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    matches!(parts.as_slice(), ["", "o", _, "configure", "apis", _, "versions", ..])
}

/// Reads a body of at most so many bytes. What is longer is taken in and thrown away, as far as that goes.
///
/// # Errors
/// [`Unread`].
pub(super) async fn read(mut body: Body, bytes_max: usize) -> Result<Bytes, Unread> {
    let (mut read, mut bytes) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        bytes = bytes.saturating_add(data.len());
        if bytes > DISCARDED_BYTES_MAX {
            break;
        }
        if bytes <= bytes_max {
            read.extend_from_slice(&data);
        } else {
            read = BytesMut::new();
        }
    }
    if bytes > bytes_max { Err(Unread::TooLarge) } else { Ok(read.freeze()) }
}

/// A form, as it was sent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    /// Names and values of what was typed and chosen, in their order.
    pub(super) fields: Vec<(String, String)>,
    /// The bytes of the file; absent where none was chosen.
    pub(super) file: Option<Bytes>,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, UPLOAD_BYTES_MAX).await?;
        Self::parse(&parts.headers, bytes).await.ok_or_else(Failure::bad_form)
    }
}

impl Upload {
    /// Reads a form, as its headers say that it is written; absent where it is none.
    pub(super) async fn parse(headers: &HeaderMap, body: Bytes) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if let Ok(boundary) = parse_boundary(kind) {
            return if boundary.is_empty() { None } else { Self::of_parts(boundary, body).await };
        }
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return None;
        }
        Some(Self { fields: serde_urlencoded::from_bytes(&body).ok()?, file: None })
    }

    async fn of_parts(boundary: String, body: Bytes) -> Option<Self> {
        let mut parts = Multipart::new(Body::from(body).into_data_stream(), boundary);
        let mut upload = Self::default();
        let mut count = 0;
        while let Some(part) = parts.next_field().await.ok()? {
            count += 1;
            if count > PARTS_MAX {
                return None;
            }
            let (name, is_file) = (part.name()?.to_owned(), part.file_name().is_some());
            let bytes = part.bytes().await.ok()?;
            if !is_file {
                upload.fields.push((name, std::str::from_utf8(&bytes).ok()?.to_owned()));
            } else if !bytes.is_empty() {
                upload.file = Some(bytes);
            }
        }
        Some(upload)
    }

    /// What was typed into a field; empty where it was not sent.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|it| it.0 == name).map_or("", |it| it.1.as_str())
    }

    /// A text of several lines: that of the file, where one was chosen, else what was typed, with line ends as files have them.
    ///
    /// # Errors
    /// What is wrong with the file, in a sentence.
    pub(super) fn text(&self, field: &str) -> Result<String, &'static str> {
        let text = match &self.file {
            Some(bytes) => {
                std::str::from_utf8(bytes).map_err(|_| "The file is not text in UTF-8. Choose another one.")?
            }
            None => self.field(field),
        };
        // Some editors begin a file with a mark that is no part of its text.
        Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text).replace("\r\n", "\n"))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    async fn parse(kind: &'static str, body: &'static [u8]) -> Option<Upload> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Upload::parse(&headers, Bytes::from_static(body)).await
    }

    const KIND: &str = "multipart/form-data; boundary=----x";

    #[tokio::test]
    async fn fields_and_the_file_are_cut_at_the_boundary() {
        let body = b"------x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nForms\r\n\
            ------x\r\nContent-Disposition: form-data; name=\"markdown\"\r\n\r\n# A\r\n--\r\n\r\n\r\n\
            ------x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\nContent-Type: text/markdown\r\n\r\n\xEF\xBB\xBF# B\r\n\r\n\
            ------x--\r\n";
        let read = parse(KIND, body).await.expect("a form");
        assert_eq!((read.field("title"), read.field("markdown"), read.field("x")), ("Forms", "# A\r\n--\r\n\r\n", ""));
        assert_eq!(read.text("markdown"), Ok("# B\n".to_owned()), "the file comes before what was typed");
        let typed = Upload { file: None, ..read.clone() };
        assert_eq!(typed.text("markdown"), Ok("# A\n--\n\n".to_owned()));
        let binary = Upload { file: Some(Bytes::from_static(b"\xFF")), ..read };
        assert!(binary.text("markdown").is_err());
    }

    #[tokio::test]
    async fn a_file_that_was_not_chosen_is_none() {
        let body = b"------x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n------x--";
        assert_eq!(parse(KIND, body).await, Some(Upload::default()));
        let fields = vec![("title".to_owned(), "A b".to_owned())];
        assert_eq!(parse("application/x-www-form-urlencoded", b"title=A+b").await, Some(Upload { fields, file: None }));
    }

    #[tokio::test]
    async fn what_is_no_form_is_none() {
        let many: &[u8] = Box::leak(
            b"------x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n".repeat(99).into_boxed_slice(),
        );
        for (kind, body) in [
            (KIND, b"".as_slice()),
            (KIND, b"------x"),
            (KIND, b"------x\r\n"),
            (KIND, b"------x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"),
            (KIND, b"------x\r\nContent-Type: text/plain\r\n\r\nx\r\n------x--"),
            (KIND, b"------x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xFF\r\n------x--"),
            (KIND, many),
            ("multipart/form-data", b"------x--"),
            ("multipart/form-data; boundary=\"\"", b"----"),
            ("text/plain", b"title=A"),
            ("", b""),
        ] {
            assert_eq!(parse(kind, body).await, None, "{kind}: {body:?}");
        }
    }

    #[test]
    fn only_forms_of_versions_may_be_long() {
        assert!(takes_documents("/o/root/configure/apis/api_1/versions/2.0/openapi"));
        for path in ["/o/root/configure/apis/api_1/rename", "/o/root/keys", "/configure/apis/api_1/versions/2.0", ""] {
            assert!(!takes_documents(path), "{path}");
        }
    }
}
