//! What the guide "Checking keys" shows in Rust, from the first `use` on: asks whether a key is good.
//!
//! Usage: `CLAVIGER_KEY=… API_KEY=… check_key`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program of somebody else's")]

use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let caller = std::env::var("CLAVIGER_KEY")?;
    let question = json!({"key": std::env::var("API_KEY")?, "permissions": ["contacts:read"]});
    let request = reqwest::Client::new().post("https://keys.example.com/api/v1/verify").bearer_auth(caller);
    let answer: Value = request.json(&question).send().await?.error_for_status()?.json().await?;
    println!("{} {}", answer["allowed"], answer["code"]);
    Ok(())
}
