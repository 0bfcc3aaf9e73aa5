-- A page of the notifications of one person in one business, newest first.
-- $1 business_id: the tenant
-- $2 user_id: whose
-- $3 unread (nullable): only unread, or only read ones
-- $4 after (nullable): keyset of the last row seen: created_at and id, as a JSON array
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: notifications_page_ix
with page as materialized (
  select core.notification_body(n) as body, n.id, n.created_at from core.notifications n
  where n.business_id = $1 and n.user_id = $2
    and ($3::bool is null or (n.read_at is null) = $3)
    and ($4::text is null or (n.created_at, n.id) < (($4::jsonb ->> 0)::timestamptz, ($4::jsonb ->> 1)::uuid))
  order by n.created_at desc, n.id desc
  limit $5::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $5)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $5 from numbered) as has_more,
       (select json_build_array(created_at::text, id)::text from shown order by position desc limit 1) as last_key;
