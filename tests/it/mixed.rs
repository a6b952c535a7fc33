//! Thousands of storage requests of all kinds with redelivery at any later time: each has one acknowledgment and one outcome,
//! and storage ends in the state that the requests describe, each carried out once and in the order they were made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use http::StatusCode;
use local_azure::event_grid::Watched;
use serde_json::{Value, json};

use crate::simulation::chance::Chance;
use crate::world::{Options, World};

/// In each of two worlds.
const REQUESTS: usize = 5_000;
const ACCOUNT: &str = "http://127.0.0.1:10000/archive";

/// What a blob should be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blob {
    metadata: BTreeMap<String, String>,
    tier: &'static str,
}

/// What storage should hold: containers and their blobs.
#[derive(Default)]
struct Model(BTreeMap<String, BTreeMap<String, Blob>>);

impl Model {
    fn blob(&mut self, container: &str, name: &str) -> Option<&mut Blob> {
        self.0.get_mut(container)?.get_mut(name)
    }

    /// Makes up a request, and whether it can be carried out; if so, the model has changed.
    fn request(&mut self, dice: &mut Chance) -> (&'static str, Value, bool) {
        let container = format!("show-{}", dice.below(6));
        let name = format!("clip {}+ü#.mp4", dice.below(5));
        let uri = format!("{ACCOUNT}/{container}/{}", name.replace(' ', "%20").replace('#', "%23"));
        let named = json!({"storageAccountName": "archive", "containerName": container});
        match dice.below(12) {
            0 => {
                let is_new = !self.0.contains_key(&container);
                self.0.entry(container).or_default();
                ("request.blob.container.create", named, is_new)
            }
            1 => {
                let was_there = self.0.remove(&container).is_some();
                ("request.blob.container.delete", named, was_there)
            }
            2..=5 => {
                // A blob that is written over stays in its tier.
                let tier = self.blob(&container, &name).map_or("Hot", |blob| blob.tier);
                let copied = Blob { metadata: BTreeMap::from([("from".into(), "source".into())]), tier };
                self.0.entry(container).or_default().insert(name, copied);
                let data =
                    json!({"sourceUri": "http://127.0.0.1:10000/inbox/show/clip.mp4", "destinationUri": uri});
                ("request.blob.copy", data, true)
            }
            6 | 7 => {
                let metadata = BTreeMap::from([("n".to_owned(), dice.below(1_000).to_string())]);
                let data = json!({"blobUri": uri, "blobMetadata": metadata});
                let found = self.blob(&container, &name).map(|blob| blob.metadata = metadata);
                ("request.blob.metadata.create", data, found.is_some())
            }
            8 | 9 => {
                let tier = ["Hot", "Cool", "Cold"][dice.below(3)];
                let found = self.blob(&container, &name).map(|blob| blob.tier = tier);
                ("request.blob.tier.change", json!({"blobUri": uri, "accessTier": tier}), found.is_some())
            }
            _ => {
                let gone = self.0.get_mut(&container).and_then(|blobs| blobs.remove(&name));
                ("request.blob.delete", json!({"blobUri": uri}), gone.is_some())
            }
        }
    }
}

fn outcome(event_type: &str) -> bool {
    event_type == "response.failure" || event_type.ends_with(".success")
}

/// The types and ids under which each request was answered.
type Heard = BTreeMap<u64, BTreeSet<(String, String)>>;

/// Takes down what has been answered since it was last asked: topics remember only so much.
fn listen(answers: &mut BoxStream<'static, Watched>, heard: &mut Heard) {
    while let Some(Some(Watched::Event { event, .. })) = answers.next().now_or_never() {
        let answer = serde_json::from_slice::<Value>(&event).unwrap();
        let Some(n) = answer["data"]["operationContext"]["n"].as_u64() else { continue };
        let text = |member: &str| answer[member].as_str().unwrap().to_owned();
        heard.entry(n).or_default().insert((text("eventType"), text("id")));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_all_kinds_delivered_again_at_any_time_are_carried_out_once() {
    mix(17).await;
}

#[tokio::test(start_paused = true)]
async fn other_requests_of_all_kinds_delivered_again_at_any_time_are_carried_out_once() {
    mix(4_711).await;
}

async fn mix(seed: u64) {
    let config = "[requests]\nannounce = \"ours\"\n";
    let world = World::with(Options { config, copy_takes: Duration::ZERO, ..Options::default() }).await;
    world.upload("inbox", "show", "clip.mp4", b"moving pictures").await;
    world.set_metadata("inbox", "show", "clip.mp4", &[("from", "source")]).await;
    let (mut dice, mut model) = (Chance::seeded(seed), Model::default());
    let (mut late, mut expected) = (Vec::<Value>::new(), Vec::new());
    let (mut answers, mut heard) = (world.cloud.event_grid.watch("responses").unwrap(), Heard::new());
    for n in 0..REQUESTS {
        // Times of HTTP have a resolution of a second; requestors wait for their answers.
        tokio::time::advance(Duration::from_secs(2)).await;
        let (event_type, mut data, can_be) = model.request(&mut dice);
        data["operationContext"] = json!({"n": n});
        expected.push((event_type, can_be));
        let event = json!([{"id": n.to_string(), "eventType": event_type, "dataVersion": "1", "data": data}]);
        let tries = 1 + dice.below(3) as u32;
        for tried in 0..tries {
            deliver(&world, &event, tried).await;
            if dice.below(10) == 0 {
                world.replace_processor();
            }
        }
        if dice.below(4) == 0 {
            late.push(event);
        }
        if !late.is_empty() && dice.below(4) == 0 {
            let event = late.swap_remove(dice.below(late.len()));
            deliver(&world, &event, 3).await;
        }
        listen(&mut answers, &mut heard);
    }
    for (n, (event_type, can_be)) in expected.into_iter().enumerate() {
        let said = &heard[&(n as u64)];
        let acknowledgments = said.iter().filter(|(kind, _)| kind == "response.acknowledge").count();
        let outcomes = said.iter().filter(|(kind, _)| outcome(kind)).collect::<Vec<_>>();
        assert_eq!((acknowledgments, outcomes.len()), (1, 1), "{n} {event_type}: {said:?}");
        assert_eq!(outcomes[0].0 != "response.failure", can_be, "{n} {event_type}: {said:?}");
    }
    for container in (0..6).map(|i| format!("show-{i}")) {
        let found = world.blobs("archive", &container).await;
        let wanted = model.0.get(&container).map(|blobs| {
            let shown = |(name, blob): (&String, &Blob)| {
                (name.clone(), (blob.metadata.clone(), blob.tier.to_owned()))
            };
            blobs.iter().map(shown).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(found, wanted, "{container}");
    }
}

async fn deliver(world: &World, event: &Value, tried: u32) {
    assert_eq!(world.deliver_again(tried, event).await, StatusCode::OK, "{event}");
    world.cloud.event_grid.settled().await;
}
