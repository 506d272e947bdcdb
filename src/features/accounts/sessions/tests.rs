use super::*;
use crate::chat::Name;

fn key(name: &str) -> NameKey {
    Name::parse(name).expect("a name").key()
}

fn begin(sessions: &mut Sessions, name: &str, now: Instant) -> (Token, Revocation) {
    let cookie = Token::random().expect("random numbers");
    let revocation = sessions.begin(&cookie, key(name), now);
    (cookie, revocation)
}

#[test]
fn a_session_lasts_for_a_day_at_school() {
    let (mut sessions, start) = (Sessions::default(), Instant::now());
    let (cookie, revocation) = begin(&mut sessions, "Ana", start);
    let almost = start + SESSION_AGE - Duration::from_secs(1);
    assert!(sessions.get(&cookie, almost).is_some_and(|session| session.account == key("ana")));
    sessions.end_old(almost);
    assert!(revocation.reason().is_none());
    let end = sessions.due().expect("one session");
    assert!(sessions.get(&cookie, end).is_none());
    sessions.end_old(end);
    assert_eq!(revocation.reason(), Some(&TOO_OLD));
    assert!(sessions.by_cookie.is_empty() && sessions.by_account.is_empty());
    assert_eq!(sessions.due(), None);
}

#[test]
fn the_oldest_session_ends_when_there_are_too_many() {
    let (mut sessions, start) = (Sessions::default(), Instant::now());
    let (_, luis) = begin(&mut sessions, "Luis", start);
    let all: Vec<_> = (0..=MAX_PER_ACCOUNT).map(|_| begin(&mut sessions, "Ana", start)).collect();
    assert_eq!(all[0].1.reason(), Some(&TOO_MANY));
    assert!(all[1..].iter().all(|(_, revocation)| revocation.reason().is_none()));
    assert!(luis.reason().is_none(), "another user's session stays");
    for number in 0..MAX_SESSIONS {
        begin(&mut sessions, &format!("name {number}"), start);
    }
    assert_eq!(luis.reason(), Some(&TOO_MANY));
    assert_eq!(sessions.by_cookie.len(), MAX_SESSIONS);
    assert_eq!(sessions.by_age.len(), MAX_SESSIONS);
}

#[test]
fn all_sessions_of_an_account_end_together() {
    let (mut sessions, start) = (Sessions::default(), Instant::now());
    let anas: Vec<_> = (0..3).map(|_| begin(&mut sessions, "Ana", start)).collect();
    let (cookie, luis) = begin(&mut sessions, "Luis", start);
    const GONE: CloseReason = CloseReason::new(close_code::SIGNED_OUT, "gone: gone");
    sessions.end_account(&key("Ana"), &GONE);
    assert!(anas.iter().all(|(_, revocation)| revocation.reason() == Some(&GONE)));
    assert!(anas.iter().all(|(cookie, _)| sessions.get(cookie, start).is_none()));
    assert!(luis.reason().is_none() && sessions.get(&cookie, start).is_some());
}
