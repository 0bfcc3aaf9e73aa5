-- A page of expenses by the day on which they were spent.
-- $1 business_id: the tenant
-- $2 own_agent_id (nullable): whose, and whose sub-agents' expenses are meant; null for all
-- $3 member_id (nullable): spent by this member
-- $4 unit_id (nullable): of this unit
-- $5 category (nullable): of this category
-- $6 statuses (nullable): any of these
-- $7 from_date (nullable): spent on this day or later
-- $8 to_date (nullable): spent on this day or earlier
-- $9 sort: -spent_on, spent_on
-- $10 after (nullable): keyset of the last row seen: day and id, as a JSON array
-- $11 limit_rows: rows a page
-- nullable: last_key
-- index: exp_page_ix, exp_member_ix, exp_queue_ix, exp_unit_ix
-- Of agents each has its own place in an index, newest first, which is read as far as the page needs.
with page as materialized (
  select e.* from unnest(case when $2::uuid is null then array[$3::uuid] else savings.agents_of($1, $2) end) g (member_id)
  cross join lateral (
    select e as expense, e.spent_on, e.id from savings.expenses e
    where e.business_id = $1
      and ($2 is null and $3 is null or e.member_id = g.member_id) and ($3 is null or e.member_id = $3)
      and ($4::uuid is null or e.unit_id = $4) and ($5::text is null or e.category = $5)
      and ($6::savings.expense_status[] is null or e.status = any ($6))
      and ($7::text is null or e.spent_on >= $7::date) and ($8::text is null or e.spent_on <= $8::date)
      and ($10::text is null or case $9::text
        when '-spent_on' then (e.spent_on, e.id) < (($10::jsonb ->> 0)::date, ($10::jsonb ->> 1)::uuid)
        else (e.spent_on, e.id) > (($10::jsonb ->> 0)::date, ($10::jsonb ->> 1)::uuid) end)
    order by case when $9 = '-spent_on' then e.spent_on end desc, case when $9 = '-spent_on' then e.id end desc,
      case when $9 = 'spent_on' then e.spent_on end, case when $9 = 'spent_on' then e.id end
    limit $11::int + 1) e
  order by case when $9 = '-spent_on' then e.spent_on end desc, case when $9 = '-spent_on' then e.id end desc,
    case when $9 = 'spent_on' then e.spent_on end, case when $9 = 'spent_on' then e.id end
  limit $11 + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $11)
select coalesce((select json_agg(savings.expense_body(expense) order by position) from shown), '[]')::text as data,
       (select count(*) > $11 from numbered) as has_more,
       (select json_build_array(spent_on, id)::text from shown order by position desc limit 1) as last_key;
