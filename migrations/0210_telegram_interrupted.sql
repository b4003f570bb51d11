-- A sender that ended with a message in hand is counted apart from calls without an answer: two
-- senders that ended one after the other, before either had called, left people without a reply.

alter table telegram_outbox add column interrupted int not null default 0;

comment on column telegram_outbox.interrupted is
    'How often a sender ended with the row in hand; each time it is sent again, up to a bound';
