//! Code that the reader can copy, with the server's address filled in.

use claviger_core::id::OrganizationId;

/// A piece of code in one language.
#[derive(Clone)]
pub struct Snippet {
    /// The part of ids that tells snippets of a page apart.
    pub slug: &'static str,
    /// `curl`, `TypeScript`, `Python`.
    pub language: &'static str,
    /// The code.
    pub code: String,
}

impl std::fmt::Debug for Snippet {
    /// Without the code, which may hold a token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snippet").field("language", &self.language).finish_non_exhaustive()
    }
}

/// How to call the API with a key: `GET /api/v1/me` answers who the key is.
///
/// `token` is the real one on the page that shows it once; elsewhere none, and the code reads it from `API_KEY`.
#[must_use]
pub fn call_with_key(base_url: &str, token: Option<&str>) -> Vec<Snippet> {
    let in_shell = token.unwrap_or("$API_KEY");
    let in_typescript =
        token.map_or_else(|| "`Bearer ${process.env.API_KEY}`".to_owned(), |it| format!("\"Bearer {it}\""));
    let in_python =
        token.map_or_else(|| "f\"Bearer {os.environ['API_KEY']}\"".to_owned(), |it| format!("\"Bearer {it}\""));
    let imports = if token.is_some() { "import json, urllib.request" } else { "import json, os, urllib.request" };
    vec![
        Snippet {
            slug: "curl",
            language: "curl",
            code: format!("curl {base_url}/api/v1/me \\\n  -H \"Authorization: Bearer {in_shell}\""),
        },
        Snippet {
            slug: "typescript",
            language: "TypeScript",
            code: format!(
                "const response = await fetch(\"{base_url}/api/v1/me\", {{\n  headers: {{ Authorization: {in_typescript} }},\n}});\n\
                 console.log(response.status, await response.json());"
            ),
        },
        Snippet {
            slug: "python",
            language: "Python",
            code: format!(
                "{imports}\n\nrequest = urllib.request.Request(\n    \"{base_url}/api/v1/me\",\n    headers={{\"Authorization\": {in_python}}},\n)\n\
                 with urllib.request.urlopen(request) as response:\n    print(response.status, json.load(response))"
            ),
        },
    ]
}

/// How to send a key along to where the host serves its api: for keys of other apis than this server's own, which refuses them.
///
/// `token` as for [`call_with_key`]; where the host listens is for the reader to fill in.
#[must_use]
pub fn send_key_along(token: Option<&str>) -> Vec<Snippet> {
    let in_shell = token.unwrap_or("$API_KEY");
    let in_typescript =
        token.map_or_else(|| "`Bearer ${process.env.API_KEY}`".to_owned(), |it| format!("\"Bearer {it}\""));
    let in_python =
        token.map_or_else(|| "f\"Bearer {os.environ['API_KEY']}\"".to_owned(), |it| format!("\"Bearer {it}\""));
    vec![
        Snippet {
            slug: "curl",
            language: "curl",
            code: format!(
                "curl \"$LOADER_URL\" \\\n  -H \"Authorization: Bearer {in_shell}\" \\\n  -H \"Content-Type: text/csv\" \\\n  --data-binary @rows.csv"
            ),
        },
        Snippet {
            slug: "typescript",
            language: "TypeScript",
            code: format!(
                "import {{ readFile }} from \"node:fs/promises\";\n\nconst response = await fetch(process.env.LOADER_URL!, {{\n  method: \"POST\",\n  headers: {{ Authorization: {in_typescript}, \"Content-Type\": \"text/csv\" }},\n  body: await readFile(\"rows.csv\"),\n}});\nconsole.log(response.status);"
            ),
        },
        Snippet {
            slug: "python",
            language: "Python",
            code: format!(
                "import os, urllib.request\n\nwith open(\"rows.csv\", \"rb\") as rows:\n    request = urllib.request.Request(\n        os.environ[\"LOADER_URL\"],\n        data=rows.read(),\n        headers={{\"Authorization\": {in_python}, \"Content-Type\": \"text/csv\"}},\n    )\nwith urllib.request.urlopen(request) as response:\n    print(response.status)"
            ),
        },
    ]
}

