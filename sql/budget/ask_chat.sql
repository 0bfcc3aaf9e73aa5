-- Writes a question of the person who acts and the answer that is to come, streaming. The body tells the server what it needs:
-- thread_id, answer_id, context. No row: the person has no such thread.
-- $1 act: who acts
-- $2 thread_id: which thread
-- $3 is_new: whether it is made now
-- $4 question_id: id of the new message
-- $5 answer_id: id of the answer
-- $6 content: the question
-- $7 model: what will answer
-- $8 lease_s: seconds for which the server counts as being at work, unless it renews
-- $9 context_rows: how many of the messages before are wanted
-- nullable: version, location
-- index: chat_threads_pk, chat_messages_seq_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
asked as (
  select a.asked::text as body
  from act, budget.ask_chat(act.business_id, act.user_id, $2::uuid, $3::bool, $4::uuid, $5::uuid, $6::text, $7::text,
    $8::int, $9::int) a (asked)
  where a.asked is not null)
select 201 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 201, body) as body
from asked;
