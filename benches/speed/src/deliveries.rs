//! What is delivered: requests of about 0.9 KB that differ in one number, as bytes of an HTTP exchange. How they are sent is the
//! load's.

/// What every event's context has, followed by its number: by this its answers are known, whoever gives them.
pub const MARK: &str = "bench-";
/// Digits of the number.
pub const DIGITS: usize = 12;
/// What the processor is told to expect where it expects a secret; all deliveries carry it.
pub const SECRET: &str = "a-secret-of-the-bench";
/// The context of ordinary deliveries, in bytes: with it an event has 0.9 KB, as those of `rust-ecosystem`'s measurements.
pub const CONTEXT_BYTES: usize = 400;

const ZEROS: &str = "000000000000";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A signed URL: two answers and no other call, because the account's key is at hand.
    Url,
    /// A container: storage is asked three times besides, because what was answered is looked up and kept there.
    Container,
}

/// A delivery that can be made to be any: only the numbers in it change.
#[derive(Clone)]
pub struct Delivery {
    bytes: Vec<u8>,
    /// Where the two numbers of each event stand.
    numbers: Vec<[usize; 2]>,
}

impl Delivery {
    /// So many events, each with a context of so many bytes. `storage` is where accounts are.
    pub fn new(asked: Asked, events: usize, context_bytes: usize, storage: &str) -> Self {
        let event = event(asked, &context(context_bytes), storage);
        let body = format!("[{}]", vec![event; events].join(","));
        let head = format!(
            "POST /api/EventGrid HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             aeg-event-type: Notification\r\nx-gridwich-key: {SECRET}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let text = head + &body;
        let places = text.match_indices(ZEROS).map(|(place, _)| place).collect::<Vec<_>>();
        let numbers = places.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect::<Vec<_>>();
        assert_eq!(numbers.len(), events, "each event has its number twice");
        Self { bytes: text.into_bytes(), numbers }
    }

    pub fn events(&self) -> usize {
        self.numbers.len()
    }

    /// The same with events numbered from `first`.
    pub fn numbered(&mut self, first: u64) -> &[u8] {
        for (number, places) in (first..).zip(&self.numbers) {
            let digits = digits(number);
            for place in places {
                self.bytes[*place..*place + DIGITS].copy_from_slice(&digits);
            }
        }
        &self.bytes
    }
}

fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits
}

fn event(asked: Asked, context: &str, storage: &str) -> String {
    let (event_type, data) = match asked {
        Asked::Url => (
            "request.blob.sas-url.create",
            format!(r#""blobUri":"{storage}/inbox/show-17/camera-a/reel-0042.mxf","secToLive":1200"#),
        ),
        Asked::Container => (
            "request.blob.container.create",
            r#""storageAccountName":"inbox","containerName":"show-17""#.to_owned(),
        ),
    };
    format!(
        r#"{{"id":"7d3a5c1e-9b42-4f08-8a6d-{ZEROS}","topic":"/subscriptions/0d2f1c84-5a7e-4c11-9f63-2b8e7a41d9c5/resourceGroups/media/providers/Microsoft.EventGrid/topics/requests","subject":"/productions/show-17/orders/4711","eventType":"{event_type}","eventTime":"2026-03-04T09:00:00.1234567Z","dataVersion":"1.0","metadataVersion":"1","data":{{{data},"operationContext":{context}}}}}"#
    )
}

/// A nested context of so many bytes, or a little more.
fn context(bytes: usize) -> String {
    let mut context = format!(r#"{{"saga":{{"step":"{MARK}{ZEROS}","steps":["#);
    let mut step = 1;
    while step == 1 || context.len() + 60 < bytes {
        let comma = if step == 1 { "" } else { "," };
        context += &format!(
            r#"{comma}{{"n":{step},"participant":"storage","is":{{"done":false,"tries":[1,2.5]}}}}"#
        );
        step += 1;
    }
    context + r#"]},"tenant":"contoso","priority":3}"#
}

/// What Event Grid sends when an endpoint is subscribed.
pub fn handshake() -> Vec<u8> {
    let body = r#"[{"id":"2d1781af-3a4c-4d7c-bd0c-e34b19da4e66","topic":"/subscriptions/0d2f1c84-5a7e-4c11-9f63-2b8e7a41d9c5","subject":"","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2026-03-04T09:00:00.1234567Z","metadataVersion":"1","dataVersion":"2","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}}]"#;
    let head = format!(
        "POST /api/EventGrid HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         aeg-event-type: SubscriptionValidation\r\nx-gridwich-key: {SECRET}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Asked, CONTEXT_BYTES, Delivery};

    #[test]
    fn deliveries_are_as_large_as_they_should_be_and_differ_in_their_numbers() {
        let mut delivery = Delivery::new(Asked::Url, 2, CONTEXT_BYTES, "http://127.0.0.1:1");
        let text = String::from_utf8(delivery.numbered(41).to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        let events = serde_json::from_str::<Vec<Value>>(body).unwrap();
        let ids = events.iter().map(|event| event["id"].as_str().unwrap().rsplit('-').next().unwrap());
        assert_eq!(ids.collect::<Vec<_>>(), ["000000000041", "000000000042"]);
        assert_eq!(events[1]["data"]["operationContext"]["saga"]["step"], "bench-000000000042");
        assert!((850..1_000).contains(&(body.len() / 2)), "{} bytes an event", body.len() / 2);
    }
}
