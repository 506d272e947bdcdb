//! The authentication on a thread of its own, and the test in place of the password check: what happens while a password is being
//! checked.

use std::net::Ipv4Addr;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::authentication::Authentication;
use super::list::AccountList;
use super::login::{Applicant, Check, Checked, NotSignedIn, Question, SignedIn};
use super::password::{Hashed, Password};
use crate::client_id::ClientId;

type Answer = Result<SignedIn, NotSignedIn>;

fn list_of_ana(hashed: &Hashed) -> AccountList {
    AccountList::parse(&format!("Ana:{hashed}")).expect("a list")
}

/// An authentication whose password check takes one at a time, and has room for no other.
fn authentication(list: AccountList) -> (Sender<Question>, Receiver<Check>) {
    let (asks, asked) = bounded(8);
    let (to_check, checks) = bounded(1);
    thread::spawn(move || Authentication::new(list, to_check, None, |_| true).run(&asked));
    (asks, checks)
}

fn sign_in(asks: &Sender<Question>) -> Receiver<Answer> {
    let (answer, answered) = bounded(1);
    let (client, peer) = (ClientId(1), Ipv4Addr::LOCALHOST.into());
    let applicant = Applicant { client, peer, begins_session: true, answer };
    let password = Password::parse("a secret").expect("a password");
    let ask = Question::SignIn { name: "ana".to_owned(), password, applicant };
    asks.send(ask).expect("the authentication is there");
    answered
}

fn say_that_it_fits(asks: &Sender<Question>, check: Check) {
    let Check { hashed, login, .. } = check;
    let checked = Checked { hashed, login, matches: Ok(true) };
    asks.send(Question::Checked(Box::new(checked))).expect("the authentication is there");
}

#[test]
fn a_password_that_was_changed_while_it_was_compared_lets_nobody_in() {
    let (old, new) = (Hashed::decoy(None), Hashed::decoy(None));
    for (meanwhile, is_let_in) in [(&old, true), (&new, false)] {
        let (asks, checks) = authentication(list_of_ana(&old));
        let answer = sign_in(&asks);
        let check = checks.recv().expect("it is to be checked");
        let list = list_of_ana(meanwhile);
        asks.send(Question::NewList(list)).expect("the authentication is there");
        say_that_it_fits(&asks, check);
        match answer.recv().expect("a answer") {
            Ok(SignedIn { name, admission, cookie }) => {
                assert!(is_let_in && cookie.is_some());
                assert_eq!((name.as_str(), admission.revoked()), ("Ana", None));
            }
            Err(refused) => assert!(!is_let_in && refused == NotSignedIn::Wrong),
        }
    }
}

#[test]
fn an_applicant_who_finds_the_check_busy_has_lost_no_attempt() {
    let (asks, checks) = authentication(list_of_ana(&Hashed::decoy(None)));
    // One waits in the queue.
    let first = sign_in(&asks);
    for _ in 0..20 {
        let refused = sign_in(&asks).recv().expect("a answer").err();
        assert_eq!(refused, Some(NotSignedIn::Busy));
    }
    say_that_it_fits(&asks, checks.recv().expect("it is to be checked"));
    assert!(first.recv().expect("a answer").is_ok());
}
