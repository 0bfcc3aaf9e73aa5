-- Marks an answer that is being worked on, so that the server at work on it stops. No row: it is not streaming, not there, or
-- not of the person who acts.
-- $1 act: who acts
-- $2 thread_id: of which thread
-- $3 message_id: which message
-- nullable: version, location
-- index: chat_threads_pk, chat_messages_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
marked as (
  update budget.chat_messages m set cancel_requested_at = coalesce(m.cancel_requested_at, now())
  from act
  join budget.chat_threads t on t.business_id = act.business_id and t.user_id = act.user_id and t.id = $2::uuid
  where m.business_id = t.business_id and m.thread_id = t.id and m.id = $3::uuid and m.state = 'streaming'
  returning budget.chat_message_body(m)::text as body)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from marked;
