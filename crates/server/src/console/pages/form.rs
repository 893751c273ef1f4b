//! What forms need to come back with their values and say what is wrong.

use claviger_core::reject::FieldReject;

/// What is wrong with a form that was sent, in the order of its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormErrors {
    /// The complaints.
    pub list: Vec<FormError>,
    /// What somebody else has set otherwise meanwhile, where the form is older than that.
    pub differences: Vec<Difference>,
}

/// A field that stands otherwise in a form than in what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What the form calls it.
    pub label: &'static str,
    /// What the form says.
    pub yours: String,
    /// What is there now.
    pub now: String,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError {
    /// The id of the field it belongs to; none for the form as a whole.
    pub field: Option<&'static str>,
    /// What to do about it, as a sentence.
    pub message: String,
    /// Where that is done: a path, and what it is called.
    pub way: Option<(String, &'static str)>,
}

/// Said of a form that was opened before somebody else changed the same thing.
const OUTDATED: &str = "This was changed after you opened this form, so nothing of yours was saved. \
    Look below at what is different, and choose which of the two holds.";

impl FormErrors {
    /// Complains that what the form changes is not any more what it was when the form was opened.
    pub fn add_outdated(&mut self) {
        self.add_general(OUTDATED);
    }

    /// Says what the form has otherwise than what it changes, each field with what stands in the form and what is there now; of interest only
    /// where the form is outdated.
    pub fn compare(&mut self, fields: impl IntoIterator<Item = (&'static str, String, String)>) {
        if self.is_outdated() {
            let differing = fields.into_iter().filter(|(_, yours, now)| yours != now);
            self.differences = differing.map(|(label, yours, now)| Difference { label, yours, now }).collect();
        }
    }

    /// Whether somebody else was faster.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.list.iter().any(|it| it.message == OUTDATED)
    }

    /// Whether there is nothing to complain about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a complaint about a field.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.list.push(FormError { field: Some(field), message: message.into(), way: None });
    }

    /// Adds a complaint about the form as a whole.
    pub fn add_general(&mut self, message: impl Into<String>) {
        self.list.push(FormError { field: None, message: message.into(), way: None });
    }

    /// Puts what was complained about last beside a field by which it is mended, and says how: one fault is one thing to mend.
    pub fn put_at(&mut self, field: &'static str, way_out: &str) {
        if let Some(last) = self.list.last_mut() {
            last.field = Some(field);
            last.message = format!("{} {way_out}", last.message);
        }
    }

    /// Puts a link behind what was complained about last.
    pub fn add_way(&mut self, path: String, label: &'static str) {
        if let Some(last) = self.list.last_mut() {
            last.way = Some((path, label));
        }
    }

    /// Adds what an operation said of fields, each beside the input that `known` has for its pointer, with the name it has there; what the
    /// form does not ask for is said of the form as a whole.
    pub fn add_fields(&mut self, fields: &[FieldReject], known: &[(&str, &'static str, &str)]) {
        for FieldReject { pointer, detail } in fields {
            let found = known.iter().find(|it| it.0 == pointer);
            let what = found.map_or(pointer.trim_start_matches('/'), |it| it.2);
            // Some say a whole sentence, others what is to be said of the field.
            let is_sentence = detail.ends_with('.') && detail.starts_with(char::is_uppercase);
            let end = if detail.ends_with('.') { "" } else { "." };
            let message = if is_sentence { detail.clone() } else { format!("{what} {detail}{end}") };
            self.list.push(FormError { field: found.map(|it| it.1), message, way: None });
        }
    }

    /// The first complaint about a field.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<&str> {
        self.list.iter().find(|it| it.field == Some(field)).map(|it| it.message.as_str())
    }
}

/// What was typed, as it can come back in a field: browsers send no control characters, and HTML cannot carry some of those that others send.
#[must_use]
pub fn typed(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}

/// The same for a field of several lines, which keeps where they end.
#[must_use]
pub fn typed_lines(text: &str) -> String {
    text.chars().filter(|it| *it == '\n' || !it.is_control()).collect()
}

/// The entries of a field that takes one a line; commas and spaces part them too, for values that contain none.
pub fn entries(text: &str) -> Vec<&str> {
    text.split(|it: char| it == ',' || it.is_whitespace()).filter(|it| !it.is_empty()).collect()
}

/// An entry of a drop-down list or a group of radio buttons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What the reader sees.
    pub label: String,
    /// A sentence below the label; empty for none.
    pub note: String,
    /// Whether it is chosen.
    pub chosen: bool,
    /// Whether choosing it deserves a warning.
    pub grave: bool,
    /// Whether it can only be looked at; its label says why.
    pub off: bool,
}

impl Choice {
    /// A choice without a note.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>, chosen: bool) -> Self {
        Self { value: value.into(), label: label.into(), note: String::new(), chosen, grave: false, off: false }
    }

    /// The same choice, to be looked at only where that is so.
    #[must_use]
    pub fn off_if(self, off: bool) -> Self {
        Self { off, ..self }
    }

    /// The same choice with a sentence below its label.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}
