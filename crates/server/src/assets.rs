//! The stylesheets, the script and the icons, embedded in the binary: for the console, which serves them, and for the documentation.
//!
//! An asset's URL carries the start of its digest, so that browsers may keep it for ever and a new release is a new URL. The stylesheet is
//! written for people and served without what only people need, and so is the script; a browser test compares the rules that Chromium reads in both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

/// Where assets are served.
pub const PREFIX: &str = "/assets/";

/// Digits of the digest in a URL: 32 bits tell releases apart; they are not a protection against forgery.
const DIGEST_DIGITS: usize = 8;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Embedded;

/// One asset as it is served.
#[derive(Debug)]
pub struct Asset {
    /// What is sent.
    pub body: Bytes,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `ETag`, quotes included.
    pub etag: String,
}

struct Shelf {
    /// Path with digest, by file name.
    urls: BTreeMap<String, String>,
    /// Asset by the name in its URL.
    assets: BTreeMap<String, Asset>,
}

static SHELF: LazyLock<Shelf> = LazyLock::new(|| {
    let mut shelf = Shelf { urls: BTreeMap::new(), assets: BTreeMap::new() };
    for name in Embedded::iter() {
        let Some(file) = Embedded::get(&name) else { continue };
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
        let body = served(file.data, extension);
        let digest = HEXLOWER.encode(&Sha256::digest(&body));
        let short = &digest[..DIGEST_DIGITS];
        let published = format!("{stem}-{short}.{extension}");
        shelf.urls.insert(name.to_string(), format!("{PREFIX}{published}"));
        let asset = Asset { body, content_type: content_type(extension), etag: format!("\"{short}\"") };
        shelf.assets.insert(published, asset);
    }
    shelf
});

/// What is sent of a file: all of it, and of the stylesheet and the script what a browser reads.
fn served(written: Cow<'static, [u8]>, extension: &str) -> Bytes {
    let text = std::str::from_utf8(&written).ok();
    let read = match extension {
        "css" => text.and_then(|it| minifier::css::minify(it).ok()).map(|it| it.to_string().trim().to_owned()),
        "js" => text.map(without_comments),
        _ => None,
    };
    read.map_or_else(|| Bytes::from_owner(written), Bytes::from)
}

/// A script without what stands before and around its lines. The lines stay, so that what a browser reports of one is found; no text of ours
/// goes over several, which is what a whole minifier would have to know.
fn without_comments(script: &str) -> String {
    let lines = script.lines().map(str::trim).map(|it| if it.starts_with("//") { "" } else { it });
    lines.fold(String::with_capacity(script.len()), |script, line| script + line + "\n")
}

/// The URL of an asset, by its file name; the bare name where there is no such file, which a test of every template rules out.
#[must_use]
pub fn url(name: &str) -> &str {
    SHELF.urls.get(name).map_or(name, String::as_str)
}

/// The asset behind the part of a URL that follows [`PREFIX`].
#[must_use]
pub fn find(published: &str) -> Option<&'static Asset> {
    SHELF.assets.get(published)
}

/// A closed list: four kinds of file are ours, and guessing a type is how a browser comes to run what was meant to be shown.
fn content_type(extension: &str) -> &'static str {
    match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_found_under_its_own_url() {
        for name in ["claviger.css", "claviger.js", "docs.css", "icons.svg", "favicon.svg"] {
            let published = url(name).strip_prefix(PREFIX).unwrap_or_else(|| panic!("{name} is not embedded"));
            assert!(!find(published).expect("published").body.is_empty());
        }
        assert!(find("claviger.css").is_none(), "an URL without a digest could never be cached");
    }

    #[test]
    fn the_script_is_served_line_by_line_without_its_comments() {
        let script = "// Why.\nconst a = () => {\n  // How.\n  b(\"//\"); // c\n};\n";
        assert_eq!(without_comments(script), "\nconst a = () => {\n\nb(\"//\"); // c\n};\n");
        let written = Embedded::get("claviger.js").expect("embedded").data;
        let written = std::str::from_utf8(&written).expect("a text");
        let is_open = |line: &str| line.matches('`').count() % 2 == 1;
        assert!(!written.lines().any(is_open), "a text that goes over several lines would lose its indentation");
    }

    #[test]
    fn the_stylesheets_and_the_script_keep_their_budgets() {
        for (name, bytes_max) in [("claviger.css", 20_000), ("docs.css", 6_000), ("claviger.js", 8_000)] {
            let bytes = find(&url(name)[PREFIX.len()..]).expect("published").body.len();
            assert!(bytes < bytes_max, "{name} has {bytes} bytes");
        }
    }
}
