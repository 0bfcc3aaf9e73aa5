-- A page of the threads of a person, those with the latest messages first.
-- $1 business_id: the tenant
-- $2 user_id: whose
-- $3 after (nullable): keyset of the last row seen: last_message_at and id, as a JSON array
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: chat_threads_ix, chat_messages_seq_uq
with page as materialized (
  select budget.chat_thread_body(t) as body, t.id, t.last_message_at from budget.chat_threads t
  where t.business_id = $1::uuid and t.user_id = $2::uuid
    and ($3::text is null or (t.last_message_at, t.id) < (($3::jsonb ->> 0)::timestamptz, ($3::jsonb ->> 1)::uuid))
  order by t.last_message_at desc, t.id desc
  limit $4::int + 1),
numbered as (select *, row_number() over (order by last_message_at desc, id desc) as position from page),
shown as (select * from numbered where position <= $4)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $4 from numbered) as has_more,
       (select json_build_array(last_message_at::text, id)::text from shown order by position desc limit 1) as last_key;
