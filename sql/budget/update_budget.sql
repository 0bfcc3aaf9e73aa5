-- Changes the members of a budget that the patch names. No row: not there. Refusals: those of budget.update_budget.
-- $1 act: who acts
-- $2 budget_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: budgets_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select c.* from act, budget.update_budget(act.business_id, act.user_id, $2::uuid, $3::int, $4::text::jsonb) c
  where c.id is not null)
select 200 as status, c.version, null::text as location,
       core.end_act($1::text::jsonb, 200, budget.budget_body(c::budget.budgets)::text, null, c.version) as body
from changed c;
