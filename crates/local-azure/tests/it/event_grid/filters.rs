//! Which events a subscription gets (LG-22, LG-23 and all operators).

use local_azure::event_grid::{EventGrid, TopicHandle};
use serde_json::{Value, json};

use super::stage::{STORAGE, Stage, cloud_event, event, properties};

/// Whether an event with this data passes a filter.
async fn passes(filter: Value, event: Value) -> bool {
    let stage = Stage::new();
    let topic = stage.with_subscriber(properties("app", json!({"filter": filter}))).await;
    assert_eq!(stage.publish(&topic, &json!([event])).await.status, 200);
    stage.grid.settled().await;
    stage.counts().matched == 1
}

fn with_data(data: Value) -> Value {
    let mut event = event("1");
    event["data"] = data;
    event
}

/// Whether data passes one advanced filter on `data.v`.
async fn meets(operator: &str, operands: Value, data: Value, arrays: bool) -> bool {
    let mut filter = json!({"operatorType": operator, "key": "data.v"});
    filter.as_object_mut().expect("an object").extend(operands.as_object().expect("an object").clone());
    let filter = json!({"advancedFilters": [filter], "enableAdvancedFilteringOnArrays": arrays});
    passes(filter, with_data(data)).await
}

#[tokio::test(start_paused = true)]
async fn each_operator_compares_as_documented() {
    let value = |value: Value| json!({"value": value});
    let values = |values: Value| json!({"values": values});
    for (operator, operands, matching, other, when_absent) in [
        ("NumberIn", values(json!([1, 2.5])), json!(2.5), json!(3), false),
        ("NumberNotIn", values(json!([1, 2.5])), json!(3), json!(1), true),
        ("NumberLessThan", value(json!(5)), json!(4.9), json!(5), false),
        ("NumberLessThanOrEquals", value(json!(5)), json!(5), json!(5.1), false),
        ("NumberGreaterThan", value(json!(5)), json!(6), json!(5), false),
        ("NumberGreaterThanOrEquals", value(json!(5)), json!(5), json!(-5), false),
        ("NumberInRange", values(json!([[1, 2], [5, 9]])), json!(9), json!(3), false),
        ("NumberNotInRange", values(json!([[1, 2], [5, 9]])), json!(3), json!(1), true),
        ("BoolEquals", value(json!(true)), json!(true), json!(false), false),
        ("StringContains", values(json!(["REEL"])), json!("a-reel-b"), json!("ree"), false),
        ("StringNotContains", values(json!(["reel"])), json!("ree"), json!("a-REEL-b"), false),
        ("StringBeginsWith", values(json!(["x", "re"])), json!("Reel"), json!("a-reel"), false),
        ("StringNotBeginsWith", values(json!(["x", "re"])), json!("a-reel"), json!("reel"), false),
        ("StringEndsWith", values(json!([".mxf"])), json!("a.MXF"), json!("a.mov"), false),
        ("StringNotEndsWith", values(json!([".mxf"])), json!("a.mov"), json!("a.mxf"), false),
        ("StringIn", values(json!(["one", "two"])), json!("TWO"), json!("three"), false),
        ("StringNotIn", values(json!(["one", "two"])), json!("three"), json!("two"), true),
        ("IsNullOrUndefined", json!({}), Value::Null, json!({}), true),
        ("IsNotNull", json!({}), json!([]), Value::Null, false),
    ] {
        let meets = async |data| meets(operator, operands.clone(), data, false).await;
        assert!(meets(json!({"v": matching})).await, "{operator} {matching}");
        assert!(!meets(json!({"v": other})).await, "{operator} {other}");
        assert_eq!(meets(json!({})).await, when_absent, "{operator} absent");
        assert_eq!(meets(json!("no object")).await, when_absent, "{operator} absent");
    }
}

#[tokio::test(start_paused = true)]
async fn arrays_are_looked_into_only_when_asked() {
    let range = json!({"values": [[1, 2], [5, 9]]});
    assert!(meets("NumberInRange", range.clone(), json!({"v": [0, 6]}), true).await);
    assert!(!meets("NumberInRange", range, json!({"v": [0, 6]}), false).await);
    let strings = json!({"values": ["a"]});
    assert!(
        meets("StringIn", strings.clone(), json!({"v": [1, "A"]}), true).await,
        "other kinds are ignored"
    );
    assert!(!meets("StringIn", strings.clone(), json!({"v": []}), true).await);
    assert!(meets("StringNotIn", strings.clone(), json!({"v": ["b", "c"]}), true).await);
    assert!(!meets("StringNotIn", strings, json!({"v": ["b", "a"]}), true).await, "one element spoils it");
}

#[tokio::test(start_paused = true)]
async fn a_value_of_another_kind_meets_no_positive_operator() {
    assert!(!meets("NumberIn", json!({"values": [1]}), json!({"v": "1"}), false).await);
    assert!(!meets("StringContains", json!({"values": ["1"]}), json!({"v": 1}), false).await);
    assert!(!meets("BoolEquals", json!({"value": true}), json!({"v": "true"}), false).await);
}

