//! The thread that owns the list, the sessions and the budgets, and decides who may come in.
//!
//! Connection threads ask it through a bounded channel and wait for the answer. It never looks at a password itself: that
//! is slow, so the verifier does it and reports back. Must never wait for a client, for the disk or for the verifier.
//!
//! ```text
//! an Applicant asks to sign in ─► becomes a Trial, if there is a Try left ─► a Comparison for the verifier
//!              hears the verdict ◄─ judged, if the list is still the same ◄─ Compared
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::{info, warn};

use super::Shared;
use super::admission::{Admission, Cookie, Standing};
use super::attempts::{Attempts, NoTry, Try};
use super::list::{Account, AccountList, account_name};
use super::password::{Hashed, Password};
use super::sessions::{SESSION_AGE, Sessions};
use super::verifier::{Compared, Comparison};
use crate::chat::NameKey;
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};

/// Questions that may wait; whoever asks when it is full waits, too.
pub const QUEUE: usize = 1024;

const SIGNED_OUT: CloseReason = CloseReason::new(close::SIGNED_OUT, "you signed out");
const REMOVED: CloseReason =
    CloseReason::new(close::SIGNED_OUT, "your account is no longer on the list");
const NEW_PASSWORD: CloseReason =
    CloseReason::new(close::SIGNED_OUT, "your password was changed: sign in with the new one");

const BUSY: &str = "no time to compare a password: too many want to sign in";

/// What is asked and told.
pub enum Ask {
    /// Whose cookie is this?
    Whose { cookie: Cookie, answer: Sender<Option<Admission>> },
    /// May somebody come in with this name and password?
    SignIn { name: String, password: Password, applicant: Applicant },
    /// The verifier is done with one.
    Compared(Box<Compared>),
    /// The person of this cookie goes.
    SignOut { client: ClientId, cookie: Cookie, answer: Sender<()> },
    /// The file has changed.
    NewList(AccountList),
}

/// Somebody who waits to be let in.
pub struct Applicant {
    /// For the log.
    pub client: ClientId,
    pub peer: IpAddr,
    /// A session shall begin.
    pub begins_session: bool,
    pub answer: Sender<Result<SignedIn, NotSignedIn>>,
}

/// An applicant whose password is being compared.
pub struct Trial {
    applicant: Applicant,
    /// `None`: a name that cannot be anybody's.
    key: Option<NameKey>,
    attempt: Try,
}

pub struct SignedIn {
    pub admission: Admission,
    /// The cookie, if a session began.
    pub cookie: Option<Cookie>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSignedIn {
    /// The name or the password: nobody is told which.
    Wrong,
    /// Too many were wrong; the next may be tried after this time.
    TooOften(Duration),
    /// Too many are being compared just now, or there is no memory or no randomness for it.
    Busy,
}

/// Admissions have ended.
pub struct Ended {
    /// These accounts are no more.
    pub gone: Vec<NameKey>,
    /// These people signed out, wherever they are.
    pub signed_out: Vec<NameKey>,
}

/// All that the thread owns.
pub struct Gatekeeper<Tell> {
    list: AccountList,
    /// Of each account on the list.
    standings: HashMap<NameKey, Standing>,
    sessions: Sessions,
    attempts: Attempts,
    to_verifier: Sender<Comparison>,
    /// Decides which account an unknown name costs like, so that nobody can foresee it.
    lots: RandomState,
    /// An account's admissions have ended, and nobody has been told yet; and which accounts are no more.
    some_ended: bool,
    gone: Vec<NameKey>,
    /// Who signed out, which the servers that share the chat must be told.
    signed_out: Vec<NameKey>,
    /// What these servers know of each other's sign-ins.
    shared: Option<Shared>,
    /// Tells the broadcaster that admissions have ended, and which accounts are no more.
    tell: Tell,
}

impl<Tell: Fn(Ended) -> bool> Gatekeeper<Tell> {
    pub fn new(
        list: AccountList,
        to_verifier: Sender<Comparison>,
        shared: Option<Shared>,
        tell: Tell,
    ) -> Self {
        let standings = list.keys().map(|key| (key.clone(), Standing::default())).collect();
        Gatekeeper {
            list,
            standings,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            to_verifier,
            lots: RandomState::new(),
            some_ended: false,
            gone: Vec::new(),
            signed_out: Vec::new(),
            shared,
            tell,
        }
    }

