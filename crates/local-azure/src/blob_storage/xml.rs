//! XML as Blob Storage answers with it and reads it. Not general: no namespaces, attributes only where the service has
//! them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Limited};
use roxmltree::{Document, Node};

use super::error::{self, StorageError};

/// A document being written.
pub struct Xml(String);

impl Xml {
    /// Opens the document and its root element.
    pub fn new(root: &str) -> Self {
        Self(format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><{root}>"))
    }

    /// An element with text.
    pub fn leaf(&mut self, tag: &str, text: &str) {
        self.0 += &format!("<{tag}>{}</{tag}>", escape(text));
    }

    /// An element with text, if there is one.
    pub fn leaf_if(&mut self, tag: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(tag, text);
        }
    }

    /// An element with a blob's name in it, percent-encoded and marked so where XML cannot carry it.
    pub fn name(&mut self, tag: &str, name: &str) {
        if name.chars().all(can_be_in_xml) {
            self.leaf(tag, name);
        } else {
            let encoded = super::path::percent_encode(name);
            self.0 += &format!("<{tag} Encoded=\"true\">{encoded}</{tag}>");
        }
    }

    /// An element around whatever `inside` writes.
    pub fn nest(&mut self, tag: &str, inside: impl FnOnce(&mut Self)) {
        self.0 += &format!("<{tag}>");
        inside(self);
        self.0 += &format!("</{tag}>");
    }

    /// An element around one element for each pair.
    pub fn pairs(&mut self, tag: &str, pairs: &BTreeMap<String, String>) {
        self.nest(tag, |xml| {
            for (name, text) in pairs {
                xml.leaf(name, text);
            }
        });
    }

    /// Closes the root element; `root` without attributes.
    pub fn finish(mut self, root: &str) -> String {
        self.0 += &format!("</{root}>");
        self.0
    }
}

/// Text as it may stand in an element or in an attribute.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Cow::Owned(escaped.replace('"', "&quot;").replace('\'', "&apos;"))
}

/// XML 1.0 allows fewer characters than a blob's name; tabs and line ends it allows but does not keep.
fn can_be_in_xml(char: char) -> bool {
    !char.is_control() && !matches!(char, '\u{FFFE}' | '\u{FFFF}')
}

/// Reads a small body, refusing a longer one.
pub async fn small_body(body: &mut Body, bytes_max: usize) -> Result<Bytes, StorageError> {
    let body = Limited::new(body, bytes_max).collect().await;
    body.map(Collected::to_bytes).map_err(|_| error::REQUEST_BODY_TOO_LARGE)
}

/// Reads a document whose root has this name.
pub fn parse<'a>(body: &'a [u8], root: &str) -> Result<Document<'a>, StorageError> {
    let text = std::str::from_utf8(body).map_err(|_| error::INVALID_XML)?;
    let document = Document::parse(text.trim_start_matches('\u{FEFF}')).map_err(|_| error::INVALID_XML)?;
    if !document.root_element().has_tag_name(root) {
        return Err(error::INVALID_XML);
    }
    Ok(document)
}

/// The elements inside an element.
pub fn elements<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

/// The text of the first element with this name inside an element, unless it is empty.
pub fn text<'a>(node: Node<'a, '_>, tag: &str) -> Option<&'a str> {
    let found = elements(node).find(|child| child.has_tag_name(tag))?;
    found.text().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_encoded_only_where_needed() {
        let mut xml = Xml::new("Blobs");
        xml.name("Name", "R&D <1> é");
        xml.name("Name", "bell\u{7}/a b");
        assert_eq!(
            xml.finish("Blobs"),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Blobs><Name>R&amp;D &lt;1&gt; é</Name>\
             <Name Encoded=\"true\">bell%07/a%20b</Name></Blobs>"
        );
    }

    #[test]
    fn a_document_is_read_with_or_without_byte_order_mark() {
        let document =
            parse("\u{FEFF}<KeyInfo><Expiry> x </Expiry></KeyInfo>".as_bytes(), "KeyInfo").unwrap();
        assert_eq!(text(document.root_element(), "Expiry"), Some("x"));
        assert!(parse(b"<Other/>", "KeyInfo").is_err());
        assert!(parse(b"<KeyInfo>", "KeyInfo").is_err());
    }
}
