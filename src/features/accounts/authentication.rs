//! The thread that owns the list, the sessions and the token buckets, and decides who may sign in.
//!
//! Connections' threads send it requests through a bounded channel and wait for the answer. Hashing is slow on purpose, so it
//! leaves that to the password check's thread. Must never wait for a client, the disk or a password check.
//!
//! ```text
//! applicant ── name, password ─► begin_attempt: takes tokens ─► password check, on its own thread
//!           ◄──── answer ─────── end_attempt  ◄──  decide  ◄──────────── matches or not
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::{info, warn};

use super::attempts::{Attempt, Attempts, NoAttempt};
use super::list::{Account, AccountList, account_name};
use super::login::{
    Applicant, Check, Checked, CookieHash, LoginAttempt, NotSignedIn, Revoked, SignedIn, ToAuthentication,
};
use super::password::{Hashed, Password};
use super::sessions::{SESSION_AGE, Sessions};
use super::shared_sign_ins::SharedSignIns;
use crate::admission::{Admission, Revocation};
use crate::chat::NameKey;
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::token::Token;

/// Messages that may wait for this thread. When the queue is full, the sender waits.
pub const MAX_WAITING_MESSAGES: usize = 1024;

const SIGNED_OUT: CloseReason = CloseReason::new(close_code::SIGNED_OUT, "signed_out: you signed out");
const REMOVED: CloseReason =
    CloseReason::new(close_code::SIGNED_OUT, "account_removed: your account is no longer on the list");
const NEW_MARK: CloseReason = CloseReason::new(
    close_code::SIGNED_OUT,
    "new_mark: the list of users says something else about your being a teacher: sign in again",
);
const NEW_PASSWORD: CloseReason = CloseReason::new(
    close_code::SIGNED_OUT,
    "new_password: your password was changed: sign in with the new one",
);

const BUSY: &str = "no time to check a password: too many want to sign in";

/// All that the thread owns.
pub struct Authentication<OnRevoked> {
    list: AccountList,
    /// One for each account on the list. Revoking it closes the connections that were admitted as this account.
    revocations: HashMap<NameKey, Revocation>,
    sessions: Sessions,
    attempts: Attempts,
    to_check: Sender<Check>,
    /// Chooses the costs of an unknown name's decoy hash. Random, so that a client cannot compute them.
    decoy_seed: RandomState,
    /// Revoked since the last call of `on_revoked`.
    revoked: Option<Revoked>,
    /// `None` if this server shares its chat with no other.
    shared: Option<Box<dyn SharedSignIns>>,
    /// Informs the broadcaster. Returns whether it still runs.
    on_revoked: OnRevoked,
}

impl<OnRevoked: Fn(Revoked) -> bool> Authentication<OnRevoked> {
    pub fn new(
        list: AccountList,
        to_check: Sender<Check>,
        shared: Option<Box<dyn SharedSignIns>>,
        on_revoked: OnRevoked,
    ) -> Self {
        let revocations = list.keys().map(|key| (key.clone(), Revocation::default())).collect();
        Authentication {
            list,
            revocations,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            to_check,
            decoy_seed: RandomState::new(),
            revoked: None,
            shared,
            on_revoked,
        }
    }

