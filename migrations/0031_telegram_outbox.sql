-- What bots send: written in the transaction that finishes an update, carried out afterwards by the
-- one sender that owns the bot, in order per chat.
create table telegram_outbox (
    id bigint primary key generated always as identity,
    -- The bot's name in the configuration.
    bot text not null,
    chat_id bigint not null,
    -- Made by the writer from what caused the message; the second row of one key is dropped.
    key text not null,
    -- 0: a person waits for it; 1: a broadcast. Lower goes first.
    priority smallint not null default 0,
    -- A method of the Bot API and its parameters without the chat's id. Emptied when the row ends:
    -- what people were told is not kept, that they were told is.
    method text not null,
    payload jsonb,
    -- A picture in PNG, for sendPhoto.
    picture bytea,
    -- sent | failed: refused by Telegram for good | blocked: the person blocked the bot |
    -- unknown: may or may not have arrived, and is not tried again
    state text not null default 'pending'
        check (state in ('pending', 'sending', 'sent', 'failed', 'blocked', 'unknown')),
    attempts int not null default 0,
    -- Attempts that may have arrived although no answer came.
    uncertain int not null default 0,
    -- The lease epoch of the sender that is at work on the row.
    epoch bigint,
    next_at timestamptz not null default clock_timestamp(),
    error text,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    -- The message's number in the chat, when Telegram gave one.
    message_id int,
    -- The account was told that its holder blocked the bot.
    block_reported boolean not null default false,
    unique (bot, key)
);

comment on table telegram_outbox is 'Messages of Telegram bots and what became of them';

-- The sender's view: the next row overall, and the next row of a chat.
create index telegram_outbox_next on telegram_outbox (bot, priority, id)
    where state in ('pending', 'sending');
create index telegram_outbox_chat on telegram_outbox (bot, chat_id, priority, id)
    where state in ('pending', 'sending');
create index telegram_outbox_blocked on telegram_outbox (bot, id)
    where state = 'blocked' and not block_reported;
create index telegram_outbox_ended on telegram_outbox (ended_at) where ended_at is not null;
