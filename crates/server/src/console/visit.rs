//! A visit: who is signed in, and which organization the page is about.

use std::net::{IpAddr, SocketAddr};

use askama::Template;
use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri, RawPathParams};
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::decision::Code;
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::key::Key;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use claviger_core::user::User;
use http::HeaderMap;
use http::header::LOCATION;
use http::request::Parts;
use secrecy::SecretString;

use super::confirmations::Unconfirmed;
use super::cookies;
use super::failure::Failure;
use super::keys::door::list_of_keys;
use super::lists;
use super::pages::shell::{Notice, Place, Preferences, Shell, ViewLink, ViewSwitch, Viewer};
use super::paging::back_query;
use super::respond::{html, own_path};
use super::security::plain_http;
use super::webhooks;
use crate::app::App;
use crate::ops::apis::find_documentation;
use crate::ops::caller::Caller;
use crate::ops::keys::usage::is_behind;
use crate::ops::me::{self, ReachedOrganization, Viewpoint, Viewpoints};
use crate::ops::notifications::count_unread;
use crate::ops::sessions;
use crate::site::Site;

/// A browser that nobody needs to be signed in with.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    /// Under which address it came.
    pub(super) site: Site,
    /// How it wants pages to look.
    pub(super) preferences: Preferences,
    /// Where it is and what it calls itself.
    pub(super) origin: sessions::Origin,
}

impl FromRequestParts<App> for Guest {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let site = Site::of(&parts.headers, app.config().public_url.as_ref()).map_err(|_| plain_http())?;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        Ok(Self::of(&parts.headers, site, peer))
    }
}

impl Guest {
    /// Whoever sends these headers, from the address at the other end of the connection, where the listener says so.
    pub(super) fn of(headers: &HeaderMap, site: Site, peer: Option<IpAddr>) -> Self {
        let preferences = cookies::preferences(headers, &site);
        let user_agent = headers.get(http::header::USER_AGENT).and_then(|it| it.to_str().ok());
        let origin = sessions::Origin { ip: peer, user_agent: user_agent.map(str::to_owned) };
        Self { site, preferences, origin }
    }
}

/// A signed-in browser that looks at an organization.
pub(super) struct Visit {
    /// The running service.
    pub(super) app: App,
    /// Under which address it came.
    pub(super) site: Site,
    /// In whose name operations are done.
    pub(super) caller: Caller,
    /// Who is signed in.
    pub(super) user: User,
    /// The organization that the page is about.
    pub(super) organization: ReachedOrganization,
    preferences: Preferences,
    notice: Option<Notice>,
    unconfirmed: Unconfirmed,
    viewpoints: Option<Viewpoints>,
    /// How many notifications the reader has not looked at.
    unread: u64,
    here: String,
    /// The list that the reader came from, where the address says so.
    back: Option<String>,
    /// The lists that the browser was shown of late.
    lists: String,
    pub(super) origin: sessions::Origin,
    /// When the reader last proved who they are.
    pub(super) signed_in_at: Timestamp,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let guest = Guest::from_request_parts(parts, app).await?;
        // The router takes the organization's part off the path before it hands the request on.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |it| &it.0);
        let is_page = parts.method == http::Method::GET;
        let here = uri.path_and_query().filter(|_| is_page).map_or("", |it| own_path(it.as_str())).to_owned();
        // Also of a form that is sent: its address says it, and no page loses it by a complaint.
        let query = uri.query().unwrap_or_default().to_owned();
        // What was posted cannot be posted again by signing in, so a change leads back to the start.
        let next = if is_page { here.clone() } else { "/".to_owned() };
        let signed_out = |has_ended| Failure::SignedOut { next: next.clone(), has_ended };
        let token = guest.site.session(&parts.headers).ok_or_else(|| signed_out(false))?;
        let slug = slug(parts, app).await;
        let visit = Self::open(app, guest, &parts.headers, &token, &here, slug.as_deref()).await?;
        let visit = visit.ok_or_else(|| signed_out(true))?;
        Ok(Self { back: came_from(&query, &visit.lists), ..visit })
    }
}

/// The organization's slug in the path, on the routes that have one.
async fn slug(parts: &mut Parts, app: &App) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, app).await.ok()?;
    params.iter().find(|(name, _)| *name == "organization").map(|(_, value)| value.to_owned())
}

/// The list that a page's reader came from, out of the query of its address: said as it is, or by the mark of one that was noted.
fn came_from(query: &str, noted: &str) -> Option<String> {
    let value = |wanted: &str| form_urlencoded::parse(query.as_bytes()).find(|it| it.0 == wanted).map(|it| it.1);
    if let Some(said) = value("back") {
        return list_of_keys(&said).map(str::to_owned);
    }
    lists::find(noted, &value(lists::NAME)?).and_then(list_of_keys).map(str::to_owned)
}

