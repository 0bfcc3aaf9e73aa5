-- Deletes a category, into another one or, where nothing is in it, into none. No row: not there. Refusals: those of
-- budget.delete_category.
-- $1 act: who acts
-- $2 budget_id: of which budget
-- $3 category_id: which category
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 into_id (nullable): the category that takes over plans and transactions
-- nullable: version, location
-- index: budgets_pk, categories_pk, btx_category_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as materialized (
  select r.id from act, budget.delete_category(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::int, $5::uuid) r
  where r.id is not null)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
