//! The policy of an organization: what holds, where it comes from, and changing what it sets itself, with a look at what that would do.

mod review;
pub(super) mod words;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::key_limits::RateSetting;
use claviger_core::policy::{OwnPolicy, Policy, PolicyPatch, Setting};
use claviger_core::rate::Rate;
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;
use serde_json::{Value, json};

use self::words::{About, Kind, about, notices_hint, sent, typed_notices, value_words};
use super::entrance::refused;
use super::failure::Failure;
use super::keys::limits::{NO_LIMIT, RATE_FORM};
use super::pages::form::{Choice, FormErrors, typed};
use super::pages::policies::{NumberField, PoliciesPage, SettingPage, SettingRow, SourceWords};
use super::pages::shell::{Notice, Place};
use super::visit::Visit;
use crate::ops::organizations::get_organization;
use crate::ops::policies::{PolicyInfo, Source, get_policy, update_policy};

/// In the form, the choice to have what an organization above has.
const INHERIT: &str = "inherit";
/// In the form, the choice to set the number beside it.
const NUMBER: &str = "number";
/// Bytes of what is typed that are looked at.
const TYPED_BYTES_MAX: usize = 20;

type SettingPath = Path<(String, String)>;

/// What the form of a setting sends.
#[derive(Debug, Deserialize, Default, Clone)]
#[serde(default)]
pub(super) struct SettingForm {
    version: String,
    /// [`INHERIT`], [`NUMBER`], or a value.
    choice: String,
    /// A number, or days with commas between them.
    number: String,
    /// Anything for yes.
    locked: String,
}

/// The settings of an organization.
pub(super) async fn show_policies(visit: Visit) -> Result<Response, Failure> {
    let info = get_policy(&visit.app, &visit.caller, visit.organization_id()).await?;
    let mut rows = Vec::with_capacity(Setting::ALL.len());
    for setting in Setting::ALL {
        rows.push(row(&visit, &info, setting).await);
    }
    let may_change = visit.may_do("claviger/organizations:update");
    Ok(visit.page(&PoliciesPage { shell: visit.shell(Place::Settings), rows, may_change, is_root: visit.is_at_root() }))
}

/// What people call a setting.
pub(super) fn setting_label(setting: Setting) -> &'static str {
    about(setting).label
}

/// What a setting does.
pub(super) fn setting_help(setting: Setting) -> &'static str {
    about(setting).help
}

/// What a policy says of a setting, in words.
pub(super) fn setting_words(setting: Setting, policy: &Policy) -> String {
    value_words(setting, &value_of(policy, setting))
}

fn setting_of(slug: &str) -> Result<Setting, Failure> {
    Setting::ALL.into_iter().find(|it| it.as_str() == slug).ok_or_else(Failure::not_found)
}

/// The value of a setting in a policy, be it one's own or the one that holds; `null` where there is none.
fn value_of(policy: &impl serde::Serialize, setting: Setting) -> Value {
    serde_json::to_value(policy).ok().and_then(|it| it.get(setting.as_str()).cloned()).unwrap_or_default()
}

async fn source_words(visit: &Visit, source: Source) -> SourceWords {
    match source {
        Source::Default => SourceWords::Nobody,
        Source::Own => SourceWords::Here,
        Source::Above(None) => SourceWords::Somewhere,
        Source::Above(Some(id)) => match get_organization(&visit.app, &visit.caller, id).await {
            Ok(info) => SourceWords::Above(info.organization.name.to_string()),
            Err(_) => SourceWords::Somewhere,
        },
    }
}

async fn row(visit: &Visit, info: &PolicyInfo, setting: Setting) -> SettingRow {
    let About { label, help, .. } = about(setting);
    SettingRow {
        slug: setting.as_str(),
        label,
        help,
        value: value_words(setting, &value_of(&info.effective, setting)),
        source: source_words(visit, info.set_by(setting)).await,
        lock: source_words(visit, info.locked_by(setting)).await,
    }
}

/// Shows the form of a setting: as it is, or as an address fills it in on the way back from the review.
pub(super) async fn show_setting(
    visit: Visit,
    Path((_, slug)): SettingPath,
    query: Result<Query<SettingForm>, QueryRejection>,
) -> Result<Response, Failure> {
    let setting = setting_of(&slug)?;
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/organizations:update")?;
    let info = get_policy(&visit.app, &visit.caller, visit.organization_id()).await?;
    let filled_in = query.ok().map(|Query(it)| it).filter(|it| !it.choice.is_empty());
    let form = filled_in.unwrap_or_else(|| present(&info, setting));
    Ok(visit.page(&setting_page(&visit, &info, setting, &form, FormErrors::default()).await))
}

