//! The contract as an AsyncAPI 3.0 document: topics as channels, requests as operations with their replies. What a message
//! holds stands in its own schema, which is only referred to.

use gridwich_handlers::base::{HandlerContract, common_answers};
use serde_json::{Map, Value, json};

use super::{Contract, Message, Role, file_name};

/// The version of the specification this is written in.
const VERSION: &str = "3.0.0";
/// Channels, by the roles of what travels on them.
const REQUESTS: &str = "requests";
const RESPONSES: &str = "responses";
const PLATFORM_EVENTS: &str = "platformEvents";

/// The whole document.
pub(super) fn document(contract: &Contract) -> Value {
    let messages = contract.messages.values().map(|it| (it.event_type.to_owned(), message(it)));
    json!({
        "asyncapi": VERSION,
        "info": {
            "title": "Gridwich",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A stateless event processor for media workflows: requests arrive on one topic, answers \
                            leave on another, and what platforms report in between continues the operation. Events \
                            travel as JSON arrays, at least once, in no promised order.",
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "defaultContentType": "application/json",
        "servers": {
            "requestsTopic": server("The topic that requestors publish to."),
            "responsesTopic": server("The topic that Gridwich publishes to; requestors subscribe to it."),
        },
        "channels": {
            REQUESTS: channel(contract, Role::Request, "What requestors ask for.", Some("requestsTopic")),
            RESPONSES: channel(contract, Role::Answer, "What Gridwich answers.", Some("responsesTopic")),
            PLATFORM_EVENTS: channel(
                contract,
                Role::PlatformEvent,
                "What platforms report of the work that was given to them, through their system topics.",
                None,
            ),
        },
        "operations": operations(contract),
        "components": {
            "messages": messages.collect::<Map<_, _>>(),
            "messageTraits": {"delivery": {"headers": delivery_headers()}},
            "correlationIds": {
                "operationContext": {
                    "description": "Comes back as it was sent, on every answer.",
                    "location": "$message.payload#/data/operationContext",
                },
            },
            "securitySchemes": {
                "accessKey": {"type": "httpApiKey", "name": "aeg-sas-key", "in": "header"},
                "entra": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    })
}

fn server(description: &str) -> Value {
    json!({
        "host": "{topic}.{region}-1.eventgrid.azure.net",
        "protocol": "https",
        "description": description,
        "variables": {
            "topic": {"description": "The topic's name."},
            "region": {"description": "The topic's region.", "examples": ["westeurope"]},
        },
        "security": [
            {"$ref": "#/components/securitySchemes/accessKey"},
            {"$ref": "#/components/securitySchemes/entra"},
        ],
    })
}

/// A channel with all messages of one role. Event Grid has one path for every topic; system topics have none to publish to.
fn channel(contract: &Contract, role: Role, description: &str, server: Option<&str>) -> Value {
    let messages = contract.messages.values().filter(|message| message.role == role);
    let messages = messages.map(|message| {
        let event_type = message.event_type;
        (event_type.to_owned(), json!({"$ref": format!("#/components/messages/{event_type}")}))
    });
    let mut channel = json!({
        "address": server.map(|_| "/api/events"),
        "description": description,
        "messages": messages.collect::<Map<_, _>>(),
    });
    if let Some(server) = server {
        channel["servers"] = json!([{"$ref": format!("#/servers/{server}")}]);
    }
    channel
}

fn operations(contract: &Contract) -> Map<String, Value> {
    let mut operations = Map::new();
    for handler in &contract.handlers {
        if handler.is_request() {
            operations.insert(handler.event_type.to_owned(), request(contract, handler));
        } else {
            operations.insert(handler.event_type.to_owned(), report(contract, handler));
            operations.insert(format!("{}.answers", handler.event_type), answers(handler));
        }
    }
    operations
}

/// A request with everything its requestor may hear, in the order it happens.
fn request(contract: &Contract, handler: &HandlerContract) -> Value {
    let later = contract.later(handler).flat_map(|(_, told)| told).map(|answer| answer.event_type);
    let common = common_answers();
    let common = common.iter().map(|answer| answer.event_type);
    let replies = common.chain(answer_types(handler)).chain(later).map(|it| on_channel(RESPONSES, it));
    let mut operation = received(contract, REQUESTS, handler);
    operation["reply"] = json!({
        "channel": {"$ref": format!("#/channels/{RESPONSES}")},
        "messages": replies.collect::<Vec<_>>(),
    });
    operation
}

fn report(contract: &Contract, handler: &HandlerContract) -> Value {
    received(contract, PLATFORM_EVENTS, handler)
}

fn received(contract: &Contract, channel: &str, handler: &HandlerContract) -> Value {
    json!({
        "action": "receive",
        "channel": {"$ref": format!("#/channels/{channel}")},
        "summary": contract.messages[handler.event_type].description(),
        "messages": [on_channel(channel, handler.event_type)],
    })
}

/// What is published because of a platform event: its requestor asked for it earlier, so it replies to nothing here.
fn answers(handler: &HandlerContract) -> Value {
    let failure = common_answers().into_iter().filter(|answer| answer.kind == super::Kind::Outcome);
    let failure = failure.map(|answer| answer.event_type);
    let messages = answer_types(handler).chain(failure).map(|event_type| on_channel(RESPONSES, event_type));
    json!({
        "action": "send",
        "channel": {"$ref": format!("#/channels/{RESPONSES}")},
        "summary": format!("What is said after {}.", handler.event_type),
        "messages": messages.collect::<Vec<_>>(),
    })
}

fn answer_types(handler: &HandlerContract) -> impl Iterator<Item = &'static str> {
    handler.answers.iter().map(|answer| answer.event_type)
}

fn on_channel(channel: &str, event_type: &str) -> Value {
    json!({"$ref": format!("#/channels/{channel}/messages/{event_type}")})
}

fn message(message: &Message) -> Value {
    let event_type = message.event_type;
    let mut described = json!({
        "name": event_type,
        "title": event_type,
        "summary": message.description(),
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/delivery"}],
        "payload": envelope(event_type),
        "examples": [{"name": "example", "payload": example(message)}],
    });
    if message.role != Role::PlatformEvent {
        described["correlationId"] = json!({"$ref": "#/components/correlationIds/operationContext"});
    }
    described
}

/// The Event Grid schema around a message's own data.
fn envelope(event_type: &str) -> Value {
    json!({
        "type": "object",
        "required": ["id", "subject", "eventType", "eventTime", "dataVersion", "data"],
        "properties": {
            "id": {"type": "string", "description": "The same for every delivery of the same event."},
            "subject": {"type": "string", "description": "Where in the publisher's world it happened."},
            "eventType": {"type": "string", "const": event_type},
            "eventTime": {"type": "string", "format": "date-time"},
            "dataVersion": {"type": "string", "description": "Of `data`; empty means the first."},
            "topic": {"type": "string", "description": "Event Grid's name of the topic, which it fills in."},
            "metadataVersion": {"type": "string", "description": "Of the envelope, which Event Grid fills in."},
            "data": {"$ref": format!("./{}", file_name(event_type))},
        },
    })
}

fn example(message: &Message) -> Value {
    json!({
        "id": "28f4bfd4-eb1e-5e5f-9df4-d8e7c6eb9da9",
        "subject": "/show-17",
        "eventType": message.event_type,
        "eventTime": "2026-03-04T09:00:00Z",
        "dataVersion": "1.0",
        "data": message.example(),
    })
}

/// What Event Grid adds when it delivers an event to whoever subscribed to it.
fn delivery_headers() -> Value {
    json!({
        "type": "object",
        "properties": {
            "aeg-event-type": {"type": "string", "const": "Notification"},
            "aeg-subscription-name": {"type": "string", "description": "The event subscription's name."},
            "aeg-delivery-count": {"type": "integer", "minimum": 0, "description": "Earlier tries."},
        },
    })
}
