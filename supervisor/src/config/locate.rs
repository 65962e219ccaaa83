//! Finding the file, reading it, and what the command line says on top of it.

use std::{
    env, fs,
    io::{self, Read},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use super::{Config, DEFAULT, Problem, Problems, validate};

/// Bytes that a configuration may have at most: ten thousand voices.
const LARGEST: u64 = 512 << 10;

/// What the command line says; it wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The file to read.
    pub config: Option<PathBuf>,
    /// Address for HTTP.
    pub listen: Option<String>,
    /// Address for Wyoming; empty is none.
    pub wyoming_listen: Option<String>,
    /// Where environments and voices live.
    pub state_dir: Option<PathBuf>,
}

/// Reads the file that `--config`, `ISHOWTTS_CONFIG`, `./config/ishowtts.toml` or `/etc/ishowtts/ishowtts.toml`
/// names, the first that there is, or else the embedded default.
pub fn load(overrides: &Overrides) -> Result<Config, Problems> {
    let (file, source) = source(overrides)?;
    parse(file, &source, overrides)
}

/// Reads a configuration out of its text. `file` is where it stands, if it does anywhere: paths in it are seen from
/// there.
pub fn parse(file: Option<PathBuf>, source: &str, overrides: &Overrides) -> Result<Config, Problems> {
    validate::config(file, source, overrides)
}

/// Where the API keys are to stand, by `[auth] keys_file`; the file may be wrong or missing in every other way.
pub fn keys_file(overrides: &Overrides) -> Result<Option<PathBuf>, Problems> {
    let (file, source) = source(overrides)?;
    Ok(validate::keys_file(&source, file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))))
}

fn source(overrides: &Overrides) -> Result<(Option<PathBuf>, String), Problems> {
    let file = locate(overrides);
    let source = match &file {
        Some(path) => read(path).map_err(|error| {
            let message = format!("could not read it: {error}");
            Problems {
                file: path.display().to_string(),
                list: vec![Problem { line: 0, key: String::new(), message }],
            }
        })?,
        None => DEFAULT.to_owned(),
    };
    Ok((file, source))
}

/// Reads a file that may be a configuration. One that is none must not hold up whoever reads it again and again: a named
/// pipe is never at its end, and something large has more mistakes than anybody wants to be told.
fn read(path: &Path) -> io::Result<String> {
    let too_large = || io::Error::other(format!("it is larger than {LARGEST} bytes"));
    let found = fs::metadata(path)?;
    if found.len() > LARGEST {
        return Err(too_large());
    }
    if found.file_type().is_fifo() && !path.starts_with("/dev") {
        return Err(io::Error::other("it is a named pipe, and no file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LARGEST) { Err(too_large()) } else { Ok(text) }
}

fn locate(overrides: &Overrides) -> Option<PathBuf> {
    let named = overrides
        .config
        .clone()
        .or_else(|| env::var_os("ISHOWTTS_CONFIG").filter(|name| !name.is_empty()).map(PathBuf::from));
    let usual = ["config/ishowtts.toml", "/etc/ishowtts/ishowtts.toml"];
    named.or_else(|| usual.iter().map(PathBuf::from).find(|path| path.is_file()))
}

/// Where environments and voices live unless the file or the command line says otherwise.
pub(super) fn default_state_dir() -> Option<PathBuf> {
    // systemd may name several, separated by colons.
    let from_systemd =
        env::var("STATE_DIRECTORY").ok().and_then(|dirs| dirs.split(':').next().map(PathBuf::from));
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".local/share")));
    from_systemd.or_else(|| data.map(|data| data.join("ishowtts")))
}
