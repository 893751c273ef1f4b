//! What a host says of its own api, as it is shown: read, rendered and put into the search once, and again when the log has moved and something
//! of it has changed. In memory, since everybody may read it and nobody has to prove anything; its limits say how much that is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use claviger_core::api::{Api, ApiDocument, ApiVersion, ApiVersionStatus, DocumentHead, Reference};
use claviger_core::event::Position;
use claviger_core::time::Timestamp;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::guides::PLACE;
use super::markdown::{Links, Rendered, render_part, render_with};
use super::pages::OperationsPart;
use super::reader::tag_of;
use super::search::{Entry, entries_of_guide, entry_of_api, entry_of_operation};
use crate::app::App;
use crate::ops::api_documents::{REFERENCE, get_published, list_published};
use crate::ops::error::OpResult;

/// All that is shown.
#[derive(Default)]
pub(super) struct Published {
    /// The apis that something is said of.
    pub(super) apis: Vec<HostApi>,
    /// The versions that are no longer there, of apis that something is said of.
    retired: Vec<RetiredVersion>,
    /// What a search finds of it.
    pub(super) entries: Vec<Entry>,
    /// What it was made of.
    made_of: (Vec<Api>, Vec<DocumentHead>),
}

/// An api.
pub(super) struct HostApi {
    slug: String,
    /// What people call it.
    pub(super) name: String,
    /// Its versions, but for those that are no longer there.
    pub(super) versions: Vec<HostVersion>,
}

/// A version of an api that is no longer there: whoever was led to its pages before reads that, and what to call instead.
pub(super) struct RetiredVersion {
    api_slug: String,
    /// What people call the api.
    pub(super) api: String,
    /// What people call it.
    pub(super) label: String,
    /// The version itself.
    pub(super) version: ApiVersion,
    /// All versions of the api.
    versions: Vec<ApiVersion>,
}

/// A version of an api.
pub(super) struct HostVersion {
    /// Where its page stands.
    pub(super) path: String,
    /// What people call it.
    pub(super) label: String,
    /// The version itself: what is said of its end is another on another day.
    pub(super) version: ApiVersion,
    /// Its guides, in order.
    pub(super) guides: Vec<HostGuide>,
    /// What its OpenAPI document says.
    pub(super) reference: Option<HostReference>,
}

/// The operations of a version.
pub(super) struct HostReference {
    /// The document as it was put.
    pub(super) document: String,
    /// What tells it from another.
    pub(super) tag: String,
    /// What it calls the api.
    pub(super) title: String,
    /// What it says of it, as HTML; may be empty.
    pub(super) description: String,
    /// How many operations there are.
    pub(super) count: usize,
    /// All of them as HTML. Of what was read of the document nothing else is kept: it takes no more memory than the strings that it is made of,
    /// which `Reference` bounds. Rendering thousands of rows for each who asks would hold up all that the thread has to do besides.
    pub(super) html: String,
    /// What a search finds of them.
    entries: Vec<Entry>,
}

/// A guide.
pub(super) struct HostGuide {
    /// The last part of its address.
    pub(super) slug: String,
    /// Where its page stands.
    pub(super) path: String,
    /// What it is called.
    pub(super) title: String,
    /// All of it.
    pub(super) markdown: String,
    /// What tells that from another.
    pub(super) tag: String,
    /// The same as HTML, without its own title.
    pub(super) rendered: Rendered,
}

impl Published {
    /// An api by the part of its address.
    pub(super) fn find_api(&self, api: &str) -> Option<&HostApi> {
        self.apis.iter().find(|it| it.slug == api)
    }

    /// A version by the parts of its address.
    pub(super) fn find(&self, api: &str, version: &str) -> Option<(&HostApi, &HostVersion)> {
        let api = self.find_api(api)?;
        Some((api, api.versions.iter().find(|it| it.version.slug.as_str() == version)?))
    }

