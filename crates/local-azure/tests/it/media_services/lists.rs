//! Lists: filtered, ordered, page by page.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, built_in, job_body};

fn names(page: &Value) -> Vec<&str> {
    page["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// All items of a list, by following its links as they are, and how many pages there were.
async fn all(world: &World, path: &str) -> (Vec<String>, usize) {
    let (mut all, mut pages) = (Vec::new(), 0);
    let (_, mut page) = world.get(path).await;
    loop {
        pages += 1;
        all.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page["@odata.nextLink"].as_str() else { return (all, pages) };
        let path = next.strip_prefix("https://media.local").unwrap();
        page = world.call("GET", path, &Value::Null).await.1;
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_come_in_pages_of_a_hundred_in_the_wanted_order() {
    let world = World::scripted();
    world.ready().await;
    for number in 0..250 {
        world.put(&format!("transforms/t/jobs/j{number:03}"), job_body()).await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let (by_name, pages) = all(&world, "transforms/t/jobs").await;
    assert_eq!((by_name.len(), pages), (250, 3));
    assert!(by_name.is_sorted());
    let (latest_first, pages) = all(&world, "transforms/T/jobs?$orderby=properties/created%20desc").await;
    assert_eq!((latest_first.len(), pages), (250, 3));
    assert!(latest_first.iter().rev().is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_page_goes_on_where_the_last_one_ended_though_items_came_and_went() {
    let world = World::scripted();
    for number in 100..300 {
        world.asset(&format!("a{number}")).await;
    }
    let (_, first) = world.get("assets").await;
    assert_eq!(names(&first).last(), Some(&"a199"));
    assert_eq!(world.delete("assets/a150").await, StatusCode::OK);
    world.asset("a000").await;
    let next = first["@odata.nextLink"].as_str().unwrap().strip_prefix("https://media.local").unwrap();
    let (_, second) = world.call("GET", next, &Value::Null).await;
    assert_eq!((names(&second).first(), names(&second).len()), (Some(&"a200"), 100));
}

#[tokio::test(start_paused = true)]
async fn top_counts_over_all_pages() {
    let world = World::scripted();
    for number in 100..350 {
        world.asset(&format!("a{number}")).await;
    }
    assert_eq!(all(&world, "assets?$top=2").await, (vec!["a100".to_owned(), "a101".to_owned()], 1));
    let (some, pages) = all(&world, "assets?$top=120&$orderby=name%20desc").await;
    assert_eq!((some.len(), pages, some[119].as_str()), (120, 2, "a230"));
    assert_eq!(all(&world, "assets?$top=0").await, (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn jobs_are_filtered_by_state_name_and_time() {
    let world = World::scripted();
    world.ready().await;
    for name in ["a", "b", "c"] {
        world.put(&format!("transforms/t/jobs/{name}"), job_body()).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let filtered = async |filter: &str| {
        let (status, page) = world.get(&format!("transforms/t/jobs?$filter={}", encoded(filter))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        names(&page).into_iter().map(str::to_owned).collect::<String>()
    };
    assert_eq!(filtered("properties/state eq Microsoft.Media.JobState'Processing'").await, "a");
    assert_eq!(filtered("properties/state ne Microsoft.Media.JobState'Processing'").await, "bc");
    assert_eq!(filtered("name eq 'B'").await, "b");
    assert_eq!(filtered("properties/created gt 2024-01-10T09:00:00Z").await, "bc");
    assert_eq!(filtered("properties/created le 2024-01-10T09:00:02Z and name gt 'a'").await, "b");
    assert_eq!(filtered("name eq 'a' or (name eq 'c' and properties/state eq 'Queued')").await, "ac");
}

#[tokio::test(start_paused = true)]
async fn assets_and_transforms_are_filtered_too() {
    let world = World::scripted();
    let (_, made) = world.put("assets/a", json!({"properties": {"alternateId": "Alt'1"}})).await;
    world.asset("bbb").await;
    world.transform("x", &[built_in("AdaptiveStreaming")]).await;
    let id = made["properties"]["assetId"].as_str().unwrap();
    for (list, filter, expected) in [
        ("assets", "properties/alternateId eq 'Alt''1'".to_owned(), vec!["a"]),
        ("assets", format!("properties/assetId eq '{id}'"), vec!["a"]),
        ("assets", "name ge 'b'".to_owned(), vec!["bbb"]),
        ("transforms", "created lt 2024-01-10T10:00:00Z".to_owned(), vec!["x"]),
        ("transforms", "properties/lastModified lt 2024-01-10T08:00:00Z".to_owned(), vec![]),
    ] {
        let (_, page) = world.get(&format!("{list}?$filter={}", encoded(&filter))).await;
        assert_eq!(names(&page), expected, "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_list_does_not_understand_is_refused() {
    let world = World::scripted();
    world.ready().await;
    for query in [
        "$filter=properties/size%20eq%20'1'",
        "$filter=name%20eq",
        "$filter=properties/state%20gt%20'Queued'",
        "$filter=properties/correlationData%20eq%20'x'",
        "$orderby=properties/state",
        "$orderby=name%20sideways",
        "$orderby=name,properties/created",
        "$top=-1",
        "$skiptoken=!!",
    ] {
        let (status, answer) = world.get(&format!("transforms/t/jobs?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
    }
    assert_eq!(world.get("transforms/none/jobs").await.0, StatusCode::NOT_FOUND);
}
