//! Private messages: checked at the end, since only then all are known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use crate::tally::{Fault, Tally};

/// How each private text begins, and nothing else that is ever said.
pub const SECRET: &str = "secret:";

/// How those are counted that became events.
pub const POSTED: &str = "private messages, posted";

/// One as its sender knows it.
#[derive(Debug, Clone)]
pub struct Letter {
    pub from: String,
    pub to: String,
    /// Its event, if the sender received its own copy.
    pub id: Option<u64>,
    pub refused: bool,
}

/// All that one person sent and got, each by its text, like which there is no other.
#[derive(Default)]
pub struct Diary {
    pub name: String,
    pub sent: BTreeMap<String, Letter>,
    /// Each with its id and its sender.
    pub got: Vec<(u64, String, String)>,
    /// The range of ids in which everything was received.
    pub spans: Vec<(u64, u64)>,
}

#[derive(Default)]
pub struct Letters(Mutex<Vec<Diary>>);

impl Letters {
    pub fn keep(&self, diary: Diary) {
        self.0.lock().expect("the diaries").push(diary);
    }

    /// Each reached its recipient once, and nothing reached anybody that was not sent.
    pub fn check(&self, tally: &Tally) {
        let diaries = self.0.lock().expect("the diaries");
        let sent: HashMap<&str, &Letter> = diaries
            .iter()
            .flat_map(|diary| diary.sent.iter().map(|(text, letter)| (text.as_str(), letter)))
            .collect();
        let mut delivered: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for Diary { name, got, .. } in &*diaries {
            let mut known = BTreeSet::new();
            for (id, from, text) in got {
                tally.fault(Fault::Doubled, u64::from(!known.insert(text.as_str())), || {
                    format!("{text} for {name}, as event {id}")
                });
                let right = sent.get(text.as_str()).is_some_and(|letter| {
                    letter.from == *from
                        && letter.to == *name
                        && !letter.refused
                        && letter.id.is_none_or(|sent| sent == *id)
                });
                tally.fault(Fault::Altered, u64::from(!right), || {
                    format!("{text} reached {name} from {from} as event {id}, though nobody sent it so")
                });
            }
            delivered.insert(name, known);
        }
        let spans: HashMap<&str, &[(u64, u64)]> =
            diaries.iter().map(|diary| (diary.name.as_str(), &diary.spans[..])).collect();
        for (text, letter) in &sent {
            let Some(id) = letter.id else { continue };
            let heard_all = spans
                .get(letter.to.as_str())
                .is_some_and(|spans| spans.iter().any(|(from, last)| (from..=last).contains(&&id)));
            let got = delivered.get(letter.to.as_str()).is_some_and(|texts| texts.contains(text));
            tally.fault(Fault::Lost, u64::from(heard_all && !got), || format!("{text}, event {id}"));
        }
        let count = |counts: fn(&&Letter) -> bool| sent.values().copied().filter(counts).count();
        tally.add(POSTED, count(|letter| !letter.refused) as u64);
        tally.add("private messages, refused: nobody there", count(|letter| letter.refused) as u64);
        let got = delivered.values().map(BTreeSet::len).sum::<usize>();
        tally.add("private messages, heard by the other", got as u64);
    }
}
