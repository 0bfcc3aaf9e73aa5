-- Works on one event that the request that brought it left behind, after so many seconds. No row: none is due. `error`: why it
-- could not be done, for the log; it will be tried again.
-- $1 grace_s: seconds that a request has for it
-- nullable: result, reason, error
-- index: webhook_events_waiting_ix
select e.provider, e.event_id, e.result, e.reason, e.error from savings.handle_due_event($1::int) e
where e.event_id is not null;
