//! What requestors ask for, drawn from the seed, and what must become of it. Each request is about things of its own, so that
//! it can be told what was done for which.

use serde_json::{Value, json};

use super::chance::Chance;
use crate::cloud::STORAGE;

/// How an operation must end.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    /// With one of these, or with a failure where the weather was bad.
    With(&'static [&'static str]),
    /// With a failure.
    Fails,
    /// With nothing but what is said at once, or with a failure.
    Muted,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: String,
    pub event_type: &'static str,
    /// Its data, without the context.
    pub data: Value,
    /// The operation context, as spelled.
    pub context: String,
    pub ends: Ends,
    /// A blob that must be there before.
    pub needs: Option<String>,
}

impl Request {
    /// The event, as an orchestrator writes it.
    pub fn event(&self) -> String {
        let mut data = self.data.to_string();
        data.pop();
        let comma = if data.len() > 1 { "," } else { "" };
        let (id, event_type, context) = (&self.id, self.event_type, &self.context);
        format!(
            r#"{{"id":"{id}","subject":"/orders/{id}","eventType":"{event_type}","eventTime":"2026-03-04T09:00:00Z","dataVersion":"1.0","data":{data}{comma}"operationContext":{context}}}}}"#
        )
    }
}

const V3: &[&str] = &["response.encode.mediaservicesv3.success", "response.encode.mediaservicesv3.canceled"];
const V2: &[&str] = &["response.encode.mediaservicesv2.success", "response.encode.mediaservicesv2.canceled"];
const OWN: &[&str] = &["response.encode.success", "response.encode.canceled"];

fn uri(account: &str, path: &str) -> String {
    format!("http://{STORAGE}/{account}/{path}")
}

/// Contexts as requestors like them: short, long, in other alphabets, with numbers that do not survive a float.
fn context(chance: &mut Chance, n: usize, mark: &str) -> String {
    let filler = match chance.below(8) {
        0 => format!(r#","note":"größe ☃ {}""#, "é".repeat(chance.below(40))),
        1 => format!(r#","long":"{}""#, "x".repeat(chance.below(3_000))),
        2 => r#","price":1.10,"big":12345678901234567890123,"when":"2026-03-04T09:00:00+01:00""#.to_owned(),
        3 => r#","b":{"z":1,"a":[null,true]},"esc":"\u00e9\/""#.to_owned(),
        _ => String::new(),
    };
    format!(r#"{{"n":{n}{filler}{mark}}}"#)
}

/// The `n`-th request.
pub fn draw(chance: &mut Chance, n: usize, cancels: Option<usize>) -> Request {
    let (name, own) = (format!("op-{n}.mp4"), format!("op-{n}"));
    let blob = uri("archive", &format!("show/{name}"));
    let (mut needs, mut mark) = (None, "");
    let mut needing = |data: Value| {
        needs = Some(name.clone());
        data
    };
    let named = json!({"storageAccountName": "proxy", "containerName": own});
    let copy = |source: &str, to: String| json!({"sourceUri": uri("inbox", source), "destinationUri": to});
    let encode = |input: &str| {
        let inputs = json!([{"blobUri": uri("inbox", input)}]);
        json!({"inputs": inputs, "outputContainer": uri("proxy", &own)})
    };
    let with = |mut data: Value, member: &str, value: &str| {
        data[member] = value.into();
        data
    };
    let (event_type, data, ends) = match chance.below(24) {
        0..=3 => {
            let to = uri("archive", &format!("copies-{}/{name}", n % 4));
            ("request.blob.copy", copy("show/clip.mp4", to), Ends::With(&["response.blob.created.success"]))
        }
        4 => ("request.blob.copy", copy("show/missing.mp4", blob), Ends::Fails),
        5 => {
            mark = r#","~muted":1"#;
            (
                "request.blob.copy",
                copy("show/clip.mp4", uri("archive", &format!("muted/{name}"))),
                Ends::Muted,
            )
        }
        6..=8 => {
            let data = needing(json!({"blobUri": blob}));
            ("request.blob.delete", data, Ends::With(&["response.blob.delete.success"]))
        }
        9 => ("request.blob.delete", json!({"blobUri": blob}), Ends::With(&["response.blob.delete.success"])),
        10 => {
            let data = needing(json!({"blobUri": blob, "blobMetadata": {"n": n.to_string()}}));
            ("request.blob.metadata.create", data, Ends::With(&["response.blob.metadata.success"]))
        }
        11 => {
            let data = json!({"blobUri": blob, "blobMetadata": {"n": "1"}});
            ("request.blob.metadata.create", data, Ends::Fails)
        }
        12 | 13 => {
            let tier = *chance.pick(&["Cool", "Cold", "Archive"]);
            let data = needing(json!({"blobUri": blob, "accessTier": tier}));
            ("request.blob.tier.change", data, Ends::With(&["response.blob.tier.success"]))
        }
        14 => ("request.blob.tier.change", json!({"blobUri": blob, "accessTier": "Tepid"}), Ends::Fails),
        15 | 16 => {
            let ends = Ends::With(&["response.blob.container.create.success"]);
            ("request.blob.container.create", named, ends)
        }
        17 => {
            needs = Some("container".to_owned());
            let ends = Ends::With(&["response.blob.container.delete.success"]);
            ("request.blob.container.delete", named, ends)
        }
        18 | 19 => {
            let data = with(encode("show/clip.mp4"), "transformName", "H264SingleBitrateSD");
            ("request.encode.mediaservicesv3.create", data, Ends::With(V3))
        }
        20 => {
            let data = with(encode("show/clip.mp4"), "presetName", "SpriteOnlySetting");
            ("request.encode.mediaservicesv2.create", data, Ends::With(V2))
        }
        21 => {
            let data = with(encode("show/clip.mp4"), "presetName", "AdaptiveStreaming");
            ("request.encode.create", data, Ends::With(OWN))
        }
        22 => {
            let data = with(encode("show/missing.mp4"), "transformName", "H264SingleBitrateSD");
            ("request.encode.mediaservicesv3.create", data, Ends::Fails)
        }
        _ => {
            // Of a copy that may be under way.
            let copied =
                cancels.map_or("missing".to_owned(), |copy| format!("copies-{}/op-{copy}.mp4", copy % 4));
            let data = json!({"blobUri": uri("archive", &copied)});
            ("request.operation.cancel", data, Ends::With(&["response.operation.cancel.success"]))
        }
    };
    Request { id: format!("request-{n}"), event_type, data, context: context(chance, n, mark), ends, needs }
}

/// The operation that something is for, by its name.
pub fn operation_in(path: &str) -> Option<usize> {
    let (_, rest) = path.rsplit_once("op-")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}
