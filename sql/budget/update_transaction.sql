-- Changes a transaction. No row: it is not there. Refusals: those of budget.update_transaction.
-- $1 act: who acts
-- $2 budget_id: whose transaction it is
-- $3 transaction_id: which one
-- $4 version (nullable): the version that the caller knows; null for any
-- $5 fields: the members that change, as JSON: null clears
-- nullable: location
-- index: budgets_pk, transactions_pk, categories_budget_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select t.version, budget.transaction_body(t)::text as body
  from act, budget.update_transaction(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::int, $5::text::jsonb) t
  where t.id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
