-- A page of a person's living sessions, the one seen last first.
-- $1 user_id: whose sessions
-- $2 session_id: the one that asks
-- $3 after (nullable): keyset of the last row seen: when it was seen and its id, as a JSON array
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: sessions_user_ix
with page as materialized (
  select core.session_body(s, $2::uuid) as body, s.id, s.last_seen_at
  from core.sessions s join core.users u on u.id = s.user_id and u.token_version = s.token_version
  where s.user_id = $1::uuid and s.revoked_at is null and s.idle_expires_at > now() and s.expires_at > now()
    and ($3::text is null
      or (s.last_seen_at, s.id) < (($3::jsonb ->> 0)::timestamptz, ($3::jsonb ->> 1)::uuid))
  order by s.last_seen_at desc, s.id desc
  limit $4::int + 1),
numbered as (select *, row_number() over (order by last_seen_at desc, id desc) as at from page),
shown as (select * from numbered where at <= $4)
select coalesce((select json_agg(body order by at) from shown), '[]')::text as data,
  (select count(*) > $4 from numbered) as has_more,
  (select json_build_array(last_seen_at::text, id)::text from shown order by at desc limit 1) as last_key;
