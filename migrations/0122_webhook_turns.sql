-- Outages of webhooks: whose turn it is while the other side is down, and since when an event is given up.

-- When the event was tried last; none when it only waits behind others. While the other side is down,
-- the stream that was tried longest ago has the next turn, so that one bad event hides no good one.
alter table webhook_deliveries add column tried_at timestamptz;

-- What was given up is kept from then on, and not from the day on which it failed for the first time.
create index webhook_deliveries_given_up on webhook_deliveries ((coalesce(tried_at, first_at)))
    where state = 'failed';
drop index webhook_deliveries_failed;

-- The webhook gets what stands behind this position: the end of the log when it was added, or an earlier
-- place to which an operator moved it. None for one that an older build added.
alter table webhooks add column start_position bigint;