    /// A version that is no longer there, by the parts of its address.
    pub(super) fn find_retired(&self, api: &str, version: &str) -> Option<&RetiredVersion> {
        self.retired.iter().find(|it| it.api_slug == api && it.version.slug.as_str() == version)
    }

    /// What to call instead of a version that is gone, at an instant, and where that is documented: here, or elsewhere.
    pub(super) fn successor_of_retired(&self, it: &RetiredVersion, now: Timestamp) -> Option<(String, Option<String>)> {
        let other = it.versions.iter().find(|other| is_successor(other, &it.version, now))?;
        let shown = self.find(&it.api_slug, other.slug.as_str()).map(|(_, it)| it.path.clone());
        Some((other.label(), shown.or_else(|| other.docs_url.as_ref().map(|it| it.as_str().to_owned()))))
    }

    /// What a program reads that looks for guides, behind ours.
    pub(super) fn list(&self) -> String {
        let mut text = String::new();
        for api in &self.apis {
            for version in &api.versions {
                let name = format!("{}: {}", api.name, version.label);
                text.push_str(&format!("\n## {}\n\n", one_line(&name)));
                for it in &version.guides {
                    text.push_str(&format!("- [{}]({PLACE}{}.md)\n", one_line(&it.title), it.path));
                }
                if version.reference.is_some() {
                    text.push_str(&format!("- [OpenAPI]({PLACE}{}/openapi.json)\n", version.path));
                }
            }
        }
        text
    }

    fn make(made_of: (Vec<Api>, Vec<DocumentHead>), documents: Vec<ApiDocument>) -> Self {
        let mut published = Self::default();
        for api in &made_of.0 {
            let of_api = |it: &&ApiDocument| it.head.api_id == api.id;
            if documents.iter().any(|it| of_api(&it)) {
                let retired = api.versions.iter().filter(|it| it.status == ApiVersionStatus::Retired);
                published.retired.extend(retired.map(|it| RetiredVersion {
                    api_slug: api.slug.to_string(),
                    api: api.name.to_string(),
                    label: it.label(),
                    version: it.clone(),
                    versions: api.versions.clone(),
                }));
            }
            let versions = api.versions.iter().filter(|it| it.status != ApiVersionStatus::Retired);
            let versions: Vec<_> = versions.map(|it| version(api, it, documents.iter().filter(of_api))).collect();
            let has_documents = |it: &HostVersion| it.reference.is_some() || !it.guides.is_empty();
            if versions.iter().any(has_documents) {
                let (slug, name) = (api.slug.to_string(), api.name.to_string());
                published.apis.push(HostApi { slug, name, versions });
            }
        }
        let name = |it: &HostApi| {
            let versions = it.versions.iter().map(|it| it.label.as_str()).collect::<Vec<_>>().join(", ");
            entry_of_api(&it.path(), &it.name, &it.slug, &versions)
        };
        let mut entries: Vec<_> = published.apis.iter().map(name).collect();
        for version in published.apis.iter_mut().flat_map(|it| &mut it.versions) {
            for it in &version.guides {
                entries.extend(entries_of_guide(&it.path, &it.title, "", &it.rendered));
            }
            entries.extend(version.reference.iter_mut().flat_map(|it| it.entries.drain(..)));
        }
        Self { entries, made_of, ..published }
    }
}

impl HostApi {
    /// Where its page stands.
    pub(super) fn path(&self) -> String {
        format!("/docs/apis/{}", self.slug)
    }

    /// The version to call instead of one that is left or gone, at an instant: the first that is to be used, in the order in which they are shown.
    pub(super) fn successor_of(&self, left: &ApiVersion, now: Timestamp) -> Option<&HostVersion> {
        self.versions.iter().find(|it| is_successor(&it.version, left, now))
    }
}

/// Whether a version is one to call instead of another at an instant.
fn is_successor(it: &ApiVersion, left: &ApiVersion, now: Timestamp) -> bool {
    it.slug != left.slug && it.status == ApiVersionStatus::Current && !it.is_deprecated(now)
}

