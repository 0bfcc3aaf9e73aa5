-- Gives a thread of the person who acts another title; null takes it away. No row: not there, not theirs, or stale.
-- $1 act: who acts
-- $2 thread_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 title (nullable): the new one
-- nullable: location
-- index: chat_threads_pk, chat_messages_seq_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as (
  update budget.chat_threads t set title = $4::text
  from act
  where t.business_id = act.business_id and t.id = $2::uuid and t.user_id = act.user_id
    and ($3::int is null or t.version = $3)
  returning t.version, budget.chat_thread_body(t)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
