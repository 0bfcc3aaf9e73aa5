-- Makes a budget of who acts (budget.create_budget, which says what it refuses).
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: id of the new budget
-- $3 fields: its members, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select c.* from act, budget.create_budget(act.business_id, act.user_id, $2::uuid, $3::text::jsonb) c)
select 201 as status, c.version, '/api/v1/budgets/' || c.id as location,
       core.end_act($1::text::jsonb, 201, budget.budget_body(c::budget.budgets)::text, '/api/v1/budgets/' || c.id, c.version) as body
from created c;
