-- Takes back a document that nobody has looked at, with its file. No row: not there, or too late.
-- $1 act: who acts
-- $2 own_user_id (nullable): only of a customer with this login
-- $3 document_id: which one
-- nullable: version, location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
withdrawn as (
  select d.id from act, bank.withdraw_kyc_document(act.business_id, $2::uuid, $3::uuid) d (id) where d.id is not null)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from withdrawn;
