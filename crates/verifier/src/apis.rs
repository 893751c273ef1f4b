//! Apis: few, so that one immutable list answers every question about them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use claviger_core::api::{KeyLocations, deprecation_fields};
use claviger_core::feed::{ApiRecord, DeprecatedVersionRecord};
use claviger_core::id::OrganizationId;
use claviger_core::limits::API_VERSIONS_MAX;

use crate::cells::Known;

/// What readers ask: numbers by slug, slugs by number, and which prefixes are registered.
#[derive(Debug, Default)]
pub(crate) struct Apis {
    /// Sorted by slug.
    by_slug: Box<[(Box<str>, u16)]>,
    by_number: Box<[Option<Box<str>>]>,
    /// Where each is defined, by number.
    places: Box<[Option<OrganizationId>]>,
    /// Sorted.
    prefixes: Box<[Box<str>]>,
    /// Sorted by slug; only of those that look for keys elsewhere than all the others do.
    locations: Box<[(Box<str>, Arc<KeyLocations>)]>,
    /// By number of the api.
    versions: Box<[Versions]>,
}

/// The versions of an api.
#[derive(Debug, Default)]
struct Versions {
    /// Sorted by name.
    here: Box<[Version]>,
    /// Numbers of those that it had.
    gone: Box<[u8]>,
}

/// A version of an api.
#[derive(Debug)]
pub(crate) struct Version {
    name: Box<str>,
    /// Which one of the api's it is.
    pub(crate) number: u8,
    /// What its clients are told, where it is to be left.
    pub(crate) deprecation: Option<Arc<Deprecation>>,
}

