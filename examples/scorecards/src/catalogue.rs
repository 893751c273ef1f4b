//! The scorecards, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// One scorecard.
#[derive(Clone, Debug, Serialize)]
pub struct Scorecard {
    /// Stable within an organization.
    pub id: String,
    /// What it measures.
    pub name: String,
    /// Percent, 0 to 100.
    pub score: u8,
    /// On whose behalf it was last changed; nobody's, as long as it is as delivered.
    pub updated_by: Option<String>,
}

/// Every organization's scorecards; an organization starts with A, B and C.
#[derive(Default)]
pub struct Catalogue {
    by_organization: Mutex<BTreeMap<String, BTreeMap<String, Scorecard>>>,
}

impl Catalogue {
    /// All scorecards of an organization, by id.
    pub fn list(&self, organization: &str) -> Vec<Scorecard> {
        match self.lock().get(organization) {
            Some(scorecards) => scorecards.values().cloned().collect(),
            None => samples().into_values().collect(),
        }
    }

    /// One scorecard of an organization.
    pub fn find(&self, organization: &str, id: &str) -> Option<Scorecard> {
        match self.lock().get(organization) {
            Some(scorecards) => scorecards.get(id).cloned(),
            None => samples().remove(id),
        }
    }

    /// Sets a score on somebody's behalf, and says how the scorecard looked before and looks now.
    pub fn update(&self, organization: &str, id: &str, score: u8, updated_by: &str) -> Option<(Scorecard, Scorecard)> {
        let mut by_organization = self.lock();
        let scorecards = by_organization.entry(organization.to_owned()).or_insert_with(samples);
        let scorecard = scorecards.get_mut(id)?;
        let before = scorecard.clone();
        scorecard.score = score;
        scorecard.updated_by = Some(updated_by.to_owned());
        Some((before, scorecard.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Scorecard>>> {
        // No change is ever half made while the lock is held, so a poisoned one still guards good data.
        self.by_organization.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn samples() -> BTreeMap<String, Scorecard> {
    let named = [("A", "Customer satisfaction", 82), ("B", "Delivery", 64), ("C", "Finance", 91)];
    let scorecard = |(id, name, score): (&str, &str, u8)| {
        (id.to_owned(), Scorecard { id: id.to_owned(), name: name.to_owned(), score, updated_by: None })
    };
    named.into_iter().map(scorecard).collect()
}
