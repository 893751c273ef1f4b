//! Apis: few, so that one immutable list answers every question about them.

use std::collections::HashMap;
use std::sync::Arc;

use claviger_core::api::KeyLocations;
use claviger_core::feed::{ApiRecord, LeavingVersionRecord};

use crate::cells::Known;

/// What readers ask: numbers by slug, slugs by number, and which prefixes are registered.
#[derive(Debug, Default)]
pub(crate) struct Apis {
    /// Sorted by slug.
    by_slug: Box<[(Box<str>, u16)]>,
    by_number: Box<[Option<Box<str>>]>,
    /// Sorted.
    prefixes: Box<[Box<str>]>,
    /// Sorted by slug; only of those that look for keys elsewhere than all the others do.
    locations: Box<[(Box<str>, Arc<KeyLocations>)]>,
    /// Sorted by slug and version; only of those that are to be left.
    leaving: Box<[(Box<str>, Arc<LeavingVersionRecord>)]>,
}

impl Apis {
    pub(crate) fn number(&self, slug: &str) -> Option<u16> {
        let at = self.by_slug.binary_search_by(|(it, _)| (**it).cmp(slug)).ok()?;
        Some(self.by_slug[at].1)
    }

    pub(crate) fn slug(&self, number: u16) -> Option<&str> {
        self.by_number.get(usize::from(number))?.as_deref()
    }

    /// Where an api looks for keys; absent for the usual places.
    pub(crate) fn locations(&self, slug: &str) -> Option<&Arc<KeyLocations>> {
        // Mostly there are none, and then not even the slug is looked at.
        let at = self.locations.binary_search_by(|(it, _)| (**it).cmp(slug)).ok()?;
        Some(&self.locations[at].1)
    }

    /// A version of an api that is to be left; absent where it is not, and where nobody knows it.
    pub(crate) fn leaving(&self, slug: &str, version: &str) -> Option<&Arc<LeavingVersionRecord>> {
        let order =
            |(api, it): &(Box<str>, Arc<LeavingVersionRecord>)| (&**api, it.slug.as_str()).cmp(&(slug, version));
        let at = self.leaving.binary_search_by(order).ok()?;
        Some(&self.leaving[at].1)
    }

    pub(crate) fn is_prefix(&self, prefix: &str) -> bool {
        self.prefixes.binary_search_by(|it| (**it).cmp(prefix)).is_ok()
    }
}

/// The writer's book of them.
#[derive(Default)]
pub(crate) struct ApiBook {
    numbers: HashMap<u128, u16>,
    known: Vec<Option<Known<ApiRecord>>>,
}

impl ApiBook {
    /// The number of an api, given now if it had none; absent behind the 65,536th.
    pub(crate) fn intern(&mut self, id: u128) -> Option<u16> {
        if let Some(number) = self.numbers.get(&id) {
            return Some(*number);
        }
        let number = u16::try_from(self.known.len()).ok()?;
        self.known.push(None);
        self.numbers.insert(id, number);
        Some(number)
    }

    pub(crate) fn known(&self, number: u16) -> Option<&Known<ApiRecord>> {
        self.known.get(usize::from(number))?.as_ref()
    }

    pub(crate) fn put(&mut self, number: u16, known: Known<ApiRecord>) {
        if let Some(place) = self.known.get_mut(usize::from(number)) {
            *place = Some(known);
        }
    }

    /// The list for readers.
    pub(crate) fn publish(&self) -> Apis {
        let records = || {
            let here = |(at, it): (usize, &Option<Known<ApiRecord>>)| Some((at as u16, it.as_ref()?.here()?.clone()));
            self.known.iter().enumerate().filter_map(here)
        };
        let mut by_slug: Vec<_> = records().map(|(number, it)| (it.slug.into_boxed_str(), number)).collect();
        by_slug.sort_unstable();
        let mut by_number = vec![None; self.known.len()];
        records().for_each(|(number, it)| by_number[usize::from(number)] = Some(it.slug.into_boxed_str()));
        let usual = KeyLocations::default();
        let places = |it: ApiRecord| {
            // What this build cannot read must not be taken for the usual places: a bearer might be a session of the host's.
            let places = KeyLocations::parse(&it.key_locations).unwrap_or_else(|_| KeyLocations::nowhere());
            (places != usual).then(|| (it.slug.into_boxed_str(), Arc::new(places)))
        };
        let mut locations: Vec<_> = records().filter_map(|(_, it)| places(it)).collect();
        locations.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let of_api = |it: ApiRecord| {
            let slug = it.slug.into_boxed_str();
            it.leaving.into_iter().flatten().map(move |version| (slug.clone(), Arc::new(version)))
        };
        let mut leaving: Vec<_> = records().flat_map(|(_, it)| of_api(it)).collect();
        leaving.sort_unstable_by(|(a, one), (b, other)| (a, &one.slug).cmp(&(b, &other.slug)));
        let mut prefixes: Vec<_> = records().map(|(_, it)| it.prefix.into_boxed_str()).collect();
        prefixes.sort_unstable();
        Apis {
            by_slug: by_slug.into(),
            by_number: by_number.into(),
            prefixes: prefixes.into(),
            locations: locations.into(),
            leaving: leaving.into(),
        }
    }
}
