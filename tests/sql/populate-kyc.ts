/**
 * KYC of some thousand customers of the largest business: most are approved on one document, a tenth wait. `b` is the business, as in
 * populate.ts.
 */
export const kycGrowth = `
  create temp table k as
    select c.*, row_number() over (order by c.customer_id) as n, f.id as file_id
    from (select c.business_id, c.id as customer_id from core.customers c join b using (business_id)
      where not exists (select from bank.kyc_profiles p where p.business_id = c.business_id and p.customer_id = c.id) limit 6000) c
    cross join (select id from core.files join b using (business_id) limit 1) f;
  insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on, submitted_at)
    select business_id, customer_id, case when n % 10 = 0 then 'pending' else 'approved' end::bank.kyc_status,
      case when n % 10 = 0 then 0 else 1 end, now()::date + 30 + n::int % 365,
      case when n % 10 = 0 then now() - n * interval '1 minute' end
    from k;
  insert into bank.kyc_documents (business_id, id, customer_id, document_type, file_id, status, is_evidence, issued_on,
      expires_on)
    select business_id, md5('document' || n)::uuid, customer_id, 'passport', file_id,
      case when n % 10 = 0 then 'uploaded' else 'approved' end::bank.document_status, n % 10 > 0, now()::date - 30,
      now()::date + 30 + n::int % 365
    from k;`;

/** A document that waits for its review, and whose it is. */
export const kycIds = `(select id::text from bank.kyc_documents where status = 'uploaded' limit 1) as document_id,
  (select customer_id::text from bank.kyc_documents where status = 'uploaded' limit 1) as applicant_id`;
