-- Records what a member spent. Refusals: those of savings.record_expense.
-- $1 act: who acts, and the idempotency key
-- $2 expense_id: id of the new row
-- $3 expense: its members, as JSON; the amount in minor units
-- $4 default_categories: what may be spent on where the business has not said it, as JSON
-- index: expenses_pk, files_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as materialized (
  select e.version, '/api/v1/expenses/' || e.id as location, savings.expense_body(e)::text as body
  from act, savings.record_expense(act.business_id, act.user_id, act.member_id, $2::uuid, $3::text::jsonb,
    $4::text::jsonb) e)
select 201 as status, version, location, core.end_act($1::text::jsonb, 201, body, location, version) as body
from created;
