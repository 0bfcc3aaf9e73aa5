-- Plans a month of a budget of who acts (budget.plan_month, which says what it refuses). No row: there is no such budget.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: which budget
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 month: its first day
-- $5 operation: set, move, copy_last_month, target_bps, average3, last or up_to
-- $6 input: what the operation takes, as JSON
-- nullable: location
-- index: budgets_pk, allocations_pk, alloc_month_ix, cm_month_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
planned as materialized (
  select p.* from act, budget.plan_month(act.business_id, act.user_id, $2::uuid, $3::int, $4::text::date, $5,
    $6::text::jsonb) p)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from planned;
