//! States and failures in words. Pure: the same view has the same words.

use crate::texts::Texts;
use tornado_gui_api::{Failure, Lane, LaneCondition, LockdownMode, Phase, View};
use tornado_ui::state::{Condition, Lane as LaneWord};

/// The state in words: shape, word and sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// Shape and colour.
    pub condition: Condition,
    /// The word.
    pub title: &'static str,
    /// What it means for the person's traffic.
    pub text: String,
}

/// The lane as parts of the design.
pub const fn lane(lane: Lane) -> LaneWord {
    match lane {
        Lane::Direct => LaneWord::Direct,
        Lane::Tor => LaneWord::Tor,
    }
}

/// The state of the tunnel. It never says that a tunnel works unless the server responds over it.
pub fn headline(view: &View, t: Texts) -> Headline {
    let tunnel = &view.tunnel;
    let of = |condition, title, text: &str| Headline { condition, title, text: text.to_owned() };
    match tunnel.phase {
        Phase::Disconnected if tunnel.is_locked => {
            of(Condition::Shut, t.state_disconnected(), t.state_disconnected_locked())
        }
        Phase::Disconnected => of(Condition::Absent, t.state_disconnected(), t.state_disconnected_text()),
        Phase::Connecting if tunnel.is_locked => {
            of(Condition::Pending, t.state_connecting(), t.state_connecting_locked())
        }
        Phase::Connecting => of(Condition::Pending, t.state_connecting(), t.state_connecting_text()),
        Phase::Connected => connected(view, t),
        Phase::Switching => {
            let target = tunnel.target.map_or("", |target| lane(target).word());
            of(Condition::Pending, t.state_switching(), &t.state_switching_text(target))
        }
        Phase::Disconnecting => of(Condition::Pending, t.state_disconnecting(), t.state_disconnecting_text()),
        Phase::Blocked if view.lockdown.mode == LockdownMode::Always => {
            of(Condition::Shut, t.state_blocked(), t.state_blocked_always())
        }
        Phase::Blocked => of(Condition::Broken, t.state_blocked(), t.state_blocked_text()),
    }
}

fn connected(view: &View, t: Texts) -> Headline {
    let tunnel = &view.tunnel;
    let word = tunnel.lane.map_or("", |on| lane(on).word());
    if tunnel.is_silent {
        let text = t.state_silent_text().to_owned();
        return Headline { condition: Condition::Degraded, title: t.state_silent(), text };
    }
    let (condition, text) = match tunnel.condition {
        Some(LaneCondition::Closed) => (Condition::Shut, t.state_lane_closed(word)),
        Some(LaneCondition::Maintenance) => (Condition::Held, t.state_lane_maintenance(word)),
        Some(LaneCondition::Open) | None => match (tunnel.lane, &tunnel.exit) {
            (Some(Lane::Tor), Some(exit)) if !exit.is_ready => (Condition::Pending, t.state_exit_waits().to_owned()),
            (Some(Lane::Tor), _) => (Condition::Good, t.state_connected_tor().to_owned()),
            (Some(Lane::Direct) | None, _) => (Condition::Good, t.state_connected_direct().to_owned()),
        },
    };
    Headline { condition, title: t.state_connected(), text }
}

/// What follows at once or later from another mode of the kill switch; `None` for the mode in use.
pub fn consequence(view: &View, mode: LockdownMode, t: Texts) -> Option<&'static str> {
    let is_up = matches!(view.tunnel.phase, Phase::Connected | Phase::Switching);
    match mode {
        _ if mode == view.lockdown.mode => None,
        LockdownMode::Off if view.tunnel.is_locked || view.tunnel.phase == Phase::Blocked => {
            Some(t.consequence_off_now())
        }
        LockdownMode::Off => Some(t.consequence_off()),
        // Without a lane, no tunnel is desired, and nothing else holds the traffic back.
        LockdownMode::Auto if view.tunnel.phase == Phase::Blocked && view.tunnel.lane.is_none() => {
            Some(t.consequence_off_now())
        }
        LockdownMode::Auto => Some(t.consequence_auto()),
        LockdownMode::Always if is_up => Some(t.consequence_always()),
        LockdownMode::Always => Some(t.consequence_always_now()),
    }
}

