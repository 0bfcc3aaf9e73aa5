-- One page of the categories of a person's budget, in the order of their groups and in their own; no row: there is no such
-- budget. A budget has five hundred at most, so the page is sorted in memory.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- $4 group_id (nullable): of which group; null for all
-- $5 after (nullable): the last_key of the page before, or null for the first page
-- $6 limit_rows: rows a page
-- nullable: last_key
-- index: budgets_pk, categories_budget_uq, category_groups_pk
with owned as materialized (
  select b.id from budget.budgets b
  where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null),
page as materialized (
  select c.id, c.sort, c.group_id, g.sort as group_sort
  from owned o
  join budget.categories c on c.business_id = $1::uuid and c.budget_id = o.id
  join budget.category_groups g on g.business_id = c.business_id and g.id = c.group_id
  where ($4::uuid is null or c.group_id = $4::uuid)
    and ($5::text is null or (g.sort, g.id, c.sort, c.id) > (($5::text::jsonb ->> 0)::int, ($5::text::jsonb ->> 1)::uuid,
      ($5::text::jsonb ->> 2)::int, ($5::text::jsonb ->> 3)::uuid))
  order by g.sort, g.id, c.sort, c.id
  limit $6::int + 1
),
shown as (select * from page order by group_sort, group_id, sort, id limit $6::int)
select
  coalesce((select json_agg(budget.category_body(c) order by s.group_sort, s.group_id, s.sort, s.id) from shown s
    join budget.categories c on c.business_id = $1::uuid and c.id = s.id), '[]')::text as data,
  (select count(*) > $6::int from page) as has_more,
  (select json_build_array(group_sort::text, group_id::text, sort::text, id::text)::text from shown
   order by group_sort desc, group_id desc, sort desc, id desc limit 1) as last_key
from owned;
