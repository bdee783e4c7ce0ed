//! `/openapi.json`: the table of routes as `OpenAPI` 3.1.
//!
//! Answers are described by content type, not field by field: devices, reports, readings and events
//! are the messages of `proto/` in proto3's JSON mapping, and a second description would be a second
//! truth.
use super::admit::Needs;
use super::routes::{Kind, Parameter, ROUTES, Route};
use axum::Json;
use serde_json::{Map, Value, json};

const PROBLEM: &str = "application/problem+json";
/// Of every route: a wrong Host, a body, an internal failure, no answer in time.
const PROBLEMS_OF_ALL: [u16; 4] = [413, 421, 500, 504];

/// `/openapi.json`.
pub async fn openapi() -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let paths: Map<String, Value> = ROUTES
        .iter()
        .map(|route| {
            (
                route.path.to_owned(),
                json!({route.method: operation(route)}),
            )
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "citygate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Devices, reports, readings and events are the messages of citygate.v1 in proto3's JSON mapping.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "push_bearer": {"type": "http", "scheme": "bearer", "description": "The token of the push route"},
                "push_basic": {"type": "http", "scheme": "basic", "description": "User and password of the push route"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "citygate_session"},
            },
            "schemas": {"Problem": {
            "description": "RFC 9457",
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "violations": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
                }},
                "reasons": {"type": "array", "items": {"type": "string"}},
                "nearest": {"type": "string"},
            },
        }}},
    })
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|parameter| described(parameter, route.path))
        .collect();
    let mut responses = Map::new();
    let answer = json!({"description": "The answer", "content": {route.answer: {}}});
    responses.insert("200".to_owned(), answer);
    for status in problems(route) {
        let schema = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
        let problem = json!({"description": "A problem", "content": {PROBLEM: schema}});
        responses.insert(status.to_string(), problem);
    }
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), json!(route.summary));
    operation.insert("parameters".to_owned(), Value::Array(parameters));
    operation.insert("responses".to_owned(), Value::Object(responses));
    operation.insert("security".to_owned(), security(route.needs));
    Value::Object(operation)
}

/// Statuses of a route's problems: its own, those of its caller, those of all.
fn problems(route: &Route) -> impl Iterator<Item = u16> {
    let of_caller: &[u16] = match route.needs {
        Needs::Nothing | Needs::Own => &[],
        Needs::Data | Needs::Gateway | Needs::Operate => &[401, 403],
    };
    let all = [route.problems, of_caller, &PROBLEMS_OF_ALL];
    all.into_iter().flatten().copied()
}

/// A token, or on the page its cookie. The scope says what it must grant: `data` is cut to the grant.
fn security(needs: Needs) -> Value {
    let scope = match needs {
        Needs::Nothing => return json!([]),
        // One of these, or the parameter or headers that the route names.
        Needs::Own => return json!([{"push_bearer": []}, {"push_basic": []}, {}]),
        Needs::Data => "data",
        Needs::Gateway => "gateway",
        Needs::Operate => "operate",
    };
    json!([{"token": [scope]}, {"cookie": [scope]}])
}

fn described(parameter: &Parameter, path: &str) -> Value {
    let of_path = path.contains(&format!("{{{}}}", parameter.name));
    let schema = match parameter.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Number => json!({"type": "integer", "minimum": 1}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
    };
    let mut described = json!({
        "name": parameter.name,
        "in": if of_path { "path" } else { "query" },
        "required": of_path,
        "description": parameter.what,
        "schema": schema,
    });
    if let (false, Some(members)) = (parameter.example.is_empty(), described.as_object_mut()) {
        let example = match parameter.kind {
            Kind::Texts => json!(parameter.example.split(',').collect::<Vec<_>>()),
            Kind::Number => json!(parameter.example.parse::<u64>().ok()),
            Kind::Flag => json!(parameter.example == "true"),
            Kind::Text | Kind::Time => json!(parameter.example),
        };
        members.insert("example".to_owned(), example);
    }
    described
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn every_level_in_a_path_is_a_parameter() {
        for route in ROUTES {
            let levels = route.path.split('/');
            let named = levels.filter_map(|level| level.strip_prefix('{')?.strip_suffix('}'));
            for name in named {
                assert!(
                    route.parameters.iter().any(|p| p.name == name),
                    "{}: {name}",
                    route.path
                );
            }
            let operation = operation(route);
            assert_eq!(
                operation["parameters"].as_array().unwrap().len(),
                route.parameters.len()
            );
        }
    }
}