/// What a failure means and what to do, in the language of the window; `None` for a code without its own text, whose
/// English description is shown instead.
pub fn advice(code: &str, retry_after: Option<u64>, t: Texts) -> Option<String> {
    let text = match code {
        "invalid_credentials" => t.error_invalid_credentials(),
        "totp_required" => t.error_totp_required(),
        "totp_invalid" => t.error_totp_invalid(),
        "too_many_attempts" => {
            let known = retry_after.map(|seconds| t.error_too_many_attempts(&t.span(seconds)));
            return Some(known.unwrap_or_else(|| t.error_too_many_attempts_soon().to_owned()));
        }
        "bad_invitation" => t.error_bad_invitation(),
        "invalid_invitation" => t.error_invalid_invitation(),
        "name_taken" => t.error_name_taken(),
        "max_devices_exceeded" => t.error_max_devices(),
        "user_inactive" => t.error_user_inactive(),
        "not_logged_in" | "logged_out" | "session_expired" => t.error_not_signed_in(),
        "unreachable" => t.error_unreachable(),
        "timeout" => t.error_timeout(),
        "no_handshake" => t.error_no_handshake(),
        "untrusted" => t.error_untrusted(),
        "clock_skew" => t.error_clock(),
        "no_network" => t.error_no_network(),
        "quota_nearly_used" => t.error_quota_nearly(),
        "quota_used_up" => t.error_quota_used(),
        "interference" => t.error_interference(),
        "invalid_device_name" => t.error_device_name(),
        "invalid_username" => t.error_account_name(),
        "invalid_part" => t.error_part(),
        "no_invitation" => t.error_no_invitation(),
        "invalid_network" => t.error_network(),
        "invalid_address" => t.error_address(),
        "invalid_profile" => t.error_profile(),
        "weak_password" => t.error_password_weak(),
        _ => return None,
    };
    Some(text.to_owned())
}

/// The text of a failure, and whether it is the English description.
pub fn failure(failure: &Failure, t: Texts) -> (String, bool) {
    advice(&failure.code, failure.retry_after, t).map_or_else(|| (failure.detail.clone(), true), |text| (text, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Lang;
    use tornado_gui_api::{Exit, Lockdown, Tunnel};

    const T: Texts = Texts { lang: Lang::En };

    fn of(tunnel: Tunnel) -> Headline {
        headline(&View { tunnel, ..View::default() }, T)
    }

    fn connected_on(lane: Lane) -> Tunnel {
        Tunnel { phase: Phase::Connected, lane: Some(lane), ..Tunnel::default() }
    }

    #[test]
    fn only_a_lane_that_carries_traffic_is_good() {
        assert_eq!(of(connected_on(Lane::Direct)).condition, Condition::Good);
        let silent = Tunnel { is_silent: true, ..connected_on(Lane::Direct) };
        assert_eq!(of(silent).condition, Condition::Degraded);
        for condition in [LaneCondition::Closed, LaneCondition::Maintenance] {
            let shut = of(Tunnel { condition: Some(condition), ..connected_on(Lane::Tor) });
            assert!(shut.condition != Condition::Good && shut.text.contains("no traffic passes"), "{shut:?}");
        }
        let waiting = Tunnel { exit: Some(Exit::default()), ..connected_on(Lane::Tor) };
        assert_eq!(of(waiting).condition, Condition::Pending);
    }

    #[test]
    fn connecting_says_whether_traffic_is_protected() {
        let connecting = |is_locked| of(Tunnel { phase: Phase::Connecting, is_locked, ..Tunnel::default() }).text;
        assert!(connecting(true).contains("Nothing leaves"));
        assert!(connecting(false).contains("not protected"));
    }

    #[test]
    fn a_mode_says_what_follows_before_it_is_applied() {
        let view = |mode, phase, is_locked| View {
            lockdown: Lockdown { mode, ..Lockdown::default() },
            tunnel: Tunnel { phase, is_locked, ..Tunnel::default() },
            ..View::default()
        };
        let auto = view(LockdownMode::Auto, Phase::Disconnected, false);
        assert_eq!(consequence(&auto, LockdownMode::Auto, T), None);
        assert!(consequence(&auto, LockdownMode::Always, T).unwrap().contains("from now on"));
        let connected = view(LockdownMode::Auto, Phase::Connected, false);
        assert!(!consequence(&connected, LockdownMode::Always, T).unwrap().contains("from now on"));
        let blocked = view(LockdownMode::Always, Phase::Blocked, true);
        for mode in [LockdownMode::Off, LockdownMode::Auto] {
            assert!(consequence(&blocked, mode, T).unwrap().contains("at once"), "{mode:?}");
        }
    }

    #[test]
    fn a_failure_without_its_own_text_keeps_its_description() {
        let unknown = Failure::invalid("new_code", "what happened");
        assert_eq!(failure(&unknown, T), ("what happened".to_owned(), true));
        let wait = Failure { retry_after: Some(77), ..Failure::invalid("too_many_attempts", "") };
        assert_eq!(failure(&wait, T).0, "Too many attempts. Wait 1 min 17 s, then try again.");
    }
}
