-- A page of the messages of a thread in their order. No row: the person has no such thread.
-- $1 business_id: the tenant
-- $2 user_id: whose
-- $3 thread_id: which thread
-- $4 newest_first: the order
-- $5 after (nullable): keyset of the last row seen: seq, as a JSON array
-- $6 limit_rows: rows a page
-- nullable: last_key
-- index: chat_threads_pk, chat_messages_seq_uq
with page as materialized (
  (select budget.chat_message_body(m) as body, m.seq, m.seq as place from budget.chat_messages m
   where not $4::bool and m.business_id = $1::uuid and m.thread_id = $3::uuid
     and ($5::text is null or m.seq > ($5::jsonb ->> 0)::int)
   order by m.seq limit $6::int + 1)
  union all
  (select budget.chat_message_body(m) as body, m.seq, -m.seq from budget.chat_messages m
   where $4 and m.business_id = $1::uuid and m.thread_id = $3::uuid
     and ($5::text is null or m.seq < ($5::jsonb ->> 0)::int)
   order by m.seq desc limit $6::int + 1)),
numbered as (select *, row_number() over (order by place) as position from page),
shown as (select * from numbered where position <= $6)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $6 from numbered) as has_more,
       (select json_build_array(seq::text)::text from shown order by position desc limit 1) as last_key
from budget.chat_threads t
where t.business_id = $1::uuid and t.user_id = $2::uuid and t.id = $3::uuid;
