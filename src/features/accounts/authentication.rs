//! The thread that owns the list, the sessions and the budgets, and decides who may come in.
//!
//! Connections' threads ask it through a bounded channel and wait for the answer. It never looks at a password itself: hashing is
//! slow on purpose, so the password check does it and reports back. Must never wait for a client, for the disk or for that check.
//!
//! ```text
//! an applicant asks to sign in ─► a login attempt, if the budgets allow ─► a check of the password, on its own thread
//!            gets the answer ◄─ judged, if the list is still the same ◄─ checked
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::{info, warn};

use super::attempts::{Attempt, Attempts, NoAttempt};
use super::list::{Account, AccountList, account_name};
use super::login::{
    Applicant, Check, Checked, CookieHash, LoginAttempt, NotSignedIn, Question, Revoked, SignedIn,
};
use super::password::{Hashed, Password};
use super::sessions::{SESSION_AGE, Sessions};
use super::shared_sign_ins::SharedSignIns;
use crate::admission::{Admission, Revocation};
use crate::chat::NameKey;
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::token::Token;

/// Questions that may wait; a connection that asks when it is full waits, too.
pub const QUEUE: usize = 1024;

const SIGNED_OUT: CloseReason = CloseReason::new(close_code::SIGNED_OUT, "you signed out");
const REMOVED: CloseReason =
    CloseReason::new(close_code::SIGNED_OUT, "your account is no longer on the list");
const NEW_PASSWORD: CloseReason =
    CloseReason::new(close_code::SIGNED_OUT, "your password was changed: sign in with the new one");

const BUSY: &str = "no time to compare a password: too many want to sign in";

/// All that the thread owns.
pub struct Authentication<Tell> {
    list: AccountList,
    /// Of each account on the list: set when it ends.
    revocations: HashMap<NameKey, Revocation>,
    sessions: Sessions,
    attempts: Attempts,
    to_check: Sender<Check>,
    /// Decides which account's hash an unknown name is checked like, so that no one can foresee it.
    decoy_seed: RandomState,
    /// Admissions were revoked, and the broadcaster has not been told yet.
    some_revoked: bool,
    /// Accounts that no longer exist, of which it has not been told yet.
    gone: Vec<NameKey>,
    /// Accounts whose people signed out, of which it has not been told yet.
    signed_out: Vec<NameKey>,
    /// Where several servers share the chat.
    shared: Option<Box<dyn SharedSignIns>>,
    /// Tells the broadcaster; returns whether it is still there.
    tell: Tell,
}

impl<Tell: Fn(Revoked) -> bool> Authentication<Tell> {
    pub fn new(
        list: AccountList,
        to_check: Sender<Check>,
        shared: Option<Box<dyn SharedSignIns>>,
        tell: Tell,
    ) -> Self {
        let revocations = list.keys().map(|key| (key.clone(), Revocation::default())).collect();
        Authentication {
            list,
            revocations,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            to_check,
            decoy_seed: RandomState::new(),
            some_revoked: false,
            gone: Vec::new(),
            signed_out: Vec::new(),
            shared,
            tell,
        }
    }

