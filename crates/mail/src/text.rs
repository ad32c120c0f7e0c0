//! The texts of mails.

use recto_domain::{MailDetail, MailKind, Secret};
use recto_persistence::identity::outbox::Mail;

/// The text of a mail.
pub(crate) struct MailText {
    pub(crate) subject: &'static str,
    greeting: String,
    /// The event.
    reason: String,
    link: Option<Link>,
    /// Advice for a recipient who did not cause the event.
    advice: String,
}

struct Link {
    url: String,
    action: &'static str,
    validity: &'static str,
}

impl MailText {
    /// Returns the text of a mail. Links begin with `public_url`; `token` is that of the link, if
    /// its kind has one.
    pub(crate) fn of(mail: &Mail, token: Option<&Secret>, public_url: &str) -> Self {
        match mail.kind {
            MailKind::Verification => verification(mail, token, public_url),
            MailKind::PasswordReset => password_reset(token, public_url),
            MailKind::EmailChange => email_change(mail, token, public_url),
            MailKind::PasswordChanged => password_changed(mail, public_url),
            MailKind::EmailChangeRequested => email_change_requested(mail, public_url),
            MailKind::EmailChanged => email_changed(mail),
            MailKind::NewDevice => new_device(mail, public_url),
            MailKind::KeyCreated => key_created(mail, public_url),
            MailKind::RoleChanged => role_changed(mail),
            MailKind::AccountDisabled => account_disabled(mail),
            MailKind::AccountEnabled => account_enabled(mail),
        }
    }

    /// Returns the text as plain text.
    pub(crate) fn plain(&self) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |link| {
            format!("{}:\n\n{}\n\n{}\n", link.action, link.url, link.validity)
        });
        format!("{},\n\n{}\n{link}\n{}\n", self.greeting, self.reason, self.advice)
    }

    /// Returns the text as HTML.
    pub(crate) fn html(&self) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |link| {
            let (url, action, validity) = (escaped(&link.url), link.action, link.validity);
            format!("<p><a href=\"{url}\">{action}</a></p>\n<p>{url}</p>\n<p>{validity}</p>\n")
        });
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <title>{subject}</title></head>\n<body>\n<p>{greeting},</p>\n<p>{reason}</p>\n\
             {link}<p>{advice}</p>\n</body>\n</html>\n",
            subject = self.subject,
            greeting = escaped(&self.greeting),
            reason = escaped(&self.reason),
            advice = escaped(&self.advice),
        )
    }

    /// Returns the text of a mail that anybody can have sent to any address: the greeting has no
    /// name, since a username such as `win.example.com` can be anybody's message.
    fn with_link(reason: String, link: Option<Link>, subject: &'static str, advice: &str) -> Self {
        let greeting = "Hello".to_owned();
        Self { subject, greeting, reason, link, advice: advice.to_owned() }
    }

    /// Returns the text of a notice of an event in an account.
    fn notice(mail: &Mail, subject: &'static str, event: &str, advice: String) -> Self {
        let reason = format!("On {}, {event}", mail.created_at.format("%Y-%m-%d at %H:%M UTC"));
        Self { subject, greeting: format!("Hello {}", mail.username), reason, link: None, advice }
    }
}

fn verification(mail: &Mail, token: Option<&Secret>, public_url: &str) -> MailText {
    let subject = "Verify your e-mail address";
    let link = token.map(|token| Link {
        url: page(public_url, "verify", token),
        action: subject,
        validity: "The link works once, within 24 hours, with the password of the account.",
    });
    let reason = format!(
        "An account at Recto with the username \"{}\" was created with your e-mail address.",
        mail.username
    );
    let advice = "If you did not create it, open the link and choose \"This was not me\", which \
                  deletes the account. If nobody verifies the address, it is deleted after seven days.";
    MailText::with_link(reason, link, subject, advice)
}

fn password_reset(token: Option<&Secret>, public_url: &str) -> MailText {
    let subject = "Choose a new password";
    let link = token.map(|token| Link {
        url: page(public_url, "reset-password", token),
        action: subject,
        validity: "The link works once, within one hour.",
    });
    let reason = "Somebody asked for a new password for your account at Recto.".to_owned();
    let advice =
        "If you did not ask for this, you can ignore this message. Your password stays the same.";
    MailText::with_link(reason, link, subject, advice)
}

