//! One page of a listing: from where, how much of it, with what. Not what is listed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::error::{self, StorageError};
use super::query::Query;
use super::xml::{Xml, escape};

/// The most results of one answer, and as many as are given when nobody says ("List Blobs").
const RESULTS_MAX: usize = 5000;
/// The root element of listings.
pub const ROOT: &str = "EnumerationResults";

/// Where a page starts: at a name, or at one of its snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub name: String,
    pub snapshot: Option<String>,
}

/// What a caller wants to see.
#[derive(Debug)]
pub struct Page<'a> {
    pub prefix: &'a str,
    pub delimiter: Option<&'a str>,
    pub start: Start,
    pub results_max: usize,
    marker: Option<&'a str>,
    asked_max: Option<&'a str>,
    include: &'a str,
}

impl<'a> Page<'a> {
    pub fn read(query: &'a Query) -> Result<Self, StorageError> {
        let asked_max = query.get("maxresults");
        let results_max = match asked_max.map(str::parse::<usize>) {
            None => RESULTS_MAX,
            Some(Ok(0)) => return Err(error::OUT_OF_RANGE_QUERY.with("QueryParameterName", "maxresults")),
            Some(Ok(asked)) => asked.min(RESULTS_MAX),
            Some(Err(_)) => return Err(error::invalid_query("maxresults")),
        };
        let (marker, prefix) = (query.get("marker"), query.text("prefix"));
        let start = marker.map(|marker| read_marker(marker).ok_or_else(|| error::invalid_query("marker")));
        Ok(Self {
            prefix,
            delimiter: query.get("delimiter"),
            start: start.transpose()?.unwrap_or_else(|| Start { name: prefix.to_owned(), snapshot: None }),
            results_max,
            marker,
            asked_max,
            include: query.text("include"),
        })
    }

    /// Whether more than names and properties is wanted.
    pub fn includes(&self, what: &str) -> bool {
        self.include.split(',').any(|included| included.trim().eq_ignore_ascii_case(what))
    }

    /// Says again what was asked for, as listings do.
    pub fn put(&self, xml: &mut Xml) {
        if !self.prefix.is_empty() {
            xml.name("Prefix", self.prefix);
        }
        xml.leaf_if("Marker", self.marker);
        xml.leaf_if("MaxResults", self.asked_max);
        if let Some(delimiter) = self.delimiter {
            xml.name("Delimiter", delimiter);
        }
    }

    /// What to ask with for the page that starts here.
    pub fn marker(name: &str, snapshot: Option<&str>) -> String {
        let start = Start { name: name.to_owned(), snapshot: snapshot.map(str::to_owned) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&start).expect("two texts can be written as JSON"))
    }
}

fn read_marker(marker: &str) -> Option<Start> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(marker).ok()?).ok()
}

/// The opening of a listing's root element.
pub fn root(attributes: &[(&str, &str)]) -> String {
    let attributes: String =
        attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", escape(value))).collect();
    format!("{ROOT}{attributes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_leads_back_to_where_it_was_made() {
        let marker = Page::marker("a/é\u{1}", Some("2026-03-04T10:00:00.0000000Z"));
        let query = Query::parse(&format!("marker={marker}&prefix=a&include=metadata,copy"));
        let page = Page::read(&query).unwrap();
        assert_eq!(page.start.name, "a/é\u{1}");
        assert_eq!(page.start.snapshot.as_deref(), Some("2026-03-04T10:00:00.0000000Z"));
        assert!(page.includes("copy") && !page.includes("snapshots"));
    }

    #[test]
    fn a_page_has_between_one_and_five_thousand_results() {
        let max =
            |query: &str| Page::read(&Query::parse(query)).map(|page| page.results_max).map_err(|e| e.code);
        assert_eq!(max(""), Ok(5000));
        assert_eq!(max("maxresults=7"), Ok(7));
        assert_eq!(max("maxresults=6000"), Ok(5000));
        assert_eq!(max("maxresults=0"), Err("OutOfRangeQueryParameterValue"));
        assert_eq!(max("maxresults=many"), Err("InvalidQueryParameterValue"));
        assert_eq!(max("marker=!"), Err("InvalidQueryParameterValue"));
    }
}
