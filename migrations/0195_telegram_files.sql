-- Bots send files, too: the history of credits as a table.

-- What the customer sees a file called; none for messages without one.
alter table telegram_outbox add column file_name text;

comment on column telegram_outbox.picture is
    'A picture in PNG for sendPhoto, or the file itself for sendDocument';