    /// The thread's loop. Ends when all senders have ended, or the broadcaster.
    pub fn run(mut self, messages: &Receiver<ToAuthentication>) {
        loop {
            let message = match self.sessions.due() {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => messages.recv_deadline(due),
            };
            let now = Instant::now();
            self.sessions.end_old(now);
            match message {
                Ok(message) => self.handle(message, now),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for cookie in self.sessions.take_ended() {
                self.revoked.get_or_insert_default();
                if let Some(shared) = &mut self.shared {
                    shared.end(cookie);
                }
            }
            if self.revoked.take().is_some_and(|revoked| !(self.on_revoked)(revoked)) {
                return;
            }
        }
    }

    /// Answers one message. The client that waits for an answer may be gone, so errors of `answer.send` do not matter.
    fn handle(&mut self, message: ToAuthentication, now: Instant) {
        match message {
            ToAuthentication::FindSession { cookie, answer } => {
                let _ = answer.send(self.find_session(&cookie, now));
            }
            ToAuthentication::SignIn { name, password, applicant } => {
                self.begin_attempt(&name, password, applicant, now);
            }
            ToAuthentication::Checked(checked) => {
                let Checked { hashed, login, matches } = *checked;
                let answer = match matches {
                    Ok(matches) => self.decide(&hashed, &login, matches, now),
                    Err(_) => Err(NotSignedIn::Busy),
                };
                self.end_attempt(&login, answer);
            }
            ToAuthentication::SignOut { client, cookie, answer } => {
                self.sign_out(client, &cookie, now);
                let _ = answer.send(());
            }
            ToAuthentication::NewList(list) => self.replace_list(list),
        }
    }

    fn find_session(&mut self, cookie: &Token, now: Instant) -> Option<SignedIn> {
        self.ask_other_servers(cookie, now);
        let session = self.sessions.get(cookie, now)?;
        Some(self.signed_in(&session.account, Some(session.revocation.clone()), None))
    }

    /// Finds out whether the session of this cookie began or ended on another server.
    fn ask_other_servers(&mut self, cookie: &Token, now: Instant) {
        let Some(shared) = &mut self.shared else { return };
        let hash = CookieHash::of(cookie);
        let known = self.sessions.get(cookie, now).map(|session| (session.is_shared, &session.account));
        match (known, shared.find_session(hash)) {
            (None, Some(Some((account, age)))) if self.list.get(&account).is_some() => {
                self.sessions.adopt(hash, account, age, now);
            }
            (Some((true, _)), Some(None)) => self.sessions.end(hash, SIGNED_OUT),
            // It began while Redis was lost.
            (Some((false, account)), Some(None)) if shared.begin(hash, account, SESSION_AGE) => {
                self.sessions.set_shared(hash);
            }
            _ => {}
        }
    }

    fn signed_in(&self, key: &NameKey, session: Option<Revocation>, cookie: Option<Token>) -> SignedIn {
        let account = self.list.get(key).expect("invariant: sessions end when their account is removed");
        let revocation = self.revocations.get(key).expect("invariant: each account has a revocation flag");
        let depends_on = [Some(revocation.clone()), session].into_iter().flatten().collect();
        let (name, is_teacher) = (Some(account.name.clone()), account.is_teacher);
        let admission = Admission { name, is_teacher, depends_on, is_missing: false };
        SignedIn { name: account.name.clone(), admission, cookie }
    }

    /// Sends the password to its check, if the buckets have tokens. Known and unknown names are handled the same way, so that the
    /// time of the answer does not show which names are on the list.
    fn begin_attempt(&mut self, name: &str, password: Password, applicant: Applicant, now: Instant) {
        let key = account_name(name).ok().map(|name| name.key());
        let attempt = Attempt::new(key.clone(), applicant.peer);
        let login = LoginAttempt { applicant, key, attempt };
        if let Err(no_attempt) = self.attempts.begin(&login.attempt, now) {
            return self.refuse_attempt(&login, no_attempt);
        }
        let shared = self.shared.as_mut().map(|shared| shared.take_tokens(&login.attempt));
        if let Some(Err(wait)) = shared {
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

    fn refuse_attempt(&self, login: &LoginAttempt, no_attempt: NoAttempt) {
        let Applicant { client, peer, answer, .. } = &login.applicant;
        let refused = match no_attempt {
            NoAttempt::Wait(wait) => {
                let who = self.name_for_log(login);
                warn!("{client}: too many wrong passwords, for {who} or from {peer}");
                NotSignedIn::TooOften(wait)
            }
            NoAttempt::TooManyRunning => {
                warn!("{client}: {BUSY}");
                NotSignedIn::Busy
            }
        };
        let _ = answer.send(Err(refused));
    }

    /// Decides after the password check. The list may have changed during the check.
    fn decide(
        &mut self,
        hashed: &Hashed,
        login: &LoginAttempt,
        matches: bool,
        now: Instant,
    ) -> Result<SignedIn, NotSignedIn> {
        let is_unchanged = |account: &&Account| account.hashed == *hashed;
        let key = login.key.as_ref().filter(|_| matches).ok_or(NotSignedIn::Wrong)?;
        self.list.get(key).filter(is_unchanged).ok_or(NotSignedIn::Wrong)?;
        if !login.applicant.begins_session {
            return Ok(self.signed_in(key, None, None));
        }
        let cookie = Token::random().ok_or(NotSignedIn::Busy)?;
        let session = self.sessions.begin(&cookie, key.clone(), now);
        let hash = CookieHash::of(&cookie);
        if self.shared.as_mut().is_some_and(|shared| shared.begin(hash, key, SESSION_AGE)) {
            self.sessions.set_shared(hash);
        }
        Ok(self.signed_in(key, Some(session), Some(cookie)))
    }

    fn end_attempt(&mut self, login: &LoginAttempt, answer: Result<SignedIn, NotSignedIn>) {
        let LoginAttempt { applicant, attempt, .. } = login;
        let client = applicant.client;
        match &answer {
            Ok(signed_in) => info!("{client}: signed in as {:?}", signed_in.name.as_str()),
            Err(NotSignedIn::Wrong) => {
                info!("{client}: wrong password for {}", self.name_for_log(login));
            }
            Err(_) => warn!("{client}: {BUSY}"),
        }
        let failed = matches!(answer, Err(NotSignedIn::Wrong));
        self.attempts.end(attempt, failed);
        if let Some(shared) = self.shared.as_mut().filter(|_| !failed) {
            shared.return_tokens(attempt);
        }
        let _ = applicant.answer.send(answer);
    }

    /// The account's name. An unknown name is not logged: it may be a password that was typed into the wrong field.
    fn name_for_log(&self, login: &LoginAttempt) -> String {
        let account = login.key.as_ref().and_then(|key| self.list.get(key));
        account.map_or_else(
            || "a name that is not on the list".to_owned(),
            |account| format!("{:?}", account.name.as_str()),
        )
    }

    /// Signs the user of this cookie out on all devices: the user may have forgotten to sign out on another.
    fn sign_out(&mut self, client: ClientId, cookie: &Token, now: Instant) {
        self.ask_other_servers(cookie, now);
        let Some(session) = self.sessions.get(cookie, now) else { return };
        let key = session.account.clone();
        self.revoke_account(&key, SIGNED_OUT).signed_out.push(key.clone());
        if let Some(account) = self.list.get(&key) {
            info!("{client}: {:?} signed out", account.name.as_str());
        }
    }

    /// Ends all sessions and all admissions of an account. Returns the record of what was revoked, to be completed.
    fn revoke_account(&mut self, key: &NameKey, reason: CloseReason) -> &mut Revoked {
        self.sessions.end_account(key, &reason);
        if let Some(shared) = &mut self.shared {
            shared.end_account(key);
        }
        // A new flag: who signs in after this is admitted again.
        let revocation = self.revocations.insert(key.clone(), Revocation::default());
        revocation.expect("invariant: each account has a revocation flag").revoke(reason);
        self.revoked.get_or_insert_default()
    }

    /// Uses a new list. Users who are not on it, or have another password or mark now, are signed out.
    fn replace_list(&mut self, list: AccountList) {
        let before = std::mem::replace(&mut self.list, list);
        let (mut new, mut removed, mut changed) = (0, 0, 0);
        for key in before.keys() {
            let old = before.get(key).expect("invariant: it is one of its keys");
            match self.list.get(key) {
                None => {
                    self.revoke_account(key, REMOVED).gone.push(key.clone());
                    self.revocations.remove(key);
                    removed += 1;
                }
                Some(current) if current.hashed != old.hashed => {
                    self.revoke_account(key, NEW_PASSWORD);
                    changed += 1;
                }
                Some(current) if current.is_teacher != old.is_teacher => {
                    self.revoke_account(key, NEW_MARK);
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
