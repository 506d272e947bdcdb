//! What happens while a password is being checked: the authentication runs on its own thread, and the test plays the password
//! check.

use std::net::Ipv4Addr;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::authentication::Authentication;
use super::list::AccountList;
use super::login::{Applicant, Check, Checked, NotSignedIn, SignedIn, ToAuthentication};
use super::password::{Hashed, Password};
use crate::client_id::ClientId;

type Answer = Result<SignedIn, NotSignedIn>;

fn list_of_ana(hashed: &Hashed) -> AccountList {
    AccountList::parse(&format!("Ana:{hashed}")).expect("a list")
}

/// An authentication that can send only one password to the check.
fn authentication(list: AccountList) -> (Sender<ToAuthentication>, Receiver<Check>) {
    let (messages, receiver) = bounded(8);
    let (to_check, checks) = bounded(1);
    thread::spawn(move || Authentication::new(list, to_check, None, |_| true).run(&receiver));
    (messages, checks)
}

fn sign_in(messages: &Sender<ToAuthentication>) -> Receiver<Answer> {
    let (answer, answered) = bounded(1);
    let (client, peer) = (ClientId(1), Ipv4Addr::LOCALHOST.into());
    let applicant = Applicant { client, peer, begins_session: true, answer };
    let password = Password::parse("a secret").expect("a password");
    let message = ToAuthentication::SignIn { name: "ana".to_owned(), password, applicant };
    messages.send(message).expect("the authentication is there");
    answered
}

fn report_a_match(messages: &Sender<ToAuthentication>, check: Check) {
    let Check { hashed, login, .. } = check;
    let checked = Checked { hashed, login, matches: Ok(true) };
    messages.send(ToAuthentication::Checked(Box::new(checked))).expect("the authentication is there");
}

#[test]
fn a_password_that_changes_during_its_check_signs_no_one_in() {
    let (old, new) = (Hashed::decoy(None), Hashed::decoy(None));
    for (meanwhile, is_signed_in) in [(&old, true), (&new, false)] {
        let (messages, checks) = authentication(list_of_ana(&old));
        let answer = sign_in(&messages);
        let check = checks.recv().expect("a password to check");
        let list = list_of_ana(meanwhile);
        messages.send(ToAuthentication::NewList(list)).expect("the authentication is there");
        report_a_match(&messages, check);
        match answer.recv().expect("an answer") {
            Ok(SignedIn { name, admission, cookie }) => {
                assert!(is_signed_in && cookie.is_some());
                assert_eq!((name.as_str(), admission.revoked()), ("Ana", None));
            }
            Err(refused) => assert!(!is_signed_in && refused == NotSignedIn::Wrong),
        }
    }
}

#[test]
fn a_sign_in_that_finds_the_check_busy_costs_no_attempt() {
    let (messages, checks) = authentication(list_of_ana(&Hashed::decoy(None)));
    // This one fills the queue.
    let first = sign_in(&messages);
    for _ in 0..20 {
        let refused = sign_in(&messages).recv().expect("an answer").err();
        assert_eq!(refused, Some(NotSignedIn::Busy));
    }
    report_a_match(&messages, checks.recv().expect("a password to check"));
    assert!(first.recv().expect("an answer").is_ok());
}