/// How a program signs in with a key and the organization's shared secret: `POST /api/v1/auth/token`.
#[must_use]
pub fn sign_in_with_key(base_url: &str, shortname: &str) -> Vec<Snippet> {
    vec![
        Snippet {
            slug: "python",
            language: "Python",
            code: format!(
                "import json, os, time, urllib.request, uuid\nimport jwt  # pip install pyjwt\n\nassertion = jwt.encode(\n    {{\n        \"iat\": int(time.time()),\n        \"jti\": str(uuid.uuid4()),\n        \"appname\": os.environ[\"APP_NAME\"],\n        \"appkey\": os.environ[\"API_KEY\"],\n        \"shortname\": \"{shortname}\",\n    }},\n    os.environ[\"SHARED_SECRET\"],\n    algorithm=\"HS256\",\n)\nrequest = urllib.request.Request(\n    \"{base_url}/api/v1/auth/token\",\n    data=json.dumps({{\"jwt\": assertion}}).encode(),\n    headers={{\"Content-Type\": \"application/json\"}},\n)\nwith urllib.request.urlopen(request) as response:\n    access_token = json.load(response)[\"access_token\"]"
            ),
        },
        Snippet {
            slug: "typescript",
            language: "TypeScript",
            code: format!(
                "import {{ SignJWT }} from \"jose\"; // npm install jose\n\nconst assertion = await new SignJWT({{\n  appname: process.env.APP_NAME,\n  appkey: process.env.API_KEY,\n  shortname: \"{shortname}\",\n}})\n  .setProtectedHeader({{ alg: \"HS256\" }})\n  .setIssuedAt()\n  .setJti(crypto.randomUUID())\n  .sign(new TextEncoder().encode(process.env.SHARED_SECRET));\nconst response = await fetch(\"{base_url}/api/v1/auth/token\", {{\n  method: \"POST\",\n  headers: {{ \"Content-Type\": \"application/json\" }},\n  body: JSON.stringify({{ jwt: assertion }}),\n}});\nconst {{ access_token }} = await response.json();"
            ),
        },
        Snippet {
            slug: "shell",
            language: "Shell",
            code: format!(
                "base64url() {{ openssl base64 -A | tr '+/' '-_' | tr -d '='; }}\nheader=$(printf '{{\"alg\":\"HS256\",\"typ\":\"JWT\"}}' | base64url)\nclaims=$(printf '{{\"iat\":%s,\"jti\":\"%s\",\"appname\":\"%s\",\"appkey\":\"%s\",\"shortname\":\"{shortname}\"}}' \\\n  \"$(date +%s)\" \"$(openssl rand -hex 16)\" \"$APP_NAME\" \"$API_KEY\" | base64url)\n# openssl would take the secret as an argument, which everybody on this machine can read.\nsignature=$(printf '%s.%s' \"$header\" \"$claims\" | python3 -c 'import hashlib, hmac, os, sys\nkey = os.environ[\"SHARED_SECRET\"].encode()\nsys.stdout.buffer.write(hmac.digest(key, sys.stdin.buffer.read(), hashlib.sha256))' | base64url)\nprintf '{{\"jwt\":\"%s\"}}' \"$header.$claims.$signature\" |\n  curl {base_url}/api/v1/auth/token -H \"Content-Type: application/json\" -d @-"
            ),
        },
    ]
}

