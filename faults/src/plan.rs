//! What is to happen, where, and at which passage.

use std::{fmt, str::FromStr};

/// A place in the program where a fault can strike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Point {
    /// A batch of decisions is about to be sent to the log.
    AppendBefore,
    /// The batch is committed, and nobody has been told.
    AppendAfter,
    /// A command has its outcome, and its sender has not been told.
    ReplyBefore,
    /// The sender was told, and the message still stands in the stream.
    AckBefore,
    /// The message was acknowledged.
    AckAfter,
    /// One more event of a page is on its way to the broker.
    RelaySent,
    /// A page of events is published, and the checkpoint has not moved.
    RelayPublished,
    /// A read model's rows are written, and the transaction is open.
    ProjectBeforeCommit,
    /// The transaction is committed, and the follower does not know it yet.
    ProjectAfterCommit,
    /// An update is in the inbox, and Telegram has not been told.
    InboxStored,
    /// A turn is about to send its command.
    TurnBeforeCommand,
    /// A turn knows its command's outcome, and nothing of it is kept.
    TurnAfterCommand,
    /// A message is marked as being sent, and has not left.
    SendBefore,
    /// Telegram has the message, and nobody has noted it.
    SendAfter,
    /// A person's account is erased, and nothing has followed from it.
    EraseRecorded,
    /// The erasure is noted with what is needed to go on with it.
    EraseNoted,
    /// The person's conversations are deleted.
    EraseConversations,
    /// The person's meters are closed.
    EraseMeters,
    /// The person's key is destroyed.
    EraseKey,
    /// The person's commands are out of the queue.
    EraseCommands,
    /// What stood beside the log is deleted, and the transaction is open.
    EraseBeforeCommit,
    /// The erasure is finished, and the checkpoint has not moved.
    EraseAfterCommit,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::AppendBefore,
        Self::AppendAfter,
        Self::ReplyBefore,
        Self::AckBefore,
        Self::AckAfter,
        Self::RelaySent,
        Self::RelayPublished,
        Self::ProjectBeforeCommit,
        Self::ProjectAfterCommit,
        Self::InboxStored,
        Self::TurnBeforeCommand,
        Self::TurnAfterCommand,
        Self::SendBefore,
        Self::SendAfter,
        Self::EraseRecorded,
        Self::EraseNoted,
        Self::EraseConversations,
        Self::EraseMeters,
        Self::EraseKey,
        Self::EraseCommands,
        Self::EraseBeforeCommit,
        Self::EraseAfterCommit,
    ];

    /// Its name in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppendBefore => "append.before",
            Self::AppendAfter => "append.after",
            Self::ReplyBefore => "reply.before",
            Self::AckBefore => "ack.before",
            Self::AckAfter => "ack.after",
            Self::RelaySent => "relay.sent",
            Self::RelayPublished => "relay.published",
            Self::ProjectBeforeCommit => "project.before_commit",
            Self::ProjectAfterCommit => "project.after_commit",
            Self::InboxStored => "inbox.stored",
            Self::TurnBeforeCommand => "turn.before_command",
            Self::TurnAfterCommand => "turn.after_command",
            Self::SendBefore => "send.before",
            Self::SendAfter => "send.after",
            Self::EraseRecorded => "erase.recorded",
            Self::EraseNoted => "erase.noted",
            Self::EraseConversations => "erase.conversations",
            Self::EraseMeters => "erase.meters",
            Self::EraseKey => "erase.key",
            Self::EraseCommands => "erase.commands",
            Self::EraseBeforeCommit => "erase.before_commit",
            Self::EraseAfterCommit => "erase.after_commit",
        }
    }
}

/// What the process does to itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// It dies at once, as by `kill -9`.
    Kill,
    /// It stands still until somebody sends SIGCONT.
    Stop,
}

impl Action {
    /// Its name in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
        }
    }
}

/// One fault: `append.before:kill:37` dies at the 37th passage of that place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Where.
    pub point: Point,
    /// What.
    pub action: Action,
    /// At which passage, from 1.
    pub passage: u32,
}

/// A text is no plan.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("a plan is <place>:<kill or stop>:<passage from 1>, such as append.before:kill:37")]
pub struct PlanError;

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut parts = text.split(':');
        let (Some(point), Some(action), Some(passage), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(PlanError);
        };
        let point = Point::ALL.into_iter().find(|known| known.name() == point).ok_or(PlanError)?;
        let action = [Action::Kill, Action::Stop].into_iter().find(|known| known.name() == action);
        let passage = passage.parse().ok().filter(|passage| *passage > 0).ok_or(PlanError)?;
        Ok(Self { point, action: action.ok_or(PlanError)?, passage })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.point.name(), self.action.name(), self.passage)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Plan, PlanError, Point};

    #[test]
    fn every_plan_is_read_as_it_is_written() {
        for point in Point::ALL {
            for action in [Action::Kill, Action::Stop] {
                let plan = Plan { point, action, passage: 37 };
                assert_eq!(plan.to_string().parse(), Ok(plan));
            }
        }
    }

    #[test]
    fn anything_else_is_no_plan() {
        for text in [
            "",
            "append.before",
            "append.before:kill",
            "append.before:kill:0",
            "append.before:kill:-1",
            "append.before:kill:1:2",
            "append.before:Kill:1",
            "append.beside:kill:1",
            "append.before:kill:99999999999",
        ] {
            assert_eq!(text.parse::<Plan>(), Err(PlanError), "{text}");
        }
    }
}
