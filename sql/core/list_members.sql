-- A page of members, newest first. `q` is a part of the name, or the beginning of a user name, e-mail address or phone
-- number; of a person who has not accepted, only what they were invited as.
-- $1 business_id: the tenant
-- $2 q (nullable): what to search
-- $3 role (nullable): only this role
-- $4 status (nullable): only this status
-- $5 sort: -created_at, created_at
-- $6 after (nullable): keyset of the last row seen: its instant and its id, as a JSON array
-- $7 limit_rows: rows a page
-- nullable: last_key
-- index: memberships_page_ix, users_pkey
with page as materialized (
  select core.member_body(m, u) as body, m.id, m.created_at
  from core.memberships m join core.users u on u.id = m.user_id
  where m.business_id = $1
    and ($3::text is null or m.role = $3::text::core.member_role)
    and ($4::text is null or m.status = $4::text::core.member_status)
    and ($2::text is null or case when m.invited_as is not null
      then m.invited_as ilike core.like_pattern($2) || '%'
      else u.full_name ilike '%' || core.like_pattern($2) || '%'
        or u.username::text ilike core.like_pattern($2) || '%' or u.email::text ilike core.like_pattern($2) || '%'
        or u.phone like core.like_pattern($2) || '%' end)
    and ($6::text is null or case $5::text
      when '-created_at' then (m.created_at, m.id) < (($6::jsonb ->> 0)::timestamptz, ($6::jsonb ->> 1)::uuid)
      else (m.created_at, m.id) > (($6::jsonb ->> 0)::timestamptz, ($6::jsonb ->> 1)::uuid) end)
  order by case when $5 = '-created_at' then m.created_at end desc, case when $5 = '-created_at' then m.id end desc,
           case when $5 = 'created_at' then m.created_at end, case when $5 = 'created_at' then m.id end
  limit $7::int + 1),
numbered as (select *, row_number() over () as at from page),
shown as (select * from numbered where at <= $7)
select coalesce((select json_agg(body order by at) from shown), '[]')::text as data,
  (select count(*) > $7 from numbered) as has_more,
  (select json_build_array(created_at::text, id)::text from shown order by at desc limit 1) as last_key;