fn email_change(mail: &Mail, token: Option<&Secret>, public_url: &str) -> MailText {
    let subject = "Confirm your new e-mail address";
    let link = token.map(|token| Link {
        url: page(public_url, "confirm-email", token),
        action: subject,
        validity: "The link works once, within 24 hours.",
    });
    let reason = format!(
        "The user \"{}\" of Recto asked to sign in with your e-mail address from now on.",
        mail.username
    );
    let advice = "If this is not your account, do not confirm it. Nothing changes unless you do.";
    MailText::with_link(reason, link, subject, advice)
}

fn password_changed(mail: &Mail, public_url: &str) -> MailText {
    let event = "the password of your account at Recto was changed. All other sessions have \
                 ended.";
    let advice = choose_new_password(public_url, "ends all sessions");
    MailText::notice(mail, "Your password was changed", event, advice)
}

fn email_change_requested(mail: &Mail, public_url: &str) -> MailText {
    let event = "somebody with your password asked to change the e-mail address of your account \
                 at Recto. It changes when the link that was sent to the new address is used.";
    let advice = choose_new_password(public_url, "cancels the change");
    MailText::notice(mail, "A new e-mail address was requested", event, advice)
}

fn email_changed(mail: &Mail) -> MailText {
    let event = "the e-mail address of your account at Recto was changed. This address no longer \
                 belongs to the account.";
    MailText::notice(mail, "Your e-mail address was changed", event, ask_operator())
}

fn new_device(mail: &Mail, public_url: &str) -> MailText {
    let event = format!(
        "somebody signed in to your account at Recto from a device that was not used before: {}.",
        detail(mail)
    );
    let advice = choose_new_password(public_url, "ends all sessions");
    MailText::notice(mail, "New sign-in to your account", &event, advice)
}

fn key_created(mail: &Mail, public_url: &str) -> MailText {
    let event = format!("an API key was created for your account at Recto: {}.", detail(mail));
    let advice = choose_new_password(public_url, "revokes all API keys");
    MailText::notice(mail, "An API key was created", &event, advice)
}

fn role_changed(mail: &Mail) -> MailText {
    let event =
        format!("an administrator changed the role of your account at Recto: {}.", detail(mail));
    MailText::notice(mail, "Your role was changed", &event, ask_operator())
}

fn account_disabled(mail: &Mail) -> MailText {
    let event = "an administrator disabled your account at Recto. Nobody can sign in to it.";
    MailText::notice(mail, "Your account was disabled", event, ask_operator())
}

fn account_enabled(mail: &Mail) -> MailText {
    let event = "an administrator enabled your account at Recto. You can sign in again.";
    MailText::notice(mail, "Your account was enabled", event, ask_operator())
}

fn page(public_url: &str, page: &str, token: &Secret) -> String {
    format!("{public_url}/{page}#{}", token.expose())
}

fn detail(mail: &Mail) -> &str {
    mail.detail.as_ref().map_or("unknown", MailDetail::as_str)
}

fn choose_new_password(public_url: &str, effect: &str) -> String {
    let page = format!("{public_url}/reset-password");
    format!("If this was not you, choose a new password now, which {effect}:\n{page}")
}

fn ask_operator() -> String {
    "If you did not expect this, ask the operator of this service.".to_owned()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        let text = MailText {
            subject: "",
            greeting: "Hello <b>&".to_owned(),
            reason: "<i>".to_owned(),
            link: Some(Link { url: "http://a/?b&c\"'".to_owned(), action: "", validity: "" }),
            advice: "\"".to_owned(),
        };
        let html = text.html();
        assert!(html.contains("Hello &lt;b&gt;&amp;,"), "{html}");
        assert!(html.contains("<p>&lt;i&gt;</p>") && html.contains("<p>&quot;</p>"), "{html}");
        assert!(html.contains("href=\"http://a/?b&amp;c&quot;&#39;\""), "{html}");
    }
}
