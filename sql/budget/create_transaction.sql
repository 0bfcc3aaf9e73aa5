-- Writes a transaction into a budget: 201, or 200 with what its import_id had become before. No row: there is no such budget.
-- Refusals: those of budget.add_transactions.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: whose transaction it is
-- $3 item: a transaction of budget.add_transactions, as JSON; amounts in minor units of the budget's currency
-- nullable: location, version
-- index: budgets_pk, categories_budget_uq, btx_import_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
made as materialized (
  select case when m.is_new then 201 else 200 end as status, (m.transaction).version as version,
    case when m.is_new then '/api/v1/budgets/' || (m.transaction).budget_id || '/transactions/' || (m.transaction).id end
      as location, budget.transaction_body(m.transaction)::text as body
  from act, budget.create_transaction(act.business_id, act.user_id, $2::uuid, $3::text::jsonb) m where m.place is not null)
select status, version, location, core.end_act($1::text::jsonb, status, body, location, version) as body from made;