impl HostVersion {
    /// Where its operations are shown.
    pub(super) fn reference_path(&self) -> String {
        format!("{}/{REFERENCE}", self.path)
    }
}

/// What an OpenAPI document says, where a version's pages stand below `base`.
fn reference_of(base: &str, document: &str) -> Option<HostReference> {
    let read = Reference::read(document).ok()?;
    let html = match OperationsPart::of(&read, base).render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a template did not render");
            return None;
        }
    };
    let Reference { title, description, operations, .. } = read;
    let description = render_part(&description, Links::Below(base));
    let page = format!("{base}/{REFERENCE}");
    let entries = operations.iter().map(|it| entry_of_operation(&page, it)).collect();
    let (document, tag, count) = (document.to_owned(), tag_of(&[document]), operations.len());
    Some(HostReference { document, tag, title, description, count, html, entries })
}

/// A name that cannot end the link that it stands in.
fn one_line(text: &str) -> String {
    text.replace(['[', ']', '\n'], " ")
}

fn version<'a>(api: &Api, it: &ApiVersion, documents: impl Iterator<Item = &'a ApiDocument>) -> HostVersion {
    let path = format!("/docs/apis/{}/{}", api.slug, it.slug);
    let (mut guides, mut reference) = (Vec::new(), None);
    for document in documents.filter(|document| document.head.api_version == it.slug) {
        match &document.head.guide {
            Some(slug) => guides.push(guide(&path, slug.as_str(), document)),
            // It was read when it was put; one that an older build took and this one does not is passed over.
            None => reference = reference_of(&path, &document.body),
        }
    }
    HostVersion { label: it.label(), version: it.clone(), path, guides, reference }
}

fn guide(base: &str, slug: &str, document: &ApiDocument) -> HostGuide {
    let markdown = &document.body;
    // Its title stands above it already; whoever reads the Markdown has it there.
    let (first, rest) = markdown.split_once('\n').unwrap_or((markdown, ""));
    let shown = if first.starts_with("# ") { rest } else { markdown };
    HostGuide {
        slug: slug.to_owned(),
        path: format!("{base}/{slug}"),
        title: document.head.title.to_string(),
        rendered: render_with(shown, Links::Below(base)),
        tag: tag_of(&[markdown]),
        markdown: markdown.clone(),
    }
}

/// How long a page waits for what has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all: a guide of ours, in whose menu that stands.
    None,
    /// For [`SHORTLY`]: a page that lists ours and the host's.
    Short,
    /// Until it is there: a page of the host's.
    Full,
}

/// Reading what a host says takes less, unless the database is slow or away; and then who looks for our guides is not to wait for it.
const SHORTLY: Duration = Duration::from_secs(1);

/// Readings that a page waits for: one that was under way, and one of its own.
const READINGS_MAX: usize = 2;

/// What is shown, as it was read last.
#[derive(Clone, Default)]
pub(super) struct LastPublished(Arc<Last>);

#[derive(Default)]
struct Last {
    /// Where the log stood when it was looked at, and what there was.
    read: Mutex<(Option<Position>, Arc<Published>)>,
    /// Whose it is reads again.
    turn: Arc<Turn<()>>,
}

impl LastPublished {
    /// What is shown now. Where the database is away it is what was shown before: our own guides are needed just then.
    pub(super) async fn current(&self, app: &App, patience: Patience) -> Arc<Published> {
        let position = app.replica().position();
        let read_again = |turn| {
            let (last, task) = (self.clone(), app.clone());
            // In a task of its own: it goes on where nobody waits for it any longer, and the next page finds it.
            drop(app.spawn(async move {
                last.read_again(&task, position).await;
                drop(turn);
            }));
        };
        self.current_at(position, patience, read_again).await
    }

