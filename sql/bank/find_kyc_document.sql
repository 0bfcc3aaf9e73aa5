-- What a refused move needs to know of a document, and whose it is: its state, and where compliance may take it from there.
-- $1 business_id: the tenant
-- $2 document_id: which one
-- $3 own_user_id (nullable): only of a customer with this login
-- index: kyc_documents_pk
select d.customer_id, d.status::text as status, d.version,
  coalesce((select json_agg(m.to_status order by m.to_status) from bank.kyc_document_moves() m
            where m.from_status = case d.status when 'uploaded' then 'in_review' else d.status end
              and m.actor = 'compliance'), '[]')::text as allowed
from bank.kyc_documents d
join core.customers c on c.business_id = d.business_id and c.id = d.customer_id
where d.business_id = $1 and d.id = $2::uuid and ($3::uuid is null or c.user_id = $3);