#[tokio::test(start_paused = true)]
async fn keys_reach_the_envelope_in_any_case_and_nest_into_data() {
    for (key, value) in [
        ("ID", "1"),
        ("Topic", "/subscriptions"),
        ("Subject", "/studio/1"),
        ("EventType", "request.made"),
        ("eventtype", "request.made"),
        ("DataVersion", "1.0"),
        ("data.a.b", "deep"),
    ] {
        let filter =
            json!({"advancedFilters": [{"operatorType": "StringBeginsWith", "key": key, "values": [value]}]});
        assert!(passes(filter, with_data(json!({"a": {"b": "deep"}}))).await, "{key}");
    }
    let dotted = json!({"advancedFilters": [{"operatorType": "IsNotNull", "key": "data.a.b"}]});
    assert!(!passes(dotted, with_data(json!({"a.b": 1}))).await, "dots cannot be escaped");
}

#[tokio::test(start_paused = true)]
async fn types_and_subjects_are_filtered_first() {
    assert!(passes(json!({"includedEventTypes": ["other", "Request.Made"]}), event("1")).await);
    assert!(passes(json!({"includedEventTypes": ["All"]}), event("1")).await);
    assert!(passes(json!({"includedEventTypes": null}), event("1")).await);
    assert!(!passes(json!({"includedEventTypes": ["other"]}), event("1")).await);
    for (case_sensitive, expected) in [(json!(null), true), (json!(false), true), (json!(true), false)] {
        let filter = json!({"subjectBeginsWith": "/STUDIO", "isSubjectCaseSensitive": case_sensitive});
        assert_eq!(passes(filter, event("1")).await, expected, "{case_sensitive}");
    }
    assert!(passes(json!({"subjectEndsWith": "/1", "isSubjectCaseSensitive": true}), event("1")).await);
    assert!(!passes(json!({"subjectEndsWith": "/2"}), event("1")).await);
}

#[tokio::test(start_paused = true)]
async fn all_parts_must_hold() {
    let part = |n: u32| json!({"operatorType": "NumberIn", "key": "data.n", "values": [n]});
    assert!(passes(json!({"advancedFilters": [part(1), part(1)]}), event("1")).await);
    assert!(!passes(json!({"advancedFilters": [part(1), part(2)]}), event("1")).await);
    assert!(!passes(json!({"advancedFilters": [part(1)], "subjectEndsWith": "x"}), event("1")).await);
}

#[tokio::test(start_paused = true)]
async fn cloud_events_are_filtered_by_their_own_names_and_extensions() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    let filter = json!({"filter": {"includedEventTypes": ["request.made"], "subjectBeginsWith": "/reel",
        "advancedFilters": [
            {"operatorType": "StringIn", "key": "source", "values": ["/studio"]},
            {"operatorType": "StringIn", "key": "type", "values": ["request.made"]},
            {"operatorType": "StringIn", "key": "specversion", "values": ["1.0"]},
            {"operatorType": "StringIn", "key": "flavour", "values": ["sweet"]},
            {"operatorType": "NumberIn", "key": "data.n", "values": [1]}]}});
    stage.subscribe(&topic.id, "to-app", properties("app", filter)).await.expect("a subscription");
    let mut sweet = cloud_event("sweet");
    sweet["flavour"] = json!("Sweet");
    publish_cloud_events(&stage, &topic, &json!([sweet, cloud_event("plain")])).await;
    assert_eq!(stage.endpoints.ids("app"), ["sweet"]);
}

async fn publish_cloud_events(stage: &Stage, topic: &TopicHandle, events: &Value) {
    let mut request = super::stage::publishing(topic, events.to_string());
    let batch = "application/cloudevents-batch+json".parse().expect("a value");
    request.headers_mut().insert("content-type", batch);
    assert_eq!(stage.send(request).await.status, 200);
    stage.grid.settled().await;
}

#[tokio::test(start_paused = true)]
async fn filters_beyond_the_documented_limits_are_refused() {
    let stage = Stage::new();
    let number = |values: Value| json!({"operatorType": "NumberIn", "key": "data.n", "values": values});
    let refused = async |filters: Value| {
        let wanted = properties("app", json!({"filter": {"advancedFilters": filters}}));
        grid_refuses(&stage.grid, wanted).await
    };
    assert!(refused(json!(vec![number(json!([1])); 26])).await);
    assert!(refused(json!([number(json!((0..26).collect::<Vec<_>>()))])).await);
    assert!(refused(json!([number(json!(["text"]))])).await);
    assert!(refused(json!([number(json!([]))])).await);
    assert!(refused(json!([{"operatorType": "NumberIn", "key": "data.n"}])).await);
    assert!(refused(json!([{"operatorType": "NumberLessThan", "key": "data.n", "values": [1]}])).await);
    assert!(refused(json!([{"operatorType": "NumberInRange", "key": "data.n", "values": [[1]]}])).await);
    assert!(
        refused(json!([{"operatorType": "StringIn", "key": "data.n", "values": ["x".repeat(513)]}])).await
    );
    assert!(refused(json!([{"operatorType": "IsNotNull", "key": ""}])).await);
    assert!(!refused(json!(vec![number(json!([1])); 25])).await);
}

async fn grid_refuses(grid: &EventGrid, wanted: local_azure::event_grid::SubscriptionProperties) -> bool {
    grid.create_subscription(STORAGE, "to-app", wanted).await.is_err_and(|error| error.status == 400)
}
