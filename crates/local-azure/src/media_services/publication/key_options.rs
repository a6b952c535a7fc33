//! One option of a content key policy: for which kind of player, and for whom. Read strictly, shown as it was given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::ArmError;

/// "Quotas and limits": claims per policy.
const CLAIMS_MAX: usize = 30;
/// Members that only `getPolicyPropertiesWithSecrets` shows.
const SECRETS: [&str; 4] = ["keyValue", "ask", "fairPlayPfx", "fairPlayPfxPassword"];
/// An HMAC key shorter than this protects nothing; the dialect's own samples have 40 bytes.
const VERIFICATION_KEY_BYTES_MIN: usize = 16;

/// An option: what kind of key, for whom. It is serialized with its secrets.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
pub(in crate::media_services) struct KeyOption {
    /// As it was given, with its id.
    text: Value,
    pub configuration: KeyConfiguration,
    pub restriction: KeyRestriction,
}

/// For which kind of player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "@odata.type")]
pub(in crate::media_services) enum KeyConfiguration {
    /// The key itself is handed out.
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration")]
    ClearKey,
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyWidevineConfiguration")]
    Widevine,
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyPlayReadyConfiguration")]
    PlayReady,
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyFairPlayConfiguration")]
    FairPlay,
}

/// For whom.
#[derive(Clone, Deserialize)]
#[serde(tag = "@odata.type")]
pub(in crate::media_services) enum KeyRestriction {
    /// For everybody.
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyOpenRestriction")]
    Open,
    /// For bearers of a token.
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyTokenRestriction")]
    Token(TokenRestriction),
}

/// What a token has to be like.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::media_services) struct TokenRestriction {
    pub issuer: String,
    pub audience: String,
    pub restriction_token_type: TokenType,
    pub primary_verification_key: Option<VerificationKey>,
    #[serde(default)]
    pub alternate_verification_keys: Option<Vec<VerificationKey>>,
    #[serde(default)]
    pub required_claims: Option<Vec<RequiredClaim>>,
    pub open_id_connect_discovery_document: Option<String>,
}

/// What kind of token.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub(in crate::media_services) enum TokenType {
    Jwt,
    Swt,
}

/// What a token's signature is checked with.
#[derive(Clone, Deserialize)]
#[serde(tag = "@odata.type")]
pub(in crate::media_services) enum VerificationKey {
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicySymmetricTokenKey", rename_all = "camelCase")]
    Symmetric {
        #[serde(deserialize_with = "base64_bytes")]
        key_value: Vec<u8>,
    },
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyRsaTokenKey")]
    Rsa {
        #[serde(deserialize_with = "base64_bytes")]
        exponent: Vec<u8>,
        #[serde(deserialize_with = "base64_bytes")]
        modulus: Vec<u8>,
    },
    #[serde(rename = "#Microsoft.Media.ContentKeyPolicyX509CertificateTokenKey")]
    X509,
}

/// A claim that a token has to have, with this value where one is given.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::media_services) struct RequiredClaim {
    pub claim_type: String,
    pub claim_value: Option<String>,
}

#[derive(Deserialize)]
struct Parts {
    configuration: KeyConfiguration,
    restriction: KeyRestriction,
}

impl Serialize for KeyOption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// An option that was read before.
impl TryFrom<Value> for KeyOption {
    type Error = serde_json::Error;

    fn try_from(text: Value) -> Result<Self, serde_json::Error> {
        let parts = Parts::deserialize(&text)?;
        Ok(Self { text, configuration: parts.configuration, restriction: parts.restriction })
    }
}

impl KeyOption {
    /// Reads the `index`th option; the refusal names the member that does not fit, and no value.
    pub fn read(id: Uuid, index: usize, mut text: Value) -> Result<Self, ArmError> {
        let invalid = |member: &str, problem: &str| {
            ArmError::bad_request(format!("properties.options[{index}].{member} is invalid: {problem}."))
        };
        let parts = serde_path_to_error::deserialize::<_, Parts>(&text).map_err(|error| {
            let problem = if error.inner().to_string().starts_with("missing field") {
                "it is missing or lacks a member"
            } else {
                "it is none of the dialect's"
            };
            invalid(&error.path().to_string(), problem)
        })?;
        if let KeyRestriction::Token(restriction) = &parts.restriction {
            restriction
                .check()
                .map_err(|(member, problem)| invalid(&format!("restriction.{member}"), problem))?;
        }
        let template = &text["configuration"]["widevineTemplate"];
        let is_json = |template: &str| serde_json::from_str::<Value>(template).is_ok();
        if parts.configuration == KeyConfiguration::Widevine && !template.as_str().is_some_and(is_json) {
            return Err(invalid("configuration.widevineTemplate", "it is a JSON text"));
        }
        text["policyOptionId"] = json!(id.to_string());
        Ok(Self { text, configuration: parts.configuration, restriction: parts.restriction })
    }

    pub fn with_secrets(&self) -> Value {
        self.text.clone()
    }

    pub fn without_secrets(&self) -> Value {
        let mut text = self.text.clone();
        hide(&mut text);
        text
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !SECRETS.contains(&name.as_str()));
            members.values_mut().for_each(hide);
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

impl TokenRestriction {
    /// All keys, any of which may have signed.
    pub fn keys(&self) -> impl Iterator<Item = &VerificationKey> {
        self.primary_verification_key.iter().chain(self.alternate_verification_keys.iter().flatten())
    }

    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.required_claims.as_ref().is_some_and(|claims| claims.len() > CLAIMS_MAX) {
            return Err(("requiredClaims", "there are more than 30"));
        }
        if self.keys().next().is_none() && self.open_id_connect_discovery_document.is_none() {
            return Err(("primaryVerificationKey", "it is missing"));
        }
        let is_weak = |key: &VerificationKey| matches!(key, VerificationKey::Symmetric { key_value } if key_value.len() < VERIFICATION_KEY_BYTES_MIN);
        if self.keys().any(is_weak) {
            return Err(("primaryVerificationKey.keyValue", "it has fewer than 16 bytes"));
        }
        Ok(())
    }
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| serde::de::Error::custom("it is not in Base64"))
}
