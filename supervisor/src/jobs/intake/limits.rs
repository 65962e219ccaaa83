//! How much a file may be, whatever it says of itself. The longest novels have some 15 million characters.

/// Characters of a title.
pub const TITLE: usize = 200;
/// Entries of an archive: a book with ten thousand pictures is none to be spoken.
pub const ENTRIES: usize = 10_000;
/// Bytes of one document, expanded.
pub const DOCUMENT: u64 = 16 << 20;
/// Bytes of all documents that are read, expanded; one that is read twice counts twice.
pub const EXPANDED: u64 = 96 << 20;
/// Times that a document may be larger than it is in the archive. Text comes to 20, deflate's most is 1032.
pub const RATIO: u64 = 200;
/// Bytes below which nobody asks for the ratio: a page of blanks is no attack.
pub const RATIO_FROM: u64 = 1 << 20;
/// Entries of a table of contents.
pub const CONTENTS: usize = 20_000;
/// Elements that may stand within each other.
pub const DEPTH: usize = 256;
/// Elements, attributes and pieces of text of all documents that are read: each takes its time, however short it is. A book
/// of 15 million characters has some two million.
pub const STEPS: u64 = 4_000_000;
/// Attributes of one element that are looked at.
pub const ATTRIBUTES: usize = 100;
/// Bytes of an address, or of the name of a file in the archive.
pub const ADDRESS: usize = 4096;
/// Characters of a file of text, for each one that may be spoken: markup and blanks.
pub const MARKUP: usize = 4;
/// Characters of a file of text that are always taken: a picture in it, or an empty book's markup.
pub const MARKUP_FROM: usize = 1 << 20;