    /// The thread's loop; ends when nobody is left who could ask, or nobody who could be told.
    pub fn run(mut self, asked: &Receiver<Ask>) {
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
            let some_ended = !ended.is_empty() | std::mem::take(&mut self.some_ended);
            let gone = std::mem::take(&mut self.gone);
            let signed_out = std::mem::take(&mut self.signed_out);
            if some_ended && !(self.tell)(Ended { gone, signed_out }) {
                return;
            }
        }
    }

    fn take(&mut self, ask: Ask, now: Instant) {
        match ask {
            // Whoever asked may be gone; then nobody hears the answer.
            Ask::Whose { cookie, answer } => drop(answer.send(self.whose(&cookie, now))),
            Ask::SignIn { name, password, applicant } => {
                self.begin_trial(&name, password, applicant, now);
            }
            Ask::Compared(compared) => {
                let Compared { hashed, trial, fits } = *compared;
                let verdict = match fits {
                    Ok(fits) => self.judge(&hashed, &trial, fits, now),
                    Err(_) => Err(NotSignedIn::Busy),
                };
                self.end_trial(&trial, verdict);
            }
            Ask::SignOut { client, cookie, answer } => {
                self.sign_out(client, &cookie, now);
                let _ = answer.send(());
            }
            Ask::NewList(list) => self.take_list(list),
        }
    }

    fn whose(&mut self, cookie: &Cookie, now: Instant) -> Option<Admission> {
        self.ask_the_others(cookie, now);
        let session = self.sessions.get(cookie, now)?;
        self.admission(&session.account, Some(session.standing.clone()))
    }

    /// A session may have begun, or ended, at another server.
    fn ask_the_others(&mut self, cookie: &Cookie, now: Instant) {
        let Some(shared) = &mut self.shared else { return };
        let key = cookie.key();
        let known =
            self.sessions.get(cookie, now).map(|session| (session.is_shared, &session.account));
        match (known, shared.whose(key)) {
            (None, Some(Some((account, age)))) if self.list.get(&account).is_some() => {
                self.sessions.adopt(key, account, age, now);
            }
            (Some((true, _)), Some(None)) => self.sessions.end(key, SIGNED_OUT),
            // It began while Redis was away.
            (Some((false, account)), Some(None)) if shared.begin(key, account, SESSION_AGE) => {
                self.sessions.set_shared(key);
            }
            _ => {}
        }
    }

    fn admission(&self, key: &NameKey, session: Option<Standing>) -> Option<Admission> {
        let name = self.list.get(key)?.name.clone();
        Some(Admission { name, account: self.standings.get(key)?.clone(), session })
    }

    /// Lets the verifier compare the password, if there is a try left. Known and unknown names take the very same way.
    fn begin_trial(&mut self, name: &str, password: Password, applicant: Applicant, now: Instant) {
        let key = account_name(name).ok().map(|name| name.key());
        let attempt = Try::new(key.clone(), applicant.peer);
        let trial = Trial { applicant, key, attempt };
        if let Err(no_try) = self.attempts.begin(&trial.attempt, now) {
            return self.refuse_trial(&trial, no_try);
        }
        let elsewhere = self.shared.as_mut().map_or(Ok(()), |shared| shared.take(&trial.attempt));
        if let Err(wait) = elsewhere {
            self.attempts.end(&trial.attempt, false);
            return self.refuse_trial(&trial, NoTry::Wait(wait));
        }
        let account = trial.key.as_ref().and_then(|key| self.list.get(key));
        let hashed = account.map_or_else(
            || {
                let lot = self.list.pick(self.lots.hash_one(&trial.key));
                Hashed::of_nobody(lot.map(|account| &account.hashed))
            },
            |account| account.hashed.clone(),
        );
        let comparison = Comparison { password, hashed, trial };
        if let Err(full) = self.to_verifier.try_send(comparison) {
            self.end_trial(&full.into_inner().trial, Err(NotSignedIn::Busy));
        }
    }

    /// There is no try left, or too many are under way.
    fn refuse_trial(&self, trial: &Trial, no_try: NoTry) {
        let Applicant { client, peer, answer, .. } = &trial.applicant;
        let refused = match no_try {
            NoTry::Wait(wait) => {
                let who = self.known_name(trial);
                warn!("{client}: too many wrong passwords, for {who} or from {peer}");
                NotSignedIn::TooOften(wait)
            }
            NoTry::UnderWay => {
                warn!("{client}: {BUSY}");
                NotSignedIn::Busy
            }
        };
        let _ = answer.send(Err(refused));
    }

