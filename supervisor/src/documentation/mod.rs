//! The documentation as programs can read it, so that tests hold it to what the program does.
//!
//! This reads it and looks at its links; what stands in its blocks is tried beside the code that knows: settings in
//! `config`, command lines in `cli`, requests and error codes in `surface`.

mod links;
pub(crate) mod shell;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One file of it.
pub(crate) struct Page {
    /// Its path, seen from the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// What stands between two fences.
pub(crate) struct Block<'p> {
    /// What stands behind the opening fence.
    pub(crate) language: &'p str,
    pub(crate) text: String,
    /// `docs/api.md:17`, for whoever has to mend it.
    pub(crate) place: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is a folder of the repository").to_owned()
}

/// Every page, in the order of their paths.
pub(crate) fn pages() -> Vec<Page> {
    let root = root();
    let mut paths: Vec<PathBuf> = ["README.md", "README.zh-CN.md"].iter().map(PathBuf::from).collect();
    for folder in ["docs", "docs/engines"] {
        let entries = fs::read_dir(root.join(folder)).expect("the repository has it");
        let names = entries.map(|entry| entry.expect("it can be listed").file_name());
        paths.extend(names.map(|name| Path::new(folder).join(name)).filter(|path| is_page(path)));
    }
    paths.sort();
    let read = |path: PathBuf| Page { text: fs::read_to_string(root.join(&path)).unwrap(), path };
    paths.into_iter().map(read).collect()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "md")
}

impl Page {
    /// Its fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut open = false;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), open) {
                (Some(language), false) => {
                    let place = format!("{}:{}", self.path.display(), index + 1);
                    blocks.push(Block { language: language.trim(), text: String::new(), place });
                    open = true;
                }
                (Some(_), true) => open = false,
                (None, true) => {
                    if let Some(block) = blocks.last_mut() {
                        block.text.push_str(line);
                        block.text.push('\n');
                    }
                }
                (None, false) => {}
            }
        }
        assert!(!open, "{}: a fence is not closed", self.path.display());
        blocks
    }

    /// Its lines outside of fenced blocks, each with its number.
    pub(crate) fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut open = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            open ^= is_fence;
            (!open && !is_fence).then_some((index + 1, line))
        })
    }
}

/// Every block of these languages, of all pages.
pub(crate) fn each_block(languages: &[&str], mut look: impl FnMut(&Block<'_>)) {
    for page in pages() {
        page.blocks().iter().filter(|block| languages.contains(&block.language)).for_each(&mut look);
    }
}

/// Fails with everything that was found, or passes if that is nothing.
pub(crate) fn none_of(faults: &[String]) {
    assert!(faults.is_empty(), "{} fault(s):\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn json_that_a_page_shows_is_json() {
    let mut faults = Vec::new();
    each_block(&["json"], |block| {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
        faults.extend(read.err().map(|error| format!("{}: {error}", block.place)));
    });
    none_of(&faults);
}

#[tokio::test]
async fn a_shell_can_read_every_script_that_a_page_shows() {
    let mut scripts = Vec::new();
    each_block(&["sh"], |block| scripts.push((block.place.clone(), block.text.clone())));
    let mut faults = Vec::new();
    for (place, script) in scripts {
        let read = tokio::process::Command::new("bash").args(["-n", "-c", &script]).output().await.unwrap();
        if !read.status.success() {
            faults.push(format!("{place}: {}", String::from_utf8_lossy(&read.stderr)));
        }
    }
    none_of(&faults);
}

#[test]
fn a_block_ends_at_its_fence_and_knows_where_it_stands() {
    let text = "a\n```sh\nb # no heading\n```\nc\n```\nd\n```\n".to_owned();
    let page = Page { path: "x.md".into(), text };
    let blocks: Vec<_> = page.blocks().into_iter().map(|it| (it.language, it.text, it.place)).collect();
    assert_eq!(
        blocks,
        [
            ("sh", "b # no heading\n".to_owned(), "x.md:2".to_owned()),
            ("", "d\n".to_owned(), "x.md:6".to_owned())
        ]
    );
    assert_eq!(page.prose().collect::<Vec<_>>(), [(1, "a"), (5, "c")]);
}
