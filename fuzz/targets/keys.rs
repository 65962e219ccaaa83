//! The file of API keys. What is read from it can be written again; what is wrong with it is told without repeating
//! what stands there, which may be a key.

#![no_main]

use std::str;

use ishowtts::auth::Keyring;
use libfuzzer_sys::fuzz_target;

/// A word so long may be a key; names that were read as such are no secret.
const SECRET: usize = 65;

fuzz_target!(|input: &[u8]| {
    let _nobody = Keyring::default().find(input);
    let Ok(text) = str::from_utf8(input) else { return };
    match Keyring::parse(text) {
        Ok(keyring) => {
            let lines = keyring.entries().map(|entry| format!("{} sha256:{}\n", entry.name, entry.digest));
            assert_eq!(Keyring::parse(&lines.collect::<String>()), Ok(keyring.clone()));
            assert_eq!(keyring.is_empty(), keyring.entries().len() == 0);
            // Nobody finds the text whose digest is in the file, least of all by showing the file.
            assert_eq!(keyring.find(input), None);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let (told, line) = (error.to_string(), text.lines().nth(error.line - 1));
                let line = line.expect("there is such a line");
                let mut secrets = line.split_whitespace().filter(|word| word.len() >= SECRET);
                assert!(secrets.all(|word| !told.contains(word)), "{told}");
            }
        }
    }
});
