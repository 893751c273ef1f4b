//! Every line with `curl` of the guides is run as it stands there, against a real server: behind the language of its fence stands the status that it
//! is answered with. Those in TypeScript and Python are run by `e2e/document/snippets.test.mjs`, those in Rust are compiled as examples.

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::api::fixture::Fixture;

const PLACE: &str = "https://keys.example.com";

/// A piece of shell as a guide has it.
#[derive(Debug)]
struct Snippet {
    /// What stands behind `sh`.
    hint: String,
    code: String,
}

fn guides() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/docs/guides");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files
}

fn snippets(markdown: &str) -> Vec<Snippet> {
    let mut found: Vec<Snippet> = Vec::new();
    let mut is_open = false;
    for line in markdown.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(info) if info.split(' ').next() == Some("sh") => {
                found.push(Snippet { hint: info["sh".len()..].trim().to_owned(), code: String::new() });
                is_open = true;
            }
            Some(_) => is_open = false,
            None if is_open => {
                let last = found.last_mut().unwrap();
                last.code.push_str(line.trim_start());
                last.code.push('\n');
            }
            None => {}
        }
    }
    found
}

/// What a shell says of it: the statuses of all answers, one in each line, last.
fn run(code: &str, home: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", code]).env("CURL_HOME", home).envs(variables.iter().copied());
    let output = command.output().expect("a shell is there");
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

/// Signs in as a client with the organization's shared secret does, and says by which token it goes on.
async fn sign_in(it: &Fixture) -> String {
    let secret = it.admin.post(&it.at("/shared-secret"), json!({})).await.expect(201).text_at("/shared_secret");
    let key = it.create_key(json!({"name": "Signs in"})).await;
    let claims = json!({"iat": it.app.now().as_secs(), "jti": "1", "appname": "Signs in", "appkey": key.token, "shortname": "root"});
    let by = EncodingKey::from_secret(secret.as_bytes());
    let jwt = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &by).unwrap();
    let answer = it.admin.without().post("/api/v1/auth/token", json!({ "jwt": jwt })).await;
    answer.expect(200).text_at("/refresh_token")
}

// Of several threads, because the server answers in this process while the test waits for curl.
#[tokio::test(flavor = "multi_thread")]
async fn every_curl_line_of_the_guides_is_answered_as_it_says() {
    let it = Fixture::start().await;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join(".curlrc"),
        "silent\nshow-error\nnoproxy = \"*\"\nwrite-out = \"\\n%{http_code}\"\n",
    )
    .unwrap();
    let apis = it.admin.get(&it.at("/apis")).await.expect(200).json();
    let default = apis["data"].as_array().unwrap().iter().find(|it| it["slug"] == "default").unwrap();
    let api_id = default["id"].as_str().unwrap();
    let admin = it.create_key(json!({"name": "Admin of the guides", "reach": "subtree"})).await;
    // Each guide has three keys.
    it.admin.patch(&it.at("/policy"), json!({"max_keys_per_user": 200})).await.expect(200);
    let refresh_token = sign_in(&it).await;
    let base = it.app.url("");
    let mut run_so_far = 0;
    for guide in guides() {
        let name = guide.file_stem().unwrap().to_string_lossy().into_owned();
        let caller = it.create_key(json!({"name": format!("Caller of {name}")})).await;
        let subject = it.create_key(json!({"name": format!("Subject of {name}")})).await;
        let leaked = it.create_key(json!({"name": format!("Leaked of {name}")})).await;
        let form = [("grant_type", "client_credentials")];
        let token = it.admin.with(&caller.token).request("POST", "/oauth/token").form(&form);
        let access_token = it.admin.send(token).await.expect(200).text_at("/access_token");
        let variables = [
            ("ACCESS_TOKEN", access_token.as_str()),
            ("REFRESH_TOKEN", &refresh_token),
            ("API_KEY", &caller.token),
            ("ACCESS_KEY", &caller.access_key),
            ("SECRET_KEY", &caller.secret_key),
            ("ADMIN_KEY", &admin.token),
            ("CLAVIGER_KEY", &admin.token),
            ("LEAKED_KEY", &leaked.token),
            ("KEY_ID", &subject.id),
            ("ORGANIZATION_ID", &it.root),
            ("API_ID", api_id),
        ];
        for snippet in snippets(&std::fs::read_to_string(&guide).unwrap()) {
            assert!(snippet.code.contains("curl "), "{name}: sh is for curl, console for anything else: {snippet:?}");
            assert!(snippet.code.contains(PLACE), "{name}: {snippet:?}");
            let said = run(&snippet.code.replace(PLACE, &base), home.path(), &variables);
            assert_eq!(said.lines().last(), Some(snippet.hint.as_str()), "{name}: {}\n{said}", snippet.code);
            run_so_far += 1;
        }
    }
    assert!(run_so_far > 20, "{run_so_far}");
}

// The control: a line that is answered otherwise than it says is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_fails_is_noticed() {
    let it = Fixture::start().await;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".curlrc"), "silent\nnoproxy = \"*\"\nwrite-out = \"\\n%{http_code}\"\n").unwrap();
    let text = "Text\n\n1. A\n\n   ```sh 200\n   curl https://keys.example.com/api/v1/me\n   ```\n\n```json\n{}\n```\n";
    let [snippet] = snippets(text).try_into().unwrap();
    assert_eq!((snippet.hint.as_str(), snippet.code.as_str()), ("200", "curl https://keys.example.com/api/v1/me\n"));
    let said = run(&snippet.code.replace(PLACE, &it.app.url("")), home.path(), &[]);
    assert_eq!(said.lines().last(), Some("401"), "{said}");
}