impl Visit {
    /// Opens the visit of a session to the organization of this slug, or to the user's own; absent where the session is over. `here` is the
    /// path and query of the page, empty where nothing leads back to it.
    pub(super) async fn open(
        app: &App,
        guest: Guest,
        headers: &HeaderMap,
        token: &SecretString,
        here: &str,
        slug: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        let Guest { site, preferences, origin } = guest;
        let Some(session) = sessions::find_session(app, token, origin.ip).await? else { return Ok(None) };
        let organization = match slug {
            Some(slug) => me::find_reached_organization(app, &session.caller, slug).await?,
            None => me::get_me(app, &session.caller).await?.organization,
        };
        let viewpoints = me::find_viewpoints(app, &session.caller, &organization).await?;
        // A bell that cannot be read keeps nobody from a page.
        let unread = count_unread(app, &session.caller).await.unwrap_or_default();
        let notice = cookies::notice(headers, &site);
        let change = cookies::change(headers, &site, organization.id);
        let lists = cookies::lists(headers, &site);
        Ok(Some(Self {
            unconfirmed: Unconfirmed::of(app, change).await,
            app: app.clone(),
            site,
            caller: session.caller,
            user: session.user,
            organization,
            preferences,
            notice,
            viewpoints,
            unread,
            here: here.to_owned(),
            back: None,
            lists,
            origin,
            signed_in_at: session.signed_in_at,
        }))
    }

    /// The organization that the page is about.
    pub(super) fn organization_id(&self) -> OrganizationId {
        self.organization.id
    }

    /// Whether the viewer may do something to keys here, be it to all or to own ones; the operation itself has the last word. Own ones everybody
    /// may look at who is here at all.
    pub(super) fn may(&self, action: &str) -> bool {
        if action == "read" {
            return true;
        }
        ["claviger/keys", "claviger/own-keys"].into_iter().any(|resource| {
            self.caller.authorize(&self.app, self.organization.id, &format!("{resource}:{action}")).is_ok()
        })
    }

    /// Whether the viewer may create keys: for anybody, or for themselves, which takes a role with API access.
    pub(super) fn may_create_keys(&self) -> bool {
        self.may_do("claviger/keys:create") || (self.may("create") && self.has_api_access())
    }

    /// Whether the viewer may do something to this key: to all keys here, or to own ones where it is one.
    pub(super) fn may_to(&self, action: &str, key: &Key) -> bool {
        self.may_do(&format!("claviger/keys:{action}"))
            || (key.owner_id == Some(self.user.id) && self.may_do(&format!("claviger/own-keys:{action}")))
    }

    /// Refuses a question about this key to whoever would be refused what is asked about.
    pub(super) fn require_to(&self, action: &str, key: &Key) -> Result<(), Failure> {
        if self.may_to(action, key) { Ok(()) } else { Err(Reject::from(Code::InsufficientPermission).into()) }
    }

    /// The same of a question about several keys, whichever they are.
    pub(super) fn require(&self, action: &str) -> Result<(), Failure> {
        if self.may(action) { Ok(()) } else { Err(Reject::from(Code::InsufficientPermission).into()) }
    }

    /// Whether the viewer may do this here, such as `claviger/members:read`; the operation itself has the last word.
    pub(super) fn may_do(&self, permission: &str) -> bool {
        self.caller.authorize(&self.app, self.organization.id, permission).is_ok()
    }

    /// Whether the viewer's role here may have keys.
    pub(super) fn has_api_access(&self) -> bool {
        self.has_api_access_at(self.organization.id)
    }

    /// The same of an organization below.
    pub(super) fn has_api_access_at(&self, place: OrganizationId) -> bool {
        let membership = self.app.replica().membership_at(self.user.id, place);
        membership.is_some_and(|it| it.is_admin || it.api_access)
    }

    /// Whether a member's role here is known to be without API access: a key that belonged to them would be refused.
    pub(super) fn is_without_api_access(&self, user_id: UserId) -> bool {
        let membership = self.app.replica().membership_at(user_id, self.organization.id);
        membership.is_some_and(|it| !it.is_admin && !it.api_access)
    }

    /// Whether the page is about the organization that all others stand below.
    pub(super) fn is_at_root(&self) -> bool {
        self.app.replica().path(self.organization.id).len() == 1
    }

    /// Whether there is another organization to look at.
    pub(super) fn may_switch(&self) -> bool {
        self.viewpoints.is_some()
    }

    /// Whether the viewer holds everything here.
    pub(super) fn is_admin(&self) -> bool {
        self.caller
            .reach(&self.app, self.organization.id)
            .is_ok_and(|it| PermissionSet::everything().is_within(it.rights()))
    }

    /// Where an api is documented: at the host, or here in its name, else in the guides about keys.
    pub(super) async fn documentation(&self, api: &str) -> String {
        let found = find_documentation(&self.app, &self.caller, self.organization.id, api).await;
        found.ok().flatten().unwrap_or_else(|| "/docs".to_owned())
    }

