-- A page of the documents of one customer, the newest first. No row: there is no such customer.
-- $1 business_id: the tenant
-- $2 customer_id: whose
-- $3 own_user_id (nullable): only of a customer with this login
-- $4 status (nullable): only of this state
-- $5 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $6 limit_rows: rows a page
-- nullable: last_key
-- index: customers_pk, kyc_documents_page_ix
with page as materialized (
  select bank.kyc_document_body(d) as body, d.id from bank.kyc_documents d
  where d.business_id = $1 and d.customer_id = $2::uuid and ($4::bank.document_status is null or d.status = $4)
    and ($5::text is null or d.id < ($5::jsonb ->> 0)::uuid)
  order by d.id desc
  limit $6::int + 1),
numbered as (select *, row_number() over (order by id desc) as at from page),
shown as (select * from numbered where at <= $6)
select coalesce((select json_agg(body order by at) from shown), '[]')::text as data,
  (select count(*) > $6 from numbered) as has_more,
  (select json_build_array(id)::text from shown order by at desc limit 1) as last_key
from core.customers c where c.business_id = $1 and c.id = $2 and ($3::uuid is null or c.user_id = $3);
