//! Filled pages of apis, their versions and what is said of these.

use super::{Words, complaints, moment, render, shell, status};
use crate::console::pages::apis::{
    ApiFacts, ApiPage, ApiQuestion, ApiQuestionPage, ApisPage, GuideFormPage, GuideRow, OpenapiFacts, OpenapiFormPage,
    RenameApiPage, VersionFacts, VersionFormPage, VersionPage,
};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::settings::Crumb;
use crate::console::pages::shell::{Place, Tone};

fn crumbs() -> Vec<Crumb> {
    vec![
        Crumb { path: "/settings", label: "Settings" },
        Crumb { path: "/configure", label: "Configure" },
        Crumb { path: "/configure/apis", label: "APIs" },
    ]
}

fn api(words: &Words<'_>) -> ApiFacts {
    ApiFacts {
        path: "/configure/apis/api_01jdw7r9x3e5tv".to_owned(),
        name: words.names[0].to_owned(),
        slug: "default".to_owned(),
        prefix: "ck".to_owned(),
    }
}

fn versions(words: &Words<'_>) -> Vec<VersionFacts> {
    let one = |slug: &str, at: usize, tone, said, documents: &str| VersionFacts {
        path: format!("/configure/apis/api_01jdw7r9x3e5tv/versions/{slug}"),
        slug: slug.to_owned(),
        label: words.names[at].to_owned(),
        status: status(tone, said),
        documents: documents.to_owned(),
        docs: (tone != Tone::Ended).then(|| format!("/docs/apis/default/{slug}")),
        docs_url: (at == 1).then(|| "https://docs.acme.example/v1".to_owned()),
    };
    let left = "Deprecated since 1 May 2026, ends 1 Mar 2027";
    vec![
        one("2.0", 0, Tone::Good, "Current", "OpenAPI, 3 guides"),
        one("1.0", 1, Tone::Warning, left, "1 guide"),
        one("0.9", 2, Tone::Ended, "Retired", ""),
    ]
}

fn version(words: &Words<'_>, at: usize) -> VersionFacts {
    versions(words).swap_remove(at)
}

fn guide_row(words: &Words<'_>) -> GuideRow {
    GuideRow {
        slug: "trigger-links".to_owned(),
        title: words.names[3].to_owned(),
        position: 100,
        size: "12 KiB".to_owned(),
        updated: moment("2026-11-20T18:59:11Z"),
    }
}

fn openapi(words: &Words<'_>, operations: Option<usize>) -> OpenapiFacts {
    OpenapiFacts {
        title: words.names[4].to_owned(),
        version: words.names[5].to_owned(),
        operations,
        size: "312 KiB".to_owned(),
        updated: moment("2026-11-20T18:59:11Z"),
    }
}

fn version_page(words: &Words<'_>, openapi: Option<OpenapiFacts>, guides: Vec<GuideRow>) -> VersionPage {
    VersionPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs(),
        api: api(words),
        it: version(words, 1),
        openapi,
        guides,
    }
}

fn version_form(words: &Words<'_>, changes: bool, errors: FormErrors) -> VersionFormPage {
    VersionFormPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs(),
        api: api(words),
        present: changes.then(|| version(words, 0)),
        version: "3".to_owned(),
        name: words.typed.to_owned(),
        label: words.typed.to_owned(),
        statuses: vec![Choice::new("current", "Current", true), Choice::new("deprecated", "Deprecated", false)],
        docs_url: words.typed.to_owned(),
        deprecated_at: words.typed.to_owned(),
        sunset_at: words.typed.to_owned(),
        errors,
    }
}

fn openapi_form(words: &Words<'_>, version_of: &str, errors: FormErrors) -> OpenapiFormPage {
    OpenapiFormPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs(),
        api: api(words),
        it: version(words, 0),
        version: version_of.to_owned(),
        openapi: words.typed.to_owned(),
        errors,
    }
}

fn guide_form(words: &Words<'_>, changes: bool, errors: FormErrors) -> GuideFormPage {
    GuideFormPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs(),
        api: api(words),
        it: version(words, 0),
        guide: changes.then(|| "trigger-links".to_owned()),
        version: if changes { "3" } else { "" }.to_owned(),
        title: words.typed.to_owned(),
        slug: words.typed.to_owned(),
        position: words.typed.to_owned(),
        markdown: words.typed.to_owned(),
        errors,
    }
}

fn question(words: &Words<'_>, at: usize, question: ApiQuestion) -> ApiQuestionPage {
    ApiQuestionPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs(),
        api: api(words),
        it: version(words, at),
        question,
    }
}

fn version_question(is_outdated: bool) -> ApiQuestion {
    ApiQuestion::Version { version: "3".to_owned(), documents: "c2FtcGxl".to_owned(), is_outdated }
}

/// Every page of apis with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let list = ApisPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs().into_iter().take(2).collect(),
        rows: vec![(api(words), 3), (ApiFacts { slug: "data-loader".to_owned(), ..api(words) }, 0)],
    };
    let show = |rows| ApiPage { shell: shell(words, Place::Settings), crumbs: crumbs(), api: api(words), rows };
    let rename = RenameApiPage {
        shell: shell(words, Place::Settings),
        crumbs: crumbs(),
        api: api(words),
        version: "3".to_owned(),
        name: words.typed.to_owned(),
        errors: complaints(words, &["name"]),
    };
    let guide = ApiQuestion::Guide { slug: "trigger-links".to_owned(), title: words.names[3].to_owned() };
    let of_version = ["name", "label", "status", "docs_url", "deprecated_at", "sunset_at"];
    vec![
        ("apis", render(&list)),
        ("api", render(&show(versions(words)))),
        ("api-none", render(&show(Vec::new()))),
        ("api-rename", render(&rename)),
        ("api-version", render(&version_page(words, Some(openapi(words, Some(214))), vec![guide_row(words)]))),
        ("api-version-none", render(&version_page(words, None, Vec::new()))),
        ("api-version-unread", render(&version_page(words, Some(openapi(words, None)), Vec::new()))),
        ("api-version-new", render(&version_form(words, false, complaints(words, &of_version)))),
        ("api-version-edit", render(&version_form(words, true, FormErrors::default()))),
        ("api-version-delete", render(&question(words, 0, version_question(true)))),
        ("api-version-delete-bare", render(&question(words, 2, version_question(false)))),
        ("api-openapi-new", render(&openapi_form(words, "", complaints(words, &["file", "openapi"])))),
        ("api-openapi-replace", render(&openapi_form(words, "3", FormErrors::default()))),
        ("api-openapi-delete", render(&question(words, 0, ApiQuestion::Openapi))),
        (
            "api-guide-new",
            render(&guide_form(words, false, complaints(words, &["title", "slug", "position", "markdown", "file"]))),
        ),
        ("api-guide-edit", render(&guide_form(words, true, FormErrors::default()))),
        ("api-guide-delete", render(&question(words, 0, guide))),
    ]
}
