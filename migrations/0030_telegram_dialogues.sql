-- Where each conversation with a bot stands. Changed only in the transaction that finishes the
-- update in the inbox, so a conversation never runs ahead of or behind what was handled.
create table telegram_dialogues (
    -- The bot's name in the configuration.
    bot text not null,
    chat_id bigint not null,
    user_id bigint not null,
    -- The version of the shape of `state`; rows of another version begin anew.
    version int not null,
    -- What is being asked and what was answered so far. Before consent it names no person.
    state jsonb not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (bot, chat_id, user_id)
);

comment on table telegram_dialogues is 'State of the conversations with Telegram bots';
