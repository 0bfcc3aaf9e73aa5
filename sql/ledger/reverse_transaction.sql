-- Undoes a transaction, once. Refuses what ledger.reverse refuses, and account_owned.
-- $1 act: who acts, and the idempotency key
-- $2 reversal_id: id of the transaction that undoes it
-- $3 transaction_id: which one
-- $4 description (nullable): why
-- nullable: version
with act as materialized (select * from core.begin_act($1::text::jsonb)),
posted as (select ledger.reverse_by_hand(act.business_id, $2, $3, $4) as body from act)
select 201 as status, null::int as version, '/api/v1/ledger/transactions/' || $2::text as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/ledger/transactions/' || $2::text) as body
from posted;
