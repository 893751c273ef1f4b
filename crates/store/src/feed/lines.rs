//! Rows that come as one text, a line each: which line is whose.

use std::ops::Range;

use crate::row::{FIELD_END, LINE_END};

/// The lines of a text, in the order of the identifiers that they begin with.
#[derive(Debug)]
pub(super) struct Lines {
    text: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Lines {
    /// The lines of `text`.
    pub(super) fn of(text: Vec<u8>) -> Self {
        let mut places = Vec::new();
        let mut begin = 0;
        while begin < text.len() {
            let len = text[begin..].iter().position(|it| *it == LINE_END).unwrap_or(text.len() - begin);
            places.push(begin..begin + len);
            begin += len + 1;
        }
        // They come in this order; only, no engine promises it of what it puts together. All identifiers of a kind are as long, so
        // whole lines are in order as well, and comparing those is quicker than finding where the identifiers end.
        places.sort_by(|a, b| text[a.clone()].cmp(&text[b.clone()]));
        Self { text, places }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The identifier of the last ones.
    pub(super) fn last_id(&self) -> &[u8] {
        self.places.last().map_or(&[], |it| id_of(&self.text[it.clone()]))
    }

    /// Takes the last ones away, all that begin with the same identifier.
    pub(super) fn drop_last(&mut self) {
        let last = self.last_id().to_vec();
        while self.len() > 0 && self.last_id() == last {
            self.places.pop();
        }
    }

    /// Calls `read` with each identifier and its lines.
    pub(super) fn each<'l>(&'l self, mut read: impl FnMut(&'l [u8], &[&'l [u8]])) {
        let mut together: Vec<&[u8]> = Vec::new();
        let mut id: &[u8] = &[];
        for place in &self.places {
            let line = &self.text[place.clone()];
            let is_next = line.strip_prefix(id).is_none_or(|rest| rest.first() != Some(&FIELD_END));
            if is_next && !together.is_empty() {
                read(id, &together);
                together.clear();
            }
            if is_next {
                id = id_of(line);
            }
            together.push(line);
        }
        if !together.is_empty() {
            read(id, &together);
        }
    }
}

/// The identifier that a line begins with.
fn id_of(line: &[u8]) -> &[u8] {
    line.split(|it| *it == FIELD_END).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(lines: &Lines) -> Vec<(String, usize)> {
        let mut groups = Vec::new();
        lines.each(|id, lines| groups.push((String::from_utf8_lossy(id).into_owned(), lines.len())));
        groups
    }

    #[test]
    fn lines_of_one_identifier_stand_together_in_whatever_order_they_came() {
        let mut lines = Lines::of("k2\u{1f}b\u{1e}k1\u{1f}\u{1e}k2\u{1f}a\u{1e}k3".into());
        assert_eq!(lines.len(), 4);
        assert_eq!(grouped(&lines), [("k1".into(), 1), ("k2".into(), 2), ("k3".into(), 1)]);
        assert_eq!(lines.last_id(), b"k3");
        lines.drop_last();
        assert_eq!(lines.last_id(), b"k2");
        lines.drop_last();
        assert_eq!(grouped(&lines), [("k1".into(), 1)]);
        lines.drop_last();
        lines.drop_last();
        assert_eq!((lines.len(), grouped(&Lines::of(vec![]))), (0, vec![]));
    }
}
