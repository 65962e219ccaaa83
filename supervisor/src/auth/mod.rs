//! API keys: who may ask, and under which name.
//!
//! A key is 256 bits that we draw ourselves, so nobody guesses one, and a fast hash is enough to keep it: slow ones
//! (bcrypt, Argon2) make up for passwords that people choose, of which a thief of the file could try a likely few.
//! Here there are none to try, and a slow hash would let anybody who sends wrong keys keep the server busy.
//!
//! [`Key`] draws and hashes, [`Keyring`] decides, [`mod@file`] reads and writes.

pub mod file;
mod key;
mod keyring;

pub use key::{Digest, Key, KeyName};
pub use keyring::{Entry, Keyring, LineError};
