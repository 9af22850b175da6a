//! What keeps the service manager from ending the daemon: the loop tells that it is alive, and while it waits for work, that
//! this work goes on.
//!
//! Nobody else speaks for the loop. Where it hangs, or where what it waits for takes no step any more, nothing is told, and the
//! manager ends the process and starts it again. Work that takes long but goes on may take as long as it likes.

use std::pin::pin;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::Instant;

use super::tell_service_manager;
use crate::pulse::Pulse;

/// How often a start that goes on asks for more time.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// So many microseconds a start asks for each time. Nothing else in a start takes as long between two steps.
const MORE_TIME: u32 = 90_000_000;

/// How the service manager hears of the loop.
pub struct Watchdog {
    pulse: Pulse,
    /// What the pulse was when it was looked at last.
    counted: u64,
    sign: NotifyState<'static>,
    /// None: the manager does not wait for signs.
    every: Option<Duration>,
    next: Instant,
}

impl Watchdog {
    /// One for the time until the daemon is ready (`TimeoutStartSec=` in `systemd.service(5)`).
    pub fn of_a_start() -> Watchdog {
        Watchdog {
            pulse: Pulse::default(),
            counted: 0,
            sign: NotifyState::ExtendTimeoutUsec(MORE_TIME),
            every: Some(ASKED_EVERY),
            next: Instant::now(),
        }
    }

    /// The daemon is ready; from now on the manager waits for signs as often as it asked for (`WatchdogSec=`).
    pub fn ready(&mut self) {
        self.sign = NotifyState::Watchdog;
        self.every = sd_notify::watchdog_enabled().map(|patience| patience / 2);
        self.give_sign();
    }

    /// What work is to count its steps with.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Waits for the next sign to be due.
    pub async fn due(&self) {
        match self.every {
            Some(_) => tokio::time::sleep_until(self.next).await,
            None => std::future::pending().await,
        }
    }

    /// Tells that the loop is alive.
    pub fn give_sign(&mut self) {
        let Some(every) = self.every else { return };
        tell_service_manager(std::slice::from_ref(&self.sign));
        self.next = Instant::now() + every;
    }

    /// Waits for work, and gives signs as long as it takes steps. That it begins is one.
    pub async fn attend<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.give_sign();
        self.counted = self.pulse.count();
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.due() => self.look(),
            }
        }
    }

    fn look(&mut self) {
        let before = std::mem::replace(&mut self.counted, self.pulse.count());
        if self.counted != before {
            return self.give_sign();
        }
        self.next = Instant::now() + self.every.unwrap_or(ASKED_EVERY);
    }
}
