//! What a teacher may do to the talk and to its members, and the raised hands. The same inputs have the same effect on all servers
//! that share the chat.
//!
//! A part of the chat, on the broadcaster's thread: `Chat::apply` calls `moderate`.

use std::time::Duration;

use bytes::Bytes;

use super::Chat;
use super::action::Action;
use super::audience::Audience;
use super::clock::Timestamp;
use super::command::{Command, Refusal};
use super::event::{ErrorCode, Event};
use super::input::ConnectionId;
use super::member::Member;
use super::name::Name;
use super::rules::{EXPELLED_MINUTES, MAX_HANDS, MAX_RESTRICTED, MAX_TEACHERS, expelled_reason};
use super::session_token::MemberId;

impl Chat {
    /// Does what a teacher, or a member with its hand, asked for.
    pub(super) fn moderate(
        &mut self,
        client: ConnectionId,
        action: &Action,
        reference: Option<String>,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        let Some(member) = self.presence.by_connection(client) else { return };
        self.presence.spoke(member);
        let before = (self.room(), self.restricted());
        if let Err(refusal) = self.act(client, member, action, timestamp, audience) {
            return self.refuse(client, &Refusal { reference, ..refusal }, audience);
        }
        if self.room() != before.0 {
            audience.everyone(&self.room());
        }
        if self.restricted() != before.1 {
            self.send_restricted(audience);
        }
        self.set_door();
    }

    fn act(
        &mut self,
        client: ConnectionId,
        member: MemberId,
        action: &Action,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) -> Result<(), Refusal> {
        let is_teacher = self.rules.is_teacher(member);
        match action {
            Action::Teach => return self.make_teacher(client, member, true, audience),
            Action::Hand { name: None, on } => return self.raise_hand(member, *on),
            _ if !is_teacher => return Err(not_allowed("only a teacher may do this", "no_teacher")),
            _ => {}
        }
        match action {
            Action::Teach | Action::Hand { name: None, .. } => {}
            Action::Hand { name: Some(name), on } => {
                let (other, _) = self.known(name)?;
                self.raise_hand(other, *on)?;
            }
            Action::Remove { message } => {
                if !self.history.remove(*message) {
                    let text = "there is no such message, or it is no longer kept";
                    return Err(Refusal::new(ErrorCode::NoSuchMessage, text));
                }
                let (id, by, at) = (self.next_id(), self.name(member), timestamp.at.as_str());
                let removed = Event::Removed { id, at, message: *message, by: by.as_str() }.json();
                self.announce(id, removed, audience);
            }
            Action::Clear => {
                self.history.clear_messages();
                let (id, by, at) = (self.next_id(), self.name(member), timestamp.at.as_str());
                self.announce(id, Event::Cleared { id, at, by: by.as_str() }.json(), audience);
            }
            Action::Mute { name, on: false } => {
                let name = Name::parse(name).map_err(|_| no_such_user())?;
                self.rules.muted.remove(&name.key()).ok_or_else(no_such_user)?;
            }
            Action::Mute { name, on: true } => {
                let (member, name) = self.pupil(name)?;
                if self.rules.muted.len() == MAX_RESTRICTED {
                    return Err(too_many());
                }
                self.rules.muted.insert(name.key(), (name, member));
            }
            Action::Listen { on } => self.rules.listen = *on,
            Action::Lock { on } => self.rules.locked = *on,
            Action::Expel { name, minutes, with_address } => {
                self.expel(client, name, *minutes, *with_address, timestamp, audience)?;
            }
            Action::Readmit { name } => {
                let name = Name::parse(name).map_err(|_| no_such_user())?;
                if !self.rules.readmit(&name.key()) {
                    return Err(no_such_user());
                }
            }
        }
        Ok(())
    }

    /// Marks a member as a teacher, and says so to this connection.
    pub(super) fn make_teacher(
        &mut self,
        client: ConnectionId,
        member: MemberId,
        has_key: bool,
        audience: &mut impl Audience,
    ) -> Result<(), Refusal> {
        let presence = &self.presence;
        if !self.rules.add_teacher(member, has_key, |member| presence.get(member).is_some()) {
            let text = format!("there are {MAX_TEACHERS} teachers already");
            return Err(Refusal::new(ErrorCode::NotAllowed, text).because("teachers", Some(MAX_TEACHERS)));
        }
        audience.one(client, &Event::Teaching.json());
        if !self.rules.muted.is_empty() || !self.rules.expelled.is_empty() {
            audience.private(&[client], &self.restricted());
        }
        Ok(())
    }

    fn raise_hand(&mut self, member: MemberId, on: bool) -> Result<(), Refusal> {
        let presence = &self.presence;
        self.rules.hands.retain(|other| presence.get(*other).is_some() && (on || *other != member));
        if on && !self.rules.hands.contains(&member) {
            if self.rules.hands.len() == MAX_HANDS {
                let text = format!("{MAX_HANDS} hands are up already");
                return Err(Refusal::new(ErrorCode::NotAllowed, text).because("hands", Some(MAX_HANDS)));
            }
            self.rules.hands.push(member);
        }
        Ok(())
    }

