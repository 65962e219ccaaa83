//! Arguments of `keys`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use crate::auth::KeyName;

/// What to do with API keys.
#[derive(Clone, Debug, ClapArgs)]
pub(in crate::cli) struct Keys {
    /// The file of keys; else the one that `keys_file` in the table `auth` names
    #[arg(long, value_name = "FILE", global = true)]
    pub(in crate::cli) file: Option<PathBuf>,
    #[command(subcommand)]
    pub(in crate::cli) task: KeysTask,
}

/// One of these.
#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum KeysTask {
    /// Make a key and print it, this once
    New {
        /// What logs call it, and what it is removed by
        name: KeyName,
    },
    /// List the names of all keys
    List,
    /// Remove a key
    Remove {
        /// Its name
        name: KeyName,
    },
}
