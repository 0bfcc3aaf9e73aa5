-- Holds money of a month for later ones (budget.hold_month, which says what it refuses). No row: there is no such budget.
-- $1 act: who acts
-- $2 budget_id: which budget
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 month: its first day
-- $5 held (nullable): minor units; null for what is computed
-- nullable: location
-- index: budgets_pk, month_holds_pk, alloc_month_ix, cm_month_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
holding as materialized (
  select h.* from act, budget.hold_month(act.business_id, act.user_id, $2::uuid, $3::int, $4::text::date, $5::text::bigint) h)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from holding;
