//! The trace of a decision: how every check came out, and what each part of a key's rights allows of what was asked.

use super::{CHECKS, Check, Code, Decision, Grant, Request, allowed, covers, rights_coverage, scopes_coverage};
use crate::permission::{Asked, Coverage};
use crate::time::Timestamp;

/// One line of a trace: what was checked, and the code it would deny with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// What was checked.
    pub check: Check,
    /// The code this check alone denies with; absent when it passed.
    pub denied: Option<Code>,
    /// What this part of the rights allows of each permission that was asked for; empty for the other checks.
    pub allowances: Vec<Allowance>,
}

/// What one part of a key's rights allows of one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The permission that was asked for.
    pub permission: String,
    /// How far this part covers it. A part that is absent narrows nothing.
    pub coverage: Coverage,
}

impl Traced {
    /// The trace of a credential of which no more is known than this: there is nothing else to check.
    pub fn without_key(code: Code) -> Vec<Self> {
        let check = if code == Code::Stale { Check::Freshness } else { Check::Key };
        vec![Self { check, denied: Some(code), allowances: Vec::new() }]
    }
}

/// Decides and says how every check came out. The same checks as [`super::decide`]; it charges nothing.
pub fn explain(grant: &Grant<'_>, request: &Request<'_>, now: Timestamp) -> (Decision, Vec<Traced>) {
    let mut trace: Vec<_> = CHECKS
        .iter()
        .map(|(check, run)| {
            let allowances = allowances(*check, grant, request);
            Traced { check: *check, denied: run(grant, request, now), allowances }
        })
        .collect();
    let first = trace.iter().find_map(|it| it.denied);
    // The last check puts all parts together, and so it denies whatever role or scopes deny. Whoever reads a trace looks for the part at fault.
    let narrowed = trace.iter().any(|it| matches!(it.check, Check::Role | Check::Scopes) && it.denied.is_some());
    if narrowed && covers(request, |asked| rights_coverage(grant, asked)) {
        trace.iter_mut().filter(|it| it.check == Check::Rights).for_each(|it| it.denied = None);
    }
    (first.map_or_else(|| allowed(grant, request), Decision::Denied), trace)
}

/// What the part that a check is about allows of each permission that is asked for.
fn allowances(check: Check, grant: &Grant<'_>, request: &Request<'_>) -> Vec<Allowance> {
    let coverage = |asked: &Asked<'_>| match check {
        // Neither a role nor a mapped user: there is nothing the key could carry.
        Check::Role if grant.role.is_none() && grant.mapped_user.is_none() => Some(Coverage::None),
        Check::Role => Some(grant.role.map_or(Coverage::All, |role| role.coverage(asked))),
        Check::Scopes => Some(scopes_coverage(grant, asked)),
        Check::Rights => Some(rights_coverage(grant, asked)),
        _ => None,
    };
    let allowance = |asked: &Asked<'_>| Some(Allowance { permission: asked.to_string(), coverage: coverage(asked)? });
    request.permissions.iter().filter_map(allowance).collect()
}
