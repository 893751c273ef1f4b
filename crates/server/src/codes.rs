//! The codes with which something is refused, as tables: for the guides that the server shows, and for the documents of the repository.

use claviger_core::decision::Code;
use claviger_core::reject::RejectCode;

const HEAD: &str = "| code | status | what it means | what to do |\n|---|---|---|---|\n";

/// Why a key is refused, as `verify` and gateways say it.
pub(crate) fn decision_codes() -> String {
    let row = |code: Code| row(code.as_str(), code.http_status(), code.meaning(), RejectCode::Decision(code).fix());
    HEAD.to_owned() + &Code::ALL.into_iter().map(row).collect::<String>()
}

/// What the API itself refuses besides.
pub(crate) fn problem_codes() -> String {
    let row = |code: RejectCode| row(code.as_str(), code.http_status(), code.meaning(), code.fix());
    HEAD.to_owned() + &RejectCode::OWN.into_iter().map(row).collect::<String>()
}

fn row(code: &str, status: u16, meaning: &str, fix: &str) -> String {
    format!("| `{code}` | {status} | {meaning} | {fix} |\n")
}