    async fn current_at(
        &self,
        position: Option<Position>,
        patience: Patience,
        read_again: impl Fn(OwnedMutexGuard<()>),
    ) -> Arc<Published> {
        let wait = async {
            // A reading that began before the log had moved does not have what this page may be about: then it is read once more.
            for _ in 0..READINGS_MAX {
                if self.is_at(position) {
                    return;
                }
                if let Ok(turn) = Arc::clone(&self.0.turn).try_lock_owned() {
                    read_again(turn);
                }
                if patience == Patience::None {
                    return;
                }
                drop(self.0.turn.lock().await);
            }
        };
        match patience {
            // Whether it has ended or not: what there is now is shown.
            Patience::Short => drop(tokio::time::timeout(SHORTLY, wait).await),
            Patience::None | Patience::Full => wait.await,
        }
        self.last().1
    }

    /// Whether what is shown was read where the log stands, or later.
    fn is_at(&self, position: Option<Position>) -> bool {
        let looked_at = self.last().0;
        position.is_some() && position <= looked_at
    }

    fn last(&self) -> (Option<Position>, Arc<Published>) {
        self.0.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read_again(&self, app: &App, position: Option<Position>) {
        match read(app, &self.last().1).await {
            Ok(read) => *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) = (position, read),
            Err(error) => tracing::warn!(%error, "what is said of the host's own api could not be read"),
        }
    }
}

/// Reads what is shown, unless that is what was shown before.
async fn read(app: &App, before: &Arc<Published>) -> OpResult<Arc<Published>> {
    let (apis, heads) = list_published(app).await?;
    if before.made_of.0 == apis && before.made_of.1 == heads {
        return Ok(Arc::clone(before));
    }
    let mut documents = Vec::with_capacity(heads.len());
    for head in &heads {
        documents.extend(get_published(app, head).await?);
    }
    let made = tokio::task::spawn_blocking(move || Published::make((apis, heads), documents)).await;
    made.map(Arc::new).map_err(|fault| crate::ops::error::Error::Internal(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const NOW: Option<Position> = Some(Position { epoch: 1, seq: 7 });

    #[tokio::test]
    async fn no_guide_of_ours_waits_for_what_a_host_says_however_long_that_takes() {
        let last = LastPublished::default();
        let reading = Mutex::new(None);
        let ours = last.current_at(NOW, Patience::None, |turn| *reading.lock().expect("a lock") = Some(turn));
        assert!(tokio::time::timeout(SOON, ours).await.is_ok(), "not for the first time of all either");
        let reading = reading.into_inner().expect("a lock");
        assert!(reading.is_some(), "and yet it is being read");
        let again = last.current_at(NOW, Patience::None, |_| panic!("it is being read"));
        assert!(tokio::time::timeout(SOON, again).await.is_ok());
        let hosts = last.current_at(NOW, Patience::Full, |_| panic!("it is being read"));
        assert!(tokio::time::timeout(SOON, hosts).await.is_err(), "who reads the host's waits for it");
        *last.0.read.lock().expect("a lock") = (NOW, Arc::default());
        drop(reading);
        let hosts = last.current_at(NOW, Patience::Full, |_| panic!("it was read"));
        assert!(tokio::time::timeout(SOON, hosts).await.is_ok());
    }

    #[tokio::test]
    async fn a_page_that_was_just_put_there_is_found_although_an_older_reading_was_under_way() {
        let last = LastPublished::default();
        let older = Arc::clone(&last.0.turn).try_lock_owned().expect("nobody reads");
        let readings = Mutex::new(0);
        let read_again = |turn| {
            *readings.lock().expect("a lock") += 1;
            *last.0.read.lock().expect("a lock") = (NOW, Arc::default());
            drop(turn);
        };
        let page = last.current_at(NOW, Patience::Full, read_again);
        let ended = async {
            tokio::task::yield_now().await;
            *last.0.read.lock().expect("a lock") = (Some(Position { epoch: 1, seq: 6 }), Arc::default());
            drop(older);
        };
        tokio::time::timeout(SHORTLY, async { tokio::join!(page, ended) }).await.expect("it waits for both");
        assert_eq!(*readings.lock().expect("a lock"), 1);
        assert!(last.is_at(NOW));
    }
}
