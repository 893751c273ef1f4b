//! The console: server-rendered pages for people.
//!
//! Every action is a link or a plain form, so that all of it works with scripts off; the one script only enhances. A page is an askama
//! template under `templates/` and a struct of plain data in [`pages`] that a handler fills. Like `api`, this module calls `ops` and the
//! replica and never opens a transaction itself.

pub mod pages;

mod access;
mod account;
mod again;
mod api_management;
mod apis;
mod audit;
mod confirm;
mod confirmations;
mod cookies;
mod data_loader;
mod entrance;
mod failure;
mod health;
mod home;
mod keyboard;
mod keys;
mod lines;
mod links;
mod lists;
mod mark;
mod members;
mod menu;
mod notifications;
mod organizations;
mod paging;
mod policies;
mod renewal;
mod respond;
mod revisions;
mod roles;
mod security;
mod settings;
mod settings_search;
mod shared_secret;
mod tree;
mod upload;
mod visit;
mod webhooks;

#[cfg(test)]
mod contrast;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use self::audit::erase::History;
use self::keys::bulk::Verb;
use self::keys::door::Door;
use self::keys::rotation::Step;
use self::menu::Section;
use self::shared_secret::overlap;
use crate::app::App;

/// Bytes of a form; the largest holds a description and a handful of short fields.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// A section that leads to API Management, and API Management behind it.
fn api_management(door: Section) -> Router<App> {
    let page = format!("{}{}", door.path(), api_management::NAME);
    Router::new()
        .route(door.path(), get(move |visit| settings::show(visit, door)))
        .route(&page, get(move |visit, query| api_management::show_holders(visit, query, door)))
        .route(&format!("{page}/{{user}}"), get(move |visit, path| api_management::show_holder(visit, path, door)))
        .route(
            &format!("{page}/{{user}}/configure"),
            get(move |visit, path, query| api_management::configure(visit, path, query, door)),
        )
        .route(
            &format!("{page}/{{user}}/clear"),
            get(move |visit, path| api_management::show_clear(visit, path, door))
                .post(move |visit, path, form| api_management::clear(visit, path, form, door)),
        )
}

/// The question about several keys, and what it asks about.
fn bulk(verb: Verb) -> MethodRouter<App> {
    get(move |visit, query| keys::bulk::show(visit, query, verb))
        .post(move |visit, sent| keys::bulk::change(visit, sent, verb))
}

/// The question before a rotation is changed, and its answer.
fn rotation(step: Step) -> MethodRouter<App> {
    get(move |visit, path, query| keys::rotation::show(visit, path, query, step))
        .post(move |visit, path, form| keys::rotation::change(visit, path, form, step))
}

/// The question before what an event tells is erased, and its answer.
fn erasure(history: History) -> MethodRouter<App> {
    get(move |visit, path| audit::erase::show(visit, path, history))
        .post(move |visit, path, form| audit::erase::erase(visit, path, form, history))
}

/// The question before an old shared secret is changed, and its answer.
fn overlap(step: overlap::Step) -> MethodRouter<App> {
    get(move |visit, query| overlap::show(visit, query, step))
        .post(move |visit, form| overlap::change(visit, form, step))
}

