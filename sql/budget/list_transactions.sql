-- A page of the transactions of a budget by their day. Runs on the lane `report`: a filter that is null disappears from the
-- plan. No row: there is no such budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget it is
-- $3 budget_id: which budget
-- $4 month (nullable): of this month, YYYY-MM
-- $5 from_date (nullable): on this day or later
-- $6 to_date (nullable): on this day or earlier
-- $7 category_ids (nullable): of any of these categories
-- $8 is_uncategorized: of no category alone
-- $9 min_amount (nullable): least amount, minor units: below 0 is money out
-- $10 max_amount (nullable): largest amount, minor units
-- $11 q (nullable): part of the payee or of the memo
-- $12 sort: -occurred_on, occurred_on
-- $13 after (nullable): keyset of the last row seen: its day and its id, as a JSON array
-- $14 limit_rows: rows a page
-- nullable: last_key
-- index: budgets_pk, btx_page_ix, btx_category_ix, btx_uncategorized_ix
with page as materialized (
  select t, t.occurred_on, t.id from budget.transactions t
  where t.business_id = $1 and t.budget_id = $3::uuid and t.deleted_at is null
    and ($4::text is null or t.occurred_on >= ($4 || '-01')::date
      and t.occurred_on < ($4 || '-01')::date + interval '1 month')
    and ($5::text is null or t.occurred_on >= $5::date) and ($6::text is null or t.occurred_on <= $6::date)
    and ($7::uuid[] is null or t.category_id = any ($7)) and (not $8::boolean or t.category_id is null)
    and ($9::bigint is null or t.amount >= $9) and ($10::bigint is null or t.amount <= $10)
    and ($11::text is null or t.payee ilike '%' || core.like_pattern($11) || '%'
      or t.memo ilike '%' || core.like_pattern($11) || '%')
    and ($13::text is null or case $12::text
      when '-occurred_on' then (t.occurred_on, t.id) < (($13::jsonb ->> 0)::date, ($13::jsonb ->> 1)::uuid)
      else (t.occurred_on, t.id) > (($13::jsonb ->> 0)::date, ($13::jsonb ->> 1)::uuid) end)
  order by case when $12 = '-occurred_on' then t.occurred_on end desc, case when $12 = '-occurred_on' then t.id end desc,
    case when $12 = 'occurred_on' then t.occurred_on end, case when $12 = 'occurred_on' then t.id end
  limit $14::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $14)
select coalesce((select json_agg(budget.transaction_body(t) order by position) from shown), '[]')::text as data,
       (select count(*) > $14 from numbered) as has_more,
       (select json_build_array(occurred_on, id)::text from shown order by position desc limit 1) as last_key
from budget.budgets b where b.business_id = $1 and b.id = $3 and b.owner_id = $2::uuid and b.deleted_at is null;
