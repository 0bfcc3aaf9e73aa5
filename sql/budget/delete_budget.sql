-- Deletes a budget with everything below it. No row: not there. Refusal: stale_version.
-- $1 act: who acts
-- $2 budget_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- nullable: version, location
-- index: budgets_pk, budget_owner_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
removed as materialized (
  select r.id from act, budget.delete_budget(act.business_id, act.user_id, $2::uuid, $3::int) r (id) where r.id is not null)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from removed;
