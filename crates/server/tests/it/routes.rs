//! What a router knows. axum has no list of it, but its `Debug` shows it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;

/// The paths of a router, with what `Debug` shows of the methods there.
fn routed(router: &Router) -> BTreeMap<String, String> {
    let shown = format!("{router:?}");
    // What axum itself puts into every router to answer where nothing stands comes behind.
    let (own, _) = shown.split_once("fallback_router: ").unwrap();
    let (endpoints, paths) = own.split_once("node: Node { paths: {").unwrap();
    let by_route = |text: &str| -> BTreeMap<String, String> {
        let parts = text.split("RouteId(").skip(1).filter_map(|it| it.split_once("): "));
        parts.map(|(id, what)| (id.to_owned(), what.to_owned())).collect()
    };
    let endpoints = by_route(endpoints);
    let path_of = |text: &str| text.split('"').nth(1).unwrap().to_owned();
    by_route(paths).into_iter().map(|(id, path)| (path_of(&path), endpoints[&id].clone())).collect()
}

/// The paths that a router knows.
pub(crate) fn paths(router: &Router) -> BTreeSet<String> {
    routed(router).into_keys().collect()
}

/// Those that answer POST.
pub(crate) fn posts(router: &Router) -> BTreeSet<String> {
    let answers = |methods: &str| methods.split_once(", post: ").is_some_and(|(_, it)| !it.starts_with("None"));
    routed(router).into_iter().filter(|(_, methods)| answers(methods)).map(|(path, _)| path).collect()
}

// The control: what is added is seen, below a layer and in a nested router too.
#[test]
fn a_router_shows_its_paths_and_which_of_them_take_a_post() {
    use axum::routing::{get, post};
    let answer = async || "x";
    let nested: Router = Router::new().route("/deep/{id}", get(answer).post(answer)).route("/seen", get(answer));
    let router: Router = Router::new().route("/", get(answer)).route("/sent", post(answer)).nest("/o", nested);
    let router = router.fallback(answer).layer(tower::layer::layer_fn(|inner: axum::routing::Route| inner));
    assert_eq!(paths(&router).into_iter().collect::<Vec<_>>(), ["/", "/o/deep/{id}", "/o/seen", "/sent"]);
    assert_eq!(posts(&router).into_iter().collect::<Vec<_>>(), ["/o/deep/{id}", "/sent"]);
}
