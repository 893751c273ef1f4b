//! Reporting leaked keys: what is pasted is looked for, and policy says what becomes of each. None of it stands in the answer.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::Response;
use claviger_core::limits::LEAKS_PER_REPORT_MAX;
use claviger_core::name::Description;
use claviger_core::policy::LeakAction;
use claviger_core::reject::{Reject, RejectCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::pages::leak::{LeakPage, LeakRow, LeakedPage, Outcome};
use crate::console::pages::shell::Place;
use crate::console::visit::Visit;
use crate::ops::keys::{Leak, LeakOutcome, LeakReport, leak_action, report_leak};
use crate::ops::organizations::get_organization;
use crate::ops::verify::Subject;

/// What a page says that has to be filled in once more, since what is secret never comes back.
const AGAIN: &str = "The keys are not kept on this page: paste them again.";
/// Characters of what may be a key within a line; shorter words are not looked for.
const WORD_CHARS_MIN: usize = 16;
/// Characters of the second part of a pair.
const SECOND_CHARS_MIN: usize = 8;
/// Words of a line that are looked for.
const WORDS_PER_LINE_MAX: usize = 8;

/// What was found, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct LeakForm {
    leaked: SecretString,
    found_at: String,
}

fn page(visit: &Visit, found_at: String, errors: FormErrors) -> Result<LeakPage, Failure> {
    let action = leak_action(&visit.app, &visit.caller, visit.organization_id())?;
    Ok(LeakPage {
        shell: visit.shell(Place::Keys),
        revokes: action == LeakAction::Revoke,
        sees_policy: visit.may_do("claviger/organizations:read"),
        lines_max: LEAKS_PER_REPORT_MAX,
        found_at,
        errors,
    })
}

/// Asks for what leaked.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = page(&visit, String::new(), FormErrors::default())?;
    Ok(visit.page(&page))
}

/// Reports each line, and says what came of it.
pub(in crate::console) async fn report(
    visit: Visit,
    form: Result<Form<LeakForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    // Who may report nothing is refused before anything is looked at.
    leak_action(&visit.app, &visit.caller, visit.organization_id())?;
    let mut errors = FormErrors::default();
    let found_at = keep(&mut errors, "found_at", "Where it was found", Description::parse(form.found_at.trim()));
    let leaked = form.leaked.expose_secret();
    // Empty lines are not looked for, and counted all the same: the answer names each line by where it was pasted.
    let lines: Vec<_> = (1..).zip(leaked.lines().map(str::trim)).filter(|it| !it.1.is_empty()).collect();
    match lines.len() {
        0 => errors.add("leaked", "Paste at least one key."),
        1..=LEAKS_PER_REPORT_MAX => {}
        _ => errors.add("leaked", format!("Paste at most {LEAKS_PER_REPORT_MAX} keys at a time.")),
    }
    let found_at = found_at.filter(|it| !it.as_str().is_empty());
    let mut leaks = Vec::new();
    for (number, line) in lines.iter().take(LEAKS_PER_REPORT_MAX) {
        match candidates(line, found_at.as_ref()) {
            Ok(found) => leaks.push((*number, found)),
            Err(_) => {
                errors.add("found_at", "Where it was found must not hold a key itself: it stands in the audit.");
                break;
            }
        }
    }
    if !errors.is_empty() {
        errors.add_general(AGAIN);
        // Nor does a key that stands in the wrong field.
        let is_shown = errors.of("found_at").is_none();
        let kept = if is_shown { form.found_at } else { String::new() };
        return Ok(refused(visit.page(&page(&visit, kept, errors)?)));
    }
    let mut rows = Vec::new();
    let mut is_stopped = false;
    for (number, leaks) in leaks {
        let found = if is_stopped { None } else { report_line(&visit, leaks, rows.is_empty()).await? };
        is_stopped |= found.is_none();
        rows.push(row(&visit, number, found).await);
    }
    Ok(visit.page(&LeakedPage { shell: visit.shell(Place::Keys), rows }))
}

