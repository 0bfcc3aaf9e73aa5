-- Deletes a thread of the person who acts, with its messages. No row: not there, not theirs, or stale.
-- $1 act: who acts
-- $2 thread_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: chat_threads_pk, chat_messages_seq_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as (
  delete from budget.chat_threads t using act
  where t.business_id = act.business_id and t.id = $2::uuid and t.user_id = act.user_id
    and ($3::int is null or t.version = $3)
  returning t.id)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
