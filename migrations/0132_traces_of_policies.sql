-- A command that a policy orders at once goes on in the trace of the event that it answers. A timer
-- does not: what happens days later is no part of that request, and the correlation id joins them.
alter table scheduled_commands add column trace text;

comment on column scheduled_commands.trace is 'W3C traceparent of the event that a command answers at once';
