//! A browser without scripts: keeps cookies, follows links and redirects, fills in the forms that stand on a page and nothing else.

use std::collections::BTreeMap;

use claviger_core::id::{SessionId, UserId};
use claviger_core::secret::Digest;
use claviger_store::sessions::Session;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, redirect};
use scraper::{ElementRef, Html, Selector};

use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What every answer carries that came over TLS.
pub(super) const STRICT: &str = "max-age=31536000";

/// Where other surfaces answer, with headers of their own.
const OTHER_SURFACES: [&str; 2] = ["/api/", "/docs"];

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) path: String,
}

/// A form as it stands on a page.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) method: String,
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

pub(super) struct Browser<'a> {
    app: &'a TestApp,
    http: reqwest::Client,
    pub(super) cookies: BTreeMap<String, String>,
}

pub(super) fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

impl Page {
    /// Reads an answer to its end. Whatever it is, page, file or refusal, it has to carry what every answer of the console carries.
    pub(super) async fn read(path: &str, answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let page = Self { status, headers, text: answer.text().await.unwrap(), path: path.to_owned() };
        page.carries_the_headers();
        page
    }

    /// Assurance S12: the policy, to the letter, and what else keeps an answer from doing harm; S13: cookies are out of reach of scripts, other
    /// sites and neighbouring hosts.
    fn carries_the_headers(&self) {
        if OTHER_SURFACES.iter().any(|it| self.path.starts_with(it)) {
            return;
        }
        for (name, value) in HEADERS {
            assert_eq!(self.header(name), value, "{} {}", self.path, self.status);
        }
        let kept = self.path.starts_with("/assets/") && matches!(self.status, 200 | 304);
        // A form that comes back with complaints can be gone back to; nothing that may hold a secret.
        let returns = self.status == 422 && self.path.starts_with("/o/") && !self.path.ends_with("/bundle");
        let caching = match (kept, returns) {
            (true, _) => "public, max-age=31536000, immutable",
            (_, true) => "private, no-cache",
            _ => "no-store",
        };
        assert_eq!(self.header("cache-control"), caching, "{} {}", self.path, self.status);
        // Over plain HTTP, on loopback, it would shut the browser out of whatever else is served there.
        assert!(["", STRICT].contains(&self.header("strict-transport-security")), "{}", self.path);
        for cookie in self.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let secure = if cookie.starts_with("__Host-") { " Secure;" } else { "" };
            let attributes = cookie.split_once(';').unwrap().1;
            assert!(attributes.starts_with(&format!(" HttpOnly; SameSite=Lax;{secure} Path=/; Max-Age=")), "{cookie}");
            assert_eq!(cookie.starts_with("__Host-"), !self.header("strict-transport-security").is_empty(), "{cookie}");
        }
    }

    pub(super) fn html(&self) -> Html {
        Html::parse_document(&self.text)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The text of the first element that matches, white space in single spaces.
    pub(super) fn text_of(&self, css: &str) -> String {
        let html = self.html();
        let element = html.select(&selector(css)).next().unwrap_or_else(|| panic!("no {css} in {}", self.text));
        element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// A refusal without its own address, and the ways out that this leads to: by nothing else may one differ from another.
    pub(super) fn refusal(&self) -> String {
        let text = self.text.replace(&format!("value=\"{}\"", self.path), "");
        let (before, ways) = text.split_once("<div class=\"buttons\">").expect("ways out");
        let (_, behind) = ways.split_once("</div>").expect("their end");
        format!("{before}{behind}")
    }

    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.path, self.text);
        self
    }

    /// Where links of this page lead, on this server.
    pub(super) fn links(&self) -> Vec<String> {
        let html = self.html();
        let anchors = selector("a[href]");
        let links = html.select(&anchors).filter_map(|it| it.attr("href").map(str::to_owned));
        links.filter(|it| it.starts_with('/')).collect()
    }

    /// The path of the page of the key that this page is about, without what else its address says.
    pub(super) fn key_path(&self) -> String {
        let links = self.links().into_iter().filter_map(|it| it.split('?').next().map(str::to_owned));
        let mut ids = links.filter(|it| it.rsplit_once('/').is_some_and(|(_, last)| last.starts_with("key_")));
        ids.next().unwrap_or_else(|| panic!("no key in {}", self.text))
    }

    /// The form with this action, be there a query behind it, filled in as it came.
    pub(super) fn form(&self, action_ends: &str) -> Form {
        let html = self.html();
        let form = html.select(&selector("form")).find(|it| {
            let action = it.attr("action").unwrap();
            action.ends_with(action_ends) || action.split('?').next().is_some_and(|it| it.ends_with(action_ends))
        });
        let form = form.unwrap_or_else(|| panic!("no form …{action_ends} in {}", self.text));
        Form {
            method: form.attr("method").unwrap().to_owned(),
            action: form.attr("action").unwrap().to_owned(),
            fields: form.select(&selector("input, select, textarea")).filter_map(value_of).collect(),
        }
    }
}