/// How a host's backend asks whether a key is good: `POST /api/v1/verify`, with a key of its own that may verify.
#[must_use]
pub fn check_key(base_url: &str) -> Vec<Snippet> {
    vec![
        Snippet {
            slug: "curl",
            language: "curl",
            code: format!(
                "curl {base_url}/api/v1/verify \\\n  -H \"Authorization: Bearer $CLAVIGER_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{{\"key\": \"'\"$API_KEY\"'\", \"permissions\": [\"contacts:read\"]}}'"
            ),
        },
        Snippet {
            slug: "typescript",
            language: "TypeScript",
            code: format!(
                "const response = await fetch(\"{base_url}/api/v1/verify\", {{\n  method: \"POST\",\n  headers: {{\n    Authorization: `Bearer ${{process.env.CLAVIGER_KEY}}`,\n    \"Content-Type\": \"application/json\",\n  }},\n  body: JSON.stringify({{ key, permissions: [\"contacts:read\"] }}),\n}});\nconst {{ allowed, code, mapped_user }} = await response.json();"
            ),
        },
        Snippet {
            slug: "python",
            language: "Python",
            code: format!(
                "import json, os, urllib.request\n\nrequest = urllib.request.Request(\n    \"{base_url}/api/v1/verify\",\n    data=json.dumps({{\"key\": key, \"permissions\": [\"contacts:read\"]}}).encode(),\n    headers={{\n        \"Authorization\": f\"Bearer {{os.environ['CLAVIGER_KEY']}}\",\n        \"Content-Type\": \"application/json\",\n    }},\n)\nwith urllib.request.urlopen(request) as response:\n    decision = json.load(response)"
            ),
        },
    ]
}

/// How a product reports what was changed in it.
#[must_use]
pub fn report_change(base_url: &str, shortname: &str) -> Vec<Snippet> {
    vec![Snippet {
        slug: "curl",
        language: "curl",
        code: format!(
            "curl {base_url}/api/v1/events \\\n  -H \"Authorization: Bearer $CLAVIGER_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  \
             -d '{{\"events\": [{{\"id\": \"change-1\", \"type\": \"contact.updated\", \"organization\": \"{shortname}\", \"at\": \"2026-11-22T10:00:00Z\",\n    \
             \"entity_id\": \"c-1\", \"actor_key_id\": \"key_…\", \"before\": {{\"name\": \"Ada\"}}, \"after\": {{\"name\": \"Ada L.\"}}}}]}}'"
        ),
    }]
}

/// How to create a key over HTTP.
#[must_use]
pub fn create_key(base_url: &str, organization: OrganizationId) -> Vec<Snippet> {
    vec![Snippet {
        slug: "curl",
        language: "curl",
        code: format!(
            "curl {base_url}/api/v1/organizations/{organization}/keys \\\n  -H \"Authorization: Bearer $CLAVIGER_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{{\"name\": \"Integration with CRM\"}}'"
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_without_a_token_reads_it_from_the_environment() {
        for snippet in [call_with_key("http://127.0.0.1:8080", None), send_key_along(None)].concat() {
            assert!(snippet.code.contains("API_KEY"), "{}", snippet.language);
        }
    }

    // What a program is started with is everybody's to read who is on the machine; what the shell itself writes is not.
    #[test]
    fn a_snippet_that_signs_in_starts_no_program_with_a_secret() {
        let snippets = sign_in_with_key("http://127.0.0.1:8080", "acme");
        let shell = snippets.iter().find(|it| it.slug == "shell").map(|it| it.code.as_str()).unwrap_or_default();
        assert!(shell.contains("os.environ[\"SHARED_SECRET\"]") && shell.ends_with("-d @-"), "{shell}");
        for line in shell.lines().filter(|it| it.contains("openssl") || it.contains("curl")) {
            let is_told = ["$SHARED_SECRET", "$claims", "$signature"].iter().any(|it| line.contains(it));
            assert!(!is_told, "{line}");
        }
    }

    /// `--json` came with curl 7.82, and the systems that people still run have older ones.
    #[test]
    fn a_snippet_for_curl_asks_for_no_new_curl() {
        let organization = OrganizationId::from_u128(7);
        for snippet in [check_key("http://127.0.0.1:8080"), create_key("http://127.0.0.1:8080", organization)].concat()
        {
            assert!(!snippet.code.contains("--json"), "{}", snippet.code);
            let types_its_body = snippet.code.contains("-H \"Content-Type: application/json\" \\\n  -d '{");
            assert!(types_its_body || snippet.language != "curl", "{}", snippet.code);
        }
    }

    #[test]
    fn a_snippet_never_prints_its_code_into_a_log() {
        let token = Some("ck_secret");
        let snippets = [call_with_key("http://127.0.0.1:8080", token), send_key_along(token)].concat();
        assert!(snippets.iter().all(|it| it.code.contains("ck_secret")));
        assert!(!format!("{snippets:?}").contains("ck_secret"));
    }
}
