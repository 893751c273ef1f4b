//! The text files of the repository, as the rules see them.

use std::fs;
use std::path::Path;

use crate::shell::{Failure, Outcome};

/// What holds no source: git's own, and what builds, tests and running nodes leave behind.
const SKIPPED: [&str; 5] = [".git", "data", "node_modules", "output", "target"];

/// One text file.
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// The whole content.
    pub(crate) text: String,
}

impl SourceFile {
    /// The part of the path after the last `.`, or nothing.
    pub(crate) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&self.path, |(_, name)| name)
    }
}

/// All text files, sorted by path.
pub(crate) struct Tree {
    files: Vec<SourceFile>,
}

impl Tree {
    /// Reads every text file below `root`. It walks the folders itself rather than asking git, so that a file that is not
    /// yet added is checked too, and an unpacked archive can be tested.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        Ok(Self::of(files))
    }

    fn of(mut files: Vec<SourceFile>) -> Self {
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Self { files }
    }

    /// A tree made up for a test.
    #[cfg(test)]
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        Self::of(files.iter().map(file).collect())
    }

    /// Every file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// Every Rust file.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files().filter(|file| file.extension() == "rs")
    }

    /// The file of this path.
    pub(crate) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|position| &self.files[position])
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> Outcome {
    let unreadable = |error| Failure::new(format!("cannot read {}: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).map_err(unreadable)?;
            // What is not UTF-8 is a picture or a fixture of bad input: no rule speaks about it.
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(SourceFile { path, text });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::workspace_root;

    #[test]
    fn walk_finds_this_file_and_no_build_output() {
        let tree = Tree::read(&workspace_root()).expect("the workspace can be read");
        assert!(tree.get("xtask/src/tidy/tree.rs").is_some());
        assert!(tree.files().all(|file| !file.path.starts_with("target/")));
    }

    #[test]
    fn name_and_extension_are_of_the_last_part() {
        let tree = Tree::planted(&[("a.d/b", ""), ("a.d/c.rs", "")]);
        let seen: Vec<_> = tree.files().map(|file| (file.name(), file.extension())).collect();
        assert_eq!(seen, [("b", ""), ("c.rs", "rs")]);
    }
}