/// What clients of a version are told that is to be left.
#[derive(Debug)]
pub struct Deprecation {
    /// Which one it is, and when what happens to it.
    pub version: DeprecatedVersionRecord,
    /// The same as fields of an answer, names and values. Put into words with the list of apis, and not for each request.
    pub fields: Box<[(&'static str, Box<str>)]>,
}

impl Deprecation {
    fn new(version: DeprecatedVersionRecord) -> Self {
        let fields = deprecation_fields(version.deprecated_at, version.sunset_at, version.docs_url.as_deref());
        Self { fields: fields.into_iter().map(|(name, text)| (name, text.into())).collect(), version }
    }
}

impl Apis {
    pub(crate) fn number(&self, slug: &str) -> Option<u16> {
        let at = self.by_slug.binary_search_by(|(it, _)| (**it).cmp(slug)).ok()?;
        Some(self.by_slug[at].1)
    }

    pub(crate) fn slug(&self, number: u16) -> Option<&str> {
        self.by_number.get(usize::from(number))?.as_deref()
    }

    /// The organization that defines an api; absent where nobody knows the one or the other.
    pub(crate) fn place(&self, slug: &str) -> Option<OrganizationId> {
        *self.places.get(usize::from(self.number(slug)?))?
    }

    /// Where an api looks for keys; absent for the usual places.
    pub(crate) fn locations(&self, slug: &str) -> Option<&Arc<KeyLocations>> {
        // Mostly there are none, and then not even the slug is looked at.
        let at = self.locations.binary_search_by(|(it, _)| (**it).cmp(slug)).ok()?;
        Some(&self.locations[at].1)
    }

    /// The versions of an api by their numbers, those that it had without a name.
    pub(crate) fn versions(&self, number: u16) -> impl Iterator<Item = (u8, Option<&str>)> {
        let of_api = self.versions.get(usize::from(number)).into_iter();
        of_api.flat_map(|it| {
            let here = it.here.iter().map(|it| (it.number, Some(&*it.name)));
            here.chain(it.gone.iter().map(|it| (*it, None)))
        })
    }

    /// A version of an api; absent where nobody knows the one or the other.
    pub(crate) fn version(&self, number: u16, name: &str) -> Option<&Version> {
        let here = &self.versions.get(usize::from(number))?.here;
        here.get(here.binary_search_by(|it| (*it.name).cmp(name)).ok()?)
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
    /// Of the versions of each.
    version_numbers: Vec<VersionNumbers>,
}

/// Numbers for the versions of one api: twice as many as it can have at once.
const VERSION_NUMBERS: usize = 2 * API_VERSIONS_MAX;

const _: () = assert!(VERSION_NUMBERS <= u8::MAX as usize);

/// Which of its versions has which number. The numbers are taken round: that of a version that is gone is another's only after many others, when
/// what was counted by it has been drained for long. Numbers that are never given twice would let whoever names versions anew again and again
/// fill up the memory.
#[derive(Default)]
struct VersionNumbers {
    names: Vec<Option<Box<str>>>,
    next: usize,
}

impl VersionNumbers {
    /// From now on it has these.
    fn set(&mut self, names: &BTreeSet<&str>) {
        for place in &mut self.names {
            if !place.as_deref().is_some_and(|it| names.contains(it)) {
                *place = None;
            }
        }
        for name in names {
            if self.names.iter().flatten().any(|it| **it == **name) {
                continue;
            }
            let is_free = |at: &usize| self.names.get(*at).is_none_or(Option::is_none);
            let Some(at) = (self.next..self.next + VERSION_NUMBERS).map(|it| it % VERSION_NUMBERS).find(is_free) else {
                return;
            };
            if self.names.len() <= at {
                self.names.resize_with(at + 1, || None);
            }
            self.names[at] = Some((*name).into());
            self.next = at + 1;
        }
    }

    /// The versions, for readers.
    fn publish(&self, record: &ApiRecord) -> Versions {
        let deprecation = |name: &str| {
            let found = record.deprecated.iter().flatten().find(|it| it.slug == name).cloned();
            found.map(|it| Arc::new(Deprecation::new(it)))
        };
        let numbered = || (0_u8..).zip(&self.names);
        let version = |(number, name): (u8, &Option<Box<str>>)| {
            name.clone().map(|name| Version { number, deprecation: deprecation(&name), name })
        };
        let mut here: Vec<_> = numbered().filter_map(version).collect();
        here.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let gone = numbered().filter(|it| it.1.is_none()).map(|it| it.0).collect();
        Versions { here: here.into(), gone }
    }
}

impl ApiBook {
    /// The number of an api, given now if it had none; absent behind the 65,536th.
    pub(crate) fn intern(&mut self, id: u128) -> Option<u16> {
        if let Some(number) = self.numbers.get(&id) {
            return Some(*number);
        }
        let number = u16::try_from(self.known.len()).ok()?;
        self.known.push(None);
        self.version_numbers.push(VersionNumbers::default());
        self.numbers.insert(id, number);
        Some(number)
    }

    pub(crate) fn known(&self, number: u16) -> Option<&Known<ApiRecord>> {
        self.known.get(usize::from(number))?.as_ref()
    }

    pub(crate) fn put(&mut self, number: u16, known: Known<ApiRecord>) {
        if let (Some(record), Some(numbers)) = (known.here(), self.version_numbers.get_mut(usize::from(number))) {
            // An older node names only those that are to be left.
            let left = record.deprecated.iter().flatten().map(|it| &it.slug);
            let names = record.versions.iter().flatten().chain(left).map(String::as_str);
            numbers.set(
                &names.take(VERSION_NUMBERS).collect::<BTreeSet<_>>().into_iter().take(API_VERSIONS_MAX).collect(),
            );
        }
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
        let place = |it: &Option<Known<ApiRecord>>| it.as_ref()?.here()?.organization_id;
        let usual = KeyLocations::default();
        let places = |it: ApiRecord| {
            // What this build cannot read must not be taken for the usual places: a bearer might be a session of the host's.
            let places = KeyLocations::parse(&it.key_locations).unwrap_or_else(|_| KeyLocations::nowhere());
            (places != usual).then(|| (it.slug.into_boxed_str(), Arc::new(places)))
        };
        let mut locations: Vec<_> = records().filter_map(|(_, it)| places(it)).collect();
        locations.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let versions = self.known.iter().zip(&self.version_numbers).map(|(known, numbers)| {
            known.as_ref().and_then(Known::here).map(|it| numbers.publish(it)).unwrap_or_default()
        });
        let mut prefixes: Vec<_> = records().map(|(_, it)| it.prefix.into_boxed_str()).collect();
        prefixes.sort_unstable();
        Apis {
            by_slug: by_slug.into(),
            by_number: by_number.into(),
            places: self.known.iter().map(place).collect(),
            prefixes: prefixes.into(),
            locations: locations.into(),
            versions: versions.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_keeps_its_number_and_a_new_one_takes_none_that_was_just_left() {
        let mut numbers = VersionNumbers::default();
        let number =
            |numbers: &VersionNumbers, name: &str| numbers.names.iter().position(|it| it.as_deref() == Some(name));
        numbers.set(&BTreeSet::from(["1", "2"]));
        let kept = number(&numbers, "2").expect("a number");
        let mut before = number(&numbers, "1");
        for round in 3..1000 {
            let name = round.to_string();
            numbers.set(&BTreeSet::from(["2", name.as_str()]));
            let now = number(&numbers, &name);
            assert!(now.is_some() && now != before && number(&numbers, "2") == Some(kept), "{round}");
            before = now;
        }
        assert_eq!(numbers.names.len(), VERSION_NUMBERS, "and there is an end to them");
        let many: Vec<_> = (0..API_VERSIONS_MAX).map(|it| format!("v{it}")).collect();
        numbers.set(&many.iter().map(String::as_str).collect());
        assert!(many.iter().all(|it| number(&numbers, it).is_some()));
    }
}
