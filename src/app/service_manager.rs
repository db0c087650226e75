//! Notifications of a service manager (systemd, `Type=notify-reload`). Without one they do nothing.

use sd_notify::NotifyState;

/// The process serves, with its states open.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The process reloads its config; [`ready`] follows.
pub(super) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// The process ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
