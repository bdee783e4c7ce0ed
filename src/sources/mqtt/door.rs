//! Who may connect, and stay connected, by the users' file of now.
//!
//! A new file counts for connections that are open, too: one whose user is gone or has another password
//! ends at its next turn. Whoever removes a user does it because a device was lost.
use super::auth::{Known, Users};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The users of now. Shared by all connections.
#[derive(Debug, Default)]
pub struct Door {
    users: RwLock<Option<Arc<Users>>>,
    /// How often they were replaced.
    version: AtomicU64,
}

/// What a connection was let in by.
#[derive(Debug)]
pub struct Ticket {
    version: u64,
    by: By,
}

#[derive(Debug)]
enum By {
    /// There were no users.
    Nobody,
    /// Its password.
    Password(Known),
    /// Its certificate, for which the users' file does not count.
    Certificate,
}

impl Door {
    /// `None`: everybody may connect.
    pub fn new(users: Option<Users>) -> Self {
        Self {
            users: RwLock::new(users.map(Arc::new)),
            version: AtomicU64::new(0),
        }
    }

    fn users(&self) -> Option<Arc<Users>> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.clone()
    }

    /// Lets a name and password in, or does not. Whom a certificate names is that user, without a
    /// password: the authority of `tls.client_ca` answers for it, whatever the users' file has. A
    /// user name that says otherwise is refused.
    pub(super) fn admit(
        &self,
        certified: Option<Box<str>>,
        login: &mut Option<(String, String)>,
    ) -> Option<Ticket> {
        let Some(name) = certified else {
            return self.ask(login.as_ref());
        };
        let said = login.as_ref().map_or("", |(user, _)| user);
        if !said.is_empty() && *said != *name {
            return None;
        }
        *login = Some((name.into(), String::new()));
        Some(Ticket {
            version: 0,
            by: By::Certificate,
        })
    }

    fn ask(&self, login: Option<&(String, String)>) -> Option<Ticket> {
        // The version first: users that are replaced in between are asked again.
        let version = self.version.load(Ordering::Acquire);
        let by = match self.users() {
            Some(users) => By::Password(users.known(login)?),
            None => By::Nobody,
        };
        Some(Ticket { version, by })
    }

    /// May who was let in as `user` stay? Costs nothing while the users are the same.
    pub(super) fn keeps(&self, user: &str, ticket: &mut Ticket) -> bool {
        let version = self.version.load(Ordering::Acquire);
        if version == ticket.version {
            return true;
        }
        ticket.version = version;
        let known = match &ticket.by {
            By::Certificate => return true,
            By::Password(known) => Some(known),
            By::Nobody => None,
        };
        self.users().is_none_or(|users| users.still(user, known))
    }

    pub(super) fn replace(&self, users: Option<Users>) {
        let users = users.map(Arc::new);
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        self.version.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fmt::Write;

    fn users(names: &[(&str, &str)]) -> Users {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.toml");
        let mut text = String::new();
        for (name, password) in names {
            std::fs::write(dir.path().join(name), password).unwrap();
            writeln!(text, "[[user]]\nname = '{name}'\npassword_file = '{name}'").unwrap();
        }
        std::fs::write(&path, text).unwrap();
        Users::load(&path).unwrap()
    }

    #[test]
    fn who_is_removed_or_has_another_password_does_not_stay() {
        let login = |name: &str| (name.to_owned(), "1".to_owned());
        let door = Door::new(Some(users(&[("a", "1"), ("b", "1"), ("c", "1")])));
        let [mut a, mut b, mut c] =
            ["a", "b", "c"].map(|name| door.ask(Some(&login(name))).unwrap());
        assert!(door.ask(Some(&login("d"))).is_none() && door.ask(None).is_none());
        door.replace(Some(users(&[("a", "1"), ("b", "2"), ("d", "1")])));
        assert!(door.keeps("a", &mut a));
        assert!(!door.keeps("b", &mut b) && !door.keeps("c", &mut c));
        assert!(door.ask(Some(&login("d"))).is_some());
    }

    #[test]
    fn who_was_not_asked_does_not_stay_once_there_are_users() {
        let door = Door::new(None);
        let mut ticket = door.ask(None).unwrap();
        assert!(door.keeps("", &mut ticket));
        door.replace(Some(users(&[("a", "1")])));
        assert!(!door.keeps("", &mut ticket));
        door.replace(None);
        assert!(door.keeps("", &mut ticket));
    }

    #[test]
    fn a_certificate_names_the_user_and_contradicts_no_other() {
        let door = Door::new(Some(users(&[("a", "1")])));
        let admit = |login: Option<(&str, &str)>| {
            let mut login = login.map(|(name, password)| (name.to_owned(), password.to_owned()));
            let ticket = door.admit(Some("pole-7".into()), &mut login);
            ticket.map(|ticket| (ticket, login))
        };
        for login in [None, Some(("", "x")), Some(("pole-7", ""))] {
            let (mut ticket, login) = admit(login).unwrap();
            assert_eq!(login, Some(("pole-7".to_owned(), String::new())));
            door.replace(Some(users(&[("b", "1")])));
            assert!(door.keeps("pole-7", &mut ticket));
        }
        assert!(admit(Some(("a", "1"))).is_none());
    }
}
