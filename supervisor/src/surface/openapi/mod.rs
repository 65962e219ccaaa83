//! The description of every route, generated from the code, and a page that shows it.

pub(super) mod names;
