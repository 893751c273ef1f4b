//! Receipts: a header that says, with the answer to a change, which nodes know of it.
//!
//! A header and not a member of each body: bodies are the things themselves, which have versions and are kept for repetitions, and who knows of
//! a change is no part of a thing.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, Ref, RefOr};

use crate::app::App;
use crate::ops::receipts::{self, Receipt};

/// Says which nodes know of a change.
const RECEIPT: HeaderName = HeaderName::from_static(crate::http::RECEIPT);
const SHOWN: &str = "Claviger-Receipt";
/// Under which name the document keeps its description: once, since every change has it.
const COMPONENT: &str = "ClavigerReceipt";

const DESCRIPTION: &str = "\
Which nodes know of this change, as JSON: `{\"epoch\":1,\"seq\":17,\"nodes\":{\"acked\":2,\"pending\":[\"node-c\"],\"lost\":[\"node-d\"]},\
\"denied_everywhere_by\":\"2027-01-02T00:00:10Z\"}`. `epoch` and `seq` say where in the log it stands; of a request that changed nothing, \
because all was so already, where the log stood. `acked` counts the nodes that have applied it, the answering one included; the answer waits \
for the others for a second at most. `pending` names nodes that live and have not said so yet, `lost` nodes that say nothing any more and may \
still answer from memory. Where there are any, `denied_everywhere_by` is when the change holds at them too, at the latest: the policy's \
`max_stale_secs` after they read the log for the last time. `unnamed` counts further ones where there are more than 16 of a kind.";

/// Puts the receipt of a change into its answer, once the nodes have had their time to confirm it.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (mut response, noted) = receipts::watch(next.run(request)).await;
    if let Some(noted) = noted.filter(|_| response.status().is_success()) {
        let receipt = Receipt::wait(&app, noted).await;
        let text = serde_json::to_string(&receipt).expect("a receipt is JSON");
        let value = HeaderValue::try_from(text).expect("names of nodes are visible ASCII");
        response.headers_mut().insert(RECEIPT, value);
    }
    response
}

/// Documents the header on every operation that changes something.
pub(super) fn document(document: &mut OpenApi) {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let header = HeaderBuilder::new().schema(Some(text)).description(Some(DESCRIPTION)).build();
    document.components.get_or_insert_default().headers.insert(COMPONENT.to_owned(), RefOr::T(header));
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten().filter(|it| changes_something(it)) {
            for (status, response) in &mut operation.responses.responses {
                if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
                    let header = Ref::new(format!("#/components/headers/{COMPONENT}"));
                    response.headers.insert(SHOWN.to_owned(), RefOr::Ref(header));
                }
            }
            // It has done its work; and of two extensions the document would have now the one first and now the other.
            if let Some(extensions) = &mut operation.extensions {
                extensions.remove(LEAVES_AN_EVENT);
            }
        }
    }
}

/// Says of an operation that it leaves an event although it takes no more than a right to read.
const LEAVES_AN_EVENT: &str = "x-leaves-event";

/// Whether an operation that is not asked by GET changes something: a right to read or to verify is none to change, and what asks for no right
/// is OAuth's, which knows no receipts.
fn changes_something(operation: &Operation) -> bool {
    let extension = |name: &str| operation.extensions.as_ref().and_then(|it| it.get(name));
    if extension(LEAVES_AN_EVENT).is_some() {
        return true;
    }
    let needed = extension("x-permissions").and_then(|it| it["all"].as_array());
    let asks = |it: &serde_json::Value| it.as_str().is_some_and(|it| it.ends_with(":read") || it.ends_with(":verify"));
    needed.is_some_and(|it| it.is_empty() || !it.iter().all(asks))
}
