//! Signatures of Standard Webhooks: a receiver that has the secret knows who tells it this, and when. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::WebhookSecrets;

/// The header `webhook-signature`: one signature by each secret, so that a receiver may change over from one to the next.
pub(super) fn signature(secrets: &WebhookSecrets, id: &str, timestamp: u64, body: &[u8]) -> String {
    let signed = secrets.all().filter_map(|secret| {
        // A key of any length is right.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_others_do() {
        // The example of the libraries of Standard Webhooks.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secrets = WebhookSecrets::parse(secret).unwrap();
        let signed =
            signature(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = WebhookSecrets::parse(&format!("{secret}\n{secret}")).unwrap();
        assert_eq!(signature(&both, "a", 1, b"x").split(' ').count(), 2);
    }
}
