-- One page of the groups of a person's budget, in their order; no row: there is no such budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- $4 after (nullable): the last_key of the page before, or null for the first page
-- $5 limit_rows: rows a page
-- nullable: last_key
-- index: budgets_pk, category_groups_budget_uq
with owned as materialized (
  select b.id from budget.budgets b
  where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null),
page as materialized (
  select g.* from owned o join budget.category_groups g on g.business_id = $1::uuid and g.budget_id = o.id
  where $4::text is null or (g.sort, g.id) > (($4::text::jsonb ->> 0)::int, ($4::text::jsonb ->> 1)::uuid)
  order by g.sort, g.id
  limit $5::int + 1
),
shown as (select * from page order by sort, id limit $5::int)
select
  coalesce((select json_agg(budget.group_body(g) order by g.sort, g.id) from shown s
    join budget.category_groups g on g.business_id = s.business_id and g.id = s.id), '[]')::text as data,
  (select count(*) > $5::int from page) as has_more,
  (select json_build_array(sort::text, id::text)::text from shown order by sort desc, id desc limit 1) as last_key
from owned;
