//! The OpenAPI document: generated from the handlers, committed as openapi.json, and shown at `/docs/api`.

use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, SecurityRequirement};

use super::deprecation;
use super::problem::{Problem, ProblemCode, ProblemField, shared_responses};

const DESCRIPTION: &str = "\
Organizations, users, members, roles and API keys of a Claviger installation, and the question whether a key is good.

**Credentials.** Every operation needs one credential: a key of the api `default`, in any of the presentations listed under \
Authorization. Two different credentials in one request are refused with 400. A console session is accepted where no key is sent, \
in the cookie `__Host-sid`, or `sid` where the console is used over plain HTTP on the machine itself; what changes something then has to say by \
`Origin` or `Sec-Fetch-Site` that it comes from the console's own pages (403 `foreign_origin`). `x-permissions` names what an operation needs: `all` of these permissions, or, for keys of the \
caller's own, the one named `own`.

**Permissions** are `resource:action` or `resource/element:action`, such as `contacts:read` or `scorecards/A:update`. `*` stands \
for any resource or any action, not for an element: `*:read` is reading everything, `scorecards:*` and `scorecards/A:*` are everything \
about them, `*:*` is everything there is. A right on a resource covers its elements. The rights on this API itself are elements of the \
resource `claviger`, such as `claviger/keys:create`.

**Refusals** are problem documents (RFC 9457) with a stable `code` and a `fix`. A method that a path does not know is answered with 405 and \
`Allow`; a query parameter that an operation does not know with 400. What does not exist and what belongs to others is \
answered alike, with 404.

**Lists** come in pages: `limit`, and `cursor` with the `next_cursor` of the page before, or the `Link` header.

**Changes** of one thing that has a version can be bound to it by `If-Match` with an `ETag` (412 `version_mismatch`); an operation that does not \
name `If-Match` or `If-None-Match` among its parameters refuses them with 400. POST requests can be repeated under an `Idempotency-Key`: the same \
request is one whose body is the same byte by byte (else 422), so send again what was sent. Each change is answered once the answering node has applied it, with a header `Claviger-Receipt` that says which other nodes have.

**Rates.** Each caller may send so many requests in a period; `RateLimit-Policy` and `RateLimit` say how many, and what is left of them. \
A key may have a rate and a quota of a day besides (`limits`, and the policy's `default_rate` and `default_daily_quota`): they count what hosts verify of it as \
well as what it calls here, and stand in these fields as `key` and `day`. Beyond, the answer is 429, and `Retry-After` says when to try again.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Claviger API", description = DESCRIPTION, license(name = "Apache-2.0", identifier = "Apache-2.0"), contact()),
    servers((url = "/", description = "This server")),
    components(schemas(Problem, ProblemCode, ProblemField)),
    tags(
        (name = "keys", description = "API keys: identities with secrets."),
        (name = "verify", description = "Whether a key is good, for whom it acts and what it may do."),
        (name = "tokens", description = "Access tokens: got with a key, good for minutes, gone with it."),
        (name = "me", description = "Who calls."),
        (name = "organizations", description = "The nodes of the one tree."),
        (name = "policies", description = "What holds for an organization, and where it comes from."),
        (name = "users", description = "Persons and service users."),
        (name = "members", description = "Users in an organization, each with a role."),
        (name = "roles", description = "Named sets of permissions."),
        (name = "events", description = "What was changed, by whom, and how it looked before and after."),
        (name = "webhooks", description = "What happens, sent to whoever asked for it; what hosts report, and the catalogue of it."),
        (name = "apis", description = "The resource servers whose keys are checked."),
        (name = "imports", description = "Keys that exist elsewhere, as digests."),
        (name = "nodes", description = "The running processes of the installation."),
    )
)]
struct Preamble;

/// What the document says before any operation is in it.
pub(super) fn preamble() -> utoipa::openapi::OpenApi {
    let mut document = Preamble::openapi();
    let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    let schemes = [
        ("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))),
        ("x_api_key", header("X-Api-Key")),
        ("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic))),
        ("access_key", header("accessKey")),
        ("secret_key", header("secretKey")),
        ("api_key", SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("api_key")))),
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-sid")))),
    ];
    let components = document.components.take().unwrap_or_default();
    let builder = schemes
        .into_iter()
        .fold(ComponentsBuilder::from(components), |builder, (name, scheme)| builder.security_scheme(name, scheme));
    let builder = shared_responses().fold(builder, |builder, (name, response)| builder.response(name, response));
    document.components = Some(builder.build());
    let one = |name: &str| SecurityRequirement::new(name, [""; 0]);
    let pair = one("access_key").add("secret_key", [""; 0]);
    document.security = Some(vec![one("bearer"), one("x_api_key"), one("basic"), pair, one("api_key"), one("session")]);
    document
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = super::operations()
        .merge(super::oauth::router())
        .merge(super::oauth_tokens::router())
        .merge(super::sign_in::router())
        .into_openapi();
    super::receipts::document(&mut document);
    deprecation::mark(&mut document, &deprecation::DEPRECATED);
    document
}

/// The document as openapi.json has it.
pub fn document_text() -> String {
    openapi().to_pretty_json().expect("a document is JSON")
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
