-- A page of the customers who wait for compliance, who has waited longest first, with the documents to look at.
-- $1 business_id: the tenant
-- $2 status (nullable): only profiles of this state; an approved one waits with a new document
-- $3 after (nullable): keyset of the last row seen: since when it waits, and the customer, as a JSON array
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: kyc_queue_ix, kyc_documents_page_ix, customers_pk
with page as materialized (
  select p.customer_id, p.submitted_at from bank.kyc_profiles p
  where p.business_id = $1 and p.submitted_at is not null and ($2::bank.kyc_status is null or p.status = $2)
    and ($3::text is null
      or (p.submitted_at, p.customer_id) > (($3::jsonb ->> 0)::timestamptz, ($3::jsonb ->> 1)::uuid))
  order by p.submitted_at, p.customer_id
  limit $4::int + 1),
numbered as (select *, row_number() over (order by submitted_at, customer_id) as at from page),
shown as (select * from numbered where at <= $4)
select coalesce((select json_agg(json_build_object('customer_id', c.id, 'customer_name', c.name, 'status', p.status,
    'level', p.level, 'risk', p.risk, 'submitted_at', core.iso(p.submitted_at), 'version', p.version,
    'documents', (select coalesce(json_agg(bank.kyc_document_body(d) order by d.id), '[]') from bank.kyc_documents d
      where d.business_id = $1 and d.customer_id = c.id and d.status in ('uploaded', 'in_review'))) order by s.at)
  from shown s
  join bank.kyc_profiles p on p.business_id = $1 and p.customer_id = s.customer_id
  join core.customers c on c.business_id = $1 and c.id = s.customer_id), '[]')::text as data,
  (select count(*) > $4 from numbered) as has_more,
  (select json_build_array(submitted_at::text, customer_id)::text from shown order by at desc limit 1) as last_key;
