//! `/openapi.json` says what every route answers, and every route answers as it says.
use crate::devices::{refused, seen};
use crate::http::get;
use crate::support::{START, start};
use serde_json::Value;
use std::time::Duration;

/// The path with its parameters' examples; the sequence is one that exists.
fn target(path: &str, operation: &Value, sequence: u64) -> String {
    let mut target = path.replace("{sequence}", &sequence.to_string());
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let texts = match parameter.get("example") {
            None => continue,
            Some(Value::Array(all)) => all.clone(),
            Some(one) => vec![one.clone()],
        };
        let texts = texts.iter().map(|text| match text {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let text = texts.collect::<Vec<_>>().join(",");
        if parameter["in"] == "path" {
            target = target.replace(&format!("{{{name}}}"), &text);
        } else {
            query.push(format!("{name}={text}"));
        }
    }
    format!("{target}?{}", query.join("&"))
}

fn content_types(response: &Value) -> Vec<&String> {
    response["content"].as_object().unwrap().keys().collect()
}

#[tokio::test]
async fn every_route_answers_as_it_says() {
    let gateway = start().await;
    let sequence = gateway.append(&["meter-7"]).await[0];
    gateway.reject([refused("meter-7")]).await;
    gateway.clock().set(START.plus(Duration::from_secs(1)));
    seen(&gateway, 0).await;
    let rejects = get(&gateway, "/v1/rejects").await.json();
    let reject = rejects["rejects"][0]["sequence"].as_str().unwrap();
    let reject = reject.parse().unwrap();
    let document = get(&gateway, "/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 14, "{}", paths.len());
    for (path, item) in paths {
        let Some(operation) = item.get("get") else {
            let operation = &item["post"];
            assert!(operation["summary"].is_string(), "{path}");
            let target = target(path, operation, sequence);
            get(&gateway, &target).await.problem(405);
            continue;
        };
        assert!(operation["summary"].is_string(), "{path}");
        let of_rejects = path == "/v1/rejects/{sequence}";
        let sequence = if of_rejects { reject } else { sequence };
        let target = target(path, operation, sequence);
        let answer = get(&gateway, &target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        let said = content_types(&operation["responses"]["200"]);
        assert_eq!(said.len(), 1, "{path}");
        let header = format!("content-type: {}", said[0]);
        assert!(answer.head.contains(&header), "{target}: {}", answer.head);
        if said[0] == "application/json" {
            answer.json();
        }
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses.iter().filter(|(status, _)| *status != "200") {
            assert_eq!(
                content_types(response),
                ["application/problem+json"],
                "{status}"
            );
        }
        if responses.contains_key("400") {
            get(&gateway, &format!("{target}&no_such=1"))
                .await
                .problem(400);
        }
        if responses.contains_key("404") {
            let reject = reject.to_string();
            let nobody = target.replace("meter-7", "nobody").replace(&reject, "1");
            get(&gateway, &nobody).await.problem(404);
        }
    }
}
