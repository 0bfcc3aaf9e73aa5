-- What a customer has to do for the next levels: which documents are missing (a document that waits for its review is
-- not), and which were rejected and not sent anew. No row: there is no such customer.
-- $1 business_id: the tenant
-- $2 customer_id: whom it concerns
-- $3 own_user_id (nullable): only a customer with this login
-- index: customers_pk, kyc_profiles_pk, kyc_documents_page_ix
with customer as (
  select c.id, coalesce(p.status, 'not_started') as status, coalesce(p.level, 0) as level, p.expires_on,
    core.business_today($1) as today
  from core.customers c
  left join bank.kyc_profiles p on p.business_id = c.business_id and p.customer_id = c.id
  where c.business_id = $1 and c.id = $2::uuid and ($3::uuid is null or c.user_id = $3)),
documents as (
  select d.*, row_number() over (partition by d.document_type order by d.id desc) as age
  from bank.kyc_documents d where d.business_id = $1 and d.customer_id = $2)
select json_build_object('status', c.status, 'level', c.level,
  'missing', coalesce((
    select json_agg(json_build_object('any_of', r.any_of) order by r.level)
    from bank.kyc_requirements() r
    where r.level > c.level and not exists (
      select from documents d where d.document_type = any (r.any_of)
        and (d.status in ('uploaded', 'in_review')
          or d.is_evidence and (r.max_age_days is null or d.issued_on >= c.today - r.max_age_days)))), '[]'),
  'rejected', coalesce((
    select json_agg(json_build_object('document_id', d.id, 'code', d.rejection_code) order by d.id desc)
    from documents d where d.age = 1 and d.status = 'rejected'), '[]'),
  'expires_on', c.expires_on)::text as body
from customer c;
