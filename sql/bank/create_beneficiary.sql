-- Creates a beneficiary of a customer. No row: there is no such customer, or it is somebody else's.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 beneficiary_id: id of the new row
-- $4 beneficiary: the members of the request body, as JSON
-- nullable: location
-- index: customers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into bank.beneficiaries as b (business_id, id, customer_id, name, nickname, bank_name, bic, iban_or_account, country,
    address)
  select act.business_id, $3::uuid, c.id, p.name, p.nickname, p.bank_name, bank.electronic(p.bic),
    bank.electronic(p.iban_or_account), upper(p.country), coalesce(p.address, '{}')
  from act
  cross join jsonb_to_record($4::text::jsonb) as p (customer_id uuid, name text, nickname text, bank_name text, bic text,
    iban_or_account text, country text, address jsonb)
  join core.customers c on c.business_id = act.business_id and c.id = p.customer_id
    and ($2::uuid is null or c.user_id = $2)
  returning b.id, b.version, bank.beneficiary_body(b)::text as body)
select 201 as status, version, '/api/v1/beneficiaries/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/beneficiaries/' || id, version) as body
from created;
