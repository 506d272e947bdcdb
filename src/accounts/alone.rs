//! In place of `shared` in a build without Redis: there are no other servers, so there is nothing of this.

use std::time::Duration;

use super::admission::CookieKey;
use super::attempts::Try;
use crate::chat::NameKey;

/// Nobody has one.
pub enum Shared {}

impl Shared {
    pub fn begin(&mut self, _: CookieKey, _: &NameKey, _: Duration) -> bool {
        match *self {}
    }

    pub fn whose(&mut self, _: CookieKey) -> Option<Option<(NameKey, Duration)>> {
        match *self {}
    }

    pub fn end(&mut self, _: CookieKey) {
        match *self {}
    }

    pub fn end_account(&mut self, _: &NameKey) {
        match *self {}
    }

    pub fn take(&mut self, _: &Try) -> Result<(), Duration> {
        match *self {}
    }

    pub fn give_back(&mut self, _: &Try) {
        match *self {}
    }
}
