//! What a watcher of everyone is shown of the others: no text of the chat that may be private.

use std::collections::HashMap;

use serde_json::Value;

use super::super::privacy::is_exposed;

/// Checks the events of the inspector.
pub fn check(events: impl Iterator<Item = Value>) {
    let mut endpoints: HashMap<Option<u64>, Value> = HashMap::new();
    for event in events {
        let connection = event["conn"].as_u64();
        if event["type"] == "opened" {
            endpoints.insert(connection, event["endpoint"].clone());
        }
        let is_of_the_chat = endpoints.get(&connection).is_some_and(|endpoint| endpoint == "chat");
        if is_of_the_chat && event["type"] == "frame" {
            assert!(!is_exposed(&event), "{event} may be private");
        }
    }
}
