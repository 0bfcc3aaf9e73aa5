-- Makes a thread of the person who acts.
-- $1 act: who acts, and the idempotency key
-- $2 thread_id: id of the new row
-- $3 title (nullable): null shows the beginning of the first question
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into budget.chat_threads as t (business_id, id, user_id, title)
  select act.business_id, $2::uuid, act.user_id, $3::text from act
  returning t.id, t.version, budget.chat_thread_body(t)::text as body)
select 201 as status, version, '/api/v1/chat/threads/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/chat/threads/' || id, version) as body
from created;
