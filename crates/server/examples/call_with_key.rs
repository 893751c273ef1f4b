//! What the guide "Using a key" shows in Rust, from the first `use` on: calls this server's API with a key.
//!
//! Usage: `API_KEY=… call_with_key`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program of somebody else's")]

use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = std::env::var("API_KEY")?;
    let request = reqwest::Client::new().get("https://keys.example.com/api/v1/me").bearer_auth(key);
    let me: Value = request.send().await?.error_for_status()?.json().await?;
    println!("{}", me["key"]["name"]);
    Ok(())
}
