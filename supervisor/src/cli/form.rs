//! A form with a file in it, as commands send it.

use bytes::Bytes;

/// A form of several parts (RFC 7578), as the server reads it.
pub(super) struct Form {
    /// 128 random bits stand in no file.
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    pub(super) fn new() -> Self {
        Self { boundary: format!("ishowtts-{:032x}", rand::random::<u128>()), body: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.part(name, "", value.as_bytes());
    }

    /// A file under its name.
    pub(super) fn add_file(&mut self, name: &str, file_name: &str, content: &[u8]) {
        // As browsers write what would end the name.
        let quoted = file_name.replace('"', "%22").replace(['\r', '\n'], "%0A");
        self.part(name, &format!("; filename=\"{quoted}\""), content);
    }

    fn part(&mut self, name: &str, more: &str, value: &[u8]) {
        let head =
            format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n", self.boundary);
        for part in [head.as_bytes(), value, b"\r\n"] {
            self.body.extend_from_slice(part);
        }
    }

    /// The media type, and the body.
    pub(super) fn end(mut self) -> (String, Bytes) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body.into())
    }
}