    /// What becomes of a comparison. The list may have changed since it began.
    fn judge(
        &mut self,
        hashed: &Hashed,
        trial: &Trial,
        fits: bool,
        now: Instant,
    ) -> Result<SignedIn, NotSignedIn> {
        let is_still = |account: &&Account| account.hashed == *hashed;
        let key = trial.key.as_ref().filter(|_| fits).ok_or(NotSignedIn::Wrong)?;
        self.list.get(key).filter(is_still).ok_or(NotSignedIn::Wrong)?;
        let cookie = match trial.applicant.begins_session {
            true => Some(Cookie::random().ok_or(NotSignedIn::Busy)?),
            false => None,
        };
        let begin = |cookie: &Cookie| self.sessions.begin(cookie, key.clone(), now);
        let session = cookie.as_ref().map(begin);
        if let (Some(shared), Some(cookie)) = (&mut self.shared, &cookie)
            && shared.begin(cookie.key(), key, SESSION_AGE)
        {
            self.sessions.set_shared(cookie.key());
        }
        let admission = self.admission(key, session).ok_or(NotSignedIn::Wrong)?;
        Ok(SignedIn { admission, cookie })
    }

    fn end_trial(&mut self, trial: &Trial, verdict: Result<SignedIn, NotSignedIn>) {
        let Trial { applicant, attempt, .. } = trial;
        let client = applicant.client;
        match &verdict {
            Ok(signed_in) => {
                info!("{client}: signed in as {:?}", signed_in.admission.name.as_str())
            }
            Err(NotSignedIn::Wrong) => {
                info!("{client}: wrong password for {}", self.known_name(trial));
            }
            Err(_) => warn!("{client}: {BUSY}"),
        }
        let failed = matches!(verdict, Err(NotSignedIn::Wrong));
        self.attempts.end(attempt, failed);
        if let Some(shared) = self.shared.as_mut().filter(|_| !failed) {
            shared.give_back(attempt);
        }
        let _ = applicant.answer.send(verdict);
    }

    /// The name for the log. One that is not on the list may be a password that was typed into the wrong field.
    fn known_name(&self, trial: &Trial) -> String {
        let account = trial.key.as_ref().and_then(|key| self.list.get(key));
        account.map_or_else(
            || "a name that is not on the list".to_owned(),
            |account| format!("{:?}", account.name.as_str()),
        )
    }

    /// Ends all sessions of the person of this one, and all connections: whoever signs out here because they forgot to elsewhere
    /// is out there, too.
    fn sign_out(&mut self, client: ClientId, cookie: &Cookie, now: Instant) {
        self.ask_the_others(cookie, now);
        let Some(account) = self.sessions.get(cookie, now).map(|session| session.account.clone())
        else {
            return;
        };
        self.sessions.end_account(&account, &SIGNED_OUT);
        self.end_standing(&account, SIGNED_OUT);
        if let Some(shared) = &mut self.shared {
            shared.end_account(&account);
        }
        self.signed_out.push(account.clone());
        if let Some(account) = self.list.get(&account) {
            info!("{client}: {:?} signed out", account.name.as_str());
        }
    }

    /// Whoever was let in as this account until now is so no more; who comes now is.
    fn end_standing(&mut self, key: &NameKey, reason: CloseReason) {
        if let Some(standing) = self.standings.insert(key.clone(), Standing::default()) {
            standing.end(reason);
            self.some_ended = true;
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
                    self.end_standing(key, REMOVED);
                    self.standings.remove(key);
                    self.gone.push(key.clone());
                    removed += 1;
                }
                now if now != was => {
                    self.sessions.end_account(key, &NEW_PASSWORD);
                    if let Some(shared) = &mut self.shared {
                        shared.end_account(key);
                    }
                    self.end_standing(key, NEW_PASSWORD);
                    changed += 1;
                }
                Some(_) => {}
            }
        }
        for key in self.list.keys().filter(|key| before.get(key).is_none()) {
            self.standings.insert(key.clone(), Standing::default());
            new += 1;
        }
        info!(
            "the list of users was read anew: {} on it; {new} new, {removed} removed, {changed} with another password",
            self.list.len(),
        );
    }
}
