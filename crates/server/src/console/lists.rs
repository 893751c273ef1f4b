//! The lists of keys that a browser was shown of late, each under a short mark that the addresses in its rows end in.
//!
//! Whoever works on a key goes on with the list that it stood in, narrowed and sorted as it was. To say all of that in every link of every row
//! would be most of a page; one note of the last list only would lead one tab to what another one shows. So the browser keeps a few of them, and
//! an address says which. A mark that nobody knows any more leads to the whole list.

use super::mark::mark_of;

/// What a mark is called in an address.
pub(super) const NAME: &str = "l";

/// Bytes of the digest in a mark, which tells apart the few lists that one browser keeps.
const MARK_BYTES: usize = 3;
/// Lists that a browser keeps: more than one person works in at a time.
const LISTS_MAX: usize = 8;
/// Bytes of all of them together; a longer cookie is not read.
const BYTES_MAX: usize = 2000;
/// Between two of them; none of our addresses has it as it is.
const BETWEEN: char = '|';

/// The mark of a list.
pub(super) fn mark(path: &str) -> String {
    mark_of(path, MARK_BYTES)
}

/// The list that a mark stands for, where it is among those that were noted.
pub(super) fn find<'a>(noted: &'a str, wanted: &str) -> Option<&'a str> {
    noted.split(BETWEEN).find(|it| mark(it) == wanted)
}

/// What to note when a list is shown: it first, and of the others the latest; nothing where it stands first already, or is too long.
pub(super) fn with(noted: &str, path: &str) -> Option<String> {
    if noted.split(BETWEEN).next() == Some(path) || path.len() > BYTES_MAX {
        return None;
    }
    let others = noted.split(BETWEEN).filter(|it| !it.is_empty() && *it != path).take(LISTS_MAX - 1);
    let mut all = path.to_owned();
    for it in others {
        if all.len() + 1 + it.len() > BYTES_MAX {
            break;
        }
        all.push(BETWEEN);
        all.push_str(it);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_found_by_its_mark_and_by_no_other() {
        let (one, other) = ("/o/acme/keys?status=active", "/o/acme/keys?status=inactive");
        let noted = with(&with("", one).unwrap(), other).unwrap();
        assert_eq!(find(&noted, &mark(one)), Some(one));
        assert_eq!(find(&noted, &mark(other)), Some(other));
        assert_eq!(find(&noted, &mark("/o/acme/keys")), None);
        assert_eq!((find(&noted, ""), find("", &mark(one))), (None, None));
        assert_eq!(mark(one).len(), 4, "it stands in every link of a row");
    }

    #[test]
    fn the_list_that_was_shown_last_stands_first_and_each_once() {
        let noted = with(&with(&with("", "/a").unwrap(), "/b").unwrap(), "/a").unwrap();
        assert_eq!(noted, "/a|/b");
        assert_eq!(with(&noted, "/a"), None, "nothing to note");
    }

    #[test]
    fn the_oldest_are_forgotten_before_a_browser_keeps_too_much() {
        let mut noted = String::new();
        for at in 0..100 {
            noted = with(&noted, &format!("/{at}")).unwrap();
        }
        assert_eq!(noted.split(BETWEEN).count(), LISTS_MAX);
        for at in 0..100 {
            noted = with(&noted, &format!("/{at}?q={}", "x".repeat(900))).unwrap();
            assert!(noted.len() <= BYTES_MAX);
        }
        assert_eq!(find(&noted, &mark(&format!("/98?q={}", "x".repeat(900)))).map(str::len), Some(906));
        assert_eq!(with(&noted, &"x".repeat(BYTES_MAX + 1)), None);
    }
}