    /// The frame of a page.
    pub(super) fn shell(&self, place: Place) -> Shell {
        Shell {
            organization_name: self.organization.name.to_string(),
            organization_slug: self.organization.slug.to_string(),
            views: self.viewpoints.as_ref().map(|it| self.view_switch(it)),
            viewer: Viewer {
                name: self.user.name.to_string(),
                email: self.user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
            },
            webhooks: webhooks::NEEDS.iter().all(|it| self.may_do(it)),
            place,
            preferences: self.preferences,
            here: self.here.clone(),
            back: self.back.clone(),
            now: self.app.now().to_string(),
            notice: self.notice.clone(),
            unconfirmed: self.unconfirmed.sentence(),
            unread: self.unread,
            behind: is_behind(&self.app),
        }
    }

    fn view_switch(&self, points: &Viewpoints) -> ViewSwitch {
        let all = || points.top.iter().chain(&points.agency).chain(&points.locations);
        let link = |it: &Viewpoint| ViewLink {
            name: it.name.to_string(),
            slug: it.slug.to_string(),
            has_namesake: all().any(|other| other.id != it.id && other.name.key() == it.name.key()),
            here: it.id == self.organization.id,
        };
        ViewSwitch {
            top: points.top.as_ref().map(link),
            agency: points.agency.as_ref().map(link),
            locations: points.locations.iter().map(link).collect(),
        }
    }

    /// A path within the organization; empty for its own page.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.organization.slug)
    }

    /// Answers with a page, which shows the notice of the last action if there is one, for the first and last time.
    pub(super) fn page(&self, page: &impl Template) -> Response {
        let mut response = html(page);
        if self.notice.is_some() {
            cookies::clear_notice(response.headers_mut(), &self.site);
        }
        if self.unconfirmed == Unconfirmed::Over {
            cookies::clear_change(response.headers_mut(), &self.site);
        }
        response
    }

    /// Answers with a page of a list, and has the browser note which one it is, for what is done in its rows to lead back to. `list` is its path
    /// with its query.
    pub(super) fn page_of_list(&self, page: &impl Template, list: &str) -> Response {
        let mut response = self.page(page);
        if let Some(noted) = lists::with(&self.lists, list) {
            cookies::set_lists(response.headers_mut(), &self.site, noted);
        }
        response
    }

    /// Answers with a page that a script asks for, or that is opened beside another one: the notice is left for that one.
    pub(super) fn page_beside(&self, page: &impl Template) -> Response {
        html(page)
    }

    /// What the address of a key's page ends in, so that it goes on knowing which list its reader came from; `mark` is `?` or `&`.
    pub(super) fn kept(&self, mark: &str) -> String {
        self.back.as_ref().map(|it| format!("{mark}{}", back_query(it))).unwrap_or_default()
    }

    /// Answers a change with the way to a page that says what was done.
    pub(super) fn done(&self, rest: &str, notice: &Notice) -> Response {
        self.done_at(&self.path(rest), notice)
    }

    /// The same with the list that the reader came from, where the address said so.
    pub(super) fn done_back_or(&self, rest: &str, notice: &Notice) -> Response {
        let path = self.back.clone().unwrap_or_else(|| self.path(rest));
        self.done_at(&path, notice)
    }

    /// The same with a list that a form brought along: as it is where it is another organization's, else a path within this one.
    pub(super) fn done_in_list(&self, list: &str, notice: &Notice) -> Response {
        let path = if list.starts_with("/o/") { list.to_owned() } else { self.path(list) };
        self.done_at(&path, notice)
    }

    /// Leads to a page within the organization where nothing was changed.
    pub(super) fn redirect(&self, rest: &str) -> Response {
        Redirect::to(&self.path(rest)).into_response()
    }

    /// The same with a page that is not this organization's, or not under the address that it had.
    pub(super) fn done_at(&self, path: &str, notice: &Notice) -> Response {
        let mut response = Redirect::to(path).into_response();
        debug_assert!(response.headers().contains_key(LOCATION));
        cookies::set_notice(response.headers_mut(), &self.site, notice);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{came_from, lists};

    #[test]
    fn a_reader_came_from_a_list_that_is_said_or_noted_and_from_nowhere_else() {
        let (one, other) = ("/o/root/keys?q=a", "/o/root/keys?q=b");
        let noted = lists::with(one, other).unwrap();
        let asked = |path: &str| format!("from=key_1&l={}", lists::mark(path));
        assert_eq!(came_from(&asked(one), &noted).as_deref(), Some(one));
        assert_eq!(came_from(&asked(other), &noted).as_deref(), Some(other));
        assert_eq!(came_from(&asked(one), other), None, "it is not among them any more");
        assert_eq!(came_from("back=/o/root/keys%3Fq%3Dc", &noted).as_deref(), Some("/o/root/keys?q=c"));
        // Whoever writes into the browser's cookies leads nobody elsewhere by it.
        for elsewhere in ["//evil.example/keys", "/o/root/members", "https://evil.example"] {
            assert_eq!(came_from(&asked(elsewhere), elsewhere), None, "{elsewhere}");
        }
        assert_eq!(came_from("", &noted), None);
    }
}
