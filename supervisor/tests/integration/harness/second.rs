//! An engine beside the one that every test's server has.

use std::path::Path;

use super::interpreter;

/// A second engine, which the scripted worker plays, with a voice of its own; it writes its notes into this folder.
pub(crate) async fn piper(notes: &Path, starts: &str) -> String {
    let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/fake");
    format!(
        "[engines.piper]\nenabled = true\npython = \"{}\"\nwrite = [\"{}\"]\n\
         env = {{ PYTHONPATH = \"{}\", FAKE_START = \"{starts}\", FAKE_NOTES = \"{}\" }}\n\
         [voices.paula]\nengines = {{ en = \"piper\" }}\n",
        interpreter().await,
        notes.display(),
        fake.display(),
        notes.join("piper").display(),
    )
}
