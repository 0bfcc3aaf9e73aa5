-- Works on an event that was kept, or tells what became of it: confirmed (slots are filled), parked (booked to
-- clearing:unapplied), unassigned (nobody can tell whose it is), ignored (no payment). `tags`: what that made wrong in the
-- cache, JSON.
-- $1 provider: its name
-- $2 event_id: the provider's id of it
-- $3 outbox_id: digits; of the row that tells the cache
-- nullable: reason
-- index: webhook_events_pk, coll_provider_uq
select e.result, e.reason, to_json(e.tags)::text as tags
from savings.handle_event($1::text, $2::text, $3::text::bigint) e;