    /// The thread's loop; ends when no one is left who could ask, or the broadcaster is gone.
    pub fn run(mut self, asked: &Receiver<Question>) {
        loop {
            let ask = match self.sessions.due() {
                None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => asked.recv_deadline(due),
            };
            let now = Instant::now();
            self.sessions.end_old(now);
            match ask {
                Ok(ask) => self.take(ask, now),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let ended = self.sessions.take_ended();
            if let Some(shared) = self.shared.as_mut() {
                ended.iter().for_each(|cookie| shared.end(*cookie));
            }
            let some_revoked = !ended.is_empty() | std::mem::take(&mut self.some_revoked);
            let gone = std::mem::take(&mut self.gone);
            let signed_out = std::mem::take(&mut self.signed_out);
            if some_revoked && !(self.tell)(Revoked { gone, signed_out }) {
                return;
            }
        }
    }

    fn take(&mut self, ask: Question, now: Instant) {
        match ask {
            // The connection that asked may be gone; then the answer is dropped.
            Question::Whose { cookie, answer } => drop(answer.send(self.whose(&cookie, now))),
            Question::SignIn { name, password, applicant } => {
                self.begin_attempt(&name, password, applicant, now);
            }
            Question::Checked(checked) => {
                let Checked { hashed, login, matches } = *checked;
                let answer = match matches {
                    Ok(matches) => self.judge(&hashed, &login, matches, now),
                    Err(_) => Err(NotSignedIn::Busy),
                };
                self.end_attempt(&login, answer);
            }
            Question::SignOut { client, cookie, answer } => {
                self.sign_out(client, &cookie, now);
                let _ = answer.send(());
            }
            Question::NewList(list) => self.take_list(list),
        }
    }

    fn whose(&mut self, cookie: &Token, now: Instant) -> Option<SignedIn> {
        self.ask_other_servers(cookie, now);
        let session = self.sessions.get(cookie, now)?;
        self.signed_in(&session.account, Some(session.revocation.clone()), None)
    }

    /// A session may have begun, or ended, at another server.
    fn ask_other_servers(&mut self, cookie: &Token, now: Instant) {
        let Some(shared) = &mut self.shared else { return };
        let hash = CookieHash::of(cookie);
        let known = self.sessions.get(cookie, now).map(|session| (session.is_shared, &session.account));
        match (known, shared.whose(hash)) {
            (None, Some(Some((account, age)))) if self.list.get(&account).is_some() => {
                self.sessions.adopt(hash, account, age, now);
            }
            (Some((true, _)), Some(None)) => self.sessions.end(hash, SIGNED_OUT),
            // It began while the other servers could not be reached.
            (Some((false, account)), Some(None)) if shared.begin(hash, account, SESSION_AGE) => {
                self.sessions.set_shared(hash);
            }
            _ => {}
        }
    }

    fn signed_in(
        &self,
        key: &NameKey,
        session: Option<Revocation>,
        cookie: Option<Token>,
    ) -> Option<SignedIn> {
        let name = self.list.get(key)?.name.clone();
        let account = self.revocations.get(key)?.clone();
        let depends_on = [Some(account), session].into_iter().flatten().collect();
        let admission = Admission { name: Some(name.clone()), depends_on };
        Some(SignedIn { name, admission, cookie })
    }

    /// Has the password checked, if there is an attempt left. Known and unknown names take the very same way.
    fn begin_attempt(&mut self, name: &str, password: Password, applicant: Applicant, now: Instant) {
        let key = account_name(name).ok().map(|name| name.key());
        let attempt = Attempt::new(key.clone(), applicant.peer);
        let login = LoginAttempt { applicant, key, attempt };
        if let Err(no_attempt) = self.attempts.begin(&login.attempt, now) {
            return self.refuse_attempt(&login, no_attempt);
        }
        let elsewhere = self.shared.as_mut().map_or(Ok(()), |shared| shared.take(&login.attempt));
        if let Err(wait) = elsewhere {
            self.attempts.end(&login.attempt, false);
            return self.refuse_attempt(&login, NoAttempt::Wait(wait));
        }
        let account = login.key.as_ref().and_then(|key| self.list.get(key));
        let hashed = account.map_or_else(
            || {
                let like = self.list.pick(self.decoy_seed.hash_one(&login.key));
                Hashed::decoy(like.map(|account| &account.hashed))
            },
            |account| account.hashed.clone(),
        );
        let check = Check { password, hashed, login };
        if let Err(full) = self.to_check.try_send(check) {
            self.end_attempt(&full.into_inner().login, Err(NotSignedIn::Busy));
        }
    }

    /// There is no attempt left, or too many are under way.
    fn refuse_attempt(&self, login: &LoginAttempt, no_attempt: NoAttempt) {
        let Applicant { client, peer, answer, .. } = &login.applicant;
        let refused = match no_attempt {
            NoAttempt::Wait(wait) => {
                let who = self.known_name(login);
                warn!("{client}: too many wrong passwords, for {who} or from {peer}");
                NotSignedIn::TooOften(wait)
            }
            NoAttempt::UnderWay => {
                warn!("{client}: {BUSY}");
                NotSignedIn::Busy
            }
        };
        let _ = answer.send(Err(refused));
    }

    /// What a checked password comes to. The list may have changed since the check began.
    fn judge(
        &mut self,
        hashed: &Hashed,
        login: &LoginAttempt,
        matches: bool,
        now: Instant,
    ) -> Result<SignedIn, NotSignedIn> {
        let is_still = |account: &&Account| account.hashed == *hashed;
        let key = login.key.as_ref().filter(|_| matches).ok_or(NotSignedIn::Wrong)?;
        self.list.get(key).filter(is_still).ok_or(NotSignedIn::Wrong)?;
        let cookie = match login.applicant.begins_session {
            true => Some(Token::random().ok_or(NotSignedIn::Busy)?),
            false => None,
        };
        let begin = |cookie: &Token| self.sessions.begin(cookie, key.clone(), now);
        let session = cookie.as_ref().map(begin);
        if let (Some(shared), Some(cookie)) = (&mut self.shared, &cookie)
            && shared.begin(CookieHash::of(cookie), key, SESSION_AGE)
        {
            self.sessions.set_shared(CookieHash::of(cookie));
        }
        self.signed_in(key, session, cookie).ok_or(NotSignedIn::Wrong)
    }

    fn end_attempt(&mut self, login: &LoginAttempt, answer: Result<SignedIn, NotSignedIn>) {
        let LoginAttempt { applicant, attempt, .. } = login;
        let client = applicant.client;
        match &answer {
            Ok(signed_in) => info!("{client}: signed in as {:?}", signed_in.name.as_str()),
            Err(NotSignedIn::Wrong) => {
                info!("{client}: wrong password for {}", self.known_name(login));
            }
            Err(_) => warn!("{client}: {BUSY}"),
        }
        let failed = matches!(answer, Err(NotSignedIn::Wrong));
        self.attempts.end(attempt, failed);
        if let Some(shared) = self.shared.as_mut().filter(|_| !failed) {
            shared.give_back(attempt);
        }
        let _ = applicant.answer.send(answer);
    }

    /// The name for the log. One that is not on the list may be a password that was typed into the wrong field.
    fn known_name(&self, login: &LoginAttempt) -> String {
        let account = login.key.as_ref().and_then(|key| self.list.get(key));
        account.map_or_else(
            || "a name that is not on the list".to_owned(),
            |account| format!("{:?}", account.name.as_str()),
        )
    }

    /// Ends all sessions of this person, and all connections: a person who signs out here because they forgot to do it elsewhere
    /// is out there, too.
    fn sign_out(&mut self, client: ClientId, cookie: &Token, now: Instant) {
        self.ask_other_servers(cookie, now);
        let Some(account) = self.sessions.get(cookie, now).map(|session| session.account.clone()) else {
            return;
        };
        self.sessions.end_account(&account, &SIGNED_OUT);
        self.revoke(&account, SIGNED_OUT);
        if let Some(shared) = &mut self.shared {
            shared.end_account(&account);
        }
        self.signed_out.push(account.clone());
        if let Some(account) = self.list.get(&account) {
            info!("{client}: {:?} signed out", account.name.as_str());
        }
    }

    /// What was admitted for this account until now is revoked; what is admitted from now on is not.
    fn revoke(&mut self, key: &NameKey, reason: CloseReason) {
        if let Some(revocation) = self.revocations.insert(key.clone(), Revocation::default()) {
            revocation.revoke(reason);
            self.some_revoked = true;
        }
    }

    /// Everybody who is not on the new list, or has a new password, is out.
    fn take_list(&mut self, list: AccountList) {
        let before = std::mem::replace(&mut self.list, list);
        let (mut new, mut removed, mut changed) = (0, 0, 0);
        for key in before.keys() {
            let was = before.get(key).map(|account| &account.hashed);
            match self.list.get(key).map(|account| &account.hashed) {
                None => {
                    self.sessions.end_account(key, &REMOVED);
                    if let Some(shared) = &mut self.shared {
                        shared.end_account(key);
                    }
                    self.revoke(key, REMOVED);
                    self.revocations.remove(key);
                    self.gone.push(key.clone());
                    removed += 1;
                }
                now if now != was => {
                    self.sessions.end_account(key, &NEW_PASSWORD);
                    if let Some(shared) = &mut self.shared {
                        shared.end_account(key);
                    }
                    self.revoke(key, NEW_PASSWORD);
                    changed += 1;
                }
                Some(_) => {}
            }
        }
        for key in self.list.keys().filter(|key| before.get(key).is_none()) {
            self.revocations.insert(key.clone(), Revocation::default());
            new += 1;
        }
        info!(
            "the list of users was read again: {} on it; {new} new, {removed} removed, {changed} with another password",
            self.list.len(),
        );
    }
}