/// The form as it stands for what an organization sets now.
fn present(info: &PolicyInfo, setting: Setting) -> SettingForm {
    let own = value_of(&info.organization.policy, setting);
    let holds = sent(&value_of(&info.effective, setting));
    let is_number = !matches!(about(setting).kind, Kind::Words(_));
    let value = sent(&own);
    let choice = match (&own, about(setting).kind) {
        (Value::Null, _) => INHERIT.to_owned(),
        (_, Kind::Number { off: Some(_), .. }) if value == "0" => "0".to_owned(),
        (_, Kind::Rate) if value == RateSetting::NONE => value.clone(),
        (_, Kind::Number { .. } | Kind::Notices | Kind::Rate) => NUMBER.to_owned(),
        (_, Kind::Words(_)) => value.clone(),
    };
    let number = if own.is_null() { holds } else { value };
    // As people type it, whatever machines write.
    let number = number.parse::<Rate>().map_or(number, |it| it.typed());
    SettingForm {
        version: info.organization.version.to_string(),
        choice,
        number: if is_number && number != "0" && number != RateSetting::NONE { number } else { String::new() },
        locked: if info.organization.policy.locked.contains(&setting) { "yes".to_owned() } else { String::new() },
    }
}

async fn setting_page(
    visit: &Visit,
    info: &PolicyInfo,
    setting: Setting,
    form: &SettingForm,
    errors: FormErrors,
) -> SettingPage {
    let About { kind, .. } = about(setting);
    let inherited = value_words(setting, &value_of(&info.inherited, setting));
    let is_root = info.organization.parent_id.is_none();
    let as_above = if is_root { "The default" } else { "As the organization above has it" };
    let choice = |value: &str, label: &str, note: &str| Choice::new(value, label, form.choice == value).with_note(note);
    let mut choices = vec![choice(INHERIT, as_above, &format!("That is: {inherited}."))];
    let mut number = None;
    match kind {
        Kind::Words(words) => choices.extend(words.iter().map(|(value, label, note)| choice(value, label, note))),
        Kind::Number { unit, min, max, off } => {
            choices.extend(off.map(|off| choice("0", off, "")));
            choices.push(choice(NUMBER, &format!("A number of {}", unit.1), ""));
            let hint = format!("From {min} to {max} {}.", unit.1);
            let label = format!("Number of {}", unit.1);
            number = Some(NumberField { value: typed(&form.number), label, mode: "numeric", hint });
        }
        Kind::Rate => {
            choices.push(choice(RateSetting::NONE, NO_LIMIT, ""));
            choices.push(choice(NUMBER, "So many requests in a period", ""));
            let label = "Requests and period".to_owned();
            number = Some(NumberField { value: typed(&form.number), label, mode: "text", hint: RATE_FORM.to_owned() });
        }
        Kind::Notices => {
            choices.push(choice(NUMBER, "So many days before", ""));
            let label = "Days before".to_owned();
            // Not every keyboard of numbers has a comma.
            number = Some(NumberField { value: typed(&form.number), label, mode: "text", hint: notices_hint() });
        }
    }
    SettingPage {
        shell: visit.shell(Place::Settings),
        row: row(visit, info, setting).await,
        version: typed(&form.version),
        choices,
        number,
        locked: !form.locked.is_empty(),
        errors,
    }
}

/// What the form asks for, as a patch of this one setting; complains about what it cannot be.
fn read(info: &PolicyInfo, setting: Setting, form: &SettingForm, errors: &mut FormErrors) -> Option<PolicyPatch> {
    let value = match (about(setting).kind, form.choice.as_str()) {
        (_, INHERIT) => Value::Null,
        (Kind::Words(words), choice) if words.iter().any(|it| it.0 == choice) => {
            choice.parse::<bool>().map_or_else(|_| json!(choice), Value::Bool)
        }
        (Kind::Number { off: Some(_), .. }, "0") => json!(0),
        (Kind::Number { min, max, unit, .. }, NUMBER) => {
            let digits = form.number.trim();
            let number = Some(digits).filter(|it| it.len() <= TYPED_BYTES_MAX).and_then(|it| it.parse::<u64>().ok());
            let Some(number) = number.filter(|it| (min..=max).contains(it)) else {
                errors.add("number", format!("Enter a whole number of {} from {min} to {max}.", unit.1));
                return None;
            };
            json!(number)
        }
        (Kind::Rate, RateSetting::NONE) => json!(RateSetting::NONE),
        (Kind::Rate, NUMBER) => {
            let text = form.number.trim();
            let rate = Some(text).filter(|it| it.len() <= TYPED_BYTES_MAX).and_then(|it| it.parse::<Rate>().ok());
            let Some(rate) = rate else {
                errors.add("number", RATE_FORM);
                return None;
            };
            json!(rate)
        }
        (Kind::Notices, NUMBER) => match typed_notices(&form.number) {
            Some(days) => json!(days),
            None => {
                errors.add("number", format!("Enter days before the end, each once. {}", notices_hint()));
                return None;
            }
        },
        _ => {
            errors.add("choice", "Choose one of the list.");
            return None;
        }
    };
    let own = match &value {
        Value::Null => OwnPolicy::default(),
        value => match serde_json::from_value(json!({ setting.as_str(): value })) {
            Ok(own) => own,
            Err(_) => {
                errors.add("choice", "Choose one of the list.");
                return None;
            }
        },
    };
    let mut locked = info.organization.policy.locked.clone();
    if form.locked.is_empty() {
        locked.remove(&setting);
    } else {
        locked.insert(setting);
    }
    Some(PolicyPatch { locked: Some(locked), ..PolicyPatch::of(setting, &own) })
}