/// What a browser would send for a control.
fn value_of(control: ElementRef<'_>) -> Option<(String, String)> {
    let name = control.attr("name")?.to_owned();
    if control.value().name() == "select" {
        let options: Vec<_> = control.select(&selector("option")).collect();
        let chosen = options.iter().find(|it| it.attr("selected").is_some()).or(options.first())?;
        return Some((name, chosen.attr("value")?.to_owned()));
    }
    if control.value().name() == "textarea" {
        return Some((name, control.text().collect()));
    }
    let is_ticked = matches!(control.attr("type"), Some("radio" | "checkbox"));
    let unchecked = is_ticked && control.attr("checked").is_none();
    (!unchecked).then(|| (name, control.attr("value").unwrap_or_default().to_owned()))
}

impl Form {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(it, _)| it != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl<'a> Browser<'a> {
    pub(super) fn new(app: &'a TestApp) -> Self {
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { app, http, cookies: BTreeMap::new() }
    }

    /// A browser in which the first admin has signed in.
    pub(super) async fn signed_in(app: &'a TestApp) -> Self {
        let mut browser = Self::new(app);
        browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
        browser
    }

    /// A browser with a session of somebody who has no password yet.
    pub(super) async fn of_user(app: &'a TestApp, user_id: UserId) -> Self {
        let token = format!("session-of-{user_id}");
        let now = app.now();
        let session = Session {
            id: SessionId::new(now, &mut *app.app.rng()),
            user_id,
            created_at: now,
            last_seen_at: now,
            expires_at: now.saturating_add(DAY),
            user_agent: None,
            ip: None,
        };
        let mut tx = app.app.store().begin().await.unwrap();
        tx.insert_session_unchecked(&session, &Digest::of_token(token.as_bytes())).await.unwrap();
        tx.commit_unaudited("a test's session").await.unwrap();
        let mut browser = Self::new(app);
        browser.cookies.insert("sid".to_owned(), token);
        browser
    }

    pub(super) async fn sign_in(&mut self, email: &str, password: &str) -> Page {
        let form = self.get("/sign-in").await.form("/sign-in").with("email", email).with("password", password);
        self.submit(&form).await
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, self.app.url(path));
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    pub(super) async fn send(&mut self, path: &str, request: RequestBuilder) -> Page {
        let answer = request.send().await.unwrap();
        let page = Page::read(path, answer).await;
        for cookie in page.headers.get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }

    /// One request, without following where it leads.
    pub(super) async fn get(&mut self, path: &str) -> Page {
        let request = self.request(Method::GET, path);
        self.send(path, request).await
    }

    /// A page, through all redirects.
    pub(super) async fn open(&mut self, path: &str) -> Page {
        let page = self.get(path).await;
        self.follow(page).await
    }

    pub(super) async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..5 {
            let Some(location) = page.headers.get(LOCATION) else { return page };
            let target = location.to_str().unwrap().to_owned();
            page = self.get(&target).await;
        }
        panic!("five redirects in a row end at {}", page.path);
    }

    /// Sends a form as a browser does: same origin, and it says so.
    pub(super) async fn submit(&mut self, form: &Form) -> Page {
        assert_eq!(form.method, "post");
        let request =
            self.request(Method::POST, &form.action).header("sec-fetch-site", "same-origin").form(&form.fields);
        self.send(&form.action, request).await
    }

    /// Creates a key by the form.
    pub(super) async fn create_key(&mut self, name: &str) -> Page {
        let form = self.open("/settings/api-keys").await.path;
        let form = self.get(&format!("{form}/new")).await.expect(200).form("/keys").with("name", name);
        self.submit(&form).await.expect(200)
    }
}
