//! The tour of README, from its second step to its ninth, as a reader does it: what it says to press is pressed by that name.

use crate::common::{Server, project_file};
use crate::driver::{Browser, Page, quoted};
use crate::page::*;

/// What the tour says to press, in its order.
fn labels(readme: &str) -> Vec<String> {
    let text = project_file(readme);
    let (_, tour) = text.split_once("\n1. ").expect("the tour");
    let (tour, _) = tour.split_once("\n## ").expect("its end");
    let words: Vec<&str> = tour.split_whitespace().collect();
    words.join(" ").replace("**", "").split('*').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What has this text on the page.
fn named(label: &str) -> String {
    format!(
        "[...document.querySelectorAll('button, summary, label, .mark, .mark *')]
            .find(element => element.textContent.trim() === {} && element.checkVisibility())",
        quoted(label)
    )
}

fn press(page: &Page, label: &str) {
    page.wait_for(&named(label), label);
    page.evaluate(&format!("{}.click()", named(label)));
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_tour_of_the_first_page_is_true_in_both_languages() {
    for (readme, language) in [("README.md", "en"), ("README.es.md", "es")] {
        let labels = labels(readme);
        let [
            leave,
            waiting,
            inspector,
            handshake,
            close,
            save,
            happen,
            ping,
            pieces,
            forbidden,
            cut,
            code,
            late,
        ] = &labels[..]
        else {
            panic!("{readme} says to press other things: {labels:?}");
        };
        let mut server = Server::start(&["--teacher-key", "teacher-key"]);
        let browser = Browser::start();
        let [ana, luis] = ["Ana", "Luis"].map(|name| {
            let tab = open(&browser, &server, language, (1920, 1080));
            rename(&tab, name);
            tab
        });
        // 3 and 4.
        say(&ana, "to all");
        sees_message(&luis, "Ana", "to all");
        open_private(&ana, "Luis");
        say(&ana, "to you");
        shows_unread(&luis, "Ana", 1);
        show(&ana, "");
        // 5.
        press(&luis, leave);
        ana.wait_for("find('log').innerText.includes('1000')", "who left, and the code");
        luis.click("#leave");
        sees_state(&luis, "open");
        // 6.
        let port = server.port();
        assert!(server.stop().success());
        for tab in [&ana, &luis] {
            sees_state(tab, "closed 1001");
        }
        say(&ana, "meanwhile");
        sees_own(&ana, "meanwhile", "waiting");
        ana.wait_for(&format!("find('log').innerText.includes({})", quoted(waiting)), "the mark");
        let server = Server::start_on(port, &["--teacher-key", "teacher-key"]);
        for tab in [&luis, &ana] {
            tab.wait_for(&format!("({STATE}) === 'open'"), "that it comes back by itself");
        }
        sees_own(&ana, "meanwhile", "delivered");
        sees_message(&luis, "Ana", "meanwhile");
        // 7.
        press(&ana, inspector);
        ana.wait_for("document.querySelectorAll('#diagram .step').length > 3", "the diagram");
        for label in [handshake, save] {
            ana.wait_for(&named(label), label);
        }
        press(&ana, handshake);
        ana.wait_for("!find('told').hidden", "the first step");
        ana.click("#play-stop");
        // 8.
        press(&ana, happen);
        for label in [pieces, forbidden, cut] {
            ana.wait_for(&named(label), label);
        }
        press(&ana, ping);
        ana.wait_for("find('observed-ping').textContent !== ''", "the pong");
        for label in [code, late] {
            press(&ana, label);
        }
        press(&ana, leave);
        sees_state(&ana, "closed 1000");
        ana.wait_for(&format!("!{}.disabled", named(close)), close);
        // 9.
        let teacher = browser.open(&format!("{}#teacher=teacher-key", server.url()), language, 1920, 1080);
        teacher.wait_for(
            "[...document.querySelectorAll('.lane-name')].some(name => name.textContent === 'Luis')",
            "the class",
        );
    }
}
