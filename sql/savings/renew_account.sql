-- Opens the next run of a savings account that has ended (savings.renew_account, which says what it refuses). No row: they
-- see none.
-- $1 act: who acts, and the idempotency key
-- $2 account_id: the one that has ended
-- $3 own_user_id (nullable): only if its customer has this login
-- $4 own_agent_id (nullable): only if this member, or a sub-agent of theirs, looks after it
-- $5 version (nullable): the version that If-Match named; null for any
-- $6 moves: the table of moves, as JSON
-- $7 new_account_id: id of the next run
-- $8 plan: the members of the request body, as JSON
-- nullable: location
-- index: savings_accounts_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
opened as materialized (
  select savings.renew_account(act.business_id, $2, $3::uuid, $4::uuid, $5::int, $6::text::jsonb, $7::uuid,
    $8::text::jsonb) as account
  from act),
shown as (
  select (account).version, savings.account_body(account)::text as body from opened where (account).id is not null)
select 201 as status, version, '/api/v1/savings/' || $7 as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/savings/' || $7, version) as body
from shown;
