-- A page of savings accounts. Runs on the lane `report`: a filter that is null disappears from the plan. A search finds the
-- accounts of customers by name or phone first, and then reads those.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): only those of customers with this login
-- $3 own_agent_id (nullable): only those that this member, or a sub-agent of theirs, looks after
-- $4 statuses (nullable): only those in one of these states
-- $5 unit_id (nullable): only those of this unit
-- $6 agent_id (nullable): only those that this member looks after
-- $7 customer_id (nullable): only those of this customer
-- $8 product_id (nullable): only those of this product
-- $9 starts_from (nullable): only those that start on this day or later
-- $10 starts_to (nullable): only those that start on this day or earlier
-- $11 behind_gte (nullable): only those with so many slots due and not paid, or more
-- $12 q (nullable): part of the customer's name
-- $13 phone (nullable): beginning of the customer's phone number, E.164; matches beside q
-- $14 tracking_number (nullable): matches beside q
-- $15 sort: (-)created_at, (-)ends_on, (-)markings_paid
-- $16 after (nullable): keyset of the last row seen: its sort value and its id, as a JSON array
-- $17 limit_rows: rows a page
-- nullable: last_key
-- index: sacc_page_ix, sacc_status_ix, sacc_agent_ix, sacc_customer_ix, sacc_unit_ix, savings_accounts_number_uq, customers_user_ix, customers_phone_ix, customers_name_trgm
with found as materialized (
  select a.id from savings.accounts a where a.business_id = $1 and a.tracking_number = $14::text
  union
  select a.id from core.customers c
  join savings.accounts a on a.business_id = c.business_id and a.customer_id = c.id
  where $12::text is not null and c.business_id = $1 and ($2::uuid is null or c.user_id = $2)
    and (length($12) > 2 and c.name ilike '%' || core.like_pattern($12) || '%'
         or length($12) < 3 and (c.name ilike core.like_pattern($12) || '%'
                                 or c.name ilike '% ' || core.like_pattern($12) || '%')
         or $13::text is not null and c.phone like core.like_pattern($13) || '%')),
picked as materialized (
  select a.id, case when $15::text in ('created_at', '-created_at') then a.created_at::text
    when $15 in ('ends_on', '-ends_on') then a.ends_on::text else a.markings_paid::text end as sort_value
  from savings.accounts a
  where a.business_id = $1
    and ($2 is null or a.customer_id = any (array(
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $2)))
    and ($3::uuid is null or a.agent_id = any ((select savings.agents_of($1, $3))::uuid[]))
    and ($4::savings.account_status[] is null or a.status = any ($4))
    and ($5::uuid is null or a.unit_id = $5)
    and ($6::uuid is null or a.agent_id = $6)
    and ($7::uuid is null or a.customer_id = $7)
    and ($8::uuid is null or a.product_id = $8)
    and ($9::date is null or a.starts_on >= $9)
    and ($10::date is null or a.starts_on <= $10)
    and ($11::int is null or savings.elapsed(a, (select core.business_today($1))) - a.markings_paid >= $11)
    and ($12 is null or a.id = any (array(select f.id from found f)))
    and ($16::text is null or case $15
      when '-created_at' then (a.created_at, a.id) < (($16::jsonb ->> 0)::timestamptz, ($16::jsonb ->> 1)::uuid)
      when 'created_at' then (a.created_at, a.id) > (($16::jsonb ->> 0)::timestamptz, ($16::jsonb ->> 1)::uuid)
      when '-ends_on' then (a.ends_on, a.id) < (($16::jsonb ->> 0)::date, ($16::jsonb ->> 1)::uuid)
      when 'ends_on' then (a.ends_on, a.id) > (($16::jsonb ->> 0)::date, ($16::jsonb ->> 1)::uuid)
      when '-markings_paid' then (a.markings_paid, a.id) < (($16::jsonb ->> 0)::smallint, ($16::jsonb ->> 1)::uuid)
      else (a.markings_paid, a.id) > (($16::jsonb ->> 0)::smallint, ($16::jsonb ->> 1)::uuid) end)
  order by case when $15 = '-created_at' then a.created_at end desc, case when $15 = '-created_at' then a.id end desc,
           case when $15 = 'created_at' then a.created_at end, case when $15 = 'created_at' then a.id end,
           case when $15 = '-ends_on' then a.ends_on end desc, case when $15 = '-ends_on' then a.id end desc,
           case when $15 = 'ends_on' then a.ends_on end, case when $15 = 'ends_on' then a.id end,
           case when $15 = '-markings_paid' then a.markings_paid end desc,
           case when $15 = '-markings_paid' then a.id end desc,
           case when $15 = 'markings_paid' then a.markings_paid end, case when $15 = 'markings_paid' then a.id end
  limit $17::int + 1),
numbered as (select id, sort_value, row_number() over () as position from picked),
shown as (select * from numbered where position <= $17)
select coalesce((select json_agg(savings.account_body(a) order by s.position)
                 from shown s join savings.accounts a on a.business_id = $1 and a.id = s.id), '[]')::text as data,
       (select count(*) > $17 from numbered) as has_more,
       (select json_build_array(sort_value, id)::text from shown order by position desc limit 1) as last_key;
