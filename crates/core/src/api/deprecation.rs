//! What clients are told of what is to be left: fields of an answer over HTTP.

use crate::time::Timestamp;

/// The fields that say since when something is to be left, when it ends and where that is written (RFC 9745, RFC 8594), in order; a name may
/// stand there twice. They are made when that becomes known, since every answer about it carries the same.
pub fn deprecation_fields(
    deprecated_at: Option<Timestamp>,
    sunset_at: Option<Timestamp>,
    docs_url: Option<&str>,
) -> Vec<(&'static str, String)> {
    let link =
        |relation: &str| docs_url.map(|url| ("link", format!("<{url}>; rel=\"{relation}\"; type=\"text/html\"")));
    let mut fields = Vec::new();
    if let Some(at) = deprecated_at {
        fields.push(("deprecation", format!("@{}", at.as_secs())));
        fields.extend(link("deprecation"));
    }
    if let Some(at) = sunset_at {
        fields.push(("sunset", at.to_http_text()));
        fields.extend(link("sunset"));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instant_is_said_as_its_standard_has_it_and_followed_by_where_it_is_written() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let told = |deprecated_at, sunset_at, docs_url| -> Vec<String> {
            let fields = deprecation_fields(deprecated_at, sunset_at, docs_url);
            fields.into_iter().map(|(name, text)| format!("{name}: {text}")).collect()
        };
        let (since, until) = (at("2026-05-01T00:00:00Z"), at("2027-03-01T00:00:00Z"));
        assert_eq!(told(None, None, Some("https://a.example")), [""; 0]);
        assert_eq!(told(since, until, None), ["deprecation: @1777593600", "sunset: Mon, 01 Mar 2027 00:00:00 GMT"]);
        let link = |relation: &str| format!("link: <https://a.example>; rel=\"{relation}\"; type=\"text/html\"");
        let expected = ["deprecation: @1777593600".to_owned(), link("deprecation")];
        assert_eq!(told(since, None, Some("https://a.example")), expected);
    }
}
