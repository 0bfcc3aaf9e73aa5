-- Takes a document of a customer whose bytes are stored already. No row: there is no such customer.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): only a customer with this login
-- $3 document: id, customer_id, document_type, issued_on, expires_on, as a JSON object
-- $4 file: id, sha256 (hex), size_bytes, mime, filename, storage_key, as a JSON object
with act as materialized (select * from core.begin_act($1::text::jsonb)),
sent as (
  select d ->> 'id' as id, (d ->> 'version')::int as version, d::text as body
  from act, bank.send_kyc_document(act.business_id, act.user_id, $2::uuid, $3::text::jsonb, $4::text::jsonb) d
  where d is not null)
select 201 as status, version, '/api/v1/kyc/documents/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/kyc/documents/' || id, version) as body
from sent;