/// What a line may hold: a key as it stands there, a pair, or a key somewhere in it, such as behind `API_KEY=`. To say of a key that it is none
/// of ours, only because something stands beside it, would leave it good.
fn candidates(line: &str, found_at: Option<&Description>) -> Result<Vec<Leak>, Reject> {
    let mut subjects = vec![Subject::Key(line.to_owned().into())];
    let is_between = |it: char| it.is_whitespace() || matches!(it, ':' | ',' | ';');
    let parts: Vec<_> = line.split(is_between).filter(|it| !it.is_empty()).collect();
    if let [access, secret] = parts.as_slice()
        && secret.chars().count() >= SECOND_CHARS_MIN
    {
        let (access, secret) = ((*access).to_owned().into(), (*secret).to_owned().into());
        subjects.push(Subject::Pair { access, secret });
    }
    let is_of_word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
    let words = line.split(|it| !is_of_word(it)).filter(|it| it.len() >= WORD_CHARS_MIN && *it != line);
    subjects.extend(words.take(WORDS_PER_LINE_MAX).map(|it| Subject::Key(it.to_owned().into())));
    subjects.into_iter().map(|it| Leak::new(it, found_at.cloned())).collect()
}

/// What came of a line; nothing where it could not be looked for. Of the first that is a failure of the page, behind that the others are told.
async fn report_line(visit: &Visit, leaks: Vec<Leak>, is_first: bool) -> Result<Option<LeakReport>, Failure> {
    let mut last = None;
    for leak in leaks {
        match report_leak(&visit.app, &visit.caller, visit.organization_id(), leak, None).await {
            Ok(answer) => last = answer.fresh(),
            Err(error) => {
                let reject = error.into_reject();
                let is_stale = reject.code == RejectCode::VersionMismatch;
                if is_first && !is_stale {
                    return Err(reject.into());
                }
                return Ok(None);
            }
        }
        if last.as_ref().is_some_and(|it| it.outcome != LeakOutcome::Unknown) {
            break;
        }
    }
    Ok(last)
}

async fn row(visit: &Visit, line: usize, report: Option<LeakReport>) -> LeakRow {
    let Some(report) = report else { return LeakRow { line, outcome: Outcome::NotDone, key: None } };
    let outcome = match report.outcome {
        LeakOutcome::Unknown => Outcome::Unknown,
        LeakOutcome::Dead => Outcome::Dead,
        LeakOutcome::Revoked => Outcome::Deleted,
        LeakOutcome::Reported => Outcome::OnRecord,
        LeakOutcome::TokenEnded => Outcome::TokenEnded,
    };
    let Some((id, place, name)) = report.key else { return LeakRow { line, outcome, key: None } };
    let href = if place == visit.organization_id() {
        Some(visit.path(&format!("/keys/{id}")))
    } else {
        let found = get_organization(&visit.app, &visit.caller, place).await;
        found.ok().map(|it| format!("/o/{}/keys/{id}", it.organization.slug))
    };
    LeakRow { line, outcome, key: Some((name.to_string(), href)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        let leaks = candidates(line, None).expect("no place that holds a key");
        let text = |it: &Leak| match &it.subject {
            Subject::Key(key) => key.expose_secret().to_owned(),
            Subject::Pair { access, secret } => format!("{}+{}", access.expose_secret(), secret.expose_secret()),
        };
        leaks.iter().map(text).collect()
    }

    #[test]
    fn a_key_is_looked_for_as_a_whole_as_a_pair_and_within_its_line() {
        let key = "ck_0123456789abcdefghij";
        assert_eq!(found(key), [key]);
        assert_eq!(found(&format!("API_KEY=\"{key}\"")), [format!("API_KEY=\"{key}\""), key.to_owned()]);
        assert_eq!(found(&format!("access:{key}")), [format!("access:{key}"), format!("access+{key}"), key.to_owned()]);
        assert_eq!(found("two words"), ["two words"], "what is short is no part of a pair");
        assert_eq!(found(&format!("{key} ").repeat(20)).len(), 1 + WORDS_PER_LINE_MAX);
    }
}
