-- Writes an answer with its final state. No row: somebody else has ended it, or its thread is gone.
-- $1 act: who asked
-- $2 answer_id: which message
-- $3 ending: state, content, finish_reason, model, prompt_tokens, completion_tokens, as JSON
-- nullable: version, location
-- index: chat_threads_pk, chat_messages_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
ended as (
  select a.body from act, budget.end_chat_answer(act.business_id, act.user_id, $2::uuid, $3::text::jsonb) a (body)
  where a.body is not null)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from ended;
