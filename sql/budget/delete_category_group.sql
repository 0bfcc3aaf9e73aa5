-- Deletes a group with its categories, none of which is used. No row: not there. Refusals: those of budget.delete_group.
-- $1 act: who acts
-- $2 budget_id: of which budget
-- $3 group_id: which group
-- $4 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: budgets_pk, category_groups_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as materialized (
  select r.id from act, budget.delete_group(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::int) r (id)
  where r.id is not null)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