/// Shows what a change would do, with the button that makes it. Changes nothing.
pub(super) async fn show_review(
    visit: Visit,
    Path((_, slug)): SettingPath,
    query: Result<Query<SettingForm>, QueryRejection>,
) -> Result<Response, Failure> {
    let setting = setting_of(&slug)?;
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/organizations:update")?;
    let Query(form) = query.map_err(|_| Failure::bad_form())?;
    let info = get_policy(&visit.app, &visit.caller, visit.organization_id()).await?;
    let mut errors = FormErrors::default();
    if let Some(patch) = read(&info, setting, &form, &mut errors) {
        match review::page(&visit, &info, setting, &form, patch).await {
            Ok(page) => return Ok(visit.page(&page)),
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    Ok(refused(visit.page(&setting_page(&visit, &info, setting, &form, errors).await)))
}

/// Makes the change.
pub(super) async fn save(
    visit: Visit,
    Path((_, slug)): SettingPath,
    form: Result<Form<SettingForm>, FormRejection>,
) -> Result<Response, Failure> {
    let setting = setting_of(&slug)?;
    let Form(mut form) = form.map_err(|_| Failure::bad_form())?;
    let info = get_policy(&visit.app, &visit.caller, visit.organization_id()).await?;
    let mut errors = FormErrors::default();
    if let Some(patch) = read(&info, setting, &form, &mut errors) {
        let version = form.version.parse().unwrap_or(info.organization.version);
        match update_policy(&visit.app, &visit.caller, visit.organization_id(), patch, Some(version)).await {
            Ok(_) => {
                return Ok(visit.done("/policies", &Notice::PolicySaved(about(setting).label.to_owned())));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    if errors.is_outdated() {
        let now = present(&info, setting);
        let value = |form: &SettingForm| match form.choice.as_str() {
            INHERIT if info.organization.parent_id.is_none() => "The default".to_owned(),
            INHERIT => "As the organization above has it".to_owned(),
            NUMBER if matches!(about(setting).kind, Kind::Rate) => value_words(setting, &json!(form.number.trim())),
            NUMBER => match typed_notices(&form.number).filter(|_| matches!(about(setting).kind, Kind::Notices)) {
                Some(days) => value_words(setting, &json!(days)),
                None => value_words(setting, &form.number.trim().parse::<u64>().map_or(Value::Null, Value::from)),
            },
            choice => value_words(setting, &choice.parse::<u64>().map_or_else(|_| json!(choice), Value::from)),
        };
        let lock = |form: &SettingForm| if form.locked.is_empty() { "Open" } else { "Locked" }.to_owned();
        errors.compare([("Value", value(&form), value(&now)), ("Lock", lock(&form), lock(&now))]);
        form.version = now.version;
    }
    Ok(refused(visit.page(&setting_page(&visit, &info, setting, &form, errors).await)))
}

/// Puts a refusal of the operation beside the form.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::PolicyDenied => errors.add(
            "choice",
            "An organization above has locked this; only a narrower value is possible here. Ask its administrators to unlock it.",
        ),
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::InvalidField => errors.add("number", format!("This {}.", first_detail(&reject))),
        RejectCode::StateConflict | RejectCode::LimitReached => errors.add_general(reject.detail),
        _ => return Err(reject.into()),
    }
    Ok(())
}

fn first_detail(reject: &Reject) -> String {
    reject.fields.first().map_or_else(|| "cannot be".to_owned(), |it| it.detail.clone())
}
