-- A page of the audit trail of a business, newest first. Budgets are in it, and not shown: they are nobody's but their owner's.
-- $1 business_id: the tenant
-- $2 entity_type (nullable): customer, job, …
-- $3 entity_id (nullable): which one
-- $4 actor_user_id (nullable): who
-- $5 action (nullable): customer.updated, …
-- $6 from_at (nullable): from this instant on
-- $7 to_at (nullable): before this instant
-- $8 after (nullable): keyset of the last row seen: at and id, as a JSON array
-- $9 limit_rows: rows a page
-- nullable: last_key
-- index: audit_log_page_ix, audit_log_entity_ix, audit_log_actor_ix
with page as materialized (
  select a.* from core.audit_log a
  where a.business_id = $1 and not starts_with(a.entity_type, 'budget')
    and ($2::text is null or a.entity_type = $2)
    and ($3::uuid is null or a.entity_id = $3)
    and ($4::uuid is null or a.actor_user_id = $4)
    and ($5::text is null or a.action = $5)
    and ($6::text is null or a.at >= $6::timestamptz)
    and ($7::text is null or a.at < $7::timestamptz)
    -- the first condition lets whole months be left out
    and ($8::text is null or a.at <= ($8::jsonb ->> 0)::timestamptz
         and (a.at, a.id) < (($8::jsonb ->> 0)::timestamptz, ($8::jsonb ->> 1)::bigint))
  order by a.at desc, a.id desc
  limit $9::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $9)
select coalesce((
    select json_agg(json_build_object('id', s.id, 'at', core.iso(s.at), 'action', s.action, 'entity_type', s.entity_type,
      'entity_id', s.entity_id, 'actor_user_id', s.actor_user_id, 'actor_name', u.full_name, 'session_id', s.session_id,
      'request_id', s.request_id, 'ip', host(s.ip), 'before', s.before, 'after', s.after, 'seq', s.seq,
      'hash', encode(s.hash, 'hex')) order by s.position)
    from shown s left join core.users u on u.id = s.actor_user_id), '[]')::text as data,
  (select count(*) > $9 from numbered) as has_more,
  (select json_build_array(at::text, id::text)::text from shown order by position desc limit 1) as last_key;
