-- Makes a category in a budget of who acts. No row: there is no such budget. Refusals: those of budget.create_category.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: which budget
-- $3 category_id: id of the new category
-- $4 fields: all members, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select c.* from act, budget.create_category(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::text::jsonb) c
  where c.id is not null),
place as (select '/api/v1/budgets/' || c.budget_id || '/categories/' || c.id as path from created c)
select 201 as status, c.version, p.path as location,
       core.end_act($1::text::jsonb, 201, budget.category_body(c::budget.categories)::text, p.path, c.version) as body
from created c, place p;