/// The routes of the console, and its page for what is not there.
///
/// From outside in: the headers of every answer, the log and the pages of failures, what a panic is turned into, what is refused for safety, the origin check, the handler.
pub fn router(app: App) -> Router {
    let organization = Router::new()
        .route("/", get(home::show_home))
        .route("/settings", get(settings::show_settings))
        .route("/organizations", get(organizations::show_organizations))
        .route(
            "/keys",
            get(|visit, query| keys::list::show_keys(visit, query, Door::Settings)).post(keys::form::create),
        )
        .route("/keys/new", get(keys::form::show_new_key))
        .route("/keys/csv", get(keys::export::export))
        .route("/keys/bulk/activate", bulk(Verb::Activate))
        .route("/keys/bulk/deactivate", bulk(Verb::Deactivate))
        .route("/keys/bulk/extend", bulk(Verb::Extend))
        .route("/keys/bulk/delete", bulk(Verb::Delete))
        .route("/keys/leaked", get(keys::leak::show).post(keys::leak::report))
        .route("/keys/{key}", get(keys::change::show_key))
        .route("/keys/{key}/first-request", get(keys::usage::show_first_request))
        .route("/keys/{key}/edit", get(keys::form::show_edit_key).post(keys::form::edit))
        .route("/keys/{key}/rotate", get(keys::secrets::show_rotate).post(keys::secrets::rotate))
        .route("/keys/{key}/rotation/end", rotation(Step::End))
        .route("/keys/{key}/rotation/extend", rotation(Step::Extend))
        .route("/keys/{key}/rotation/cancel", rotation(Step::Cancel))
        .route("/keys/{key}/view", get(keys::viewing::show).post(keys::viewing::view))
        .route("/keys/{key}/bundle", post(shared_secret::bundle::show_bundle))
        .route("/keys/{key}/activate", post(keys::change::activate))
        .route("/keys/{key}/deactivate", post(keys::change::deactivate))
        .route("/keys/{key}/delete", get(keys::change::show_delete).post(keys::change::delete))
        .route("/shared-secret", get(shared_secret::show).post(shared_secret::create))
        .route("/shared-secret/view", get(shared_secret::show_view).post(shared_secret::view))
        .route("/shared-secret/rotate", get(shared_secret::show_rotate).post(shared_secret::rotate))
        .route("/shared-secret/end", overlap(overlap::Step::End))
        .route("/shared-secret/extend", overlap(overlap::Step::Extend))
        .route("/shared-secret/delete", get(shared_secret::show_delete).post(shared_secret::delete))
        .route(webhooks::PATH, get(webhooks::show_webhooks))
        .route("/integrations/webhooks/new", get(webhooks::show_new).post(webhooks::create))
        .route("/webhooks/{webhook}", get(webhooks::show_webhook))
        .route("/webhooks/{webhook}/edit", get(webhooks::show_edit).post(webhooks::edit))
        .route("/webhooks/{webhook}/pause", post(webhooks::pause))
        .route("/webhooks/{webhook}/play", post(webhooks::play))
        .route("/webhooks/{webhook}/rotate", get(webhooks::show_rotate).post(webhooks::rotate))
        .route("/webhooks/{webhook}/test", post(webhooks::send_test))
        .route("/webhooks/{webhook}/recover", post(webhooks::recover))
        .route("/webhooks/{webhook}/delete", get(webhooks::show_delete).post(webhooks::delete))
        .route("/webhooks/{webhook}/deliveries/{delivery}", get(webhooks::show_delivery))
        .route("/webhooks/{webhook}/deliveries/{delivery}/resend", post(webhooks::resend))
        .route("/audit", get(audit::show_audit))
        .route("/audit/{event}", get(audit::show_event))
        .route("/audit/{event}/erase", erasure(History::Audit))
        .route("/revision-history", get(revisions::show_revisions))
        .route("/revision-history/{event}", get(revisions::show_revision))
        .route("/revision-history/{event}/erase", erasure(History::Revisions))
        .route("/tree", get(tree::show_tree).post(tree::create))
        .route("/tree/new", get(tree::show_new))
        .route("/tree/{id}", get(tree::show_organization))
        .route("/tree/{id}/edit", get(tree::show_edit).post(tree::edit))
        .route("/tree/{id}/suspend", get(tree::show_suspend).post(tree::suspend))
        .route("/tree/{id}/resume", post(tree::resume))
        .route("/tree/{id}/move", get(tree::show_move).post(tree::move_to))
        .route("/keyboard", get(keyboard::show_keyboard))
        .route("/health", get(health::show_health))
        .route("/policies", get(policies::show_policies))
        .route("/policies/{setting}", get(policies::show_setting).post(policies::save))
        .route("/policies/{setting}/review", get(policies::show_review))
        .route(notifications::PATH, get(notifications::show_list))
        .route("/notifications/read-all", post(notifications::mark_all_read))
        .route("/notifications/{notification}/open", post(notifications::open))
        .route("/notifications/{notification}/keep", post(notifications::keep))
        .route("/notifications/{notification}/dismiss", post(notifications::dismiss))
        .route("/profile/notifications", get(notifications::show_choices).post(notifications::save_choices))
        .route("/sessions", get(account::show_sessions))
        .route("/sessions/end-others", post(account::end_others))
        .route("/sessions/{session}/end", post(account::end_session))
        .route("/password", get(account::show_password).post(account::change_password))
        .route("/user-management", get(|visit| settings::show(visit, Section::UserManagement)))
        .route("/user-management/keys", get(|visit, query| keys::list::show_keys(visit, query, Door::UserManagement)))
        .route("/system-settings", get(|visit| settings::show(visit, Section::SystemSettings)))
        .route("/system-setup", get(|visit| settings::show(visit, Section::SystemSetup)))
        .route("/integrations", get(|visit| settings::show(visit, Section::Integrations)))
        .route("/integrations/keys", get(|visit, query| keys::list::show_keys(visit, query, Door::Integrations)))
        .route(data_loader::PATH, get(data_loader::show))
        .route("/integrations/data-loader/{member}/new", get(data_loader::show_new).post(data_loader::create))
        .route("/integrations/data-loader/{member}/edit", get(data_loader::show_edit).post(data_loader::edit))
        .route("/profile", get(|visit| settings::show(visit, Section::Profile)))
        .route("/profile/edit", get(|visit| settings::show(visit, Section::EditProfile)))
        .route("/profile/security", get(|visit| settings::show(visit, Section::ProfileSecurity)))
        .route("/profile/security/keys", get(access::show_mapped))
        .route("/profile/api-access", get(access::show).post(access::switch_on))
        .route("/profile/api-access/off", get(access::show_off).post(access::switch_off))
        .route("/profile/api-access/regenerate", get(access::show_regenerate).post(access::regenerate))
        .merge(api_management(Section::Security))
        .merge(api_management(Section::AdvancedSettings))
        .route("/configure", get(|visit| settings::show(visit, Section::Configure)))
        .merge(apis::router())
        .route("/roles", get(roles::show_roles).post(roles::create))
        .route("/roles/new", get(roles::show_new_role))
        .route("/roles/{role}", get(roles::show_role))
        .route("/roles/{role}/edit", get(roles::show_edit).post(roles::edit))
        .route("/roles/{role}/api-access", post(roles::set_api_access))
        .route("/roles/{role}/delete", get(roles::show_delete).post(roles::delete))
        .route("/members", get(members::list::show_members).post(members::form::create))
        .route("/members/new", get(members::form::show_invite))
        .route("/members/{member}", get(members::change::show_member))
        .route("/members/{member}/edit", get(members::edit::show_edit).post(members::edit::edit))
        .route("/members/{member}/role", get(members::form::show_role).post(members::form::set_role))
        .route("/members/{member}/remove", get(members::change::show_remove).post(members::change::remove))
        .route("/members/{member}/link", post(members::change::make_link))
        .route("/members/{member}/withdraw", post(members::change::withdraw_link))
        .route("/members/{member}/disable", get(members::change::show_disable).post(members::change::disable))
        .route("/members/{member}/enable", post(members::change::enable))
        .layer(from_fn_with_state(app.clone(), renewal::attend))
        .layer(from_fn_with_state(app.clone(), confirmations::attend))
        .layer(from_fn_with_state(app.clone(), again::attend));
    Router::new()
        .route("/", get(entrance::start))
        .route("/settings", get(entrance::start_settings))
        .route("/settings/api-keys", get(entrance::start_keys))
        .route("/setup/{token}", get(entrance::show_set_up))
        .route("/setup", post(entrance::claim_set_up))
        .route("/link/{token}", get(links::show_link))
        .route("/link", post(links::use_link))
        .route("/sign-in", get(entrance::show_sign_in).post(entrance::sign_in))
        .route("/sign-out", post(entrance::sign_out))
        .route("/preferences", post(entrance::set_preferences))
        .route("/assets/{name}", get(respond::asset))
        .nest("/o/{organization}", organization)
        .fallback(|| async { failure::Failure::not_found() })
        .method_not_allowed_fallback(|| async { failure::Failure::method_not_allowed() })
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(security::origins(app.config().public_url.as_ref()))
        .layer(from_fn_with_state(app.clone(), security::guard))
        .layer(CatchPanicLayer::custom(failure::panicked))
        .layer(from_fn_with_state(app.clone(), failure::attend))
        .layer(from_fn_with_state(app.clone(), security::headers))
        .with_state(app)
}
