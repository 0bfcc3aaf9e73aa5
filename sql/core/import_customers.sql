-- Imports customers: all of them, or none and a list of what is wrong with which line. A code is wrong when a customer has
-- it, a phone number when a customer of the same name has it, a unit when the business has none of that name.
-- $1 act: who acts, and the idempotency key
-- $2 customers: the rows as a JSON array: line, id and the columns of the file
-- $3 dry_run: only look
-- nullable: version, location
-- index: customers_code_uq, customers_phone_ix, units_name_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
given as materialized (
  select act.business_id, u.id as unit_id, g.*
  from act cross join jsonb_to_recordset($2::text::jsonb) as g (line int, id uuid, code text, name text, phone text,
    email citext, tax_no text, address jsonb, unit text, notes text, is_active bool)
  left join core.units u on u.business_id = act.business_id and u.name = g.unit),
faults as materialized (
  select g.line, 'unit' as member, 'the business has no unit of this name' as detail
  from given g where g.unit is not null and g.unit_id is null
  union all
  select g.line, 'code', 'another customer has this code'
  from given g join core.customers c on c.business_id = g.business_id and c.code = g.code
  union all
  select distinct g.line, 'phone', 'a customer with this name and phone number exists'
  from given g join core.customers c on c.business_id = g.business_id and c.phone = g.phone and lower(c.name) = lower(g.name)),
created as (
  insert into core.customers (business_id, id, code, name, phone, email, tax_no, address, unit_id, notes, is_active)
  select g.business_id, g.id, g.code, g.name, g.phone, g.email, g.tax_no, g.address, g.unit_id, g.notes, g.is_active
  from given g where not $3::bool and not exists (select from faults)
  returning id),
report as (
  select exists (select from faults) as is_refused, json_build_object('dry_run', $3, 'rows', (select count(*) from given),
    'valid', (select count(*) from given) - (select count(distinct line) from faults),
    'created', (select count(*) from created), 'error_count', (select count(*) from faults),
    'errors', (select coalesce(json_agg(json_build_object('line', line, 'column', member, 'detail', detail)
                                        order by line, member), '[]') from faults))::text as body)
select case when is_refused then 422 when $3 then 200 else 201 end as status, null::int as version, null::text as location,
  case when is_refused or $3 then body else core.end_act($1::text::jsonb, 201, body) end as body
from act, report;