    fn expel(
        &mut self,
        teacher: ConnectionId,
        name: &str,
        minutes: u32,
        with_address: bool,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) -> Result<(), Refusal> {
        let (member, name) = self.pupil(name)?;
        let minutes = minutes.clamp(*EXPELLED_MINUTES.start(), *EXPELLED_MINUTES.end());
        let connections: Vec<ConnectionId> =
            self.presence.get(member).into_iter().flat_map(Member::connections).collect();
        let mut addresses = Vec::new();
        if with_address {
            addresses = connections.iter().filter_map(|one| self.rules.address(*one)).collect();
            if self.rules.address(teacher).is_some_and(|own| addresses.contains(&own)) {
                let text = "this is your own address, too: all of you may come through one proxy";
                return Err(not_allowed(text, "own_address"));
            }
        }
        let time = Duration::from_secs(60 * u64::from(minutes));
        if !self.rules.expel(name, member, addresses, timestamp.now + time) {
            return Err(too_many());
        }
        self.rules.hands.retain(|other| *other != member);
        for connection in connections {
            audience.close(connection, expelled_reason(time));
        }
        Ok(())
    }

    /// Who has sent a command, if it may be done: a member who may not write at the moment is told so.
    pub(super) fn sender(
        &mut self,
        client: ConnectionId,
        command: &Command,
        audience: &mut impl Audience,
    ) -> Option<MemberId> {
        let member = self.presence.by_connection(client)?;
        self.presence.spoke(member);
        let name = &self.presence.get(member)?.name;
        let Some((why, text)) = self.rules.silence(member, name) else { return Some(member) };
        let reference = match command {
            Command::Members(_) => return Some(member),
            Command::Say { reference, .. } => reference.clone(),
            Command::Rename { .. } | Command::Typing => None,
        };
        if !matches!(command, Command::Typing) {
            let refusal = Refusal::new(ErrorCode::Muted, text).because(why, None);
            self.refuse(client, &Refusal { reference, ..refusal }, audience);
        }
        None
    }

    /// A member came, went, or has another name: if it is a teacher or has its hand up, the others must know.
    pub(super) fn moved(&self, member: MemberId, audience: &mut impl Audience) {
        if self.rules.concerns(member) {
            audience.everyone(&self.room());
        }
    }

    /// What a new member must know of the rules.
    pub(super) fn send_room(&self, client: ConnectionId, audience: &mut impl Audience) {
        let rules = &self.rules;
        if rules.listen || rules.locked || !rules.hands.is_empty() || rules.teachers().next().is_some() {
            audience.one(client, &self.room());
        }
    }

    fn room(&self) -> Bytes {
        let here = |member: &MemberId| {
            let member = self.presence.get(*member)?;
            member.connections().next().map(|_| member.name.as_str())
        };
        let teachers = self.rules.teachers().filter_map(|member| here(&member)).collect();
        let hands = self.rules.hands.iter().filter_map(here).collect();
        let (listen, locked) = (self.rules.listen, self.rules.locked);
        Event::Room { teachers, hands, listen, locked }.json()
    }

    fn restricted(&self) -> Bytes {
        let muted = self.rules.muted.values().map(|(name, _)| name.as_str()).collect();
        let expelled = self.rules.expelled.iter().map(|expelled| expelled.name.as_str()).collect();
        Event::Restricted { muted, expelled }.json()
    }

    /// To all teachers: who may not write, and who may not return.
    pub(super) fn send_restricted(&self, audience: &mut impl Audience) {
        let teachers = self.rules.teachers().filter_map(|member| self.presence.get(member));
        let connections: Vec<ConnectionId> = teachers.flat_map(Member::connections).collect();
        audience.private(&connections, &self.restricted());
    }

    /// Tells the connections' threads.
    pub(super) fn set_door(&self) {
        self.settings.door.set(self.rules.locked, self.rules.expelled_addresses().collect());
    }

    fn name(&self, member: MemberId) -> Name {
        self.presence.get(member).expect("invariant: it is on this connection").name.clone()
    }

    /// A member that the chat knows, here or not.
    fn known(&self, name: &str) -> Result<(MemberId, Name), Refusal> {
        let name = Name::parse(name).map_err(|_| no_such_user())?;
        let member = self.presence.by_name(&name.key()).ok_or_else(no_such_user)?;
        let name = self.presence.get(member).ok_or_else(no_such_user)?.name.clone();
        Ok((member, name))
    }

    /// The same, if it is not a teacher.
    fn pupil(&self, name: &str) -> Result<(MemberId, Name), Refusal> {
        let (member, name) = self.known(name)?;
        if self.rules.is_teacher(member) {
            return Err(not_allowed("this is a teacher", "a_teacher"));
        }
        Ok((member, name))
    }
}

fn not_allowed(text: &'static str, why: &'static str) -> Refusal {
    Refusal::new(ErrorCode::NotAllowed, text).because(why, None)
}

fn no_such_user() -> Refusal {
    Refusal::new(ErrorCode::NoSuchUser, "no member has this name")
}

fn too_many() -> Refusal {
    let text = format!("there are {MAX_RESTRICTED} already: end some of them first");
    Refusal::new(ErrorCode::NotAllowed, text).because("restricted", Some(MAX_RESTRICTED))
}
