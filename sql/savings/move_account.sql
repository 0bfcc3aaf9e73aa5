-- Closes a savings account or adds cycles to it (savings.move_account, which says what it refuses). No row: they see none.
-- $1 act: who acts, and the idempotency key
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login
-- $4 own_agent_id (nullable): only if this member, or a sub-agent of theirs, looks after it
-- $5 version (nullable): the version that If-Match named; null for any
-- $6 moves: the table of moves, as JSON
-- $7 action: close, extend
-- $8 reason (nullable): why it is closed
-- $9 cycles: how many are added
-- nullable: location
-- index: savings_accounts_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select savings.move_account(act.business_id, $2, $3::uuid, $4::uuid, $5::int, $6::text::jsonb, $7::text, $8::text,
    $9::int) as account
  from act),
shown as (
  select (account).version, savings.account_body(account)::text as body from moved where (account).id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from shown;
