//! Golden transcripts: requests, each delivered twice, and what is said to each.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{Options, World};

/// A world whose transcripts can be compared, written down as it is spoken to.
pub struct Book {
    pub world: World,
    pub pages: Vec<String>,
}

impl Book {
    pub async fn new(config: &'static str) -> Self {
        let world = World::with(Options { config, ..Options::default() }).await;
        world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
        Self { world, pages: Vec::new() }
    }

    /// A request, delivered twice to two processors; what is said to each.
    pub async fn page(&mut self, name: &str, event_type: &str, mut data: Value) -> Vec<Value> {
        if data.is_object() {
            data["operationContext"] = json!({"case": name});
        }
        let event = json!([{
            "id": name, "subject": "/orders", "eventType": event_type, "eventTime": "2026-03-04T09:00:00Z",
            "dataVersion": "1.0", "data": data,
        }]);
        let first = self.hear(&event, 0).await;
        self.world.replace_processor();
        let second = self.hear(&event, 1).await;
        let again =
            if first == second { "  again the same".to_owned() } else { written(&second, "  again ") };
        self.pages.push(format!("# {name}\n  {}\n{}\n{again}", shown(&data), written(&first, "  ")));
        first
    }

    /// Delivers an event, and hears what is said of it until nothing more happens.
    pub async fn hear(&self, event: &Value, tries_before: u32) -> Vec<Value> {
        let before = self.world.answers().len();
        assert_eq!(self.world.deliver_again(tries_before, event).await, StatusCode::OK, "{event}");
        self.world.settled().await;
        self.world.watch_copies().await;
        let mut answers = self.world.answers().split_off(before);
        for answer in &mut answers {
            answer.as_object_mut().unwrap().remove("eventTime");
        }
        answers
    }

    pub fn text(self) -> String {
        self.pages.join("\n\n")
    }
}

pub fn written(answers: &[Value], indent: &str) -> String {
    let lines = answers.iter().map(|answer| {
        let event_type = answer["eventType"].as_str().unwrap();
        format!("{indent}{event_type} {}", shown(&answer["data"]))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Data without what differs from run to run: signatures and their times.
pub fn shown(data: &Value) -> String {
    let mut data = data.clone();
    if let Some(url) = data["sasUrl"].as_str() {
        let (path, query) = url.split_once('?').unwrap();
        let names = query.split('&').map(|pair| match pair.split_once('=').unwrap() {
            ("st" | "se" | "sig", _) => format!("{}=…", &pair[..pair.find('=').unwrap()]),
            _ => pair.to_owned(),
        });
        data["sasUrl"] = format!("{path}?{}", names.collect::<Vec<_>>().join("&")).into();
    }
    data.to_string()
}
