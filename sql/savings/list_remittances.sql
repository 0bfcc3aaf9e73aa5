-- A page of remittances by their business date.
-- $1 business_id: the tenant
-- $2 own_agent_id (nullable): whose, and whose sub-agents' remittances are meant; null for all
-- $3 agent_id (nullable): of this member
-- $4 statuses (nullable): any of these
-- $5 from_date (nullable): business date, this one or later
-- $6 to_date (nullable): business date, this one or earlier
-- $7 sort: -business_date, business_date
-- $8 after (nullable): keyset of the last row seen: business date and id, as a JSON array
-- $9 limit_rows: rows a page
-- nullable: last_key
-- index: remit_page_ix, remit_agent_ix, remit_open_ix
-- Of agents each has its own place in an index, newest first, which is read as far as the page needs.
with page as materialized (
  select r.* from unnest(case when $2::uuid is null then array[$3::uuid] else savings.agents_of($1, $2) end) g (agent_id)
  cross join lateral (
    select r as remittance, r.business_date, r.id from savings.remittances r
    where r.business_id = $1
      and ($2 is null and $3 is null or r.agent_id = g.agent_id) and ($3 is null or r.agent_id = $3)
      and ($4::savings.remittance_status[] is null or r.status = any ($4))
      and ($5::text is null or r.business_date >= $5::date) and ($6::text is null or r.business_date <= $6::date)
      and ($8::text is null or case $7::text
        when '-business_date' then (r.business_date, r.id) < (($8::jsonb ->> 0)::date, ($8::jsonb ->> 1)::uuid)
        else (r.business_date, r.id) > (($8::jsonb ->> 0)::date, ($8::jsonb ->> 1)::uuid) end)
    order by case when $7 = '-business_date' then r.business_date end desc, case when $7 = '-business_date' then r.id end desc,
      case when $7 = 'business_date' then r.business_date end, case when $7 = 'business_date' then r.id end
    limit $9::int + 1) r
  order by case when $7 = '-business_date' then r.business_date end desc, case when $7 = '-business_date' then r.id end desc,
    case when $7 = 'business_date' then r.business_date end, case when $7 = 'business_date' then r.id end
  limit $9 + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $9)
select coalesce((select json_agg(savings.remittance_body(remittance) order by position) from shown), '[]')::text as data,
       (select count(*) > $9 from numbered) as has_more,
       (select json_build_array(business_date, id)::text from shown order by position desc limit 1) as last_key;
