//! What a service manager is told (systemd, `Type=notify-reload`). Without one nothing happens.

use sd_notify::NotifyState;

/// It serves, with its states open.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its config again; [`ready`] comes behind.
pub(super) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// It ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
