//! The apis of an installation: what they are called, their versions, and what developers read about these at `/docs`.

use askama::Template;
use claviger_core::limits::{GUIDE_BYTES_MAX, GUIDES_PER_VERSION_MAX, OPENAPI_BYTES_MAX, OPENAPI_OPERATIONS_MAX};

use super::form::{Choice, FormErrors};
use super::settings::Crumb;
use super::shell::{Moment, Shell, Status};

/// The apis.
#[derive(Template, Debug)]
#[template(path = "apis/list.html")]
pub struct ApisPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The apis, each with how many versions it has.
    pub rows: Vec<(ApiFacts, usize)>,
}

/// An api.
#[derive(Debug, Clone)]
pub struct ApiFacts {
    /// Where its page stands within the organization.
    pub path: String,
    /// What people call it.
    pub name: String,
    /// Its name on the wire.
    pub slug: String,
    /// What its keys begin with.
    pub prefix: String,
}

/// A version of an api.
#[derive(Debug, Clone)]
pub struct VersionFacts {
    /// Where its page stands within the organization.
    pub path: String,
    /// Its name on the wire.
    pub slug: String,
    /// What people call it.
    pub label: String,
    /// How far it has come, and when it ends.
    pub status: Status,
    /// What is said of it here, in words; empty for nothing.
    pub documents: String,
    /// Where everybody reads it on this server; none where it is not shown.
    pub docs: Option<String>,
    /// Where else it is documented.
    pub docs_url: Option<String>,
}

/// An api with its versions.
#[derive(Template, Debug)]
#[template(path = "apis/show.html")]
pub struct ApiPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// Its versions.
    pub rows: Vec<VersionFacts>,
}

/// Asks what an api is called.
#[derive(Template, Debug)]
#[template(path = "apis/rename.html")]
pub struct RenameApiPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// Which version of the api the form was filled in from.
    pub version: String,
    /// What was typed.
    pub name: String,
    /// What to mend.
    pub errors: FormErrors,
}

/// The form that adds or changes a version.
#[derive(Template, Debug)]
#[template(path = "apis/version_form.html")]
pub struct VersionFormPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// The version that is changed; none for a new one.
    pub present: Option<VersionFacts>,
    /// Which version of the api the form was filled in from.
    pub version: String,
    /// Its name, as typed.
    pub name: String,
    /// What people call it, as typed.
    pub label: String,
    /// How far it has come, to choose from.
    pub statuses: Vec<Choice>,
    /// Where else it is documented, as typed.
    pub docs_url: String,
    /// The day since which it is to be left, as typed.
    pub deprecated_at: String,
    /// The day on which it ends, as typed.
    pub sunset_at: String,
    /// What to mend.
    pub errors: FormErrors,
}

/// What is shown of an OpenAPI document.
#[derive(Debug, Clone)]
pub struct OpenapiFacts {
    /// What it calls the api; may be empty.
    pub title: String,
    /// Which version it says that it describes; may be empty.
    pub version: String,
    /// How many operations it has; none where this build cannot read it.
    pub operations: Option<usize>,
    /// How large it is, in words.
    pub size: String,
    /// When it was put.
    pub updated: Moment,
}

/// A guide without its text.
#[derive(Debug, Clone)]
pub struct GuideRow {
    /// The last part of its address.
    pub slug: String,
    /// What it is called.
    pub title: String,
    /// Where it stands among the others.
    pub position: u16,
    /// How large it is, in words.
    pub size: String,
    /// When it was put.
    pub updated: Moment,
}

/// A version with what is said of it.
#[derive(Template, Debug)]
#[template(path = "apis/version.html")]
pub struct VersionPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// The version.
    pub it: VersionFacts,
    /// Its OpenAPI document.
    pub openapi: Option<OpenapiFacts>,
    /// Its guides, in order.
    pub guides: Vec<GuideRow>,
}

/// The form that takes an OpenAPI document.
#[derive(Template, Debug)]
#[template(path = "apis/openapi.html")]
pub struct OpenapiFormPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// The version.
    pub it: VersionFacts,
    /// Which version of the document the form was filled in from; empty where there is none.
    pub version: String,
    /// What was pasted.
    pub openapi: String,
    /// What to mend.
    pub errors: FormErrors,
}

impl OpenapiFormPage {
    /// How large a document may be.
    #[must_use]
    pub fn mib_max(&self) -> usize {
        OPENAPI_BYTES_MAX / 1024 / 1024
    }

    /// How many operations it may have.
    #[must_use]
    pub fn operations_max(&self) -> usize {
        OPENAPI_OPERATIONS_MAX
    }
}

/// The form that adds or changes a guide.
#[derive(Template, Debug)]
#[template(path = "apis/guide.html")]
pub struct GuideFormPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// The version.
    pub it: VersionFacts,
    /// The last part of the address of the guide that is changed; none for a new one.
    pub guide: Option<String>,
    /// Which version of the guide the form was filled in from; empty for a new one.
    pub version: String,
    /// What it is called, as typed.
    pub title: String,
    /// The last part of its address, as typed.
    pub slug: String,
    /// Where it stands among the others, as typed.
    pub position: String,
    /// Its text, as typed.
    pub markdown: String,
    /// What to mend.
    pub errors: FormErrors,
}

impl GuideFormPage {
    /// How large a guide may be.
    #[must_use]
    pub fn kib_max(&self) -> usize {
        GUIDE_BYTES_MAX / 1024
    }

    /// How many of them a version may have.
    #[must_use]
    pub fn guides_max(&self) -> usize {
        GUIDES_PER_VERSION_MAX
    }
}

/// Asks before something is taken away.
#[derive(Template, Debug)]
#[template(path = "apis/question.html")]
pub struct ApiQuestionPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The api.
    pub api: ApiFacts,
    /// The version.
    pub it: VersionFacts,
    /// What is asked about.
    pub question: ApiQuestion,
}

/// What is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiQuestion {
    /// The version, with all that is said of it.
    Version {
        /// The version of the api that the question is about.
        version: String,
        /// The mark of what goes with it.
        documents: String,
        /// Whether the question before was about something else: somebody has changed the api meanwhile, or what is said of it.
        is_outdated: bool,
    },
    /// Its OpenAPI document.
    Openapi,
    /// A guide.
    Guide {
        /// The last part of its address.
        slug: String,
        /// What it is called.
        title: String,
    },
}
