-- Creates a customer.
-- $1 act: who acts, and the idempotency key
-- $2 customer_id: id of the new row
-- $3 customer: the members of the request body, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
created as (
  insert into core.customers as c (business_id, id, code, name, phone, email, tax_no, address, unit_id, notes)
  select act.business_id, $2::uuid, p.code, p.name, p.phone, p.email, p.tax_no, coalesce(p.address, '{}'), p.unit_id,
         p.notes
  from act, jsonb_to_record($3::text::jsonb) as p (code text, name text, phone text, email citext, tax_no text,
    address jsonb, unit_id uuid, notes text)
  returning c.id, c.version, core.customer_body(c)::text as body)
select 201 as status, version, '/api/v1/customers/' || id as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/customers/' || id, version) as body
from created;
