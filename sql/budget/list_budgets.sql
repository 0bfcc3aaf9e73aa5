-- One page of a person's budgets, oldest first; there are a hundred at most.
-- $1 business_id: the tenant
-- $2 user_id: whose budgets
-- $3 after (nullable): the last_key of the page before, or null for the first page
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: budget_owner_ix
with page as materialized (
  select b.* from budget.budgets b
  where b.business_id = $1::uuid and b.owner_id = $2::uuid and b.deleted_at is null
    and ($3::text is null or b.id > ($3::text::jsonb ->> 0)::uuid)
  order by b.id
  limit $4::int + 1
),
shown as (select * from page order by id limit $4::int)
select
  coalesce((select json_agg(budget.budget_body(b) order by b.id) from shown s
    join budget.budgets b on b.business_id = s.business_id and b.id = s.id), '[]')::text as data,
  (select count(*) > $4::int from page) as has_more,
  (select json_build_array(id::text)::text from shown order by id desc limit 1) as last_key;
