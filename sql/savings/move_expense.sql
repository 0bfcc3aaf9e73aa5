-- Changes an expense or decides on it, with what that means for money. No row: there is none. Refusals: those of
-- savings.move_expense.
-- $1 act: who acts, and the idempotency key
-- $2 own_agent_id (nullable): whose, and whose sub-agents' expenses are meant; null for all
-- $3 role: of who acts
-- $4 expense_id: which one
-- $5 version (nullable): the version that If-Match named; null for any
-- $6 action: change, approve, reject
-- $7 moves: every legal move, as JSON
-- $8 given: the reason, or the members to change, as JSON
-- $9 default_categories: what may be spent on where the business has not said it, as JSON
-- $10 next_id: id of the ledger transaction that an approval makes
-- nullable: location
-- index: expenses_pk, agents_pk, remit_agent_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select e.version, savings.expense_body(e)::text as body
  from act, savings.move_expense(act.business_id, act.user_id, act.member_id, $2::uuid, $3::text, $4::uuid, $5::int,
    $6::text, $7::text::jsonb, $8::text::jsonb, $9::text::jsonb, $10::uuid) e)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from moved;
