-- Changes the members of a group that the patch names. No row: not there. Refusals: those of budget.update_group.
-- $1 act: who acts
-- $2 budget_id: of which budget
-- $3 group_id: which group
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 patch: the members to change, as JSON
-- nullable: location
-- index: budgets_pk, category_groups_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select c.* from act, budget.update_group(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::int, $5::text::jsonb) c
  where c.id is not null)
select 200 as status, c.version, null::text as location,
       core.end_act($1::text::jsonb, 200, budget.group_body(c::budget.category_groups)::text, null, c.version) as body
from changed c;
