//! What a person is notified of while the window is not in front. Pure.

use crate::texts::Texts;
use crate::words;
use tornado_gui_api::{Phase, View};

/// Title and text of a notification.
pub type News = (String, String);

/// What is new in a view and needs a person.
pub fn news(before: &View, now: &View, t: Texts) -> Option<News> {
    if !(before.is_current() && now.is_current()) {
        return None;
    }
    let said = |title: &str, text: &str| Some((title.to_owned(), text.to_owned()));
    let is_signed_in = |view: &View| view.account.as_ref().map(|account| account.is_signed_in);
    if now.tunnel.phase == Phase::Blocked && before.tunnel.phase != Phase::Blocked {
        return said(t.state_blocked(), t.state_blocked_text());
    }
    if is_signed_in(before) == Some(true) && is_signed_in(now) == Some(false) {
        return said(t.sign_in_title(), t.sign_in_kept());
    }
    if now.tunnel.is_silent && !before.tunnel.is_silent {
        return said(t.state_silent(), t.state_silent_text());
    }
    let code = |view: &View| view.notice.as_ref().map(|notice| notice.code.clone());
    let notice = now.notice.as_ref().filter(|_| code(before) != code(now))?;
    let text = words::advice(&notice.code, None, t).unwrap_or_else(|| notice.detail.clone());
    said(t.problem(), &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::enrolled;
    use crate::texts::Lang;
    use tornado_gui_api::{Helper, Notice};

    const T: Texts = Texts { lang: Lang::En };

    fn view(is_signed_in: bool, phase: Phase, code: Option<&str>) -> View {
        let text = |text: &str| text.to_owned();
        View {
            notice: code.map(|code| Notice { code: text(code), detail: text("detail"), at: 0 }),
            ..enrolled(is_signed_in, phase)
        }
    }

    #[test]
    fn a_problem_is_news_once() {
        let (well, ill) = (view(true, Phase::Connected, None), view(true, Phase::Connected, Some("quota_used_up")));
        assert!(news(&well, &ill, T).is_some_and(|(_, text)| text.contains("used up")));
        assert_eq!(news(&ill, &ill, T), None);
        assert_eq!(news(&ill, &well, T), None, "the end of a problem needs no person");
    }

    #[test]
    fn a_blocked_tunnel_and_an_ended_sign_in_are_news() {
        let connected = view(true, Phase::Connected, None);
        assert_eq!(news(&connected, &view(true, Phase::Blocked, None), T).unwrap().0, "Blocked");
        assert_eq!(news(&connected, &view(false, Phase::Connected, None), T).unwrap().0, "Sign in");
        assert_eq!(news(&connected, &view(true, Phase::Disconnected, None), T), None);
    }

    #[test]
    fn a_helper_that_comes_and_goes_is_no_news() {
        let lost = View { helper: Helper::Absent("why".into()), ..view(true, Phase::Connected, None) };
        let back = view(true, Phase::Blocked, None);
        assert_eq!([news(&back, &lost, T), news(&lost, &back, T)], [None, None]);
    }
}
