//! The gatekeeper on a thread of its own, and the test in place of the verifier: what happens while a password is being
//! compared.

use std::net::Ipv4Addr;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::gatekeeper::{Applicant, Ask, Gatekeeper, NotSignedIn, SignedIn};
use super::list::AccountList;
use super::password::{Hashed, Password};
use super::verifier::{Compared, Comparison};
use crate::client_id::ClientId;

type Verdict = Result<SignedIn, NotSignedIn>;

fn list_of_ana(hashed: &Hashed) -> AccountList {
    AccountList::parse(&format!("Ana:{hashed}")).expect("a list")
}

/// A gatekeeper whose verifier takes one comparison at a time, and has room for no other.
fn gatekeeper(list: AccountList) -> (Sender<Ask>, Receiver<Comparison>) {
    let (asks, asked) = bounded(8);
    let (to_verifier, comparisons) = bounded(1);
    thread::spawn(move || Gatekeeper::new(list, to_verifier, None, |_| true).run(&asked));
    (asks, comparisons)
}

fn sign_in(asks: &Sender<Ask>) -> Receiver<Verdict> {
    let (answer, verdict) = bounded(1);
    let (client, peer) = (ClientId(1), Ipv4Addr::LOCALHOST.into());
    let applicant = Applicant { client, peer, begins_session: true, answer };
    let password = Password::parse("a secret").expect("a password");
    let ask = Ask::SignIn { name: "ana".to_owned(), password, applicant };
    asks.send(ask).expect("the gatekeeper is there");
    verdict
}

fn say_that_it_fits(asks: &Sender<Ask>, comparison: Comparison) {
    let Comparison { hashed, trial, .. } = comparison;
    let compared = Compared { hashed, trial, fits: Ok(true) };
    asks.send(Ask::Compared(Box::new(compared))).expect("the gatekeeper is there");
}

#[test]
fn a_password_that_was_changed_while_it_was_compared_lets_nobody_in() {
    let (old, new) = (Hashed::of_nobody(None), Hashed::of_nobody(None));
    for (meanwhile, is_let_in) in [(&old, true), (&new, false)] {
        let (asks, comparisons) = gatekeeper(list_of_ana(&old));
        let verdict = sign_in(&asks);
        let comparison = comparisons.recv().expect("it is to be compared");
        let list = list_of_ana(meanwhile);
        asks.send(Ask::NewList(list)).expect("the gatekeeper is there");
        say_that_it_fits(&asks, comparison);
        match verdict.recv().expect("a verdict") {
            Ok(SignedIn { admission, cookie }) => {
                assert!(is_let_in && cookie.is_some());
                assert_eq!((admission.name.as_str(), admission.ended()), ("Ana", None));
            }
            Err(refused) => assert!(!is_let_in && refused == NotSignedIn::Wrong),
        }
    }
}

#[test]
fn whoever_finds_the_verifier_busy_has_lost_no_try() {
    let (asks, comparisons) = gatekeeper(list_of_ana(&Hashed::of_nobody(None)));
    // One waits in the queue.
    let first = sign_in(&asks);
    for _ in 0..20 {
        let refused = sign_in(&asks).recv().expect("a verdict").err();
        assert_eq!(refused, Some(NotSignedIn::Busy));
    }
    say_that_it_fits(&asks, comparisons.recv().expect("it is to be compared"));
    assert!(first.recv().expect("a verdict").is_ok());
}
