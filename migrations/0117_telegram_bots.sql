-- Which bots have ever worked for which tenant. Rows about a Telegram user (inbox, dialogues,
-- outbox) name the bot; this says whose person that user is.
create table telegram_bots (
    bot text not null,
    tenant text not null,
    first_seen_at timestamptz not null default clock_timestamp(),
    primary key (tenant, bot)
);

comment on table telegram_bots is 'The bots of each tenant, as they were seen at work';
