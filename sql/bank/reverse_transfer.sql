-- Undoes a posted transfer by its mirror image, once. No row: not there, or not the caller's. Refuses already_reversed,
-- illegal_transition, and what posting refuses.
-- $1 act: who acts, and the idempotency key
-- $2 transfer_id: which one
-- $3 reversal_id: id of the ledger transaction that undoes it
-- $4 reason: why
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
reversed as (
  select t.* from act, bank.reverse_transfer(act.business_id, $2, $3, $4) t where t.id is not null)
select 201 as status, r.version, '/api/v1/transfers/' || r.id as location,
       core.end_act($1::text::jsonb, 201, bank.transfer_body(r::bank.transfers)::text, '/api/v1/transfers/' || r.id, r.version)
         as body
from reversed r;
