//! Who wants the configuration to be read again. Somebody may ask while it is being read, and has perhaps changed it since:
//! all who do are served by one more reload behind that one, however long it takes.

use std::mem;

use crate::{
    control::{Caller, Control},
    shutdown::HangUps,
};

/// So many are answered by one reload; further ones wait for their turn at the socket.
const MOST: usize = 16;

/// Those who ask, by a signal or by the control socket.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    hang_ups: &'a mut HangUps,
    control: &'a mut Control,
    /// Somebody has asked since it was begun last.
    is_wanted: bool,
    callers: Vec<Caller>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(hang_ups: &'a mut HangUps, control: &'a mut Control) -> Self {
        Self { hang_ups, control, is_wanted: false, callers: Vec::new() }
    }

    /// Waits until somebody has asked, and takes those who wait for an answer.
    pub(super) async fn anybody(&mut self) -> Vec<Caller> {
        if !self.is_wanted {
            self.hear().await;
        }
        self.is_wanted = false;
        mem::take(&mut self.callers)
    }

    /// Does something, and hears who asks until it is done.
    pub(super) async fn meanwhile<T>(&mut self, mut work: impl Future<Output = T> + Unpin) -> T {
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.hear() => {}
            }
        }
    }

    async fn hear(&mut self) {
        tokio::select! {
            () = self.hang_ups.next() => {}
            caller = self.control.next(), if self.callers.len() < MOST => self.callers.push(caller),
        }
        self.is_wanted = true;
    }
}
