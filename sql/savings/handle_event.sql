-- Works on an event that was kept, or tells what became of it: confirmed (slots are filled), parked (booked to
-- clearing:unapplied), unassigned (nobody can tell whose it is), ignored (no payment).
-- $1 provider: its name
-- $2 event_id: the provider's id of it
-- nullable: reason
-- index: webhook_events_pk, coll_provider_uq
select e.result, e.reason from savings.handle_event($1::text, $2::text) e;
