//! What manifests tell players of the key that opens their media: DRM systems' headers, and where licences are. The headers
//! themselves are the packager's work.

use std::fmt::Write as _;

use roxmltree::{Document, Node};
use url::Url;
use uuid::Uuid;

use super::common_encryption::Scheme;
use super::licences::Licences;
use super::xml::escaped;
use crate::media_services::publication::Drm;

/// Namespaces of what [`Signals::dash`] writes.
pub(super) const DASH_NAMESPACES: &str = " xmlns:cenc=\"urn:mpeg:cenc:2013\" xmlns:mspr=\"urn:microsoft:playready\" \
                                          xmlns:dashif=\"https://dashif.org/CPS\"";
/// "DASH-IF registry of content protection": the scheme of W3C Clear Key.
const CLEAR_KEY: &str = "e2719d58-a985-b3c9-781a-b030af78d30e";

/// A DRM system's own description of a key, in Base64.
#[derive(Clone, Debug)]
pub(super) struct DrmHeader {
    drm: Drm,
    pssh: String,
    /// PlayReady's object, which is in its `pssh` too.
    pro: Option<String>,
}

/// What is told of a key.
pub(super) struct Signals<'a> {
    pub scheme: Scheme,
    pub key_id: Uuid,
    pub licences: &'a Licences,
    pub headers: &'a [DrmHeader],
}

/// Reads the headers from the packager's list of segments: those of the first track, which has the key of all.
pub(super) fn headers(segment_list: &str) -> Vec<DrmHeader> {
    let Ok(document) = Document::parse(segment_list) else { return Vec::new() };
    let named = |node: &Node<'_, '_>, name: &str| node.is_element() && node.tag_name().name() == name;
    let first = document.descendants().find(|node| named(node, "AdaptationSet"));
    let protections = first.into_iter().flat_map(|set| set.children().collect::<Vec<_>>());
    let header = |node: Node<'_, '_>| {
        let scheme = node.attribute("schemeIdUri")?.strip_prefix("urn:uuid:")?.to_ascii_lowercase();
        let drm = [Drm::PlayReady, Drm::Widevine].into_iter().find(|drm| system_id(*drm) == scheme)?;
        let text = |name| node.children().find(|child| named(child, name))?.text().map(str::to_owned);
        Some(DrmHeader { drm, pssh: text("pssh")?, pro: text("pro") })
    };
    protections.filter(|node| named(node, "ContentProtection")).filter_map(header).collect()
}

impl Signals<'_> {
    /// `ContentProtection` of an adaptation set (ISO/IEC 23009-1, 5.8.4.1), with licences as DASH-IF has them.
    pub fn dash(&self) -> String {
        let mut text = format!(
            "      <ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"{}\" \
             cenc:default_KID=\"{}\"/>\n",
            self.scheme.word(),
            self.key_id
        );
        for (drm, url) in &self.licences.drms {
            let header = self.headers.iter().find(|header| header.drm == *drm);
            let pssh =
                header.map_or_else(String::new, |header| format!("<cenc:pssh>{}</cenc:pssh>", header.pssh));
            let pro = header.and_then(|header| header.pro.as_ref());
            let pro = pro.map_or_else(String::new, |pro| format!("<mspr:pro>{pro}</mspr:pro>"));
            element(&mut text, system_id(*drm), value(*drm), &format!("{pssh}{pro}{}", licence(url, "")));
        }
        if let Some(url) = &self.licences.clear_key {
            element(&mut text, CLEAR_KEY, "ClearKey1.0", &licence(url, " licenseType=\"EME-1.0\""));
        }
        text
    }

    /// `EXT-X-KEY` of a playlist (RFC 8216, 4.3.2.4) for each DRM system, as their vendors have them.
    pub fn hls(&self) -> String {
        let mut text = String::new();
        for (drm, licence) in &self.licences.drms {
            let header = self.headers.iter().find(|header| header.drm == *drm);
            let key_id = match drm {
                Drm::FairPlay => String::new(),
                Drm::PlayReady | Drm::Widevine => format!(",KEYID=0x{}", self.key_id.simple()),
            };
            let (uri, format) = match (drm, header) {
                (Drm::FairPlay, _) => (licence.to_string(), "com.apple.streamingkeydelivery".to_owned()),
                (Drm::Widevine, Some(header)) => {
                    let format = format!("urn:uuid:{}", system_id(*drm));
                    (format!("data:text/plain;base64,{}", header.pssh), format)
                }
                (Drm::PlayReady, Some(DrmHeader { pro: Some(pro), .. })) => {
                    let uri = format!("data:text/plain;charset=UTF-16;base64,{pro}");
                    (uri, "com.microsoft.playready".to_owned())
                }
                _ => continue,
            };
            add(
                &mut text,
                format_args!(
                    "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{uri}\"{key_id},KEYFORMAT=\"{format}\",KEYFORMATVERSIONS=\"1\"\n"
                ),
            );
        }
        text
    }
}

/// "DASH-IF registry of content protection".
fn system_id(drm: Drm) -> &'static str {
    match drm {
        Drm::PlayReady => "9a04f079-9840-4286-ab92-e65be0885f95",
        Drm::Widevine => "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
        Drm::FairPlay => "94ce86fb-07ff-4f43-adb8-93d2fa968ca2",
    }
}

fn value(drm: Drm) -> &'static str {
    match drm {
        Drm::PlayReady => "MSPR 2.0",
        Drm::Widevine => "Widevine",
        Drm::FairPlay => "FairPlay",
    }
}

fn licence(url: &Url, attributes: &str) -> String {
    format!("<dashif:Laurl{attributes}>{}</dashif:Laurl>", escaped(url.as_str()))
}

fn element(text: &mut String, system: &str, value: &str, inside: &str) {
    add(
        text,
        format_args!(
            "      <ContentProtection schemeIdUri=\"urn:uuid:{system}\" value=\"{value}\">{inside}</ContentProtection>\n"
        ),
    );
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("a String takes all that is written to it");
}
