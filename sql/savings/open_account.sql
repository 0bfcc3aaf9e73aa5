-- Opens a savings account (savings.request_account, which says what it refuses).
-- $1 act: who acts, and the idempotency key
-- $2 account_id: id of the new account
-- $3 own_user_id (nullable): only for a customer with this login
-- $4 own_agent_id (nullable): only for this member's round, or that of their sub-agents
-- $5 account: the members of the request body, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
opened as materialized (
  select savings.request_account(act.business_id, $3::uuid, $4::uuid, $2::uuid, $5::text::jsonb) as account from act),
shown as (select (account).version, savings.account_body(account)::text as body from opened)
select 201 as status, version, '/api/v1/savings/' || $2 as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/savings/' || $2, version) as body
from shown;
