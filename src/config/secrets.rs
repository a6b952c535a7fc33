//! Which settings are secrets, by name, so that each can be checked, and read from a vault, in one place. Not where their
//! values come from.

use super::Config;
use crate::secret::Secret;

/// A setting that is a secret.
#[derive(Debug)]
pub struct SecretSetting<'a> {
    /// Its name, for the operator.
    pub name: String,
    /// Itself.
    pub secret: &'a Secret,
    /// What it must look like.
    pub form: SecretForm,
}

/// What a secret must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// Anything on one line, since it may have to travel in a header.
    Text,
    /// Base64, as access keys of topics and storage accounts are.
    AccessKey,
    /// `FairPlay`'s application secret key: sixteen bytes in hexadecimal, or the original's word for none.
    FairPlayKey,
    /// A file in Base64, or the original's word for none.
    File,
}

/// The original's word for a secret that nobody has set yet.
pub const NOT_SET: &str = "KEY_VAULT_SECRET_NOT_SET";
/// "The ASK is a 16-byte key" (`FairPlay` Streaming Programming Guide).
const FAIR_PLAY_KEY_DIGITS: usize = 32;

impl SecretForm {
    /// Whether a value looks as it must.
    #[must_use]
    pub fn fits(self, value: &str) -> bool {
        use base64::Engine as _;
        match self {
            Self::Text => !value.contains(char::is_control),
            Self::FairPlayKey | Self::File if value.is_empty() || value == NOT_SET => true,
            Self::AccessKey | Self::File => base64::engine::general_purpose::STANDARD.decode(value).is_ok(),
            Self::FairPlayKey => {
                value.len() == FAIR_PLAY_KEY_DIGITS && value.bytes().all(|digit| digit.is_ascii_hexdigit())
            }
        }
    }

    /// What was expected, when it does not.
    #[must_use]
    pub fn expectation(self) -> &'static str {
        match self {
            Self::Text => "expected a text without line breaks or other control characters",
            Self::AccessKey => "expected an access key, which is Base64",
            Self::FairPlayKey => "expected 32 hexadecimal digits",
            Self::File => "expected a file as Base64",
        }
    }
}

impl Config {
    /// All settings that are secrets and may be Key Vault references. The token for the vault itself cannot be one.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretSetting<'_>> {
        let setting = |name: String, secret, form| SecretSetting { name, secret, form };
        let text = |name: String, secret| setting(name, secret, SecretForm::Text);
        let mut all = vec![setting("topic.key".to_owned(), &self.topic.key, SecretForm::AccessKey)];
        all.extend(self.storage.accounts.iter().map(|account| {
            let name = format!("storage.accounts: {:?}: key", account.name);
            setting(name, &account.key, SecretForm::AccessKey)
        }));
        let accounts = self.media.accounts.iter();
        all.extend(
            accounts.map(|each| text(format!("media.accounts: {:?}: token", each.account), &each.token)),
        );
        let drm = &self.media.drm;
        let drm_secrets = [
            ("token_key", &drm.token_key, SecretForm::AccessKey),
            ("fair_play_ask_hex", &drm.fair_play_ask_hex, SecretForm::FairPlayKey),
            ("fair_play_certificate_b64", &drm.fair_play_certificate_b64, SecretForm::File),
            ("fair_play_pfx_password", &drm.fair_play_pfx_password, SecretForm::Text),
        ];
        all.extend(
            drm_secrets.map(|(name, secret, form)| setting(format!("media.drm.{name}"), secret, form)),
        );
        all.push(text("entra.client_secret".to_owned(), &self.entra.client_secret));
        let secrets = self.admission.secrets.iter().enumerate();
        all.extend(secrets.map(|(index, secret)| text(format!("admission.secrets[{index}]"), secret)));
        all.push(text("key_roll.token".to_owned(), &self.key_roll.token));
        all
    }
}
