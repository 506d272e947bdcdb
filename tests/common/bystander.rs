//! Somebody who chats, whatever is done to the server beside them.

use super::{Client, Server};

const NAME: &str = "Bystander";

pub fn bystander(server: &Server) -> Client {
    Client::join(server, NAME)
}

/// Says something and hears it; others may come, talk and go meanwhile.
pub fn chat_on(bystander: &mut Client) {
    bystander.say("I am still here");
    loop {
        let event = bystander.event();
        match event["type"].as_str().expect("a type") {
            "message" if event["from"] == NAME => {
                assert_eq!(event["text"], "I am still here");
                return;
            }
            "message" | "joined" | "left" | "crowd" => {}
            _ => panic!("the bystander hears {event}"),
        }
    }
}
