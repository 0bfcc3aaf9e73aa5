-- Makes a category part of another one, which is answered. No row: not there. Refusals: those of budget.delete_category.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: of which budget
-- $3 category_id: which category
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 into_id: the category that takes over plans and transactions
-- nullable: location
-- index: budgets_pk, categories_pk, btx_category_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
merged as materialized (
  select c.* from act, budget.delete_category(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::int, $5::uuid) c
  where c.id is not null)
select 200 as status, c.version, null::text as location,
       core.end_act($1::text::jsonb, 200, budget.category_body(c::budget.categories)::text, null, c.version) as body
from merged c;
